# SPDX-License-Identifier: Apache-2.0
"""The limits of a check, what it asks for, and zones that mean harm."""

import time

import pytest

from dns_server import DnsServer
from gatepost.authn import SpfLimits, check_spf
from gatepost.authn.spf_check import choose_host_name
from gatepost.net import Answer, DnsResolver, ResolverSettings, TaskResolver
from spf_zone import ZoneResolver


async def check(zone, ip="192.0.2.1", sender="u@a.example", **options):
    resolver = zone if hasattr(zone, "query") else ZoneResolver(zone)
    return await check_spf(resolver, ip=ip, helo="h.example", mail_from=sender, **options)


def policy(text, **others):
    return {"a.example": [{"TXT": text}], **others}


EXISTS = {f"e{number}.example": [{"A": "198.51.100.1"}] for number in range(30)}


@pytest.mark.parametrize(
    "count, result, lookups",
    [(10, "softfail", 10), (11, "permerror", 11), (30, "permerror", 11)],
)
async def test_ten_terms_may_ask(count, result, lookups):
    terms = " ".join(f"a:e{number}.example" for number in range(count))
    found = await check(policy(f"v=spf1 {terms} ~all", **EXISTS))
    assert (found.result, found.lookups) == (result, lookups)
    if result == "permerror":
        assert found.problem == "more than 10 look-ups"


async def test_terms_that_need_no_dns_are_not_counted():
    found = await check(policy("v=spf1 " + "ip4:1.1.1.1 ip6:1::1 " * 200 + "-all exp=t.example"))
    assert (found.result, found.lookups) == ("fail", 0)


async def test_a_match_comes_before_the_limit():
    terms = " ".join(f"a:e{number}.example" for number in range(30))
    found = await check(policy(f"v=spf1 ip4:192.0.2.1 {terms} redirect=a.example", **EXISTS))
    assert (found.result, found.lookups) == ("pass", 0)


@pytest.mark.parametrize(
    "terms, result, void",
    [
        ("a:x1.example exists:x2.example", "neutral", 2),
        ("a:x1.example exists:x2.example mx:x3.example", "permerror", 3),
        ("a:x1.example a:x1.example a:x1.example", "permerror", 3),
        ("mx:gone-hosts.example", "permerror", 3),
        ("a:bad..example a:bad..example a:bad..example", "neutral", 0),  # nothing was asked
        ("ptr ptr", "neutral", 1),  # one question, though two terms
    ],
)
async def test_two_look_ups_may_find_nothing(terms, result, void):
    hosts = [{"MX": [number, f"x{number}.example"]} for number in range(5)]
    found = await check(policy(f"v=spf1 {terms}", **{"gone-hosts.example": hosts}))
    assert (found.result, found.void_lookups) == (result, void)


@pytest.mark.parametrize("hosts, result", [(10, "pass"), (11, "permerror")])
async def test_ten_mail_hosts_may_be_asked_for(hosts, result):
    zone = policy("v=spf1 mx -all", **{"e.example": [{"A": "192.0.2.1"}], **EXISTS})
    zone["a.example"] += [{"MX": [number, f"e{number}.example"]} for number in range(hosts - 1)]
    zone["a.example"].append({"MX": [99, "e.example"]})
    assert (await check(zone)).result == result


@pytest.mark.parametrize("place, result", [(10, "pass"), (11, "fail")])
async def test_ten_host_names_of_a_client_are_looked_at(place, result):
    names = [f"e{number}.example" for number in range(30)]
    names[place - 1] = "host.a.example"
    zone = policy("v=spf1 ptr -all", **EXISTS, **{"host.a.example": [{"A": "192.0.2.1"}]})
    zone["1.2.0.192.in-addr.arpa"] = [{"PTR": name} for name in names]
    found = await check(zone)
    assert (found.result, found.ttl) == (result, 0.0)


@pytest.mark.parametrize(
    "terms, result",
    [
        ("a:slow.example +all", "temperror"),
        ("mx:slow.example +all", "temperror"),
        ("mx:slow-host.example +all", "temperror"),
        ("exists:slow.example +all", "temperror"),
        ("include:slow.example +all", "temperror"),
        ("redirect=slow.example", "temperror"),
        ("ptr:slow.example -all", "fail"),
        ("-all exp=slow.example", "fail"),
        ("include:gone.example +all", "permerror"),
        ("redirect=gone.example", "permerror"),
        ("include:broken.example +all", "permerror"),
        ("redirect=broken.example", "permerror"),
        ("-include:broken.example +all", "permerror"),
        ("+all include:broken.example", "pass"),
        ("include:%{l}.example +all", "permerror"),
        ("redirect=two..dots.example", "permerror"),
        ("mx:none.example -all", "fail"),
    ],
)
async def test_trouble_where_a_term_points(terms, result):
    slow = {
        "slow.example": ["TIMEOUT"],
        "slow-host.example": [{"MX": [1, "slow.example"]}],
        "broken.example": [{"TXT": "v=spf1 ip4:192.0.2.1 ip4:x"}],
        "none.example": [{"MX": [0, "."]}],
        "1.2.0.192.in-addr.arpa": [{"PTR": "slow.example"}],
    }
    assert (await check(policy(f"v=spf1 {terms}", **slow))).result == result


async def test_a_sender_outside_of_ascii_matches_no_term_that_names_him():
    # RFC 8616 4: such a name is not even asked for.
    resolver = ZoneResolver(policy("v=spf1 exists:%{l}.a.example include:%{l}.a.example ?all"))
    found = await check(resolver, sender="j\u00fcrgen@a.example")
    assert found.result == "neutral"
    assert list(resolver.asked) == [("a.example", "TXT")]
    found = await check(policy("v=spf1 redirect=%{l}.a.example"), sender="j\u00fcrgen@a.example")
    assert found.result == "permerror"


@pytest.mark.parametrize(
    "names, domain, chosen",
    [
        ((), "a.example", "unknown"),
        (("x.b.example", "m.a.example", "a.example"), "A.example", "a.example"),
        (("x.b.example", "m.a.example", "n.a.example"), "a.example", "m.a.example"),
        (("x.b.example", "ma.example"), "a.example", "x.b.example"),
    ],
)
def test_which_host_name_the_macro_p_stands_for(names, domain, chosen):
    assert choose_host_name(names, domain) == chosen


async def test_the_look_up_of_a_host_name_is_one_of_the_ten():
    zone = policy("v=spf1 exists:%{p}.a.example exists:%{p}.b.example -all", **EXISTS)
    zone["1.2.0.192.in-addr.arpa"] = [{"PTR": "h.a.example"}]
    zone["h.a.example"] = [{"A": "192.0.2.1"}]
    found = await check(zone)
    assert (found.result, found.lookups, found.void_lookups) == ("fail", 3, 2)


class SlowResolver:
    """Each answer takes longer than the whole check may."""

    def __init__(self, resolver):
        self.resolver = resolver

    async def query(self, name, type):
        ends = time.monotonic() + 0.02
        while time.monotonic() < ends:
            pass
        return await self.resolver.query(name, type)


async def test_no_look_up_starts_after_the_time_is_over():
    resolver = ZoneResolver(policy("v=spf1 a:e1.example a:e2.example -all", **EXISTS))
    found = await check(SlowResolver(resolver), limits=SpfLimits(seconds=0.01))
    assert (found.result, found.problem) == ("temperror", "A e1.example: timeout")
    assert list(resolver.asked) == [("a.example", "TXT")]


async def test_a_task_that_has_asked_its_share_gets_a_temporary_error():
    resolver = TaskResolver(ZoneResolver(policy("v=spf1 a:e1.example -all", **EXISTS)), limit=1)
    found = await check(resolver)
    assert (found.result, found.problem) == ("temperror", "A e1.example: limit")


def strings(text):
    """A TXT record's strings in a zone file: at most 255 octets each."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


HOSTILE = f"""
joined.test 60 TXT "v=spf1 ip4:192." "0.2.1 -all"
nul.test 60 TXT "v=spf1 a:b.test\\000 -all"
high.test 60 TXT "v=spf1 \\200all"
huge.test 60 TXT {strings("v=spf1 " + "ip4:198.51.100.1 " * 3500 + "ip4:192.0.2.1")}
many.test 60 TXT {strings("v=spf1 " + "a:x.test " * 6800)}
terms.test 60 TXT {strings("v=spf1 " + "a " * 10_000)}
self.test 60 TXT "v=spf1 include:self.test +all"
ping.test 60 TXT "v=spf1 include:pong.test +all"
pong.test 60 TXT "v=spf1 redirect=ping.test"
around.test 60 TXT "v=spf1 redirect=around.test"
deep.test 60 TXT "v=spf1 include:%{{i}}.%{{d}} +all"
loop1.test 60 CNAME loop2.test.
loop2.test 60 CNAME loop1.test.
loop.test 60 TXT "v=spf1 a:loop1.test -all"
alias.test 60 CNAME joined.test.
idn.test 60 TXT "v=spf1 include:xn--mnchen-3ya.test -all"
xn--mnchen-3ya.test 60 TXT "v=spf1 ip4:192.0.2.1"
other.test 60 TXT "unrelated"
other.test 60 TXT "v=spf1 ip4:192.0.2.1 -all"
other.test 60 TXT {strings("x" * 3000)}
broken.test 60 TXT "v=spf1 a:fails.test -all"
"""


@pytest.mark.parametrize(
    "domain, result",
    [
        ("joined.test", "pass"),
        ("nul.test", "permerror"),
        ("high.test", "permerror"),
        ("huge.test", "pass"),
        ("many.test", "permerror"),
        ("terms.test", "permerror"),
        ("self.test", "permerror"),
        ("ping.test", "permerror"),
        ("around.test", "permerror"),
        ("deep.test", "permerror"),
        ("loop1.test", "temperror"),
        ("loop.test", "temperror"),
        ("alias.test", "pass"),
        ("idn.test", "pass"),
        ("m\u00fcnchen.test", "pass"),
        ("other.test", "pass"),
        ("broken.test", "temperror"),
        ("fails.test", "temperror"),
        ("gone.test", "none"),
    ],
)
async def test_records_over_the_wire(domain, result):
    async with DnsServer(HOSTILE, rcodes={"fails.test": "SERVFAIL"}) as server:
        resolver = DnsResolver(ResolverSettings(nameserver=(server.address,)))
        started = time.process_time()
        found = await check(resolver, sender=f"u@{domain}")
        assert found.result == result, found
        assert len(found.problem) < 400
        assert sum(server.asked.values()) <= 12
        assert time.process_time() - started < 0.25
        await resolver.close()


async def test_an_answer_may_be_of_any_size_or_empty():
    class Odd:
        async def query(self, name, type):
            return Answer("noerror")

    assert (await check(Odd())).result == "temperror"
