# SPDX-License-Identifier: Apache-2.0
"""What a caller of ``check_spf`` is told."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn import SpfRecordCache, check_spf
from gatepost.net import Answer, DnsCache, DnsResolver
from spf_zone import ZoneResolver

ZONE = {
    "a.example": [
        {"TXT": "v=spf1 ip4:192.0.2.0/28 a mx include:more.example -all"},
        {"A": "192.0.2.50"},
        {"MX": [10, "mail.a.example"]},
    ],
    "mail.a.example": [{"A": "192.0.2.60"}, {"AAAA": "2001:db8::60"}],
    "more.example": [{"TXT": "v=spf1 redirect=most.example"}],
    "most.example": [{"TXT": "v=spf1 IP4:198.51.100.0/24 ip6:2001:db8:1::/48 ~all"}],
    "open.example": [{"TXT": "v=spf1 +all"}],
    "half.example": [{"TXT": "v=spf1 include:open.example -all"}],
    "not.example": [{"TXT": "v=spf1 -include:open.example +all"}],
    "wide.example": [{"TXT": "v=spf1 ip4:0.0.0.0/0 -all"}],
    "mild.example": [{"TXT": "v=spf1 ~all"}],
    "plain.example": [{"TXT": "something else"}],
    "slow.example": ["TIMEOUT"],
    "two.example": [{"TXT": "v=spf1 -all"}, {"TXT": "v=spf1 ~all"}],
    "bad.example": [{"TXT": "v=spf1 ip4:192.0.2.1 moo"}],
    "users.example": [{"TXT": "v=spf1 exists:%{l}.users.example -all exp=why.example"}],
    "anna.users.example": [{"A": "127.0.0.2"}],
    "why.example": [{"TXT": "%{i} may not write as %{s} to %{r} at %{t}; HELO was %{h}"}],
    "xn--mnchen-3ya.example": [{"TXT": "v=spf1 ip4:192.0.2.1 -all"}],
}


async def check(sender, ip="192.0.2.99", helo="mx.a.example", zone=ZONE, **options):
    return await check_spf(ZoneResolver(zone), ip=ip, helo=helo, mail_from=sender, **options)


@pytest.mark.parametrize(
    "sender, ip, result, mechanism, path",
    [
        ("u@a.example", "192.0.2.1", "pass", "+ip4:192.0.2.0/28", "a.example"),
        ("u@a.example", "::ffff:192.0.2.1", "pass", "+ip4:192.0.2.0/28", "a.example"),
        ("u@a.example", "192.0.2.50", "pass", "+a", "a.example"),
        ("u@a.example", "192.0.2.60", "pass", "+mx", "a.example"),
        ("u@a.example", "2001:db8::60", "pass", "+mx", "a.example"),
        (
            "u@A.Example",
            "198.51.100.7",
            "pass",
            "+IP4:198.51.100.0/24",
            "A.Example more.example most.example",
        ),
        ("u@a.example", "203.0.113.1", "fail", "-all", "a.example"),
        ("u@more.example", "203.0.113.1", "softfail", "~all", "more.example most.example"),
        ("u@not.example", "203.0.113.1", "fail", "-all", "not.example open.example"),
        ("u@münchen.example", "192.0.2.1", "pass", "+ip4:192.0.2.1", "xn--mnchen-3ya.example"),
    ],
)
async def test_the_mechanism_that_decided_and_where_it_stood(sender, ip, result, mechanism, path):
    found = await check(sender, ip)
    assert (found.result, found.mechanism, " ".join(found.path)) == (result, mechanism, path)
    assert found.problem == ""


@pytest.mark.parametrize(
    "sender, result, problem",
    [
        ("u@plain.example", "none", "no SPF record"),
        ("u@gone.example", "none", "no SPF record"),
        ("u@localhost", "none", "'localhost' is no domain name"),
        ("u@[192.0.2.1]", "none", "'[192.0.2.1]' is no domain name"),
        ("u@a..example", "none", "'a..example' is no domain name"),
        ("u@" + "x" * 5000, "none", f"'{'x' * 80}' is no domain name"),
        ("u@", "none", "no domain"),
        ("u@slow.example", "temperror", "TXT slow.example: timeout"),
        ("u@two.example", "permerror", "two.example: 2 SPF records"),
        ("u@bad.example", "permerror", "bad.example: unknown mechanism 'moo'"),
    ],
)
async def test_why_there_is_no_verdict(sender, result, problem):
    found = await check(sender)
    assert (found.result, found.problem, found.mechanism) == (result, problem, "")
    assert not found.plus_all


@pytest.mark.parametrize(
    "sender, helo, domain, identity, result",
    [
        ("", "a.example", "a.example", "helo", "pass"),
        ("", "[192.0.2.1]", "[192.0.2.1]", "helo", "none"),
        ("", "", "", "helo", "none"),
        ("a.example", "mild.example", "a.example", "mailfrom", "pass"),
        ("@a.example", "mild.example", "a.example", "mailfrom", "pass"),
        ('"x@y"@a.example', "mild.example", "a.example", "mailfrom", "pass"),
        ("u@a.example.", "mild.example", "a.example", "mailfrom", "pass"),
    ],
)
async def test_whose_domain_is_checked(sender, helo, domain, identity, result):
    found = await check(sender, "192.0.2.1", helo)
    assert (found.domain, found.identity, found.result) == (domain, identity, result)


@pytest.mark.parametrize(
    "sender, result, plus_all",
    [
        ("u@open.example", "pass", True),
        ("u@half.example", "pass", True),
        ("u@not.example", "fail", False),
        ("u@mild.example", "softfail", False),
        ("u@wide.example", "pass", False),
    ],
)
async def test_a_pass_for_everybody_is_named(sender, result, plus_all):
    found = await check(sender)
    assert (found.result, found.plus_all) == (result, plus_all)


async def test_an_explanation_tells_who_may_not_write():
    options = {"receiver": "mx.b.example", "clock": lambda: 1790000000.9}
    found = await check("eve@users.example", "192.0.2.9", "h.example", **options)
    assert found.result == "fail"
    assert found.explanation == (
        "192.0.2.9 may not write as eve@users.example to mx.b.example at 1790000000;"
        " HELO was h.example"
    )
    assert (await check("anna@users.example")).explanation == ""
    assert (await check("eve@users.example", explain=False)).explanation == ""
    assert (await check("u@a.example", default_explanation="no")).explanation == "no"


@pytest.mark.parametrize(
    "text",
    ["", "100% sure", "%{x}", "caf\u00e9", "tab\there", "nul\0"],
)
async def test_an_explanation_that_cannot_be_read_is_none(text):
    zone = {"e.example": [{"TXT": "v=spf1 -all exp=t.example"}], "t.example": [{"TXT": text}]}
    found = await check("u@e.example", zone=zone, default_explanation="DEFAULT")
    assert (found.result, found.explanation) == ("fail", "DEFAULT")


async def test_an_explanation_has_a_length():
    zone = {"e.example": [{"TXT": "v=spf1 -all exp=t.example"}]}
    zone["t.example"] = [{"TXT": "%{s}" * 120 + "x" * 60_000}]
    found = await check("u" * 3000 + "@e.example", zone=zone)
    assert len(found.explanation) == 512


@pytest.mark.parametrize(
    "sender, ip, ttl",
    [
        ("u@a.example", "192.0.2.1", 300.0),
        ("u@more.example", "203.0.113.1", 300.0),
        ("anna@users.example", "192.0.2.1", 0.0),  # another sender, another answer
        ("u@gone.example", "192.0.2.1", 0.0),
        ("u@slow.example", "192.0.2.1", 0.0),
    ],
)
async def test_how_long_a_result_lasts(sender, ip, ttl):
    assert (await check(sender, ip)).ttl == ttl


async def test_the_record_itself_is_told():
    assert (await check("u@more.example")).record == "v=spf1 redirect=most.example"
    assert (await check("u@bad.example")).record == "v=spf1 ip4:192.0.2.1 moo"
    assert (await check("u@plain.example")).record == ""


async def test_without_ipv6_no_aaaa_record_is_asked_for():
    resolver = ZoneResolver(ZONE)
    found = await check_spf(resolver, ip="2001:db8::60", mail_from="u@a.example", disable_ipv6=True)
    assert found.result == "fail"
    assert {kind for _, kind in resolver.asked} == {"TXT", "MX"}
    assert (await check("u@a.example", "2001:db8:1::1", disable_ipv6=True)).result == "pass"


async def test_the_interface_of_a_link_local_address_is_no_part_of_it():
    zone = {"l.example": [{"TXT": "v=spf1 ptr ip6:fe80::/64 -all"}]}
    assert (await check("u@l.example", "fe80::1%eth0", zone=zone)).mechanism == "+ip6:fe80::/64"


async def test_a_client_without_an_address_is_the_callers_mistake():
    with pytest.raises(ValueError, match="does not appear to be"):
        await check("u@a.example", "unix")


async def test_what_is_cached_never_waits():
    cache = DnsCache()
    text = b"v=spf1 ip4:198.51.100.0/24 include:more.example a mx -all"
    cache.keep(("a.example", "TXT"), Answer("noerror", (text,), 60))
    cache.keep(("more.example", "TXT"), Answer("noerror", (b"v=spf1 ip4:192.0.2.1",), 60))
    resolver = DnsResolver(cache=cache)
    coroutine = check_spf(resolver, ip="192.0.2.1", helo="x.example", mail_from="u@a.example")
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert end.value.value.mechanism == "+ip4:192.0.2.1"
    await resolver.close()


async def test_a_caller_may_keep_records_of_its_own():
    records = SpfRecordCache(max_records=5)
    await check("u@more.example", records=records)
    assert len(records.records) == 2


NAMES = st.text(st.sampled_from('aé@.[]%{}\0 "<>-_1'), max_size=30)


@settings(max_examples=150)
@given(NAMES, NAMES, st.ip_addresses())
async def test_no_sender_or_helo_name_raises(sender, helo, ip):
    zone = {"*": []}
    found = await check_spf(ZoneResolver(zone), ip=ip, helo=helo, mail_from=sender)
    assert found.result == "none"


async def test_a_check_with_cached_answers_is_fast():
    resolver = ZoneResolver(ZONE)
    best = 1.0
    for _ in range(20):
        started = time.perf_counter()
        await check_spf(resolver, ip="203.0.113.1", helo="x.example", mail_from="u@a.example")
        best = min(best, time.perf_counter() - started)
    assert best < 0.0002
