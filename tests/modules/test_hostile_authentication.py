# SPDX-License-Identifier: Apache-2.0
"""What strangers write into their letters and zones to hurt who checks it, through a whole scan.

All modules of authentication are on, and the DNS is a real server.
"""

import time

import pytest

from authn_dkim import RSA, record_of
from dns_server import DnsServer
from gatepost.authn import Letter, sign_dkim
from gatepost.modules.arc import Arc
from gatepost.modules.dkim import Dkim
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.milter_headers import MilterHeaders
from gatepost.modules.spf import Spf
from gatepost.modules.whitelist import Whitelist
from gatepost.net import DnsResolver, ResolverSettings
from gatepost.testing import NOW, Bench, mail

MODULES = [Spf, Dkim, Dmarc, Arc, Whitelist, MilterHeaders, DkimSigning]
CONFIG = """
    options { dns_max_requests = 1; }
    whitelist { rules { PRAISE { valid_spf = true; valid_dkim = true; valid_dmarc = true;
        domains = ["a.test"]; } } }
    milter_headers { use = ["authentication-results"]; }
"""
"""One question a letter: whatever else has asked, authentication gets its answers."""
HITS = ("R_SPF_", "R_DKIM_", "DMARC_", "ARC_")
KEY = "s._domainkey.a.test"
PLAIN = mail(sender="u@a.test").raw
SIGNED = (
    f"DKIM-Signature: {sign_dkim(Letter.from_bytes(PLAIN), RSA, 'a.test', 's', now=NOW)}\r\n"
).encode() + PLAIN
GOOD = {
    "a.test": "v=spf1 ip4:203.0.113.0/24 -all",
    "_dmarc.a.test": "v=DMARC1; p=reject",
    KEY: record_of(RSA).decode(),
}
PASS = {"R_SPF_ALLOW", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW", "ARC_NA"}


def strings(text: str) -> str:
    """A TXT record of many strings."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def loop(name: str) -> str:
    return f"{name} 60 CNAME loop-{name}.\nloop-{name} 60 CNAME {name}."


def txt(name: str, text: str) -> str:
    return f"{name} 60 TXT {strings(text)}"


def raw_txt(name: str, text: str) -> str:
    return f'{name} 60 TXT "{text}"'


def zone_with(*lines: str) -> str:
    """The good zone, with other records for some of its names."""
    replaced = {line.split()[0] for line in lines}
    good = [txt(name, text) for name, text in GOOD.items() if name not in replaced]
    return "\n".join([*good, *lines])


async def check(zone: str, raw: bytes = SIGNED, **server):
    """What was found, the questions that were asked, and the seconds of CPU that it took."""
    async with DnsServer(zone, **server) as dns:
        resolver = DnsResolver(ResolverSettings(nameserver=(dns.address,), timeout=5.0))
        async with Bench(MODULES, config=CONFIG, dns=resolver) as bench:
            await bench.scan(mail(sender="u@else.test"))  # imports, first uses
            before, began = dns.asked.total(), time.process_time()
            found = await bench.scan(mail(raw=raw, sender="u@a.test"))
            spent = time.process_time() - began
        await resolver.close()
        asked = dns.asked.total() - before
    assert all(outcome.outcome != "failed" for outcome in found.outcomes.values())
    hits = {name for name in found.hits if name.startswith(HITS)}
    return hits, asked, spent


ZONES = [
    ("spf: aliases in a ring", zone_with(loop("a.test")), "R_SPF_DNSFAIL"),
    (
        "spf: nul",
        zone_with(raw_txt("a.test", "v=spf1 ip4:203.0.113.0/24\\000 -all")),
        "R_SPF_PERMFAIL",
    ),
    ("spf: 64 KB", zone_with(txt("a.test", "v=spf1 " + "ip4:192.0.2.1 " * 4500)), "R_SPF_NEUTRAL"),
    (
        "spf: 64 KB of look-ups",
        zone_with(txt("a.test", "v=spf1 " + "a:b.test " * 7000)),
        "R_SPF_PERMFAIL",
    ),
    (
        "spf: includes itself",
        zone_with(txt("a.test", "v=spf1 include:a.test -all")),
        "R_SPF_PERMFAIL",
    ),
    ("dkim: aliases in a ring", zone_with(loop(KEY)), "R_DKIM_TEMPFAIL"),
    ("dkim: nul", zone_with(raw_txt(KEY, "v=DKIM1; k=rsa; p=\\000\\000")), "R_DKIM_PERMFAIL"),
    ("dkim: nul between", zone_with(raw_txt(KEY, "v=DKIM1; \\000; p=AAAA")), "R_DKIM_PERMFAIL"),
    ("dkim: 64 KB", zone_with(txt(KEY, "v=DKIM1; p=" + "A" * 60_000)), "R_DKIM_PERMFAIL"),
    ("dkim: 10,000 tags", zone_with(txt(KEY, "v=DKIM1; " + "a=b; " * 10_000)), "R_DKIM_PERMFAIL"),
    ("dkim: no base64", zone_with(txt(KEY, "v=DKIM1; p=!!!!")), "R_DKIM_PERMFAIL"),
    ("dkim: no key", zone_with(txt(KEY, "v=DKIM1; p=AAAAAAAA")), "R_DKIM_PERMFAIL"),
    ("dkim: revoked", zone_with(txt(KEY, "v=DKIM1; p=")), "R_DKIM_PERMFAIL"),
    ("dmarc: aliases in a ring", zone_with(loop("_dmarc.a.test")), "DMARC_DNSFAIL"),
    (
        "dmarc: nul",
        zone_with(raw_txt("_dmarc.a.test", "v=DMARC1;\\000 p=reject")),
        "DMARC_BAD_POLICY",
    ),
    (
        "dmarc: 64 KB",
        zone_with(txt("_dmarc.a.test", "v=DMARC1; p=reject; " + "x" * 60_000)),
        "DMARC_BAD_POLICY",
    ),
    (
        "dmarc: 10,000 tags",
        zone_with(txt("_dmarc.a.test", "v=DMARC1; " + "a=b; " * 10_000)),
        "DMARC_BAD_POLICY",
    ),
]
FAMILY = {"spf": "R_SPF_ALLOW", "dkim": "R_DKIM_ALLOW", "dmarc": "DMARC_POLICY_ALLOW"}
"""What stands for a good outcome where the zone is good."""


@pytest.mark.parametrize("name, zone, symbol", ZONES)
async def test_a_hostile_zone_costs_its_own_verdict_and_nothing_else(name, zone, symbol):
    hits, asked, spent = await check(zone)
    assert hits == PASS - {FAMILY[name.partition(":")[0]]} | {symbol}
    assert asked <= 4  # one more where an answer was too long for a packet
    assert spent < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "zone, silent, symbol",
    [
        ("v=spf1 a:s1.slow.test a:s2.slow.test a:s3.slow.test -all", "", "R_SPF_DNSFAIL"),
        ("v=spf1 exists:%{i}.s1.slow.test mx:s2.slow.test -all", "", "R_SPF_DNSFAIL"),
        ("v=spf1 -all", "s._domainkey.slow.test", "R_DKIM_TEMPFAIL"),
    ],
)
async def test_a_slow_zone_does_not_keep_the_forged_authors_policy_from_being_asked(
    zone, silent, symbol
):
    texts = txt("slow.test", zone), txt("_dmarc.a.test", "v=DMARC1; p=reject")
    names = {silent, "7.113.0.203.s1.slow.test", *(f"s{n}.slow.test" for n in range(4))}
    raw = field("DKIM-Signature", signature(d="slow.test")) + PLAIN
    began = time.monotonic()
    async with DnsServer("\n".join(texts), silent=names) as dns:
        resolver = DnsResolver(ResolverSettings(nameserver=(dns.address,), timeout=5.0))
        config = "options { task_timeout = 1s; }"
        async with Bench(MODULES, config=config, dns=resolver) as bench:
            found = await bench.scan(mail(raw=raw, sender="u@slow.test"))
        await resolver.close()
    assert symbol in found.hits and "DMARC_POLICY_REJECT" in found.hits
    assert time.monotonic() - began < 5.0  # as long as one question may take


def field(name: str, value: str, count: int = 1) -> bytes:
    return f"{name}: {value}\r\n".encode() * count


def signature(**changes: str) -> str:
    tags = {
        "v": "1",
        "a": "rsa-sha256",
        "d": "a.test",
        "s": "s",
        "h": "from",
        "bh": "eA==",
        "b": "eA==",
    }
    return "; ".join(f"{name}={value}" for name, value in (tags | changes).items())


def arc_sets(*instances: int) -> bytes:
    """Sets that are well-formed and signed by nobody."""
    return b"".join(
        field(
            "ARC-Seal",
            f"i={i}; a=rsa-sha256; d=a.test; s=s; cv={'none' if i == 1 else 'pass'}; b=eA==",
        )
        + field("ARC-Message-Signature", f"i={i}; " + signature().partition("; ")[2])
        + field("ARC-Authentication-Results", f"i={i}; a.test; none")
        for i in instances
    )


MANY_TAGS = "; ".join(f"t{number}=x" for number in range(10_000))
GOOD_REST = "R_DKIM_ALLOW DMARC_POLICY_ALLOW"
LETTERS = [
    (
        "1,000 signatures",
        field("DKIM-Signature", signature(), 1000),
        "R_DKIM_REJECT DMARC_POLICY_ALLOW ARC_NA",
    ),
    (
        "1,000 signatures, each with a key of its own",
        b"".join(field("DKIM-Signature", signature(s=f"s{n}")) for n in range(1000)),
        "R_DKIM_PERMFAIL DMARC_POLICY_ALLOW ARC_NA",
    ),
    (
        "10,000 tags",
        field("DKIM-Signature", f"{signature()}; {MANY_TAGS}"),
        f"{GOOD_REST} R_DKIM_PERMFAIL ARC_NA",
    ),
    (
        "nul",
        field("DKIM-Signature", signature(d="a\0.test")),
        f"{GOOD_REST} R_DKIM_PERMFAIL ARC_NA",
    ),
    (
        "10,000 headers",
        field("DKIM-Signature", signature(h=":".join(["from"] * 10_000))),
        f"{GOOD_REST} R_DKIM_PERMFAIL ARC_NA",
    ),
    (
        "no number",
        field("DKIM-Signature", signature(x="9" * 5000, t="-1", l="x")),
        f"{GOOD_REST} R_DKIM_PERMFAIL ARC_NA",
    ),
    (
        "a signature of 1 MB",
        field("DKIM-Signature", signature(b="A" * 1_000_000)),
        f"{GOOD_REST} R_DKIM_PERMFAIL ARC_NA",
    ),
    ("50 sets", arc_sets(*range(1, 51)), f"{GOOD_REST} ARC_REJECT"),
    ("1,000 sets", arc_sets(*range(1, 1001)), f"{GOOD_REST} ARC_INVALID"),
    ("1,000 times the same set", arc_sets(*[1] * 1000), f"{GOOD_REST} ARC_INVALID"),
    ("a set of number 10^5000", arc_sets(10**4000), f"{GOOD_REST} ARC_INVALID"),
    ("10,000 tags in a seal", field("ARC-Seal", f"i=1; {MANY_TAGS}"), f"{GOOD_REST} ARC_INVALID"),
    ("a seal of nuls", field("ARC-Seal", "\0" * 10_000), f"{GOOD_REST} ARC_INVALID"),
    (
        "1,000 authors",
        field("From", "u@a.test, " * 1000 + "u@a.test"),
        "R_DKIM_REJECT DMARC_NA ARC_NA",
    ),
    (
        "1,000 results",
        field("Authentication-Results", "x" * 500 + "; " + "a=b; " * 500, 1000),
        f"{GOOD_REST} ARC_NA",
    ),
]


@pytest.mark.parametrize("name, fields, symbols", LETTERS)
async def test_a_hostile_letter(name, fields, symbols):
    hits, asked, spent = await check(zone_with(), fields + SIGNED)
    assert hits == {"R_SPF_ALLOW", *symbols.split()}
    assert asked <= 8 and spent < 0.5
