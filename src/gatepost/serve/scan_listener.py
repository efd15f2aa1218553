# SPDX-License-Identifier: Apache-2.0
"""What do all connections of one scan listener share: options, bounds, counters, tasks.

Knows its connections only as ``Member``, so that it stands below them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from gatepost.serve.milter.letter import ByteBudget
from gatepost.serve.reply import Scan
from gatepost.serve.scan_options import ScanPortCounters, ScanPortOptions

HELD_MESSAGES = 4
"""Requests of ``max_message`` bytes that may be held at once, all connections together."""
MIN_HELD = 1024 * 1024  # bytes: a few reads of a socket must fit, however small messages are


class Member(Protocol):
    """A connection, as its listener sees it."""

    def give_up(self) -> None: ...


class ScanListener:
    """Shared state of one listener. ``ready`` is what ``/ping`` goes by."""

    def __init__(self, scan: Scan, options: ScanPortOptions) -> None:
        self.scan = scan
        self.options = options
        largest = max(options.max_message, MIN_HELD)
        self.budget = ByteBudget(options.max_held or HELD_MESSAGES * largest)
        self.counters = ScanPortCounters()
        self.ready = False
        self.draining = False
        self.members: set[Member] = set()
        self.busy: set[Member] = set()
        """Those of ``members`` that have no answer yet."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()
        """Set whenever a member has left."""

    def is_ready(self) -> bool:
        return self.ready and not self.draining

    def admit(self, member: Member) -> bool:
        """Takes a new connection in, unless there are too many or the server stops."""
        if self.draining or 0 < self.options.max_tasks <= len(self.busy):
            self.counters.refused_connections += 1
            return False
        self.counters.connections += 1
        self.members.add(member)
        self.busy.add(member)
        return True

    def rest(self, member: Member) -> None:
        """A connection has its answer and only waits for its client to close."""
        self.busy.discard(member)

    def release(self, member: Member) -> None:
        """A connection has ended; one that was never admitted may say so too."""
        self.members.discard(member)
        self.busy.discard(member)
        self.changed.set()

    def start(self, scanning: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs a scan as a task that is kept until it ends."""
        task = asyncio.get_running_loop().create_task(scanning)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
