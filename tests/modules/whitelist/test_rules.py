# SPDX-License-Identifier: Apache-2.0
"""As what a domain is listed, in every form a list may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.modules.whitelist.rules import (
    Entry,
    Rule,
    RuleOptions,
    build_symbol,
    map_lines,
    parse_number,
)
from gatepost.scan.maps import MapLibrary


def rule(domains, **options):
    chosen = RuleOptions(**options)
    found = MapLibrary().open(map_lines(domains), kind="map")
    return Rule(chosen, found, build_symbol("X", chosen, None), None, False)


@pytest.mark.parametrize(
    "value, options, mode, multiplier",
    [
        ("", {}, "wl", 1.0),
        ("", {"blacklist": True}, "bl", 1.0),
        ("", {"strict": True}, "both", 1.0),
        ("", {"strict": True, "blacklist": True}, "both", 1.0),
        ("2", {}, "wl", 2.0),
        ("-0.5", {}, "wl", -0.5),
        ("1e1", {"blacklist": True}, "bl", 10.0),
        ("bl", {}, "bl", 1.0),
        ("wl:2", {"strict": True}, "wl", 2.0),
        ("bl: 2", {}, "bl", 2.0),
        ("both:0.25", {}, "both", 0.25),
        ("both:", {}, "both", 1.0),
        ("rubbish", {}, "wl", 1.0),
        ("black", {}, "wl", 1.0),
        ("1.2.3", {}, "wl", 1.0),
        ("1e999", {}, "wl", 1.0),
    ],
)
def test_what_a_domain_is_listed_as(value, options, mode, multiplier):
    listed = rule([f"aa.org {value}"], **options)
    assert listed.find("aa.org") == Entry("aa.org", mode, multiplier)
    assert listed.find("bb.org") is None and listed.find("") is None


def test_domains_belong_to_the_one_that_was_registered():
    listed = rule(["aa.org", "b.co.uk", "x.yy.org"])
    assert listed.find_owner("news.aa.org").domain == "aa.org"
    assert listed.find_owner("w.b.co.uk").domain == "b.co.uk"
    assert listed.find_owner("x.yy.org") is None
    assert listed.find("x.yy.org").domain == "x.yy.org"
    assert listed.find_owner("") is None


def test_pairs_are_lines_of_a_map():
    assert map_lines([["aa.org", 2.0], "bb.org"]) == [
        "aa.org 2.0",
        "bb.org",
    ]
    assert map_lines("/some/file") == "/some/file"


@pytest.mark.parametrize(
    "name, given, score",
    [("WHITELIST_DMARC", None, -7.0), ("WHITELIST_DMARC", -2.0, -2.0), ("MINE", None, 0.0)],
)
def test_scores_of_the_shipped_rules_need_not_be_written(name, given, score):
    symbol = build_symbol(name, RuleOptions(description="why", one_shot=True), given)
    assert (symbol.score, symbol.group, symbol.description, symbol.one_shot) == (
        score,
        "whitelist",
        "why",
        True,
    )


@given(st.text(max_size=30))
def test_any_value_is_a_number_or_one(text):
    number = parse_number(text)
    assert number == 1.0 or number == float(text)
