# SPDX-License-Identifier: Apache-2.0
"""What records say, and which are none."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.spf_record import (
    MAX_TERMS,
    SpfRecordCache,
    parse_spf_record,
    select_records,
)


def terms(text):
    record = parse_spf_record(text.encode("latin-1"))
    assert record.error == ""
    return [(term.qualifier, term.name, term.text) for term in record.mechanisms]


def test_directives_in_order_with_their_qualifiers():
    assert terms("v=spf1 mx ~a:b.example/24//64 ?IP4:192.0.2.1 -ALL") == [
        ("+", "mx", "mx"),
        ("~", "a", "a:b.example/24//64"),
        ("?", "ip4", "IP4:192.0.2.1"),
        ("-", "all", "ALL"),
    ]


def test_networks_and_the_bits_that_are_not_compared():
    record = parse_spf_record(b"v=spf1 ip4:192.0.2.9/24 ip6:2001:db8::/32 a mx/8//48 ip4:1.2.3.4")
    assert [(t.network, t.host_bits4, t.host_bits6) for t in record.mechanisms] == [
        (0xC0000209, 8, 0),
        (0x20010DB8 << 96, 0, 96),
        (0, 0, 0),
        (0, 24, 80),
        (0x01020304, 0, 0),
    ]


def test_modifiers_wherever_they_stand():
    record = parse_spf_record(b"v=spf1 EXP=e.example foo=%{d}x foo= mx Redirect=%{d}.example")
    assert record.exp.text == "e.example"
    assert record.redirect.text == "%{d}.example"
    assert [term.name for term in record.mechanisms] == ["mx"]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("v=spf1 mx moo", "unknown mechanism 'moo'"),
        ("v=spf1 all:x", "all takes no argument"),
        ("v=spf1 --all", "is no term"),
        ("v=spf1 +", "is no term"),
        ("v=spf1 =x", "is no term"),
        ("v=spf1 include", "include needs a domain"),
        ("v=spf1 exists/24", "exists needs a domain"),
        ("v=spf1 ptr:", "ptr: a domain is missing"),
        ("v=spf1 a:b.example/33", "more than 32 bits"),
        ("v=spf1 mx//129", "more than 128 bits"),
        ("v=spf1 a/24/64", "not of the form a:domain"),
        ("v=spf1 a/024", "not of the form a:domain"),
        ("v=spf1 ip4:1.2.3", "'1.2.3'"),
        ("v=spf1 ip4:1.2.3.04", "'1.2.3.04'"),
        ("v=spf1 ip4", "is no network"),
        ("v=spf1 ip4:1.2.3.4/", "is no network"),
        ("v=spf1 ip6:fe80::1%eth0", "is no network"),
        ("v=spf1 ip6:1.2.3.4", "'1.2.3.4'"),
        ("v=spf1 redirect=a.example redirect=a.example", "redirect stands there twice"),
        ("v=spf1 exp=", "exp: a domain is missing"),
        ("v=spf1 foo=%x", "is no macro"),
        ("v=spf1 mx\tall", "not visible ASCII"),
        ("v=spf1 a:b.example\0", "not visible ASCII"),
        ("v=spf1 a:b\u00fc.example", "not visible ASCII"),
        ("v=spf2 mx", "no version"),
    ],
)
def test_one_mistake_anywhere_spoils_the_record(text, complaint):
    record = parse_spf_record(text.encode("latin-1"))
    assert complaint in record.error
    assert record.mechanisms == ()


@pytest.mark.parametrize(
    "texts, chosen",
    [
        ([b"v=spf1", b"v=spf10 all", b"v=spf1\tall", b" v=spf1"], [b"v=spf1"]),
        ([b"V=SPF1 -all", b"v=spf1 +all"], [b"V=SPF1 -all", b"v=spf1 +all"]),
        ([b"", b"\xff\xfe", b"spf2.0/pra -all", b"v=spf"], []),
    ],
)
def test_which_texts_are_spf_records(texts, chosen):
    assert select_records(texts) == chosen


@pytest.mark.parametrize(
    "raw, complaint",
    [
        (b"v=spf1 " + b"a " * 10_000, f"more than {MAX_TERMS} terms"),
        (b"v=spf1" + b" " * 60_000, f"more than {MAX_TERMS} terms"),
        (b"v=spf1 " + b"x" * 65_000, "unknown mechanism"),
        (b"v=spf1 x" + b"-" * 65_000, "unknown mechanism"),
        (b"v=spf1 a:" + b"/1" * 32_000, "domain"),
        (b"v=spf1 a:" + b"%{d}." * 12_000, "more than"),
        (b"v=spf1 a:" + b"1." * 32_000, "end in"),
        (b"v=spf1 a:" + b"a-" * 32_000, "end in"),
        (b"v=spf1 exists:%{d" + b"9" * 60_000 + b"}x", "end in"),
        (b"v=spf1 ip4:" + b"9" * 65_000, "no network"),
        (b"v=spf1 ip6:" + b":1" * 32_000, "no network"),
        (b"v=spf1 a/" + b"9" * 65_000, "form"),
        (b"v=spf1 " + b"=" * 65_000, "is no term"),
        (b"v=spf1 " + b"\0" * 65_000, "not visible ASCII"),
        (b"v=spf1 " + b"a" * 70_000, "octets"),
    ],
    ids=range(15),
)
def test_a_hostile_record_costs_little(raw, complaint):
    started = time.process_time()
    record = parse_spf_record(raw)
    assert complaint in record.error
    assert len(record.error) < 200
    assert time.process_time() - started < 0.2


def test_as_many_networks_as_a_txt_record_holds_are_read():
    raw = b"v=spf1 " + b"ip4:1.1.1.1 " * 5400
    record = parse_spf_record(raw[:65_535])
    assert record.error == ""
    assert len(record.mechanisms) == 5400


def test_records_are_remembered_within_bounds():
    cache = SpfRecordCache(max_records=3, max_octets=80)
    first = cache.parse(b"v=spf1 -all")
    assert cache.parse(b"v=spf1 -all") is first
    for number in range(10):
        cache.parse(b"v=spf1 mx ip4:192.0.2.%d" % number)
        assert cache.parse(b"v=spf1 -all") is first  # used lately, so it stays
    assert len(cache.records) == 3
    cache.parse(b"v=spf1 " + b"a " * 40)
    assert cache.octets <= 80
    assert len(cache.records) == 0


def test_a_cache_of_no_records_still_reads_them():
    assert SpfRecordCache(max_records=0).parse(b"v=spf1 -all").mechanisms[0].name == "all"


WORD = st.sampled_from(
    ["a", "mx", "all", "ptr", "include", "exists", "ip4", "ip6", "redirect", "exp", ":", "=", "/",
     "//", "%{d}", "%", " ", "24", "192.0.2.1", "::1", "b.example", "-", "~", "\0", "\xe9"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.lists(WORD, max_size=20).map("".join), st.text(max_size=80)))
def test_any_text_is_a_record_or_has_an_error(text):
    record = parse_spf_record(b"v=spf1 " + text.encode("utf-8"))
    assert not record.error or not record.mechanisms
    for term in record.mechanisms:
        assert term.name in ("a", "mx", "all", "ptr", "include", "exists", "ip4", "ip6")
        assert 0 <= term.host_bits4 <= 32 and 0 <= term.host_bits6 <= 128
