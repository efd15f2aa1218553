# SPDX-License-Identifier: Apache-2.0
"""What the decorators make of a function, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from gatepost import plugin
from gatepost.plugin import Stage, Task, postfilter, prefilter, symbol
from gatepost.scan.python_rules import Rule, rules_of


def rule_of(function: Callable[..., Any]) -> Rule:
    (rule,) = rules_of({"name": function})
    return rule


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    @symbol("A")
    def rule(task: Task) -> str:
        return f"called with {task}"

    assert rule("it") == "called with it"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "decorator, stage, priority",
    [
        (symbol("X"), Stage.FILTER, 0),
        (symbol("X", stage=Stage.IDEMPOTENT, priority=3), Stage.IDEMPOTENT, 3),
        (prefilter("X"), Stage.PREFILTER, 5),
        (prefilter("X", priority=9, score=1.0), Stage.PREFILTER, 9),
        (postfilter("X"), Stage.POSTFILTER, 5),
        (postfilter("X", priority=1, after="Y"), Stage.POSTFILTER, 1),
    ],
)
def test_each_decorator_has_its_stage(
    decorator: Callable[[Any], Any], stage: Stage, priority: int
) -> None:
    rule = rule_of(decorator(lambda task: None))
    assert (rule.stage, rule.priority) == (stage, priority)


@pytest.mark.parametrize(
    "given, names",
    [("A", ("A",)), (["A", "B"], ("A", "B")), (("A",), ("A",)), ((), ())],
)
def test_one_name_needs_no_list(given: Any, names: tuple[str, ...]) -> None:
    rule = rule_of(symbol("X", after=given, requires=given, virtual=given)(lambda task: None))
    assert (rule.after, rule.requires) == (names, names)
    assert tuple(one.name for one in rule.virtual) == names


def of_no_argument() -> None: ...


def of_two(task: Task, more: int) -> None: ...


def with_default(task: Task, more: int = 1) -> None: ...


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda: symbol(of_two), 'expected the name of the symbol: @symbol("NAME")'),
        (lambda: symbol("two words"), "`two words` is no name for a symbol"),
        (lambda: symbol("é"), "is no name for a symbol"),
        (lambda: symbol("A", virtual=["B", "-C"]), "`-C` is no name for a symbol"),
        (lambda: symbol("A", score="high"), "A: expected a number as score, found 'high'"),
        (lambda: symbol("A", score=float("nan")), "A: expected a finite score"),
        (lambda: symbol("A", virtual={"B": None}), "B: expected a number as score, found None"),
        (lambda: symbol("A", stage="filter"), "expected one of Stage.PREFILTER, Stage.FILTER"),
        (lambda: symbol("A", scores=1), "scores"),
        (lambda: symbol("A", direction="out"), "expected one of inbound, outbound, auth"),
        (lambda: symbol("A")(of_no_argument), "A: a rule is called with the task"),
        (lambda: symbol("A")(of_two), "A: a rule is called with the task"),
        (lambda: symbol("A", timeout=1)(with_default), "A: a timeout can only end a rule that is"),
    ],
)
def test_mistakes_are_named_where_they_are_made(make: Any, complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(complaint)):
        make()


def test_a_rule_may_have_arguments_with_defaults() -> None:
    assert rule_of(symbol("A")(with_default)).symbol.name == "A"


def test_everything_a_rule_needs_is_exported() -> None:
    assert all(hasattr(plugin, name) for name in plugin.__all__)
