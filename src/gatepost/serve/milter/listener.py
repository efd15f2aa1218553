# SPDX-License-Identifier: Apache-2.0
"""What do the connections of one milter listener share besides: options, bounds, counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Protocol

import msgspec

from gatepost.serve.connections import Connections
from gatepost.serve.milter import answers as a
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.reply import Scan


class Member(Protocol):
    """A connection, as its listener sees it."""

    source: str

    @property
    def is_idle(self) -> bool: ...
    def close(self) -> None: ...
    def give_up(self) -> None: ...


class MilterCounters(msgspec.Struct):
    """What a listener has done since it began."""

    connections: int = 0
    refused_connections: int = 0
    """Closed at once: ``max_connections`` or the server stops."""
    protocol_errors: int = 0
    messages: int = 0
    refused_messages: int = 0
    """Not scanned: too large, or too much was held already."""
    failures: int = 0
    """Scans without a verdict."""
    cancelled: int = 0
    """Scans whose MTA went away."""
    accepted: int = 0
    rejected: int = 0
    tempfailed: int = 0
    discarded: int = 0
    quarantined: int = 0

    def count(self, given: Iterable[a.Answer]) -> None:
        """Counts one message's answers; a quarantined one counts as nothing else."""
        for answer in given:
            match answer:
                case a.Quarantine():
                    self.quarantined += 1
                    return
                case a.Accept():
                    self.accepted += 1
                case a.Discard():
                    self.discarded += 1
                case a.Tempfail():
                    self.tempfailed += 1
                case a.ReplyCode(line):
                    if line.startswith("4"):
                        self.tempfailed += 1
                    else:
                        self.rejected += 1


class Listener(Connections[Member]):
    """Shared state of one listener; see ``MilterServer`` for the units."""

    def __init__(
        self, scan: Scan, options: MilterOptions, *, max_message: int, timeout: float, max_held: int
    ) -> None:
        super().__init__(scan, max_held=max_held)
        self.options = options
        self.max_message = max_message
        self.timeout = timeout
        self.counters = MilterCounters()
        self._sources: Counter[str] = Counter()
        self._names = count(1)

    def next_name(self) -> str:
        """A short name for a connection, for the log."""
        return f"{next(self._names) & 0xFFFFFF:06x}"

    def admit(self, member: Member) -> bool:
        """Takes a new connection in, unless there are too many or the server stops."""
        options = self.options
        if (
            self.draining
            or 0 < options.max_connections <= len(self.members)
            or 0 < options.max_connections_per_source <= self._sources[member.source]
        ):
            self.counters.refused_connections += 1
            return False
        self.counters.connections += 1
        self.members.add(member)
        self._sources[member.source] += 1
        return True

    def release(self, member: Member) -> None:
        """A connection has ended. One that was never admitted is none of ours."""
        if member not in self.members:
            return
        self.members.remove(member)
        self._sources[member.source] -= 1
        if not self._sources[member.source]:
            del self._sources[member.source]
        self.changed.set()
