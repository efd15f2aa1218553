# SPDX-License-Identifier: Apache-2.0
"""Rules in all sections that hold some."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import Configuration, Problems
from gatepost.modules.rbl.reading import read_rules
from gatepost.ucl import Object, parse


def read(text: str) -> tuple[dict[str, Object], list[str]]:
    problems = Problems()
    config = Configuration(parse(text), folder=None, state=Path("."))
    found = read_rules(config.section("rbl"), config, problems)
    return found, [problem.message for problem in problems.all]


def test_rules_and_rbls_are_one_and_rules_goes_first() -> None:
    found, problems = read("""rbl {
        rbls { A { rbl = "a.test"; ipv4 = false } B { rbl = "b.test" } }
        rules { A { ipv4 = true; ipv6 = false } C { rbl = "c.test" } } }""")
    assert found == {
        "A": {"rbl": "a.test", "ipv4": True, "ipv6": False},
        "B": {"rbl": "b.test"},
        "C": {"rbl": "c.test"},
    }
    assert problems == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            'suffix = "uri.test"; bits { JP = 64 } noip = true',
            {"rbl": "uri.test", "returnbits": {"JP": 64}, "no_ip": True},
        ),
        ('suffix = "u.test"; options = "noip"', {"rbl": "u.test", "no_ip": True}),
        (
            'suffix = "u.test"; ips { A = 127.0.0.2 }',
            {"rbl": "u.test", "returncodes": {"A": "127.0.0.2"}},
        ),
        (
            'suffix = "u.test"; check_dkim = true; check_emails = true; check_helo = true',
            {"rbl": "u.test", "dkim": True, "dkim_domainonly": False, "dkim_match_from": True,
             "emails": True, "emails_domainonly": True, "helo": True},
        ),
        (
            'suffix = "u.test"; images = true; urls = false',
            {"rbl": "u.test", "images": True, "urls": False},
        ),
    ],
)  # fmt: skip
def test_rules_of_surbl(text: str, rule: dict[str, object]) -> None:
    found, problems = read(f"surbl {{ rules {{ OLD {{ {text} }} }} }}")
    assert found == {"OLD": {"urls": True, "ignore_defaults": True, **rule}}
    assert problems == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            'dnsbl = "e.test"; hash = sha1; hashlen = 20; encoding = base32; delimiter = "."',
            {"rbl": "e.test", "hash": "sha1", "hash_len": 20, "hash_format": "base32",
             "emails_delimiter": ".", "emails": True},
        ),
        (
            'dnsbl = "e.test"; check_replyto = true',
            {"rbl": "e.test", "replyto": True, "emails": True},
        ),
        (
            'dnsbl = "e.test"; domain_only = true',
            {"rbl": "e.test", "emails_domainonly": True, "emails": True},
        ),
        ('dnsbl = "e.test"; skip_body = true', {"rbl": "e.test", "emails": False, "replyto": True}),
        (
            'dnsbl = "e.test"; expect_ip = "127.0.0.2"',
            {"rbl": "e.test", "emails": True, "returncodes": {"OLD": "127.0.0.2"}},
        ),
        (
            'dnsbl = "e.test"; symbol = "S"; expect_ip = "127.0.0.2"',
            {"rbl": "e.test", "symbol": "S", "emails": True, "returncodes": {"S": "127.0.0.2"}},
        ),
    ],
)  # fmt: skip
def test_rules_of_emails(text: str, rule: dict[str, object]) -> None:
    found, problems = read(f"emails {{ rules {{ OLD {{ {text} }} }} }}")
    assert found == {"OLD": {"ignore_defaults": True, **rule}}
    assert problems == []


def test_older_rules_go_before_ours_and_share_their_whitelist() -> None:
    found, problems = read("""
        rbl { rbls { X { rbl = "new.test"; helo = true } } }
        surbl { whitelist = "/etc/white.map"; exceptions = "/etc/2tld"; rules {
          X { suffix = "old.test" } Y { suffix = "y.test"; whitelist = "/etc/own.map" } } }""")
    assert found["X"]["rbl"] == "old.test"
    assert found["X"]["helo"] is True
    assert found["X"]["whitelist"] == "/etc/white.map"
    assert found["Y"]["whitelist"] == "/etc/own.map"
    assert problems == ["surbl.exceptions: not read, see the rules of rbl"]


def test_an_older_section_that_is_off_is_not_read() -> None:
    assert read('surbl { enabled = false; rules { X { suffix = "old.test" } } }') == ({}, [])


def test_what_is_no_section_is_named() -> None:
    assert read('rbl { rbls { X = "bl.test" } }')[1] == ["rbl.rbls.X: expected a section { … }"]
    assert read('rbl { rbls = "bl.test" }')[1] == ["rbl.rbls: expected NAME { … }"]


def test_places_stay_those_where_it_was_written() -> None:
    found, _ = read('surbl {\n rules {\n  X {\n   suffix = "x.test";\n } } }')
    assert found["X"].place("rbl").line == 4
