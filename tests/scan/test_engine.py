# SPDX-License-Identifier: Apache-2.0
"""How the engine runs a plan: order, gates, and that a failure is one check's alone."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from gatepost.scan.applied import NO_SWITCHES, Switches
from gatepost.scan.direction import INBOUND
from gatepost.scan.module import Stage
from gatepost.scan.outcomes import Trace
from gatepost.scan.result import HIGH
from gatepost.scan.symbol import Hit, Symbol
from gatepost.scan.task import Task
from scan_core import SOON, check, forces, hit, later, never, prepare, run

# The kinds of checks


def returns_a_list(task: Task) -> list[Hit]:
    return [Hit("X")]


def yields_in_line(task: Task) -> Iterator[Hit]:
    yield Hit("X")


async def coroutine_at_once(task: Task) -> list[Hit]:
    return [Hit("X")]


async def coroutine_that_waits(task: Task) -> list[Hit]:
    await asyncio.sleep(0)
    return [Hit("X")]


async def generator_at_once(task: Task) -> AsyncIterator[Hit]:
    yield Hit("X")


class Called:
    async def __call__(self, task: Task) -> list[Hit]:
        await asyncio.sleep(0)
        return [Hit("X")]


@pytest.mark.parametrize(
    "function",
    [
        returns_a_list,
        yields_in_line,
        coroutine_at_once,
        coroutine_that_waits,
        generator_at_once,
        later("X"),
        Called(),
    ],
)
async def test_every_kind_of_check_gives_its_hits(function: Callable[..., Any]) -> None:
    ran = await run(check("C", function))
    assert (ran.hits, ran.became("C")) == (["X"], "ran")


async def test_a_check_that_finds_nothing_may_return_nothing() -> None:
    async def nothing(task: Task) -> None:
        return None

    ran = await run(check("A"), check("B", nothing))
    assert (ran.hits, ran.became("A"), ran.became("B")) == ([], "ran", "ran")


# A failure is one check's alone


def raises_plain(task: Task) -> Iterator[Hit]:
    yield Hit("BEFORE")
    raise ValueError("broken")


def stops_iteration(task: Task) -> None:
    raise StopIteration


async def raises_at_once(task: Task) -> AsyncIterator[Hit]:
    yield Hit("BEFORE")
    raise ValueError("broken")


async def raises_later(task: Task) -> AsyncIterator[Hit]:
    yield Hit("BEFORE")
    await asyncio.sleep(0)
    raise ValueError("broken")


async def cancels_itself_at_once(task: Task) -> None:
    raise asyncio.CancelledError


async def cancels_itself_later(task: Task) -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def returns_nonsense_later(task: Task) -> list[Any]:
    await asyncio.sleep(0)
    return ["no hit"]


def recurses(task: Task) -> None:
    recurses(task)


@pytest.mark.parametrize(
    "function, reason",
    [
        (raises_plain, "ValueError: broken"),
        (raises_at_once, "ValueError: broken"),
        (raises_later, "ValueError: broken"),
        (stops_iteration, "StopIteration: "),
        (cancels_itself_at_once, "CancelledError: "),
        (cancels_itself_later, "CancelledError: cancelled itself"),
        (lambda task: ["no hit"], "AttributeError: 'str' object has no attribute 'name'"),
        (returns_nonsense_later, "AttributeError: 'str' object has no attribute 'name'"),
        (lambda task: Hit("X"), "TypeError: 'Hit' object is not iterable"),
    ],
)
async def test_a_failing_check_is_named_and_the_others_run(
    function: Callable[..., Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    ran = await run(check("BAD", function), check("GOOD", hit("G")), check("LATER", later("L")))
    assert ran.became("BAD") == "failed"
    assert ran.outcomes["BAD"].reason == reason
    assert (ran.became("GOOD"), ran.became("LATER")) == ("ran", "ran")
    assert {"G", "L"} <= set(ran.hits)
    assert ran.engine.failures == {"BAD": 1}
    [said] = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    kind, _, words = reason.partition(": ")
    assert said.startswith(f"check BAD failed: {kind}")
    assert not words or words not in said  # they may be the letter's


@pytest.mark.parametrize("function", [raises_plain, raises_at_once, raises_later])
async def test_hits_before_a_failure_count(function: Callable[..., Any]) -> None:
    assert (await run(check("BAD", function))).hits == ["BEFORE"]


async def test_endless_recursion_is_a_failure_of_the_check() -> None:
    ran = await run(check("DEEP", recurses), check("GOOD", hit("G")))
    assert (ran.became("DEEP"), ran.hits) == ("failed", ["G"])


async def test_a_failing_check_still_lets_those_after_it_run() -> None:
    ran = await run(check("A", raises_later), check("B", hit("B"), after=("A",)))
    assert ran.became("B") == "ran"


# Order


async def test_stages_and_priorities() -> None:
    order: list[str] = []

    def notes(name: str) -> Callable[[Task], None]:
        return lambda task: order.append(name)

    stages = {
        "save5": (Stage.IDEMPOTENT, 5),
        "save0": (Stage.IDEMPOTENT, 0),
        "post5": (Stage.POSTFILTER, 5),
        "post0": (Stage.POSTFILTER, 0),
        "bayes": (Stage.CLASSIFIER, 0),
        "filter": (Stage.FILTER, 0),
        "pre0": (Stage.PREFILTER, 0),
        "pre10": (Stage.PREFILTER, 10),
    }
    await run(*(check(n, notes(n), stage, priority=p) for n, (stage, p) in stages.items()))
    assert order == ["pre10", "pre0", "filter", "bayes", "post0", "post5", "save0", "save5"]


async def test_a_prefilter_waits_for_those_of_higher_priority() -> None:
    order: list[str] = []

    async def slow(task: Task) -> None:
        await asyncio.sleep(0)
        order.append("slow")

    await run(
        check("LOW", lambda task: order.append("low"), Stage.PREFILTER, priority=0),
        check("HIGH", slow, Stage.PREFILTER, priority=9),
    )
    assert order == ["slow", "low"]


async def test_dependencies_on_checks_that_wait() -> None:
    def sees(*names: str) -> Callable[[Task], Iterator[Hit]]:
        def function(task: Task) -> Iterator[Hit]:
            if all(task.has(name) for name in names):
                yield Hit("SAW_" + "_".join(names))

        return function

    ran = await run(
        check("D", sees("SAW_A_B"), after=("C",)),
        check("C", sees("A", "B"), after=("A", "B")),
        check("A", later("A", 1)),
        check("B", later("B", 5)),
        check("E", later("E"), after=("D", "nobody")),
    )
    assert set(ran.hits) == {"A", "B", "SAW_A_B", "SAW_SAW_A_B", "E"}


async def test_all_that_wait_wait_together() -> None:
    here = 0
    everybody = asyncio.Event()

    async def meets(task: Task) -> None:
        nonlocal here
        here += 1
        if here == 5:
            everybody.set()
        await everybody.wait()

    ran = await run(*(check(f"C{i}", meets) for i in range(5)))
    assert {ran.became(f"C{i}") for i in range(5)} == {"ran"}


# Gates


@pytest.mark.parametrize(
    "options, filters, others",
    [
        ({}, "skipped: pre-result", "skipped: pre-result"),
        ({"process_all": True}, "skipped: pre-result", "ran"),
        ({"least": True}, "ran", "ran"),
    ],
)
async def test_what_a_pre_result_leaves_out(
    options: dict[str, bool], filters: str, others: str
) -> None:
    ran = await run(
        check("FIRST", forces("reject", **options), Stage.PREFILTER, priority=9),
        check("PRE", stage=Stage.PREFILTER),
        check("FILTER"),
        check("FINE", fine=True),
        check("SIGN", ignore_passthrough=True),
        check("BAYES", stage=Stage.CLASSIFIER),
        check("POST", stage=Stage.POSTFILTER),
        check("SAVE", stage=Stage.IDEMPOTENT),
    )
    assert ran.became("FILTER") == filters
    assert {ran.became(name) for name in ("PRE", "BAYES", "POST")} == {others}
    assert {ran.became(name) for name in ("FINE", "SIGN", "SAVE")} == {"ran"}
    assert ran.action == "reject"


async def test_what_waits_already_finishes_after_a_pre_result() -> None:
    ran = await run(check("SLOW", later("L")), check("FORCE", forces("reject")))
    assert (ran.became("SLOW"), ran.hits) == ("ran", ["L"])


@pytest.mark.parametrize(
    "score, flags, all_filters, next_one",
    [
        (15.0, (), False, "ran"),  # reaching the limit is not crossing it
        (15.5, (), False, "skipped: score limit"),
        (15.5, ("pass_all",), False, "ran"),
        (15.5, (), True, "ran"),
    ],
)
async def test_over_the_limit_filters_are_left_out(
    score: float, flags: tuple[str, ...], all_filters: bool, next_one: str
) -> None:
    ran = await run(
        check("BAD", hit("BAD")),
        check("NEXT", after=("BAD",)),
        check("SIGN", after=("BAD",), ignore_passthrough=True),
        check("FINE", after=("BAD",), fine=True),
        check("POST", stage=Stage.POSTFILTER),
        symbols={"BAD": score},
        flags=flags,
        check_all_filters=all_filters,
    )
    assert ran.became("NEXT") == ran.became("SIGN") == next_one
    assert ran.became("FINE") == ran.became("POST") == "ran"


async def test_a_prefilter_is_not_left_out_for_the_score() -> None:
    ran = await run(
        check("BAD", hit("BAD"), Stage.PREFILTER, priority=9),
        check("NEXT", stage=Stage.PREFILTER),
        symbols={"BAD": 99.0},
    )
    assert ran.became("NEXT") == "ran"


async def test_a_skipped_message_sees_idempotent_checks_only() -> None:
    ran = await run(
        check("A"),
        check("FINE", fine=True),
        check("SAVE", stage=Stage.IDEMPOTENT),
        composites={"COMP": "!A"},
        skipped=True,
    )
    assert ran.became("A") == ran.became("FINE") == "skipped: settings"
    assert (ran.became("SAVE"), ran.hits, ran.action) == ("ran", [], "no action")


async def test_idempotent_checks_change_nothing() -> None:
    ran = await run(
        check("A", hit("A")),
        check("SAVE", hit("S"), Stage.IDEMPOTENT),
        check("FORCE", forces("reject"), Stage.IDEMPOTENT),
    )
    assert (ran.hits, ran.action) == (["A"], "no action")


async def test_composites_follow_filters_and_again_postfilters() -> None:
    ran = await run(
        check("A", hit("A")),
        check("POST", hit("P"), Stage.POSTFILTER, symbols=(Symbol("P"),)),
        composites={"EARLY": "A", "LATE": "P & EARLY", "NONE": "A & B"},
    )
    assert {"EARLY", "LATE"} <= set(ran.hits)
    assert "NONE" not in ran.hits


async def test_grow_factor_makes_many_small_findings_weigh_more() -> None:
    ran = await run(
        check("A", hit("A")),
        check("B", hit("B")),
        check("C", hit("C")),
        symbols={"A": 3.0, "B": 1.5, "C": -1.0},
        grow_factor=1.1,
    )
    factor = 1.1 * (1 + 0.1 * 3 / 15) * (1 + 0.1 * 1.5 / 15)
    assert ran.task.result.score == pytest.approx(4.5 * factor - 1.0)


NOT_B = Switches(symbols_disabled=frozenset({"B"}), by_id=True)


async def test_a_symbol_that_settings_forbid_is_not_inserted() -> None:
    ran = await run(
        check("C", lambda task: [Hit("A"), Hit("B")], symbols=(Symbol("A"), Symbol("B"))),
        switches=NOT_B,
    )
    assert (ran.hits, ran.became("C")) == (["A"], "ran")


@pytest.mark.parametrize("switches", [NO_SWITCHES, NOT_B])
async def test_a_letter_is_out_of_memory_as_soon_as_its_scan_is_over(switches: Switches) -> None:
    gc.collect()
    gc.disable()
    try:
        ran = await run(check("C", hit("A"), symbols=(Symbol("A"), Symbol("B"))), switches=switches)
        message = weakref.ref(ran.task.message)
        del ran
        assert message() is None
    finally:
        gc.enable()


# Outcomes


async def test_each_check_leaves_exactly_one_outcome() -> None:
    checks = [
        check("RAN", hit("A"), symbols=(Symbol("A"),)),
        check("WAITED", later("W")),
        check("SLOW", never),
        check("BAD", raises_later),
        check("OFF"),
        check("AFTER_OFF", requires=("OFF",)),
        check("AFTER_SLOW", after=("SLOW",)),
        check("SAVE", stage=Stage.IDEMPOTENT),
    ]
    switches = Switches(symbols_disabled=frozenset({"OFF"}))
    ran = await run(*checks, switches=switches, task_timeout=SOON)
    assert {name: ran.became(name) for name in ran.outcomes} == {
        "RAN": "ran",
        "WAITED": "ran",
        "SLOW": "timeout",
        "BAD": "failed",
        "OFF": "skipped: settings",
        "AFTER_OFF": "skipped: dependency",
        "AFTER_SLOW": "skipped: deadline",
        "SAVE": "ran",
    }
    assert ran.outcomes["RAN"].symbols == ("A",)
    assert ran.outcomes["SLOW"].ms >= SOON * 1000 * 0.5


async def test_an_engine_serves_many_messages_at_once() -> None:
    planner, engine, _ = prepare([check("SLOW", later("L", 10)), check("BAD", raises_later)])
    plan = planner.plan(NO_SWITCHES, INBOUND)
    tasks = [prepare([])[2] for _ in range(20)]
    traces = [Trace() for _ in tasks]
    await asyncio.gather(*(engine.run(plan, t, tr) for t, tr in zip(tasks, traces, strict=True)))
    assert all(set(task.result.found) == {"L", "BEFORE"} for task in tasks)
    assert engine.failures == {"BAD": 20}


async def test_the_highest_priority_decides_what_is_forced() -> None:
    ran = await run(
        check("A", forces("reject", process_all=True), Stage.PREFILTER, priority=9),
        check("B", forces("soft reject", priority=HIGH), Stage.PREFILTER),
    )
    assert ran.action == "soft reject"
