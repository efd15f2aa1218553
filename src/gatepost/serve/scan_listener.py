# SPDX-License-Identifier: Apache-2.0
"""What do the connections of one scan listener share besides: options, bounds, counters."""

from __future__ import annotations

from gatepost.serve.connections import HELD_MESSAGES, Connections, Member
from gatepost.serve.reply import Scan
from gatepost.serve.scan_options import ScanPortCounters, ScanPortOptions

MIN_HELD = 1024 * 1024  # bytes: a few reads of a socket must fit, however small messages are


class ScanListener(Connections[Member]):
    """Shared state of one listener. ``ready`` is what ``/ping`` goes by."""

    def __init__(self, scan: Scan, options: ScanPortOptions) -> None:
        largest = max(options.max_message, MIN_HELD)
        super().__init__(scan, max_held=options.max_held or HELD_MESSAGES * largest)
        self.options = options
        self.counters = ScanPortCounters()
        self.ready = False
        self.busy: set[Member] = set()
        """Those of ``members`` that have no answer yet."""

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
