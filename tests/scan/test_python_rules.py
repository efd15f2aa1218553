# SPDX-License-Identifier: Apache-2.0
"""What does a rule mean by what it returns?"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gatepost.plugin import Task, hit, symbol
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.errors import RuleError
from gatepost.scan.python_rules import Rule, rules_of


def rule_of(function: Callable[..., Any]) -> Rule:
    (rule,) = rules_of({"name": function})
    return rule


@symbol("MINE", score=2.0, virtual={"OTHER": 1.5})
def mine(task: Task) -> None:
    """A rule with two symbols."""


@pytest.mark.parametrize(
    "found, hits",
    [
        (None, []),
        (False, []),
        ("", []),
        (0, []),
        (0.0, []),
        ([], []),
        ((), []),
        (set(), []),
        ((False, "x"), []),
        ((0, "x"), []),
        (True, [("MINE", (), 1.0)]),
        (re.search("a", "bab"), [("MINE", (), 1.0)]),
        (3, [("MINE", (), 3.0)]),
        (0.5, [("MINE", (), 0.5)]),
        (-1, [("MINE", (), -1.0)]),
        ("why", [("MINE", ("why",), 1.0)]),
        (["why", "where"], [("MINE", ("why", "where"), 1.0)]),
        (("why", "where"), [("MINE", ("why", "where"), 1.0)]),
        ({"b", "a"}, [("MINE", ("a", "b"), 1.0)]),
        (["why", 7], [("MINE", ("why", "7"), 1.0)]),
        ((True, "why"), [("MINE", ("why",), 1.0)]),
        ((0.5, "why", "where"), [("MINE", ("why", "where"), 0.5)]),
        (hit("OTHER", "x", weight=2.0), [("OTHER", ("x",), 2.0)]),
        ([hit("OTHER"), hit("MINE", "y")], [("OTHER", (), 1.0), ("MINE", ("y",), 1.0)]),
        ([hit("OTHER"), True, None], [("OTHER", (), 1.0), ("MINE", (), 1.0)]),
    ],
)
def test_what_a_rule_returns_is_what_it_found(
    found: object, hits: list[tuple[str, tuple[str, ...], float]]
) -> None:
    made = rule_of(mine).hits(found)
    assert [(one.name, tuple(one.options), one.weight) for one in made] == hits


@pytest.mark.parametrize("found", [b"bytes", {"a": 1}, object(), 1j])
def test_anything_else_is_a_mistake_that_says_what_is_expected(found: object) -> None:
    with pytest.raises(RuleError, match=r"MINE returned .*; expected True, False, None, text"):
        rule_of(mine).hits(found)


def test_a_symbol_that_was_not_declared_is_a_mistake() -> None:
    with pytest.raises(RuleError, match="OTHR is none of the symbols of MINE"):
        rule_of(mine).hits(hit("OTHR"))


def test_one_function_may_be_several_rules_and_have_several_names() -> None:
    def function(task: Task) -> bool:
        return True

    symbol("A")(symbol("B")(function))
    assert [rule.symbol.name for rule in rules_of({"x": function, "y": function})] == ["B", "A"]


def test_what_is_no_rule_is_none() -> None:
    assert rules_of({"a": 1, "b": len, "c": re, "d": ModuleType("x"), "e": object()}) == []


@pytest.mark.parametrize(
    "way, left_out",
    [
        (None, {}),
        ("outbound", {"inbound": "inbound"}),
        (
            "inbound",
            {"local": "local", "authenticated": "authenticated", "both": "authenticated"},
        ),
        ("authenticated", {"inbound": "inbound", "local": "local"}),
        ("local", {"inbound": "inbound", "authenticated": "authenticated"}),
    ],
)
def test_a_rule_is_for_all_directions_or_for_one(way: Any, left_out: dict[str, str]) -> None:
    rule = rule_of(symbol("A", direction=way)(lambda task: None))
    rulings = {kind: rule.ruling(one) for kind, one in ALL_DIRECTIONS.items()}
    assert {k: r.because for k, r in rulings.items() if r.effect == "skip"} == left_out
