# SPDX-License-Identifier: Apache-2.0
"""Nearly four hundred letters that ask everything of the policy and reputation modules.

Each is one of the committed corpus, one written for a symbol, or drawn from what such letters
are made of. In the envelope and in message ids ``NAME.WAY`` is the letter's name and direction:
what one leaves in the state is then no other's.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from arc_kit import add_set
from authn_dkim import ED25519, RSA, Zone
from gatepost.authn import Letter as SignedLetter
from gatepost.authn import SigningOptions, seal_arc, sign_dkim, verify_arc
from gatepost.testing import NOW, Letter, mail
from policy_zone import (
    DYNAMIC,
    LISTED_AT_HOME,
    NAMELESS,
    PASSING,
    RELAY,
    SENDERS,
    STATIC,
    STRANGER,
    TEXTS,
    UNKNOWN_NETWORK,
)

CORPUS = Path(__file__).with_name("corpus")
DRAWN = 65
"""How many letters have nothing of their own."""
WAYS: dict[str, dict[str, str]] = {
    "inbound": {},
    "local": {"ip": "10.0.0.5"},
    "authenticated": {"user": "user"},
    "both": {"ip": "10.0.0.5", "user": "user"},
}
"""How a letter comes in: what is then another than written."""


class Series(NamedTuple):
    """Letters that are scanned one after the other; of most there is one."""

    name: str
    letters: tuple[Letter, ...]

    def coming(self, way: str) -> Iterator[Letter]:
        """Its letters in one of the `WAYS`."""
        return (turn(letter, self.name, **WAYS[way], way=way) for letter in self.letters)


def turn(letter: Letter, name: str, *, way: str, ip: str = "", user: str = "") -> Letter:
    """The letter as it comes in that way, unless it says that it is another's (`SENT`)."""
    asked = dict(letter.headers)
    fixed = asked.pop("Sent", None) is not None
    headers = [(key, value) for key, value in letter.headers if key not in ("User", "Sent")]
    if ip and not fixed and asked.get("IP") != LISTED_AT_HOME:
        headers = [(key, ip if key == "IP" else value) for key, value in headers]
    if user or fixed:
        headers.append(("User", asked.get("User", "NAME.WAY@ours.org")))
    here = f"{re.sub('[^a-z0-9]+', '-', name.lower())}.{way}"
    headers = [(key, value.replace("NAME.WAY", here)) for key, value in headers]
    return Letter(letter.raw.replace(b"<NAME.WAY@", f"<{here}@".encode()), tuple(headers))


def letter(body: str = "See you at noon.\r\n", **given: Any) -> Letter:
    """An ordinary letter to us: hardly a module has anything to say of it."""
    ordinary: dict[str, Any] = {
        "ip": PASSING,
        "helo": "mail.good.org",
        "hostname": "mail.good.org",
        "sender": "u@none.org",
        "rcpt": "NAME.WAY@ours.org",
    }
    headers = {
        "Received": received(PASSING, STRANGER),
        "Message-ID": "<1@mail.good.org>",
        "To": "bob@ours.org",
    }
    headers |= given.pop("headers", {})
    return mail(body, **{**ordinary, **given}, headers=headers)


def received(*addresses: str, by: str = "gate.ours.org") -> list[str]:
    date = "Thu, 01 Jan 2026 00:00:00 +0000"
    return [
        f"from host.good.org (host.good.org [{address}]) by {by} with SMTP id 1; {date}"
        for address in addresses
    ]


def signed(given: Letter, domain: str, selector: str = "k", **options: str) -> Letter:
    """With a signature of that domain."""
    value = sign_dkim(
        SignedLetter.from_bytes(given.raw),
        ED25519 if selector == "e" else RSA,
        domain,
        selector,
        now=NOW,
        options=SigningOptions(**options),
    )
    return Letter(f"DKIM-Signature: {value}\r\n".encode() + given.raw, given.headers)


def sealed(given: Letter, *hops: str) -> Letter:
    """As those domains in turn passed it on."""
    raw = given.raw
    records = {name: text.encode() for name, text in TEXTS.items()}
    for hop in hops:
        before = SignedLetter.from_bytes(raw)
        chain = asyncio.run(verify_arc(before, Zone(records), now=NOW))
        new = seal_arc(before, RSA, hop, "k", chain=chain, results=f"mx.{hop}; spf=pass", now=NOW)
        raw = add_set(raw, new.seal, new.message, new.results)
    return Letter(raw, given.headers)


def changed(given: Letter, old: bytes = b"noon", new: bytes = b"nine") -> Letter:
    """With another text than was signed."""
    assert old in given.raw
    return Letter(given.raw.replace(old, new), given.headers)


def of(author: str, sender: str = "u@gone.org", ip: str = STRANGER, **more: Any) -> Letter:
    """From somebody, as DMARC sees it."""
    return letter(sender=sender, ip=ip, headers={"From": author}, **more)


def authentication() -> Iterator[tuple[str, Letter]]:
    """SPF, DKIM, DMARC, ARC, and the lists that go by them."""
    for domain in SENDERS:
        for ip in (PASSING, STRANGER):
            yield f"spf of {domain} for {ip}", letter(sender=f"u@{domain}", ip=ip)
    yield "spf of helo", letter(sender="")
    yield "spf of a helo that fails", letter(sender="", helo="mail.gone.org", ip=STRANGER)
    yield "spf of nobody", letter(sender="", helo="[192.0.2.1]")
    plain = letter(sender="u@reject.org", headers={"From": "u@reject.org"})
    once = signed(plain, "reject.org")
    yield "dkim", once
    yield "dkim by ed25519", signed(plain, "reject.org", "e")
    yield "dkim simple", signed(plain, "reject.org", header="simple", body="simple")
    yield "dkim broken", changed(once)
    yield "dkim twice", signed(once, "list.net")
    yield "dkim one of two broken", signed(changed(once), "list.net")
    yield "dkim without key", signed(plain, "reject.org", "none")
    yield "dkim revoked", signed(plain, "reject.org", "gone")
    yield "dkim key not to be had", signed(plain, "reject.org", "down")
    yield "dkim of ours", signed(letter(sender="u@ours.org"), "ours.org")
    yield "dmarc by spf", of("u@reject.org", "u@reject.org", PASSING)
    yield "dmarc by dkim", signed(of("u@reject.org"), "reject.org")
    yield "dmarc by dkim, spf wrong", signed(of("u@reject.org", "u@wrong.org"), "reject.org")
    yield "dmarc by another's dkim", signed(of("u@quarantine.org"), "list.net")
    yield "dmarc by another's spf", of("u@reject.org", "u@none.org", PASSING)
    yield "dmarc of a subdomain", of("u@x.sub.org")
    yield "dmarc strict", of("u@strict.org", "u@sub.strict.org", PASSING)
    for domain in SENDERS:
        yield f"dmarc of {domain}", of(f"u@{domain}")
    yield "dmarc of two", of("u@reject.org, v@none.org")
    yield "dmarc of none", of("")
    yield "dmarc of no address", of("Somebody")
    for name, given in {
        "passes": of("u@listed.org", "u@listed.org", PASSING),
        "fails": of("u@listed.org", "u@listed.org"),
        "signed": signed(of("u@listed.org", "u@listed.org", PASSING), "listed.org"),
        "signed alone": signed(of("u@listed.org"), "listed.org"),
        "broken": changed(signed(of("u@listed.org", "u@listed.org", PASSING), "listed.org")),
        "ours": signed(of("u@ours.org", "u@ours.org", PASSING), "ours.org"),
        "ours, failing": of("u@ours.org", "u@ours.org"),
    }.items():
        yield f"list: {name}", given
    yield "arc once", sealed(plain, "list.net")
    yield "arc thrice", sealed(plain, "list.net", "reject.org", "list.net")
    yield "arc broken", changed(sealed(plain, "list.net", "reject.org"))
    results = sealed(plain, "list.net", "reject.org")
    yield "arc with other results", changed(results, b"spf=pass", b"spf=fail")
    yield "arc with a seal lost", changed(results, b"ARC-Seal: i=1", b"X-Seal: i=1")
    yield "arc sealed as broken", sealed(changed(sealed(plain, "list.net")), "reject.org")
    yield "arc to another", letter(rcpt="eve@other.net")


HELOS = (
    *("mail.good.org", "other.good.org", "mx-only.good.org", "mx-lost.good.org"),
    *("nothing.good.org", "computer", "pc.lan", "under_score.good.org", "192.168.1.1"),
    *("9.9.9.9", "[192.0.2.1]", "dsl-1-2.good.org", "host-12.good.org", "user-1.good.org"),
    *("kabel-12.good.org", "pool-12.good.org", "helo.black.org", "mail.black.org"),
)
NAMES = (
    *("mail.good.org", "static.good.org", "1-2-3-4.dynamic.good.org", "dsl-1-2.good.org"),
    *("user-1.good.org", "cable-12.good.org", "host-12.good.org", "black.org", None),
)
BODIES = (
    "See you at noon.\r\n",
    "http://www.black.org/\r\n",
    "http://good.org/a/very/long/path/that/fills/all/of/the/letter\r\n",
    "http://good.org/one\r\nhttp://good.org/two\r\nhttp://good.org/three\r\n",
    "Look at http://grey.org/ and http://both.org/ or http://white.org/ today.\r\n",
    "Pay at http://192.0.2.44/login.php\r\n",
    "Write to a@black.org or to j.oe+x@googlemail.com\r\n",
    "Write to a@example.com, see http://www.example.com/\r\n",
    "",
)
CLIENTS = (
    *(PASSING, STRANGER, DYNAMIC, STATIC, NAMELESS, "2001:db8::1", "2001:db8::2"),
    *(f"203.0.113.{last}" for last in (9, 10, 11, 12, 13)),
)
HOPS = ((), (STRANGER,), (PASSING, STRANGER), ("203.0.113.9", "203.0.113.10", STRANGER))


def policy() -> Iterator[tuple[str, Letter]]:
    """HFilter, once_received, MX check, RBL, ASN, reputation, and the rest that looks at one."""
    for helo in HELOS:
        yield f"helo {helo}", letter(helo=helo)
    for name in NAMES:
        yield f"host {name}", letter(hostname=name)
        yield f"host {name} directly", letter(hostname=name, headers={"Received": ""})
        yield (
            f"host {name} by one hop",
            letter(
                hostname=name, headers={"Received": received(STRANGER), "User-Agent": "Mailer 1"}
            ),
        )
    for ip in CLIENTS:
        yield f"client {ip}", letter(ip=ip, hostname=None, headers={"Received": ""})
    for ip in ("203.0.113.9", "203.0.113.10"):
        yield f"client {ip} who is a hop", letter(ip=ip, headers={"Received": received(*HOPS[-1])})
    for name in NAMES[:-1]:
        yield f"helo pc.lan of {name}", letter(helo="pc.lan", hostname=name)
    for helo in ("user-1", "host-12", "kabel-12", "dsl-1-2"):
        yield (
            f"client whose name tells more than {helo}",
            letter(ip=DYNAMIC, hostname=None, helo=f"{helo}.good.org"),
        )
    yield "client of ours", letter(ip=LISTED_AT_HOME)
    yield (
        "client without name, by a mail program",
        letter(ip=STRANGER, hostname=None, headers={"Received": "", "User-Agent": "Mailer 1"}),
    )
    for number, body in enumerate(BODIES):
        yield f"body {number}", letter(body)
    for hops in HOPS:
        yield f"{len(hops)} hops", letter(headers={"Received": received(*hops) or ""})
    yield "one line", letter("http://good.org/a/very/long/path/that/fills/all/of/the/letter")
    html = '<html><body><a href="http://www.black.org/page/of/offers">Offers</a></body></html>\r\n'
    yield "html", letter(html, headers={"Content-Type": "text/html; charset=utf-8"})
    for sender in ("x", "x@host", "x@under_score.org", "x@nowhere.good.org", "postmaster@none.org"):
        yield f"sender {sender}", letter(sender=sender)
    yield "bounce to two", letter(sender="", rcpt=["NAME.WAY@ours.org", "eve@ours.org"])
    yield (
        "postmaster to two",
        letter(sender="postmaster@none.org", rcpt=["NAME.WAY@ours.org", "eve@ours.org"]),
    )
    for host in ("good.org", "host", "mx-lost.good.org", "nothing.good.org", "pc.local"):
        yield f"message-id at {host}", letter(headers={"Message-ID": f"<1@{host}>"})
    for domain in ("good-mx", "bad-mx", "no-mx", "null-mx", "lost-mx", "nothing-mx"):
        yield f"mx of {domain}", letter(sender=f"u@{domain}.org")
    for address in ("Joe <Joe+1@gmail.com>", "x@black.org", "x@good.org"):
        yield f"reply to {address}", letter(headers={"Reply-To": address})
    yield "author black", letter(headers={"From": "x@black.org"})
    for rcpt in ("Trap@good.net", "x@trap.net", "postmaster@ours.org", "bob@known.net"):
        yield f"to {rcpt}", letter(rcpt=rcpt)
    yield "to a trap and to bob", letter(rcpt=["trap@good.net", "bob@ours.org"])
    relay = {"ip": RELAY, "hostname": "relay.ours.org", "helo": "relay.ours.org"}
    for hops in HOPS:
        by_relay = received(*hops, by="relay.ours.org")
        yield f"relay after {len(hops)}", letter(**relay, headers={"Received": by_relay or ""})
    yield "user who relays", letter(user="relay@ours.org")
    yield "user well known", letter(user="joe@ours.org")
    ours = {"sender": "joe@ours.org"}
    yield "user's own", letter(**ours, rcpt="eve@other.net")
    yield (
        "user's own from a subdomain",
        letter(**ours, rcpt="eve@other.net", headers={"From": "joe@news.ours.org"}),
    )
    yield (
        "user's own for another",
        letter(**ours, rcpt="eve@other.net", headers={"From": "x@reject.org"}),
    )
    yield "user without domain", letter(**ours, user="joe", rcpt="eve@other.net")


def sent(**given: Any) -> Letter:
    """What a user of ours sends, in whichever way the answer comes."""
    return letter(
        sender="ann@ours.org",
        rcpt="eve@none.org",
        **given,
        request={"Sent": "yes"},
        headers={"From": "ann@ours.org", "Message-ID": "<NAME.WAY@ours.org>"},
    )


def answer(**given: Any) -> Letter:
    """An answer to that."""
    headers = {
        "In-Reply-To": "<NAME.WAY@ours.org>",
        "From": "eve@none.org",
        "To": "ann@ours.org",
    }
    return letter(sender="eve@none.org", headers=headers, **{"rcpt": "ann@ours.org", **given})


def waiting(number: int, **given: Any) -> Letter:
    """A letter that is suspicious enough to be greylisted."""
    return letter(
        f"Letter {number}.\r\n",
        ip=f"{UNKNOWN_NETWORK}{number}",
        sender=f"u{number}@reject.org",
        hostname=None,
        headers={"From": f"u{number}@reject.org"},
        **given,
    )


def remembered() -> Iterator[Series]:
    """Letters that are judged by the letters before them."""
    yield Series("answer", (sent(), answer()))
    yield Series("answer to another", (sent(), answer(rcpt="bob@ours.org")))
    yield Series("answer to two", (sent(), answer(rcpt=["ann@ours.org", "bob@ours.org"])))
    yield Series("answer to nothing", (answer(),))
    yield Series("greylisted", (waiting(1), waiting(1)))
    yield Series("greylisted with another text", (waiting(2), changed(waiting(2), b"er 2", b"er")))
    yield Series("greylisted bounce", (waiting(40, rcpt="bob@ours.org"),))
    yield Series("user in haste", (letter(rcpt="x@other.net"),) * 7)
    yield Series("bounces", (letter(sender=""),) * 5)


def drawn(number: int, draw: random.Random) -> tuple[str, Letter]:
    """A letter whose every property is drawn."""
    author = f"u@{draw.choice(SENDERS)}"
    given = letter(
        draw.choice(BODIES),
        **_envelope(draw),
        headers={
            "From": author,
            "Received": received(*draw.choice(HOPS)) or "",
            "Reply-To": draw.choice(["", "", "x@black.org", "x@good.org"]),
            "Message-ID": f"<{number}@{draw.choice(['good.org', 'mail.good.org', 'host'])}>",
        },
    )
    domain = author[2:]
    if draw.random() < 0.3 and f"k._domainkey.{domain}" in TEXTS:
        given = signed(given, domain)
    return f"drawn {number}", given


def _envelope(draw: random.Random) -> dict[str, Any]:
    return {
        "ip": draw.choice(CLIENTS),
        "helo": draw.choice(HELOS),
        "hostname": draw.choice(NAMES),
        "sender": draw.choice(["", *(f"u@{domain}" for domain in SENDERS)]),
        "rcpt": f"NAME.WAY@{draw.choice(['ours.org', 'other.net', 'trap.net', 'known.net'])}",
    }


def all_letters() -> list[Series]:
    """The same ones at every call."""
    draw = random.Random(34)
    found = list(remembered())
    found += [Series(name, (one,)) for name, one in (*authentication(), *policy())]
    for path in sorted(CORPUS.glob("*/*.eml")):
        name = f"{path.parent.name} {path.name[:5]}"
        found.append(Series(name, (letter(raw=path.read_bytes(), **_envelope(draw)),)))
    for number in range(DRAWN):
        name, one = drawn(number, draw)
        found.append(Series(name, (one,)))
    return found
