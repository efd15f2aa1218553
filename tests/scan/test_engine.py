# SPDX-License-Identifier: Apache-2.0
"""How the engine runs a plan: order, gates, deadlines, and that a failure is one check's alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from gatepost.scan import engine as engine_module
from gatepost.scan.applied import NO_SWITCHES
from gatepost.scan.direction import INBOUND
from gatepost.scan.module import Stage
from gatepost.scan.outcomes import Trace
from gatepost.scan.result import HIGH
from gatepost.scan.symbol import Hit, Symbol
from gatepost.scan.task import Task
from scan_core import check, prepare, run

SOON = 0.02  # seconds: a deadline that comes soon, and that nothing here needs longer than


def hit(name: str, weight: float = 1.0) -> Callable[[Task], Iterator[Hit]]:
    def function(task: Task) -> Iterator[Hit]:
        yield Hit(name, weight=weight)

    return function


def later(name: str, turns: int = 3) -> Callable[[Task], AsyncIterator[Hit]]:
    """A check that really waits before it hits."""

    async def function(task: Task) -> AsyncIterator[Hit]:
        for _ in range(turns):
            await asyncio.sleep(0)
        yield Hit(name)

    return function


async def never(task: Task) -> AsyncIterator[Hit]:
    yield Hit("BEFORE")
    await asyncio.Event().wait()
    yield Hit("AFTER")


def forces(action: str, **more: Any) -> Callable[[Task], None]:
    def function(task: Task) -> None:
        task.set_pre_result(action, "because", module="test", **more)

    return function


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
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == [f"check BAD failed: {reason}"]


@pytest.mark.parametrize("function", [raises_plain, raises_at_once, raises_later])
async def test_hits_before_a_failure_count(function: Callable[..., Any]) -> None:
    assert (await run(check("BAD", function))).hits == ["BEFORE"]


async def test_endless_recursion_is_a_failure_of_the_check() -> None:
    ran = await run(check("DEEP", recurses), check("GOOD", hit("G")))
    assert (ran.became("DEEP"), ran.hits) == ("failed", ["G"])


async def test_a_failing_check_still_lets_those_after_it_run() -> None:
    ran = await run(check("A", raises_later), check("B", hit("B"), after=("A",)))
    assert ran.became("B") == "ran"


# Deadlines


async def test_hits_given_before_the_deadline_survive_it() -> None:
    ran = await run(check("SLOW", never), check("GOOD", hit("G")), task_timeout=SOON)
    assert (ran.became("SLOW"), ran.outcomes["SLOW"].reason) == ("timeout", "deadline")
    assert sorted(ran.hits) == ["BEFORE", "G"]
    assert ran.engine.timeouts == {"SLOW": 1}
    assert ran.action == "no action"


async def test_a_check_with_a_deadline_of_its_own_leaves_the_others_their_time() -> None:
    ran = await run(
        check("SHORT", never, timeout=SOON), check("LONG", later("L", 200)), task_timeout=60.0
    )
    assert (ran.became("SHORT"), ran.became("LONG")) == ("timeout", "ran")


async def test_a_check_that_waits_for_one_out_of_time_runs_after_it() -> None:
    ran = await run(
        check("SHORT", never, timeout=SOON),
        check("NEXT", hit("N"), after=("SHORT",)),
        task_timeout=60.0,
    )
    assert ran.became("NEXT") == "ran"


async def test_after_the_deadline_filters_are_left_out_but_what_follows_has_time_again() -> None:
    ran = await run(
        check("SLOW", never),
        check("NEXT", hit("N"), after=("SLOW",)),
        check("BAYES", later("B"), Stage.CLASSIFIER),
        check("POST", later("P"), Stage.POSTFILTER),
        check("SAVE", later("S"), Stage.IDEMPOTENT),
        task_timeout=SOON,
    )
    assert [ran.became(n) for n in ("NEXT", "BAYES", "POST", "SAVE")] == [
        "skipped: deadline",
        "ran",
        "ran",
        "ran",
    ]


async def test_postfilters_out_of_time_do_not_cost_the_idempotent_checks_theirs() -> None:
    ran = await run(
        check("POST", never, Stage.POSTFILTER),
        check("SAVE", later("S"), Stage.IDEMPOTENT),
        task_timeout=SOON,
    )
    assert (ran.became("POST"), ran.became("SAVE")) == ("timeout", "ran")


async def test_even_a_fine_check_does_not_start_after_the_deadline() -> None:
    ran = await run(check("FINE", hit("F"), fine=True), task_timeout=0.0)
    assert ran.became("FINE") == "skipped: deadline"


@pytest.mark.parametrize(
    "checks, soft, action",
    [
        ([check("SLOW", never)], True, "soft reject"),
        ([check("SLOW", never)], False, "no action"),
        ([check("SLOW", never), check("BAD", hit("BAD"))], True, "reject"),
        ([check("SLOW", never), check("ALSO", never)], True, "soft reject"),
        ([check("PRE", never, Stage.PREFILTER)], True, "soft reject"),
        ([check("SLOW", never, timeout=0.001)], True, "no action"),  # the message had time
        ([check("POST", never, Stage.POSTFILTER)], True, "no action"),  # only filters decide
        ([check("SAVE", never, Stage.IDEMPOTENT)], True, "no action"),
    ],
)
async def test_soft_reject_on_timeout(checks: list[Any], soft: bool, action: str) -> None:
    ran = await run(*checks, symbols={"BAD": 20.0}, task_timeout=SOON, soft_reject_on_timeout=soft)
    assert ran.action == action
    expected = ["timeout processing message"] if action == "soft reject" else []
    assert [pre.message for pre in ran.task.result.pre_results] == expected


async def test_a_check_that_ignores_its_cancellation_delays_only_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_module, "CANCEL_GRACE", SOON)
    release = asyncio.Event()

    async def deaf(task: Task) -> AsyncIterator[Hit]:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        yield Hit("TOO_LATE")

    ran = await run(
        check("DEAF", deaf), check("POST", hit("P"), Stage.POSTFILTER), task_timeout=SOON
    )
    assert (ran.became("DEAF"), ran.became("POST")) == ("timeout", "ran")
    assert "check DEAF ignores its cancellation" in caplog.text
    strays = list(ran.engine.strays)
    assert len(strays) == 1
    release.set()
    await asyncio.wait(strays)
    assert not ran.engine.strays
    assert ran.hits == ["P"]


async def test_a_check_cut_off_may_clean_up() -> None:
    cleaned: list[str] = []

    async def tidy(task: Task) -> AsyncIterator[Hit]:
        try:
            yield Hit("BEFORE")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("done")

    await run(check("TIDY", tidy), task_timeout=SOON)
    assert cleaned == ["done"]


async def test_cancelling_a_scan_cancels_what_it_started() -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def waits(task: Task) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    scan = asyncio.get_running_loop().create_task(run(check("A", waits), check("B", waits)))
    await begun.wait()
    await asyncio.sleep(0)
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan
    assert ended == ["cancelled", "cancelled"]
    assert len(asyncio.all_tasks()) == 1


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


async def test_a_symbol_that_settings_forbid_is_not_inserted() -> None:
    from gatepost.scan.applied import Switches

    switches = Switches(symbols_disabled=frozenset({"B"}), by_id=True)
    ran = await run(
        check("C", lambda task: [Hit("A"), Hit("B")], symbols=(Symbol("A"), Symbol("B"))),
        switches=switches,
    )
    assert (ran.hits, ran.became("C")) == (["A"], "ran")


# Outcomes


async def test_each_check_leaves_exactly_one_outcome() -> None:
    from gatepost.scan.applied import Switches

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


# The first step is taken in the middle of the scan's own task


async def test_a_timeout_opened_in_the_first_step_is_the_checks_own() -> None:
    async def asks_redis(task: Task) -> AsyncIterator[Hit]:
        try:
            async with asyncio.timeout(SOON):
                await asyncio.Event().wait()
        except TimeoutError:
            yield Hit("NO_ANSWER")

    ran = await run(check("REDIS", asks_redis), check("NEXT", later("N"), after=("REDIS",)))
    assert (ran.became("REDIS"), ran.hits) == ("ran", ["NO_ANSWER", "N"])
    current = asyncio.current_task()
    assert current is not None and current.cancelling() == 0


async def test_context_variables_stay_with_the_check() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nobody")
    seen: list[str] = []

    async def sets(task: Task) -> None:
        token = variable.set("check")
        await asyncio.sleep(0)
        variable.reset(token)  # fails in another context

    ran = await run(
        check("A", sets), check("B", lambda task: seen.append(variable.get()), after=("A",))
    )
    assert (ran.became("A"), seen, variable.get()) == ("ran", ["nobody"], "nobody")


async def test_the_highest_priority_decides_what_is_forced() -> None:
    ran = await run(
        check("A", forces("reject", process_all=True), Stage.PREFILTER, priority=9),
        check("B", forces("soft reject", priority=HIGH), Stage.PREFILTER),
    )
    assert ran.action == "soft reject"
