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
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from gatepost.errors import describe
from gatepost.scan.composites import Composites
from gatepost.scan.first_step import first_step
from gatepost.scan.module import Check
from gatepost.scan.outcomes import Ending, Outcome, Trace
from gatepost.scan.plan import Level, Plan, Step
from gatepost.scan.result import LOW, Result
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

    ``task_timeout`` is the time for prefilters and filters of a message, in seconds; what
    follows them may take as long again, and so may the idempotent stage. ``failures`` and
    ``timeouts`` count by check.
    """

    def __init__(
        self,
        composites: Composites,
        *,
        task_timeout: float = 8.0,
        soft_reject_on_timeout: bool = False,
        check_all_filters: bool = False,
        grow_factor: float = 1.0,
    ) -> None:
        self.composites = composites
        self.task_timeout = task_timeout
        self.soft_reject_on_timeout = soft_reject_on_timeout
        self.check_all_filters = check_all_filters
        self.grow_factor = grow_factor
        self.failures: Counter[str] = Counter()
        self.timeouts: Counter[str] = Counter()
        self.strays: set[asyncio.Task[Any]] = set()  # they ignore their cancellation

    async def run(self, plan: Plan, task: Task, trace: Trace | None = None) -> None:
        """Runs every stage of ``plan``. Never raises for what a check does."""
        await Run(self, plan, task, trace).all_stages()


class Run:
    """One plan running over one task.

    ``limit`` is the score above which filters are not worth running, ``filtering`` is true
    until the filters ended. ``waiting`` checks become ``late`` ones when their time is up:
    those are cancelled, and looked after at the end. ``ended`` are tasks that are done and
    have not been looked at.
    """

    __slots__ = (
        "deadline",
        "ended",
        "engine",
        "filtering",
        "insert",
        "late",
        "limit",
        "loop",
        "plan",
        "task",
        "trace",
        "waiting",
        "wake",
    )

    def __init__(self, engine: Engine, plan: Plan, task: Task, trace: Trace | None) -> None:
        self.engine = engine
        self.plan = plan
        self.task = task
        self.trace = trace
        self.loop = asyncio.get_running_loop()
        self.deadline = self.loop.time() + engine.task_timeout
        self.limit = math.inf
        self.filtering = True
        self.waiting: dict[asyncio.Task[Any], Waiting] = {}
        self.late: set[asyncio.Task[Any]] = set()
        self.ended: list[asyncio.Task[Any]] = []
        self.wake: asyncio.Future[None] | None = None
        self.insert = _inserter(task.result, plan)

    async def all_stages(self) -> None:
        """Prefilters to idempotent, as DESIGN §3 orders them."""
        if self.trace is not None:
            self._trace_left_out(self.trace)
        try:
            await self._filter()
            await self._conclude()
        finally:
            if self.waiting or self.late:
                await self._end_all()

    async def _filter(self) -> None:
        plan, engine = self.plan, self.engine
        for level in plan.prefilters:
            await self._run_level(level)
        if not engine.check_all_filters and "pass_all" not in self.task.flags:
            self.limit = self.task.result.actions.required_score
        await self._run_level(plan.filters)
        self.limit = math.inf
        self.filtering = False

    async def _conclude(self) -> None:
        plan, engine, result = self.plan, self.engine, self.task.result
        self.deadline = self.loop.time() + engine.task_timeout
        if plan.classifiers:
            await self._run_level(plan.classifiers)
        if not result.skipped:
            engine.composites.apply(result, plan.permits)
        for level in plan.postfilters:
            await self._run_level(level)
        if not result.skipped:
            result.grow(engine.grow_factor)
            if plan.postfilters:
                engine.composites.apply_late(result, plan.permits)
        result.closed = True
        if plan.idempotent:
            self.deadline = self.loop.time() + engine.task_timeout
            for level in plan.idempotent:
                await self._run_level(level)

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

    def _start(self, step: Step) -> bool:
        """Runs a step as far as it goes without waiting; False when it now waits."""
        reason = self._why_stop(step)
        if reason:
            if self.trace is not None:
                self._note(step, "skipped", reason)
            return True
        began = time.perf_counter() if self.trace is not None else 0.0
        try:
            if step.waits:
                work = self._collect(step) if step.yields else step.function(self.task)
                try:
                    self._wait_for(step, first_step(work, self.loop, step.callback), began)
                    return False
                except StopIteration as end:
                    hits = end.value
            else:
                hits = step.function(self.task)
            if hits is not None:
                for hit in hits:
                    self.insert(hit)
        except (Exception, asyncio.CancelledError) as error:
            # Nobody cancels us in here: we do not wait. A check that raises it has failed.
            self._failed(step, error, began)
            return True
        if self.trace is not None:
            self._note(step, "ran", began=began)
        return True

    async def _collect(self, step: Step) -> None:
        hits = step.function(self.task)
        try:
            async for hit in hits:
                if self.late and asyncio.current_task() in self.late:
                    raise asyncio.CancelledError("it had its time")
                self.insert(hit)
        except BaseException:
            await hits.aclose()
            raise

    def _wait_for(self, step: Step, work: asyncio.Task[Any], began: float) -> None:
        deadline = self.deadline
        if step.timeout:
            deadline = min(deadline, self.loop.time() + step.timeout)
        self.waiting[work] = Waiting(step, began, deadline)
        work.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[Any]) -> None:
        self.ended.append(work)
        self._wake_up()

    def _wake_up(self) -> None:
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    async def _wait(self) -> set[str]:
        """Waits until some check ends or is out of time; returns those that are finished."""
        if not self.ended:
            nearest = min(waiting.deadline for waiting in self.waiting.values())
            self.wake = self.loop.create_future()
            timer = self.loop.call_at(nearest, self._wake_up)
            try:
                await self.wake
            finally:
                timer.cancel()
                self.wake = None
        ended, self.ended = self.ended, []
        finished = {self.waiting[work].step.callback for work in ended if work in self.waiting}
        for work in ended:
            self._reap(work)
        now = self.loop.time()
        for work in [work for work, waiting in self.waiting.items() if waiting.deadline <= now]:
            waiting = self.waiting.pop(work)
            finished.add(waiting.step.callback)
            self._timed_out(waiting)
            self.late.add(work)
            work.cancel()
        return finished

    def _reap(self, work: asyncio.Task[Any]) -> None:
        waiting = self.waiting.pop(work, None)
        error = asyncio.CancelledError("cancelled itself") if work.cancelled() else work.exception()
        if waiting is None:  # late: what it says now is not heard any more
            self.late.discard(work)
            return
        if error is None:
            try:
                for hit in work.result() or ():
                    self.insert(hit)
            except Exception as failure:
                error = failure
        if error is not None:
            self._failed(waiting.step, error, waiting.began)
        elif self.trace is not None:
            self._note(waiting.step, "ran", began=waiting.began)

    async def _end_all(self) -> None:
        """Cancels what still runs and gives it, and what is late, a moment to clean up."""
        self.late.update(self.waiting)
        for work in self.waiting:
            work.cancel()
        done, deaf = await asyncio.wait(self.late, timeout=CANCEL_GRACE)
        for work in done:
            _forget(work)
        for work in deaf:
            log.error("check %s ignores its cancellation", work.get_name())
            self.engine.strays.add(work)
            work.add_done_callback(self.engine.strays.discard)
            work.add_done_callback(_forget)

    def _timed_out(self, waiting: Waiting) -> None:
        step = waiting.step
        self.engine.timeouts[step.callback] += 1
        self.task.log(logging.WARNING, "check %s ran out of time", step.callback)
        if self.trace is not None:
            self._note(step, "timeout", "deadline", began=waiting.began)
        if waiting.deadline >= self.deadline:
            self._out_of_time()

    def _out_of_time(self) -> None:
        """The message's time for filters is up: a temporary failure, where that is wished for."""
        if not (self.filtering and self.engine.soft_reject_on_timeout):
            return
        self.filtering = False  # once is enough
        if self.task.result.verdict().action.name != "reject":
            self.task.set_pre_result(
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
            return self._why_skipped()
        if self.loop.time() >= self.deadline:
            self._out_of_time()
            return "deadline"
        if step.survives == 2:
            return ""
        if result.pre_results and not step.survives and result.stops(filters=step.filters):
            return "pre-result"
        return "score limit" if result.score > self.limit else ""

    def _why_skipped(self) -> str:
        if self.task.result.pre_results:
            return "pre-result"
        return "skip flag" if "skip" in self.task.envelope.flags else "settings"

    def _failed(self, step: Step, error: BaseException, began: float) -> None:
        self.engine.failures[step.callback] += 1
        said = describe(error, frames=1)
        self.task.log(logging.ERROR, "check %s failed: %s", step.callback, said)
        log.debug("traceback of %s", step.callback, exc_info=error)
        if self.trace is not None:
            self._note(step, "failed", f"{type(error).__name__}: {error}", began=began)

    def _note(
        self, step: Step, outcome: Ending, reason: str = "", *, began: float | None = None
    ) -> None:
        if self.trace is None:
            return
        ms = 0.0 if began is None else (time.perf_counter() - began) * 1000
        owned = {symbol.name for symbol in step.check.symbols}
        found = tuple(name for name in self.task.result.found if name in owned)
        self.trace.add(Outcome(step.callback, _owner(step.check), outcome, reason, None, ms, found))

    def _trace_left_out(self, trace: Trace) -> None:
        for left in self.plan.left_out:
            callback, owner = left.check.callback, _owner(left.check)
            trace.add(Outcome(callback, owner, "skipped", left.reason, left.option))


def _inserter(result: Result, plan: Plan) -> Insert:
    """Puts in what the plan permits. No method of ``Run``: that would be a circle, and the letter
    with everything made of it would stay in memory until the collector comes by."""
    insert, permits = result.insert, plan.permits
    if permits is None:
        return insert

    def insert_permitted(hit: Hit) -> None:
        if permits(hit.name):
            insert(hit)

    return insert_permitted


def _owner(check: Check) -> str:
    return check.module.name if check.module is not None else check.group


def _forget(work: asyncio.Task[Any]) -> None:
    """Looks at how a task ended, so that asyncio does not complain that nobody did."""
    if not work.cancelled():
        work.exception()
