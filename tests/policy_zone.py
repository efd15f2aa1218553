# SPDX-License-Identifier: Apache-2.0
"""The DNS and the state that the policy modules of Rspamd and Gatepost are compared with."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import redis

from authn_dkim import ED25519, RSA, record_of

PASSING, STRANGER = "192.0.2.1", "203.0.113.7"
"""A client that SPF lets through, and one of whom the DNS knows nothing."""
DYNAMIC, STATIC = "192.0.2.20", "192.0.2.21"
"""Clients whose names say what they are."""
NAMELESS = "192.0.2.98"
"""A client whose name the DNS fails to tell."""
RELAY = "192.0.2.30"
"""Our own relay: who handed the letter to it is told by its Received."""
LISTED_AT_HOME = "10.0.0.9"
"""A machine of ours that a list has: its letters are never inbound."""
UNKNOWN_NETWORK = "198.51.100."
"""The only one whose letters may be greylisted."""

SPF = {
    **dict.fromkeys(
        ["reject.org", "quarantine.org", "none.org", "sub.org", "strict.org", "listed.org"],
        f"v=spf1 ip4:{PASSING} -all",
    ),
    "ours.org": f"v=spf1 ip4:{PASSING} ~all",
    "soft.org": f"v=spf1 ip4:{PASSING} ~all",
    "neutral.org": f"v=spf1 ip4:{PASSING} ?all",
    "unsaid.org": f"v=spf1 ip4:{PASSING}",
    "plus.org": "v=spf1 +all",
    "passed-on.org": "v=spf1 include:reject.org redirect=soft.org",
    "wrong.org": "v=spf1 include:nothing.org -all",
    "hosts.org": "v=spf1 a:mail.good.org mx:mx-only.good.org -all",
    "empty.org": "v=spf1",
    "unclear.org": "v=spf1 ip4:nowhere -all",
    "circle.org": "v=spf1 include:circle.org -all",
    "mail.gone.org": f"v=spf1 ip4:{PASSING} -all",
}
DMARC = {
    "reject.org": "v=DMARC1; p=reject",
    "quarantine.org": "v=DMARC1; p=quarantine",
    "none.org": "v=DMARC1; p=none",
    "sub.org": "v=DMARC1; p=reject; sp=quarantine",
    "strict.org": "v=DMARC1; p=reject; aspf=s; adkim=s",
    "listed.org": "v=DMARC1; p=reject",
    "wrong.org": "v=DMARC1; p=everything",
}
SIGNERS = ["reject.org", "quarantine.org", "strict.org", "listed.org", "ours.org", "list.net"]
SENDERS = sorted({*SPF, "down.org", "gone.org", "quiet.org"} - {"mail.gone.org"})
"""Domains that letters come from; all are excluded from mx_check, which has others."""

ADDRESSES = [
    "9.113.0.203.ip.test A 127.0.0.2",
    "10.113.0.203.ip.test A 127.0.0.5",
    "11.113.0.203.ip.test A 127.0.0.77",
    "12.113.0.203.ip.test A 127.0.0.2 127.0.0.4",
    "9.113.0.203.wl.test A 127.0.5.0",
    "13.113.0.203.wl.test A 127.0.15.3",
    "13.113.0.203.later.test A 127.0.0.2",
    "9.113.0.203.later.test A 127.0.0.2",
    "1." + "0." * 23 + "8.b.d.0.1.0.0.2.six.test A 127.0.0.2",
    "9.0.0.10.local.test A 127.0.0.2",
    "9.113.0.203.local.test A 127.0.0.2",
    "black.org.names.test A 127.0.0.2",
    "grey.org.names.test A 127.0.0.4",
    "both.org.names.test A 127.0.0.6",
    "helo.black.org.names.test A 127.0.0.2",
    "white.org.names.test A 127.0.0.2",
    "reject.org.names.test A 127.0.0.2",
    "44.2.0.192.names.test A 127.0.0.2",
    "black.org.users.test A 127.0.0.2",
    "list.net.signers.test A 127.0.0.2",
    "black.org A 203.0.113.9",
    "joe.gmail.com.mail.test A 127.0.0.2",
    "rciuosbadgpq6b5wt436nhgnwzmfh9w9.blake.test A 127.0.0.2",
    f"mail.good.org A {PASSING}",
    "other.good.org A 192.0.2.77",
    f"20.dynamic.good.org A {DYNAMIC}",
    f"static.good.org A {STATIC}",
    "mx-only.good.org MX 10 mail.good.org",
    "mx-lost.good.org MX 10 nothing.good.org",
    *(f"{domain} A {PASSING}" for domain in SENDERS if domain not in ("gone.org", "quiet.org")),
    f"{'.'.join(reversed(PASSING.split('.')))}.in-addr.arpa PTR mail.good.org",
    f"{'.'.join(reversed(DYNAMIC.split('.')))}.in-addr.arpa PTR 20.dynamic.good.org",
    f"{'.'.join(reversed(STATIC.split('.')))}.in-addr.arpa PTR static.good.org",
    "bad-mx.org MX 10 mx.bad-mx.org",
    "mx.bad-mx.org A 240.0.0.1",
    "no-mx.org A 240.0.0.1",
    "null-mx.org MX 0 .",
    "lost-mx.org MX 10 mx.lost-mx.org",
]
TEXTS = {
    **SPF,
    **{f"_dmarc.{name}": text for name, text in DMARC.items()},
    **{f"k._domainkey.{name}": record_of(RSA).decode() for name in SIGNERS},
    "e._domainkey.reject.org": record_of(ED25519).decode(),
    "gone._domainkey.reject.org": "v=DKIM1; p=",
    "arc._domainkey.ours.org": record_of(RSA).decode(),
    "9.113.0.203.asn.rspamd.com": "64500|203.0.113.0/24|DE|ripencc|",
    "1.2.0.192.asn.rspamd.com": "64501 | 192.0.2.0/24 | US | arin |",
}
FAILING = [
    *("TXT down.org", "TXT _dmarc.down.org", "TXT down._domainkey.reject.org"),
    "PTR 98.2.0.192.in-addr.arpa",
]
"""Questions that the DNS fails to answer."""


def fake_records() -> str:
    """All of it as ``options.dns.fake_records``."""
    entries = [{"name": name, "type": "txt", "replies": [text]} for name, text in TEXTS.items()]
    for line in ADDRESSES:
        name, kind, data = line.split(maxsplit=2)
        replies = data.split() if kind == "A" else [data]
        entries.append({"name": name, "type": kind.lower(), "replies": replies})
    for line in FAILING:
        kind, name = line.split()
        entries.append({"name": name, "type": kind.lower(), "rcode": "servfail"})
    return f"fake_records = {json.dumps(entries)};"


def _known(now: float) -> Iterator[tuple[str, dict[str, str]]]:
    for key, average in {
        "RR:i:203.0.113.9": "12.25",
        "RR:i:192.0.2.1": "-3",
        "RU:joe@ours.org": "14",
        "RD:known.net": "14",
    }.items():
        yield key, {"n": "100000", "l": str(int(now * 1000)), "v1m": average}


def fill_state(client: redis.Redis) -> None:
    """What was learnt before the first letter; of all else Redis is emptied.

    The reputations are so old and sure that the letters of a test change nothing.
    """
    client.flushall()
    for key, fields in _known(time.time()):
        client.hset(key, mapping=fields)
    # What mx_check found yesterday, as 3.4 keeps it and as 4.1 does: nobody connects to port 25.
    client.set("rmxgood-mx.org", "mx.good-mx.org")
    client.set("rmx:d:good-mx.org", "mx:mx.good-mx.org:10")
    client.set("rmx:m:mx.good-mx.org", "v4:9.9.9.9")
    client.set("rmx:i:9.9.9.9", "gd")
