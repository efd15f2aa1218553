# SPDX-License-Identifier: Apache-2.0
"""Scores, shots, group caps, pre-results, and what they add up to: core reference §3.2 to §3.4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.actions import Action
from gatepost.scan.result import CRITICAL, HIGH, LOW, NORMAL, PreResult, Result
from gatepost.scan.symbol import Group, Hit, Symbol, SymbolConfig
from scan_core import registry, shipped_actions

X = Symbol("X", 2.0)


def result(*symbols: Symbol, scores: Mapping[str, float] | None = None, **more: Any) -> Result:
    return Result(registry(*symbols, **more), shipped_actions(), scores=scores)


def insert(into: Result, *weights: float, name: str = "X") -> Result:
    for weight in weights:
        into.insert(Hit(name, weight=weight))
    return into


@pytest.mark.parametrize(
    "weight, score",
    [(1.0, 2.0), (0.5, 1.0), (-1.0, -2.0), (0.0, 0.0), (nan, 0.0), (inf, 0.0), (1e308, 0.0)],
)
def test_score_times_weight(weight: float, score: float) -> None:
    found = insert(result(X), weight)
    assert found.score == found.found["X"].score == score


@pytest.mark.parametrize(
    "symbol, configured, score",
    [
        (X, {}, 2.0),
        (X, {"X": SymbolConfig(score=5.0)}, 5.0),
        (X, {"X": SymbolConfig(ignore=True)}, 0.0),
        (Symbol("X", 2.0, ignore=True), {}, 0.0),
        (Symbol("X", 2.0, ignore=True), {"X": SymbolConfig(ignore=False)}, 2.0),
    ],
)
def test_the_configured_score_goes_before_the_declared(
    symbol: Symbol, configured: dict[str, SymbolConfig], score: float
) -> None:
    assert insert(result(symbol, configured=configured), 1.0).score == score


def test_settings_score_goes_before_both() -> None:
    found = insert(result(X, scores={"X": -3.0}), 0.5)
    assert found.score == -1.5


@pytest.mark.parametrize(
    "configured, unknown_weight, forced, score",
    [
        ({}, 0.0, False, 0.0),
        ({}, 2.0, False, 1.0),
        ({}, 0.0, True, 0.5),  # its own weight
        ({}, 2.0, True, 0.5),
        ({"NEW": SymbolConfig(score=4.0)}, 0.0, False, 2.0),
        ({"NEW": SymbolConfig(score=4.0)}, 0.0, True, 2.0),
        ({"NEW": SymbolConfig(score=0.0)}, 0.0, True, 0.0),
    ],
)
def test_a_symbol_that_nobody_declared(
    configured: dict[str, SymbolConfig], unknown_weight: float, forced: bool, score: float
) -> None:
    found = result(configured=configured, unknown_weight=unknown_weight)
    found.insert(Hit("NEW", weight=0.5), forced=forced)
    assert found.score == score


@pytest.mark.parametrize(
    "symbol, options, weights, score",
    [
        (X, {}, [1, 1, 1], 6.0),
        (X, {"max_shots": 2}, [1, 1, 1], 4.0),
        (X, {"one_shot": True}, [1, 1, 1], 2.0),
        (Symbol("X", 2.0, one_shot=True), {}, [1, 1, 1], 2.0),
        (Symbol("X", 2.0, any_shot=True), {"max_shots": 2}, [1] * 150, 300.0),
        (Symbol("X", 2.0, any_shot=True), {"one_shot": True}, [1, 1], 4.0),
        (X, {"groups": [Group("mod", one_shot=True)]}, [1, 1], 2.0),
        (X, {"configured": {"X": SymbolConfig(one_shot=True)}}, [1, 1], 2.0),
        (X, {"configured": {"X": SymbolConfig(shots=2)}}, [1, 1, 1], 4.0),
        (X, {"configured": {"X": SymbolConfig(any_shot=True)}, "max_shots": 1}, [1, 1], 4.0),
        # what the configuration says goes before the declaration
        (
            Symbol("X", 2.0, one_shot=True),
            {"configured": {"X": SymbolConfig(one_shot=False)}},
            [1, 1],
            4.0,
        ),
        (
            Symbol("X", 2.0, one_shot=True),
            {"configured": {"X": SymbolConfig(any_shot=True)}},
            [1, 1, 1],
            6.0,
        ),
        (
            Symbol("X", 2.0, one_shot=True),
            {"configured": {"X": SymbolConfig(shots=2)}},
            [1, 1, 1],
            4.0,
        ),
        # once exhausted, what says the same louder takes the place
        (X, {"one_shot": True}, [1, 3, 2], 6.0),
        (X, {"one_shot": True}, [1, -3], 2.0),
        (X, {"one_shot": True}, [-1, -2, -1.5], -4.0),
        (X, {"max_shots": 2}, [1, 1, 3], 6.0),
    ],
)
def test_how_often_a_symbol_counts(
    symbol: Symbol, options: dict[str, Any], weights: Sequence[float], score: float
) -> None:
    assert insert(result(symbol, **options), *weights).score == score


@pytest.mark.parametrize(
    "group, weights, score",
    [
        (Group("mod", max_score=3.0), [1, 1], 3.0),
        (Group("mod", max_score=3.0), [1, -1, 1, 1], 3.0),
        (Group("mod", max_score=3.0), [-1, -1], -4.0),
        (Group("mod", min_score=-3.0), [-1, -1], -3.0),
        (Group("mod", min_score=-3.0), [-1, -1, 1], -1.0),
        (Group("mod", min_score=-3.0, max_score=3.0), [1, 1, -1, -1, -1, -1], -3.0),
        (Group("mod"), [1, 1], 4.0),
    ],
)
def test_a_capped_group_never_crosses_its_cap(
    group: Group, weights: Sequence[float], score: float
) -> None:
    found = insert(result(X, groups=[group]), *weights)
    assert found.score == found.found["X"].score == score


def test_all_caps_apply_in_turn_and_first_come_is_first_served() -> None:
    groups = [Group("mod", max_score=5.0), Group("second", max_score=1.0)]
    found = result(Symbol("A", 4.0), Symbol("B", 4.0, groups=("second",)), groups=groups)
    insert(found, 1.0, name="A")
    insert(found, 1.0, name="B")
    assert {name: s.score for name, s in found.found.items()} == {"A": 4.0, "B": 1.0}
    assert found.group_scores() == {"mod": 5.0, "second": 1.0}


def test_a_louder_shot_stays_within_the_cap() -> None:
    found = insert(result(X, groups=[Group("mod", max_score=3.0)], one_shot=True), 1, 5)
    assert found.score == 3.0


# Options


@pytest.mark.parametrize(
    "options, shown",
    [
        (["a", "b", "a"], ["a", "b"]),
        (["ä", "日本"], ["ä", "日本"]),
        (["a\r\nX-Evil: 1"], ["a\ufffd\ufffdX-Evil: 1"]),
        (["\x00\x7f\x85"], ["\ufffd\ufffd\ufffd"]),
        (["tab\there"], ["tab\there"]),
        (["\ud800"], ["\ufffd"]),
        ([""], [""]),
    ],
)
def test_options_are_shown_once_and_without_control_characters(
    options: list[str], shown: list[str]
) -> None:
    found = result(X)
    found.insert(Hit("X", tuple(options)))
    assert found.found["X"].options == shown


def test_options_are_bounded_in_bytes() -> None:
    found = Result(registry(X), shipped_actions(), max_option_bytes=10)
    for option in ("12345", "ääx", "one too many", "x"):
        found.insert(Hit("X", (option,)))
    assert found.found["X"].options == ["12345", "ääx", "..."]


def test_options_are_bounded_in_number() -> None:
    found = Result(registry(X), shipped_actions(), max_option_bytes=10**9)
    found.insert(Hit("X", tuple(str(n) for n in range(5000))))
    assert len(found.found["X"].options) == 1000


@pytest.mark.parametrize("by", ["declared", "configured"])
def test_a_one_param_symbol_keeps_one_option(by: str) -> None:
    if by == "declared":
        found = result(Symbol("X", one_param=True))
    else:
        found = result(X, configured={"X": SymbolConfig(one_param=True)})
    found.insert(Hit("X", ("a", "b")))
    found.insert(Hit("X", ("c",)))
    assert found.found["X"].options == ["a"]


# Pre-results


def forced(action: str, message: str = "", **more: Any) -> PreResult:
    return PreResult(action=action, message=message, module="test", **more)


@pytest.mark.parametrize(
    "score, pre_results, action, shown_score",
    [
        (1.0, [forced("reject")], "reject", 1.0),
        (20.0, [forced("no action")], "no action", 20.0),
        (1.0, [forced("reject", score=99.0)], "reject", 99.0),
        (20.0, [forced("no action", score=0.0)], "no action", 0.0),
        (-5.0, [forced("no action", score=0.0)], "no action", -5.0),  # the smaller of both
        (1.0, [forced("add_header"), forced("reject")], "add header", 1.0),
        (1.0, [forced("add_header"), forced("reject", priority=HIGH)], "reject", 1.0),
        (1.0, [forced("reject", priority=LOW), forced("greylist")], "greylist", 1.0),
        (
            1.0,
            [forced("reject", priority=CRITICAL), forced("greylist", priority=HIGH)],
            "reject",
            1.0,
        ),
        # at least
        (1.0, [forced("add header", least=True)], "add header", 6.0),
        (7.0, [forced("add header", least=True)], "add header", 7.0),
        (20.0, [forced("add header", least=True)], "reject", 20.0),
        (1.0, [forced("soft reject", least=True)], "soft reject", 1.0),
        (7.0, [forced("soft reject", least=True)], "soft reject", 7.0),
        (20.0, [forced("soft reject", least=True)], "reject", 20.0),
        (7.0, [forced("no action", least=True)], "add header", 7.0),
        (7.0, [forced("hold", least=True)], "hold", 7.0),
        (20.0, [forced("hold", least=True)], "reject", 20.0),
        (1.0, [forced("greylist", least=True), forced("reject", least=True)], "reject", 15.0),
        (1.0, [forced("reject", least=True), forced("greylist", least=True)], "reject", 15.0),
        # a floor of higher priority does not raise what another one decides
        (1.0, [forced("reject", least=True, priority=HIGH), forced("greylist")], "greylist", 1.0),
        (1.0, [forced("discard")], "discard", 1.0),
        (1.0, [forced("hold")], "hold", 1.0),
    ],
)
def test_what_pre_results_make_of_the_score(
    score: float, pre_results: list[PreResult], action: str, shown_score: float
) -> None:
    found = insert(result(Symbol("X", score)), 1.0)
    for pre_result in pre_results:
        found.set_pre_result(pre_result)
    verdict = found.verdict()
    assert (verdict.action.name, verdict.score) == (action, shown_score)
    assert verdict.required_score == 15.0


def test_the_verdict_names_who_forced_it() -> None:
    found = result()
    assert found.verdict().forced_by is None
    found.set_pre_result(forced("add header", least=True))
    assert found.verdict().forced_by == forced("add header", least=True)


@pytest.mark.parametrize(
    "pre_results, message",
    [
        ([forced("reject", "go away")], "go away"),
        ([forced("reject", "first"), forced("reject", "second", priority=HIGH)], "first"),
        ([forced("reject")], None),
        ([forced("reject", "secret", no_smtp_message=True)], None),
    ],
)
def test_the_message_for_the_smtp_reply(pre_results: list[PreResult], message: str | None) -> None:
    found = result()
    for pre_result in pre_results:
        found.set_pre_result(pre_result)
    assert found.messages.get("smtp_message") == message


@pytest.mark.parametrize("score, action", [(5.0, "no action"), (7.0, "add header")])
def test_an_action_that_is_disabled_is_not_chosen(score: float, action: str) -> None:
    found = insert(result(Symbol("X", score)), 1.0)
    found.disable_action("greylist")
    assert found.verdict().action.name == action
    assert found.actions.required_score == 15.0
    assert shipped_actions().choose(5.0).name == "greylist", "only this message is changed"


def test_settings_keep_their_own_message() -> None:
    found = result()
    found.messages["smtp_message"] = "from the settings"
    found.set_pre_result(forced("reject", "from the check"))
    assert found.messages["smtp_message"] == "from the settings"


@pytest.mark.parametrize("why", ["skipped", "closed", "nulled"])
def test_when_nothing_can_be_forced(why: str) -> None:
    found = result()
    if why == "nulled":
        found = Result(registry(), shipped_actions().overlaid({"reject": None}))
    found.skipped, found.closed = why == "skipped", why == "closed"
    found.set_pre_result(forced("reject"))
    assert not found.pre_results
    assert found.verdict().action.name == "no action"


def test_a_skipped_message_has_no_action_whatever_its_score() -> None:
    found = insert(result(Symbol("X", 99.0)), 1.0)
    found.skipped = True
    assert (found.verdict().action.name, found.verdict().is_spam) == ("no action", False)


@pytest.mark.parametrize(
    "score, spam", [(0.0, False), (4.0, True), (6.0, True), (15.0, True), (-3.0, False)]
)
def test_spam_is_whatever_is_not_ham(score: float, spam: bool) -> None:
    assert insert(result(Symbol("X", score)), 1.0).verdict().is_spam is spam


def test_nothing_is_added_once_closed() -> None:
    found = insert(result(X), 1.0)
    found.closed = True
    insert(found, 1.0)
    assert found.score == 2.0


# What composites take away, and the grow factor


@pytest.mark.parametrize(
    "removals, visible, score, left",
    [
        ([("X", "both")], [], 0.0, "both"),
        ([("X", "symbol")], [], 2.0, "symbol"),
        ([("X", "weight")], ["X"], 0.0, "weight"),
        ([("X", "weight"), ("X", "symbol")], [], 0.0, "both"),
        ([("X", "weight"), ("X", "weight")], ["X"], 0.0, "weight"),
    ],
)
def test_taking_a_symbol_out(
    removals: list[tuple[str, Any]], visible: list[str], score: float, left: str
) -> None:
    found = insert(result(X), 1.0)
    for name, what in removals:
        found.remove(name, what)
    assert [symbol.name for symbol in found.visible()] == visible
    assert (found.score, found.found["X"].removed) == (score, left)
    assert found.found["X"].metric_score == 2.0  # what it weighed before


@pytest.mark.parametrize(
    "factor, scores, total",
    [
        (1.0, [3.0, 3.0], 6.0),
        (0.5, [3.0], 3.0),
        (1.5, [], 0.0),
        (1.5, [-3.0], -3.0),
        (1.5, [3.0], 3.0 * 1.5 * 1.1),
        (1.5, [3.0, 6.0, -1.0], 9.0 * 1.5 * 1.1 * 1.2 - 1.0),
    ],
)
def test_grow_factor(factor: float, scores: list[float], total: float) -> None:
    found = result(*(Symbol(f"S{i}", score) for i, score in enumerate(scores)))
    for index in range(len(scores)):
        found.insert(Hit(f"S{index}"))
    found.grow(factor)
    assert found.score == pytest.approx(total)
    assert sum(s.score for s in found.found.values()) == pytest.approx(total)


def test_grow_factor_never_grows_out_of_numbers() -> None:
    found = Result(registry(Symbol("X", 1e3, any_shot=True)), shipped_actions())
    for index in range(300):
        found.insert(Hit(f"N{index}", weight=1.0), forced=True)
    insert(found, 1e300)
    found.grow(1e10)
    assert isfinite(found.score)


def test_a_floor_takes_the_threshold_of_the_settings_in_force() -> None:
    found = Result(registry(X), shipped_actions().overlaid({"add header": 9.0}))
    found.set_pre_result(forced("add header", least=True))
    assert found.verdict().score == 9.0


def test_custom_actions_with_a_threshold_are_floors_too() -> None:
    found = Result(registry(X), shipped_actions(Action("hold", 8.0)))
    found.set_pre_result(forced("hold", least=True))
    assert (found.verdict().action.name, found.verdict().score) == ("hold", 8.0)


def test_priorities_are_rspamds() -> None:
    assert (LOW, NORMAL, HIGH, CRITICAL) == (0, 1, 2, 3)
    assert forced("reject").priority == NORMAL


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.floats(),
            st.lists(st.text(max_size=5), max_size=3),
        ),
        max_size=12,
    )
)
def test_whatever_is_inserted_the_sum_is_that_of_the_symbols(
    hits: list[tuple[str, float, list[str]]],
) -> None:
    found = result(
        Symbol("A", 1.0), Symbol("B", -2.0, one_shot=True), groups=[Group("mod", max_score=5.0)]
    )
    for name, weight, options in hits:
        found.insert(Hit(name, tuple(options), weight))
    total = sum(symbol.score for symbol in found.found.values())
    assert found.score == pytest.approx(total)
    assert isfinite(found.verdict().score)


def test_a_symbol_can_be_given_another_score() -> None:
    group = Group("g", max_score=5.0)
    both = [Symbol("X", 4.0, group="g"), Symbol("Y", 4.0, group="g")]
    found = insert(result(*both, groups=[group]), 1.0)
    found.adjust("X", 0.5, "trusted")
    assert (found.score, found.found["X"].score, found.found["X"].options) == (
        0.5,
        0.5,
        ["trusted"],
    )
    insert(found, 1.0, name="Y")
    assert found.score == 4.5  # the group has room again
    found.adjust("Z", 9.0)
    assert found.score == 4.5 and "Z" not in found
    found.remove("Y", "weight")
    found.adjust("Y", 9.0)
    assert found.score == 0.5
    found.closed = True
    found.adjust("X", 9.0)
    assert found.score == 0.5


def test_what_a_module_forced_can_be_taken_back() -> None:
    found = result(X)
    found.set_pre_result(PreResult("reject", "no policy", "dmarc", least=True))
    found.set_pre_result(PreResult("add header", "odd", "other", least=True))
    found.withdraw("nobody")
    assert found.verdict().action.name == "reject" and found.messages["smtp_message"] == "no policy"
    found.withdraw("dmarc")
    assert found.verdict().action.name == "add header" and found.messages["smtp_message"] == "odd"
    found.withdraw("other")
    assert found.verdict().action.name == "no action" and found.messages == {}
