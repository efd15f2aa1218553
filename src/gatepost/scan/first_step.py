# SPDX-License-Identifier: Apache-2.0
"""Starts a coroutine in the middle of another task; only if it waits does it become a task.

Most checks that may wait find their answer in a cache and end in their first step; a task for
each would cost more than the checks do. The trap: during that step the current task would be the
caller's, and ``asyncio.timeout`` or a task group opened in it would later cancel the caller. So
the step runs in a context of its own and with a stand-in as its current task, which hands on to
the real one whatever reaches it later.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task, current_task  # see "Extending asyncio"
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any


class StandIn:
    """The current task of a first step, for as long as there is no real one."""

    # Defaults of the class rather than an __init__: one is made for each check that may wait.
    task: asyncio.Task[Any] | None = None
    cancelled_early = 0

    def cancel(self, msg: Any = None) -> bool:
        """As ``Task.cancel``; before there is a task it is kept for it."""
        if self.task is not None:
            return self.task.cancel(msg)
        self.cancelled_early += 1
        return True

    def cancelling(self) -> int:
        """As ``Task.cancelling``."""
        return self.cancelled_early if self.task is None else self.task.cancelling()

    def uncancel(self) -> int:
        """As ``Task.uncancel``."""
        if self.task is not None:
            return self.task.uncancel()
        self.cancelled_early = max(0, self.cancelled_early - 1)
        return self.cancelled_early

    def become(self, task: asyncio.Task[Any]) -> None:
        """From now on everything goes to ``task``."""
        self.task = task
        for _ in range(self.cancelled_early):
            task.cancel()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


class Continuation(Coroutine[Any, Any, Any]):
    """A coroutine that was stepped once and waits for ``waited``, as something to make a task of.

    Its first step is to wait for that; a cancellation that comes before it goes there too.
    """

    __slots__ = ("begun", "coroutine", "waited")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waited: Any) -> None:
        self.coroutine = coroutine
        self.waited = waited
        self.begun = False

    def send(self, value: Any) -> Any:
        """Goes on; raises ``StopIteration`` with the result."""
        if self.begun:
            return self.coroutine.send(value)
        self.begun = True
        return self.waited

    def throw(self, *error: Any) -> Any:
        """Throws into the coroutine, or cancels what it waits for if the task has not begun."""
        if not self.begun:
            self.begun = True
            if isinstance(error[0], asyncio.CancelledError) and self._cancel_waited():
                return self.waited
        return self.coroutine.throw(*error)

    def _cancel_waited(self) -> bool:
        return isinstance(self.waited, asyncio.Future) and self.waited.cancel()

    def close(self) -> None:
        """Closes the coroutine."""
        self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("a continuation is for a task, not to be awaited")


def first_step(
    coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str
) -> asyncio.Task[Any]:
    """Steps ``coroutine`` once and returns the task it goes on in, because it waits.

    Raises ``StopIteration`` with its result when it ended in this step, and what it raised.
    """
    context = copy_context()
    caller = current_task(loop)
    stand_in: Any = StandIn()
    if caller is not None:
        _leave_task(loop, caller)
    _enter_task(loop, stand_in)
    try:
        waited = context.run(coroutine.send, None)
    finally:
        _leave_task(loop, stand_in)
        if caller is not None:
            _enter_task(loop, caller)
    task = loop.create_task(Continuation(coroutine, waited), name=name, context=context)
    stand_in.become(task)
    return task
