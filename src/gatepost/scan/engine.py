# SPDX-License-Identifier: Apache-2.0
"""Runs a plan over one task, under a deadline.

The strategy: most checks need no I/O and are called in line, one after the other. Checks
that may wait are stepped once at once, because most of them find their answer in a cache
and end there; only one that really waits becomes an asyncio task. All that wait, wait
together, and one timer serves them all.

True at all times: a check's failure is that check's alone. This is the only place that
catches it. Hits count from the moment they are yielded, so those given before a deadline
survive it. Cancelling ``run`` cancels everything it started.

Source: core reference §3.1 (stages and gates), §2 "Timeout handling"; DESIGN §3 and §7.
"""

from __future__ import annotations

import asyncio
import logging
import time
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import aclosing
from typing import Any

from gatepost.scan.composites import Composites
from gatepost.scan.outcomes import Ending, Outcome, Trace
from gatepost.scan.plan import Level, Plan, Step
from gatepost.scan.result import LOW
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task

log = logging.getLogger("gatepost.engine")

CANCEL_GRACE = 1.0  # seconds that a cancelled check has to clean up
Insert = Callable[[Hit], None]


class Waiting:
    """A check that really waits: its step, its own deadline, when it began."""

    __slots__ = ("began", "deadline", "step")

    def __init__(self, step: Step, began: float, deadline: float) -> None:
        self.step = step
        self.began = began
        self.deadline = deadline


class Engine:
    """Runs plans. One for each configuration; it keeps nothing of a message.

    ``task_timeout`` is the time for all filters of a message, in seconds; postfilters may
    take as long again. ``eager`` steps waiting checks in line first; switch it off where
    a check's first step may use ``asyncio.timeout`` (a client library that does).
    """

    def __init__(
        self,
        composites: Composites,
        *,
        task_timeout: float = 8.0,
        soft_reject_on_timeout: bool = False,
        check_all_filters: bool = False,
        grow_factor: float = 1.0,
        eager: bool = True,
    ) -> None:
        self.composites = composites
        self.task_timeout = task_timeout
        self.soft_reject_on_timeout = soft_reject_on_timeout
        self.check_all_filters = check_all_filters
        self.grow_factor = grow_factor
        self.eager = eager
        self.failures: Counter[str] = Counter()
        self.timeouts: Counter[str] = Counter()

    async def run(self, plan: Plan, task: Task, trace: Trace | None = None) -> None:
        """Runs every stage of ``plan``. Never raises for what a check does."""
        await Run(self, plan, task, trace).all_stages()


class Run:
    """One plan running over one task."""

    __slots__ = ("deadline", "engine", "insert", "loop", "plan", "task", "trace", "waiting")

    def __init__(self, engine: Engine, plan: Plan, task: Task, trace: Trace | None) -> None:
        self.engine = engine
        self.plan = plan
        self.task = task
        self.trace = trace
        self.loop = asyncio.get_running_loop()
        self.deadline = self.loop.time() + engine.task_timeout
        self.waiting: dict[asyncio.Task[None], Waiting] = {}
        self.insert: Insert = task.result.insert if plan.permits is None else self._insert_allowed

    async def all_stages(self) -> None:
        """Prefilters to idempotent, as DESIGN §3 orders them."""
        plan, result = self.plan, self.task.result
        if self.trace is not None:
            self._trace_left_out(self.trace)
        try:
            for level in plan.prefilters:
                await self._run_level(level)
            await self._run_level(plan.filters)
            await self._run_level(plan.classifiers)
            self.engine.composites.apply(result, plan.permits)
            self.deadline = self.loop.time() + self.engine.task_timeout
            for level in plan.postfilters:
                await self._run_level(level)
            result.grow(self.engine.grow_factor)
            if plan.postfilters:
                self.engine.composites.apply_late(result, plan.permits)
            result.closed = True
            for level in plan.idempotent:
                await self._run_level(level)
        finally:
            if self.waiting:
                await self._cancel(list(self.waiting))

    async def _run_level(self, level: Level) -> None:
        """Runs steps in order; one whose needs still wait is put off until they end."""
        deferred: list[Step] = []
        unfinished: set[str] = set()
        for step in level:
            if unfinished and not step.needs.isdisjoint(unfinished):
                deferred.append(step)
                unfinished.add(step.callback)
            elif not self._start(step):
                unfinished.add(step.callback)
        while self.waiting:
            unfinished.difference_update(await self._wait())
            still: list[Step] = []
            for step in deferred:
                if not step.needs.isdisjoint(unfinished):
                    still.append(step)
                elif self._start(step):
                    unfinished.discard(step.callback)
            deferred = still
        for step in deferred:
            self._start(step)

    def _start(self, step: Step) -> bool:
        """Runs a step as far as it goes without waiting; False when it now waits."""
        reason = self._why_stop(step)
        if reason:
            self._note(step, "skipped", reason)
            return True
        if not step.waits:
            self._run_plain(step)
            return True
        began = time.perf_counter()
        coroutine = self._body(step)
        if step.eager and self.engine.eager:
            try:
                waited = coroutine.send(None)
            except StopIteration:
                self._note(step, "ran", began=began)
                return True
            except Exception as error:
                self._failed(step, error, began)
                return True
            coroutine = _resume(coroutine, waited)
        self._wait_for(step, coroutine, began)
        return False

    def _run_plain(self, step: Step) -> None:
        began = time.perf_counter() if self.trace is not None else 0.0
        try:
            hits = step.function(self.task)
            if hits is not None:
                for hit in hits:
                    self.insert(hit)
        except Exception as error:
            self._failed(step, error, began)
            return
        if self.trace is not None:
            self._note(step, "ran", began=began)

    async def _body(self, step: Step) -> None:
        if step.check.yields:
            async with aclosing(step.function(self.task)) as hits:
                async for hit in hits:
                    self.insert(hit)
            return
        hits = await step.function(self.task)
        if hits is not None:
            for hit in hits:
                self.insert(hit)

    def _wait_for(self, step: Step, coroutine: Coroutine[Any, Any, None], began: float) -> None:
        deadline = self.deadline
        if step.timeout:
            deadline = min(deadline, self.loop.time() + step.timeout)
        self.waiting[self.loop.create_task(coroutine)] = Waiting(step, began, deadline)

    async def _wait(self) -> set[str]:
        """Waits until some check ends or is out of time; returns those that are finished."""
        nearest = min(waiting.deadline for waiting in self.waiting.values())
        done, _ = await asyncio.wait(
            self.waiting,
            timeout=max(0.0, nearest - self.loop.time()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        finished = {self._reap(task) for task in done}
        now = self.loop.time()
        late = [task for task, waiting in self.waiting.items() if waiting.deadline <= now]
        if late:
            finished |= {self.waiting[task].step.callback for task in late}
            for task in late:
                self._timed_out(self.waiting[task])
            await self._cancel(late)
        return finished

    def _reap(self, done: asyncio.Task[None]) -> str:
        waiting = self.waiting.pop(done)
        if done.cancelled():
            self._failed(waiting.step, asyncio.CancelledError("cancelled itself"), waiting.began)
        elif (error := done.exception()) is not None:
            self._failed(waiting.step, error, waiting.began)
        else:
            self._note(waiting.step, "ran", began=waiting.began)
        return waiting.step.callback

    async def _cancel(self, late: Sequence[asyncio.Task[None]]) -> None:
        for task in late:
            self.waiting.pop(task, None)
            task.cancel()
        done, deaf = await asyncio.wait(late, timeout=CANCEL_GRACE)
        for task in done:
            if not task.cancelled():
                task.exception()  # looked at, so that asyncio does not complain
        for task in deaf:
            log.error("a check ignores its cancellation: %r", task)

    def _timed_out(self, waiting: Waiting) -> None:
        step, task = waiting.step, self.task
        self.engine.timeouts[step.callback] += 1
        task.log(logging.WARNING, "check %s ran out of time", step.callback)
        self._note(step, "timeout", "deadline", began=waiting.began)
        if self.engine.soft_reject_on_timeout and waiting.deadline >= self.deadline:
            task.set_pre_result(
                "soft reject",
                "timeout processing message",
                module="task timeout",
                priority=LOW,
            )

    def _why_stop(self, step: Step) -> str:
        """The gates before each check: is the message decided already? (§3.1)"""
        result = self.task.result
        if result.closed:
            return ""
        if result.skipped:
            return "pre-result" if result.pre_results else "settings"
        if step.survives == 2:
            return ""
        if result.pre_results and step.survives == 0 and result.decided is not None:
            return "pre-result"
        if (
            result.over_limit
            and not self.engine.check_all_filters
            and step.check.stage == 2
            and "pass_all" not in self.task.flags
        ):
            return "score limit"
        if self.loop.time() >= self.deadline:
            return "deadline"
        return ""

    def _insert_allowed(self, hit: Hit) -> None:
        permits = self.plan.permits
        if permits is None or permits(hit.name):
            self.task.result.insert(hit)

    def _failed(self, step: Step, error: BaseException, began: float) -> None:
        self.engine.failures[step.callback] += 1
        self.task.log(
            logging.ERROR, "check %s failed: %s: %s", step.callback, type(error).__name__, error
        )
        log.debug("traceback of %s", step.callback, exc_info=error)
        self._note(step, "failed", f"{type(error).__name__}: {error}", began=began)

    def _note(
        self, step: Step, outcome: Ending, reason: str = "", *, began: float | None = None
    ) -> None:
        if self.trace is None:
            return
        ms = 0.0 if began is None else (time.perf_counter() - began) * 1000
        owned = {symbol.name for symbol in step.check.symbols}
        found = tuple(name for name in self.task.result.found if name in owned)
        module = step.check.module.name if step.check.module else step.check.group
        self.trace.add(Outcome(step.callback, module, outcome, reason, None, ms, found))

    def _trace_left_out(self, trace: Trace) -> None:
        for left in self.plan.left_out:
            module = left.check.module.name if left.check.module else left.check.group
            trace.add(Outcome(left.check.callback, module, "skipped", left.reason, left.option))


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], waited: Any) -> Generator[Any, Any, None]:
    """Goes on with a coroutine that was stepped once and now waits for ``waited``."""
    while True:
        try:
            sent = yield waited
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            try:
                waited = coroutine.throw(error)
            except StopIteration:
                return
        else:
            try:
                waited = coroutine.send(sent)
            except StopIteration:
                return
