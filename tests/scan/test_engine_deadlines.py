# SPDX-License-Identifier: Apache-2.0
"""Time in the engine: deadlines, cancellation, and first steps in the middle of another task."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest

from gatepost.scan import engine as engine_module
from gatepost.scan.module import Stage
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task
from scan_core import SOON, check, hit, later, never, run


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


async def test_hits_given_after_the_deadline_do_not_count() -> None:
    async def insists(task: Task) -> AsyncIterator[Hit]:
        yield Hit("BEFORE")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield Hit("AFTER")

    async def returns_late(task: Task) -> list[Hit]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return [Hit("AFTER")]

    ran = await run(check("A", insists), check("B", returns_late), task_timeout=SOON)
    assert (ran.became("A"), ran.became("B"), ran.hits) == ("timeout", "timeout", ["BEFORE"])


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
