# SPDX-License-Identifier: Apache-2.0
"""A rule's options: what a rule asks for, and what it takes from the module."""

from __future__ import annotations

import pytest

from gatepost.config import Problems, bind
from gatepost.modules.rbl.options import INHERITED, KINDS, RuleOptions, filled
from gatepost.ucl import parse

ON = dict.fromkeys(INHERITED, True)
OFF = dict.fromkeys(INHERITED, False)


def rule(text: str) -> RuleOptions:
    problems = Problems()
    found = bind(RuleOptions, parse(f'rbl = "bl.test"; {text}'), "rbl.rules.x", problems)
    assert problems.all == []
    return found


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('checks = ["from", "received"]', "from received"),
        ("checks = from", "from"),
        ("from = true; urls = yes", "from urls"),
        ('checks = ["from", "urls"]; exclude_checks = ["urls"]', "from"),
        ("from = true; exclude_checks = from", ""),
        ('selector = "ip"', "selector"),
        ('checks = ["helo"]; selector { a = "ip" }', "helo selector"),
        ("", ""),
    ],
)
def test_what_a_rule_asks_for(text: str, kinds: str) -> None:
    options = rule(text)
    assert {kind for kind in KINDS if options.asks(kind)} == set(kinds.split())


def test_a_rule_takes_what_it_does_not_say_from_the_module() -> None:
    options = filled(rule("ipv4 = false; unknown = true"), {**ON, "unknown": False})
    assert (options.ipv4, options.ipv6, options.unknown) == (False, True, True)
    assert options.exclude_users and options.exclude_local


def test_without_defaults_all_is_off_that_is_not_written() -> None:
    options = filled(rule("ignore_defaults = true; exclude_users = true"), ON)
    assert options.exclude_users is True
    left = [name for name in INHERITED if name != "exclude_users" and getattr(options, name)]
    assert left == ["enabled", "selector_flatten"]


@pytest.mark.parametrize(
    ("older", "attribute", "value"),
    [
        ("ignore_default = true", "ignore_defaults", True),
        ("ignore_whitelists = true", "ignore_whitelist", True),
        ("return_codes { A = 127.0.0.2 }", "returncodes", {"A": ["127.0.0.2"]}),
        ("return_bits { A = 2 }", "returnbits", {"A": [2]}),
        ('whitelist_exception = "A"; whitelist_exception = "B"', "whitelist_exception", ["A", "B"]),
        ('returncodes { A = ["1.1.1.1", "::1"] }', "returncodes", {"A": ["1.1.1.1", "::1"]}),
        ('hash_len = "32"', "hash_len", 32),
    ],
)
def test_older_and_other_ways_to_write(older: str, attribute: str, value: object) -> None:
    assert getattr(rule(older), attribute) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('checks = ["form"]', "checks[1]: expected one of: content_urls"),
        ("hash = crc32", "hash: expected one of: blake2, md5, sha1"),
        ("returnbits { A = many }", "returnbits.A: expected a list of: a whole number"),
        ("exclude_user = yes", "exclude_user: unknown key; did you mean `exclude_users`?"),
        ("returncodes_matcher = cdb", "returncodes_matcher: expected one of: equality"),
        ("hash_len = 0", "hash_len: expected a whole number (1 or more and at most 128)"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str) -> None:
    problems = Problems()
    bind(RuleOptions, parse(f'rbl = "bl.test"; {text}'), "rbl.rules.x", problems)
    assert [complaint in problem.message for problem in problems.errors] == [True]
