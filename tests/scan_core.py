# SPDX-License-Identifier: Apache-2.0
"""What the tests of the scan core build a scan of: checks as functions, a task, an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepost.mail import Message
from gatepost.net import TaskResolver
from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.applied import NO_SWITCHES, NOTHING_APPLIED, Applied, Switches
from gatepost.scan.composites import Composite, Composites
from gatepost.scan.direction import INBOUND, Direction
from gatepost.scan.engine import Engine
from gatepost.scan.envelope import Envelope
from gatepost.scan.module import Check, Stage
from gatepost.scan.outcomes import Outcome, Trace
from gatepost.scan.plan import Planner
from gatepost.scan.result import Result
from gatepost.scan.symbol import Group, Hit, Symbol, SymbolConfig, SymbolRegistry
from gatepost.scan.task import Task
from gatepost.testing import Zone

LETTER = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\n\r\nHello\r\n"
SOON = 0.02  # seconds: a deadline that comes soon, and that nothing here needs longer than
NOBODY: Any = None  # for a store that no check asks


def shipped_actions(*more: Action) -> ActionTable:
    """Rspamd's thresholds, and actions of one's own."""
    return ActionTable(
        [
            Action("reject", 15.0),
            Action("add header", 6.0),
            Action("greylist", 4.0),
            Action("no action", None, ham=True),
            *more,
        ]
    )


def registry(
    *symbols: Symbol,
    groups: Iterable[Group] = (),
    configured: Mapping[str, SymbolConfig] | None = None,
    **options: Any,
) -> SymbolRegistry:
    """Symbols of one module in the group ``mod``, under this configuration."""
    made = SymbolRegistry(groups=groups, configured=configured, **options)
    for symbol in symbols:
        made.add(symbol, check="CHECK", group="mod")
    return made


def make_task(
    raw: bytes = LETTER,
    *,
    result: Result | None = None,
    envelope: Envelope | None = None,
    direction: Direction = INBOUND,
    settings: Applied = NOTHING_APPLIED,
) -> Task:
    """A task that no front end sent."""
    return Task(
        Message(raw),
        envelope or Envelope(),
        result=result or Result(registry(), shipped_actions()),
        resolver=TaskResolver(Zone()),
        store=NOBODY,
        direction=direction,
        settings=settings,
        now=1_767_225_600.0,
    )


def check(
    name: str,
    function: Callable[..., Any] = lambda task: None,
    stage: Stage = Stage.FILTER,
    **more: Any,
) -> Check:
    """A check without a module."""
    return Check(name, stage, function, **more)


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


@dataclass
class Ran:
    """What came of running checks over a task."""

    task: Task
    outcomes: dict[str, Outcome]
    engine: Engine

    @property
    def hits(self) -> list[str]:
        return list(self.task.result.found)

    @property
    def action(self) -> str:
        return self.task.result.verdict().action.name

    def became(self, name: str) -> str:
        """``ran``, ``failed`` …, with the reason of what was skipped."""
        outcome = self.outcomes[name]
        return f"skipped: {outcome.reason}" if outcome.outcome == "skipped" else outcome.outcome


def prepare(
    checks: Sequence[Check],
    *,
    symbols: Mapping[str, float] | None = None,
    composites: Mapping[str, str] | None = None,
    flags: Iterable[str] = (),
    actions: ActionTable | None = None,
    **engine: Any,
) -> tuple[Planner, Engine, Task]:
    """Planner, engine and task; ``symbols`` have these scores, ``composites`` are expressions."""
    known = SymbolRegistry()
    for name, score in (symbols or {}).items():
        known.add(Symbol(name, score), check=name, group="mod")
    for one in checks:
        for symbol in one.symbols:
            known.add(symbol, check=one.callback, group=one.group)
    late = {s.name for c in checks if c.stage is Stage.POSTFILTER for s in c.symbols}
    made = Composites([Composite(n, e) for n, e in (composites or {}).items()], known, late)
    task = make_task(result=Result(known, actions or shipped_actions()))
    task.flags |= set(flags)
    return Planner(checks, known), Engine(made, **engine), task


async def run(
    *checks: Check,
    switches: Switches = NO_SWITCHES,
    direction: Direction = INBOUND,
    skipped: bool = False,
    **more: Any,
) -> Ran:
    """Runs the checks over one letter and tells what became of each."""
    planner, engine, task = prepare(checks, **more)
    task.result.skipped = skipped
    trace = Trace()
    await engine.run(planner.plan(switches, direction), task, trace)
    return Ran(task, trace.outcomes, engine)
