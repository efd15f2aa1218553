# SPDX-License-Identifier: Apache-2.0
"""What do the connections of one listener share, whatever they speak, and how do they end?

Knows its connections only as ``Member``, so that it stands below them. What messages hold in
memory is bounded for a whole listener: beyond it a message gets a temporary failure.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from gatepost.serve.reply import Scan

HELD_MESSAGES = 4
"""Messages of ``max_message`` bytes that may be held at once, all connections together."""


class ByteBudget:
    """How many bytes all connections of a listener may hold together."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """True when there was room for ``size`` more bytes, which then are held."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """Gives bytes back."""
        self.held -= size


class Member(Protocol):
    """A connection, as its listener sees it."""

    def give_up(self) -> None: ...


M = TypeVar("M", bound=Member)


class Connections(Generic[M]):
    """The connections of one listener and their scans; ``max_held`` is in bytes."""

    def __init__(self, scan: Scan, *, max_held: int) -> None:
        self.scan = scan
        self.budget = ByteBudget(max_held)
        self.draining = False
        self.members: set[M] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        """Set whenever a member has left."""

    def start(self, scanning: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs a scan as a task that is kept until it ends."""
        task = asyncio.get_running_loop().create_task(scanning)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def drain(self, grace: float) -> None:
        """Waits ``grace`` seconds for all to leave; those that are left then give up."""
        self.draining = True
        try:
            async with asyncio.timeout(grace):
                while self.members:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            for member in tuple(self.members):
                member.give_up()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Front(ABC):
    """What serves one listener, of whatever protocol; the worker makes its sockets."""

    def __init__(self, connections: Connections[Any]) -> None:
        self._connections = connections

    @property
    def open_connections(self) -> int:
        return len(self._connections.members)

    @property
    def running_scans(self) -> int:
        return len(self._connections.tasks)

    @property
    def held_bytes(self) -> int:
        """Bytes of messages that are in hand."""
        return self._connections.budget.held

    @abstractmethod
    def protocol_factory(self) -> asyncio.Protocol:
        """A protocol for one accepted connection."""

    async def drain(self, grace: float = 10.0) -> None:
        """Ends all connections; the listening socket must be closed already, by its owner.

        Messages in hand may go on for ``grace`` seconds; then those that are still being
        scanned get a temporary failure, and the rest are closed.
        """
        await self._connections.drain(grace)
