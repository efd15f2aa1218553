# SPDX-License-Identifier: Apache-2.0
"""A coroutine started inside another task behaves as if it had had a task from the start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gatepost.scan.first_step import first_step


def start(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return first_step(work, asyncio.get_running_loop(), "work")


async def answers_at_once() -> str:
    return "answer"


async def fails_at_once() -> None:
    raise KeyError("x")


async def test_what_ends_at_once_gives_its_result_without_a_task() -> None:
    with pytest.raises(StopIteration) as end:
        start(answers_at_once())
    assert end.value.value == "answer"
    with pytest.raises(KeyError):
        start(fails_at_once())
    assert len(asyncio.all_tasks()) == 1


async def test_the_callers_task_is_current_again_afterwards() -> None:
    before = asyncio.current_task()
    work = start(asyncio.sleep(0, "slept"))
    assert asyncio.current_task() is before
    assert await work == "slept"


async def waits_in_a_timeout(seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return "timed out"
    return "finished"


async def waits_for_a_child() -> str:
    async def child() -> str:
        await asyncio.sleep(0)
        return "child"

    async with asyncio.TaskGroup() as group:
        made = group.create_task(child())
    return made.result()


async def has_a_failing_child() -> str:
    async def child() -> None:
        raise KeyError("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            await asyncio.Event().wait()
    except* KeyError:
        pass
    return "child failed"


@pytest.mark.parametrize(
    "work, result",
    [
        (lambda: waits_in_a_timeout(0.01), "timed out"),
        (lambda: waits_in_a_timeout(0), "timed out"),  # fires before the task's own first step
        (lambda: waits_in_a_timeout(-1), "timed out"),
        (waits_for_a_child, "child"),
        (has_a_failing_child, "child failed"),
        (lambda: asyncio.wait_for(asyncio.sleep(0, "in time"), 5), "in time"),
        (lambda: asyncio.shield(asyncio.sleep(0, "shielded")), "shielded"),
    ],
)
async def test_timeouts_and_task_groups_of_the_first_step(
    work: Callable[[], Any], result: str
) -> None:
    async def run() -> Any:
        return await work()

    assert await start(run()) == result
    current = asyncio.current_task()
    assert current is not None and current.cancelling() == 0


async def test_a_cancellation_before_the_task_begins_reaches_what_it_waits_for() -> None:
    inner = asyncio.get_running_loop().create_future()
    steps: list[str] = []

    async def work() -> None:
        try:
            await inner
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    task = start(work())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (steps, inner.cancelled()) == (["cancelled"], True)


async def test_a_cancellation_before_the_task_begins_may_be_survived() -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "cleaned up"
        return "not cancelled"

    task = start(work())
    task.cancel()
    assert await task == "cleaned up"


async def test_a_future_that_is_done_meanwhile_is_no_loss() -> None:
    inner = asyncio.get_running_loop().create_future()

    async def work() -> Any:
        return await inner

    task = start(work())
    inner.set_result(42)
    assert await task == 42


async def test_cancelling_oneself_in_the_first_step_works_as_in_a_task() -> None:
    async def work() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        assert current.cancelling() == 1
        await asyncio.sleep(0)

    task = start(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_cancellation_taken_back_is_none() -> None:
    async def work() -> str:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        assert current.uncancel() == 0
        await asyncio.sleep(0)
        return "going on"

    assert await start(work()) == "going on"


async def test_first_steps_may_nest() -> None:
    async def outer() -> str:
        inner = start(asyncio.sleep(0, "inner"))
        async with asyncio.timeout(5):
            return str(await inner)

    assert await start(outer()) == "inner"
