# SPDX-License-Identifier: Apache-2.0
"""Do Rspamd and Gatepost ask the same lists the same questions, and say the same of the answers?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from gatepost import testing as kit
from gatepost.modules.rbl import Rbl
from gatepost.net import DnsResolver, ResolverSettings
from gatepost.testing import Bench, Letter
from servers_rspamd import RspamdServer, needs_rspamd, run_rspamd
from servers_unbound import UnboundServer, needs_unbound, start_unbound

pytestmark = [*needs_rspamd, needs_unbound[1], pytest.mark.slow]

RULES = """
default_exclude_users = true;
default_unknown = true;
url_whitelist = ["white.org"];
rbls {
  addresses { symbol = "ADDRESSES"; rbl = "ip.test"; checks = ["from", "received"];
    symbols_prefixes { from = "RBL"; received = "RECEIVED"; }
    returncodes { BAD = "127.0.0.2"; WORSE = ["127.0.0.4", "127.0.0.5"]; } }
  good { symbol = "GOOD"; rbl = "wl.test"; checks = ["from"]; is_whitelist = true;
    whitelist_exception = "GOOD"; whitelist_exception = "GOOD_NONE";
    returncodes { GOOD_NONE = "127.0.%d+.0"; GOOD_HIGH = "127.0.%d+.3"; } }
  later { symbol = "LATER"; rbl = "later.test"; checks = ["from"]; }
  six { symbol = "SIX"; rbl = "six.test"; ipv4 = false; checks = ["from"]; }
  NAMES { ignore_defaults = true; rbl = "names.test"; emails_domainonly = true;
    checks = ["emails", "helo", "rdns", "replyto", "urls"];
    returnbits { BLACK = 2; GREY = 4; BOTH = 6; } }
  NO_IP { ignore_defaults = true; rbl = "names.test"; no_ip = true; checks = ["urls"];
    symbol = "NO_IP"; }
  HASHED { ignore_defaults = true; rbl = "hash.test"; checks = ["emails", "replyto"];
    hash = "sha1"; }
  BLAKE { ignore_defaults = true; rbl = "blake.test"; checks = ["emails", "urls"];
    emails_domainonly = true; hash = "blake2"; hash_format = "base32"; hash_len = 32; }
  DOTTED { ignore_defaults = true; rbl = "mail.test"; checks = ["emails"]; }
  RESOLVED { ignore_defaults = true; rbl = "ip.test"; checks = ["urls"]; resolve_ip = true;
    returncodes { RESOLVED_BAD = "127.0.0.2"; } }
  SELECTED { ignore_defaults = true; rbl = "names.test"; selector = "from('mime'):domain";
    returnbits { SELECTED_BLACK = 2; } }
}
"""
RECORDS = [
    "9.113.0.203.ip.test. A 127.0.0.2",
    "10.113.0.203.ip.test. A 127.0.0.5",
    "11.113.0.203.ip.test. A 127.0.0.77",
    "12.113.0.203.ip.test. A 127.0.0.2",
    "12.113.0.203.ip.test. A 127.0.0.4",
    "9.113.0.203.wl.test. A 127.0.5.0",
    "13.113.0.203.wl.test. A 127.0.15.3",
    "13.113.0.203.later.test. A 127.0.0.2",
    "9.113.0.203.later.test. A 127.0.0.2",
    "1." + "0." * 23 + "8.b.d.0.1.0.0.2.six.test. A 127.0.0.2",
    "black.org.names.test. A 127.0.0.2",
    "grey.org.names.test. A 127.0.0.4",
    "both.org.names.test. A 127.0.0.6",
    "helo.black.org.names.test. A 127.0.0.2",
    "white.org.names.test. A 127.0.0.2",
    "44.2.0.192.names.test. A 127.0.0.2",
    "black.org. A 203.0.113.9",
    "joe.gmail.com.mail.test. A 127.0.0.2",
    "rciuosbadgpq6b5wt436nhgnwzmfh9w9.blake.test. A 127.0.0.2",
]
HOP = "from relay.example (relay.example [203.0.113.{}]) by gate.example with SMTP id 1; "
DATE = "Thu, 01 Jan 2026 00:00:00 +0000"


def relayed(*numbers: int) -> dict[str, str | list[str]]:
    return {"Received": [HOP.format(number) + DATE for number in numbers]}


def mail(body: str = "Hello", *, ip: str = "203.0.113.20", **given: Any) -> Letter:
    """With HELO and host name: Rspamd skips a rule for either of them where it is missing."""
    return kit.mail(body, ip=ip, **{"hostname": "ptr.example.org", **given})


class Case(NamedTuple):
    """A letter, and symbols that must be among those that both find."""

    letter: Letter
    found: str


CASES = {
    "client": Case(mail(ip="203.0.113.9"), "RBL_BAD GOOD_NONE LATER"),
    "several codes": Case(mail(ip="203.0.113.12"), "RBL_BAD RBL_WORSE"),
    "unknown code": Case(mail(ip="203.0.113.11"), "RBL_ADDRESSES"),
    "vouched for": Case(mail(ip="203.0.113.13"), "GOOD_HIGH"),
    "IPv6": Case(mail(ip="2001:db8::1"), "SIX"),
    "hops": Case(mail(ip="203.0.113.20", headers=relayed(9, 10)), "RECEIVED_BAD RECEIVED_WORSE"),
    "a user": Case(mail("http://black.org/", ip="203.0.113.9", user="joe"), "BLACK"),
    "a local client": Case(mail("http://grey.org/", ip="192.168.1.1"), "GREY"),
    "links": Case(mail("http://www.black.org/x http://both.org/ http://white.org/"), "BLACK BOTH"),
    "a numeric link": Case(mail("http://192.0.2.44/login.php"), "BLACK"),
    "addresses": Case(mail("write to a@black.org or j.oe+x@googlemail.com"), "BLACK DOTTED"),
    "Reply-To": Case(mail(headers={"Reply-To": "Joe <Joe+1@gmail.com>"}), ""),
    "HELO": Case(mail(helo="helo.black.org"), "BLACK"),
    "the author": Case(mail(headers={"From": "x@black.org"}), "SELECTED_BLACK"),
    "hashed": Case(mail("see http://www.example.com/ or mail a@example.com"), "BLAKE"),
    "resolved": Case(mail("http://www.black.org/"), "BLACK"),
    "nothing": Case(mail("nothing"), ""),
}


@pytest.fixture(scope="module")
def unbound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnboundServer]:
    server = start_unbound(tmp_path_factory.mktemp("unbound"), RECORDS)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rspamd(
    tmp_path_factory: pytest.TempPathFactory, unbound: UnboundServer
) -> Iterator[RspamdServer]:
    files = {
        "override.d/rbl.conf": RULES,
        "local.d/options.inc": f'dns {{ nameserver = ["{unbound.address}"]; }}\n'
        "disable_monitoring = true;",
    }
    with run_rspamd(tmp_path_factory.mktemp("rbl"), files, modules=("rbl",)) as server:
        yield server


def there(server: RspamdServer, letter: Letter) -> dict[str, list[str]]:
    """Rspamd's symbols and their options."""
    host, port = server.scan.split(":")
    connection = HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("POST", "/checkv2")
    for name, value in (*letter.headers, ("Content-Length", str(len(letter.raw)))):
        connection.putheader(name, value)
    connection.endheaders(letter.raw)
    reply = json.loads(connection.getresponse().read())
    connection.close()
    found: dict[str, dict[str, list[str]]] = reply["symbols"]
    found.pop("R_DKIM_NA", None)  # built in
    return {name: sorted(symbol.get("options") or []) for name, symbol in found.items()}


@pytest.mark.parametrize("name", CASES)
async def test_both_find_the_same(rspamd: RspamdServer, unbound: UnboundServer, name: str) -> None:
    case = CASES[name]
    resolver = DnsResolver(ResolverSettings(nameserver=(unbound.address,)))
    config = f'options {{ local_addrs = "192.168.0.0/16"; }} rbl {{ {RULES} }}'
    async with Bench([Rbl], config=config, dns=resolver) as bench:
        scanned = await bench.scan(case.letter)
    await resolver.close()
    ours = {symbol: sorted(options) for symbol, options in scanned.hits.items()}
    assert set(case.found.split()) <= set(ours)
    assert there(rspamd, case.letter) == ours
