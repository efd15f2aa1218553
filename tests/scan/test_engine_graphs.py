# SPDX-License-Identifier: Apache-2.0
"""Whatever checks there are and however they wait: each ends once, after those it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.module import Check, Stage
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task
from scan_core import Ran, check, run


class Made(msgspec.Struct, frozen=True):
    """A made-up check: what it does, for how many turns it waits, which earlier ones it needs."""

    kind: str
    turns: int
    needs: frozenset[int]
    stage: Stage
    priority: int


MADE = st.builds(
    Made,
    kind=st.sampled_from(["plain", "coroutine", "generator", "raises", "hangs", "forces"]),
    turns=st.integers(0, 3),
    needs=st.frozensets(st.integers(0, 7), max_size=3),
    stage=st.sampled_from([Stage.PREFILTER, Stage.FILTER, Stage.FILTER, Stage.POSTFILTER]),
    priority=st.integers(0, 1),
)


def function_of(made: Made, name: str, order: list[str]) -> Callable[[Task], Any]:
    def plain(task: Task) -> list[Hit]:
        order.append(name)
        if made.kind == "forces":
            task.set_pre_result("reject", module=name)
        return [Hit(name)]

    async def coroutine(task: Task) -> list[Hit]:
        for _ in range(made.turns):
            await asyncio.sleep(0)
        if made.kind == "hangs":
            await asyncio.Event().wait()
        order.append(name)
        if made.kind == "raises":
            raise ValueError(name)
        return [Hit(name)]

    async def generator(task: Task) -> Any:
        for hit in await coroutine(task):
            yield hit

    return {"plain": plain, "forces": plain, "generator": generator}.get(made.kind, coroutine)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(MADE, max_size=8))
def test_every_check_ends_once_and_after_what_it_waits_for(graph: list[Made]) -> None:
    order: list[str] = []
    checks: list[Check] = []
    for index, made in enumerate(graph):
        after = tuple(f"C{need}" for need in made.needs if need < index)
        checks.append(
            check(
                f"C{index}",
                function_of(made, f"C{index}", order),
                made.stage,
                after=after,
                priority=made.priority,
                timeout=0.005 if made.kind == "hangs" else 0.0,
            )
        )
    ran: Ran = asyncio.run(run(*checks))
    assert set(ran.outcomes) == {one.callback for one in checks}
    assert sorted(order) == sorted(set(order))
    assert set(ran.hits) == {name for name, o in ran.outcomes.items() if o.outcome == "ran"}
    for one, made in zip(checks, graph, strict=True):
        became = ran.became(one.callback)
        assert became in {
            "hangs": ("timeout", "skipped: pre-result"),
            "raises": ("failed", "skipped: pre-result"),
        }.get(made.kind, ("ran", "skipped: pre-result"))
        for need in one.after:
            same_level = [c for c in checks if c.callback == need and c.stage is made.stage]
            if made.stage is not Stage.FILTER:
                same_level = [c for c in same_level if c.priority == made.priority]
            if same_level and need in order and one.callback in order:
                assert order.index(need) < order.index(one.callback)
