# SPDX-License-Identifier: Apache-2.0
"""Has this worker asked that lately, or is it asking right now? One cache for all messages.

Bounded by entries and by bytes (a rough count), least recently used first out. An answer that
several messages want at once is asked for once: the others wait for the same future.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from gatepost.net.answers import Answer, RecordType

Key = tuple[str, RecordType]

NEGATIVE_TTL = 60.0
"""Seconds for "no such name" and "no such record": the library hides the SOA (RFC 2308 5)."""

FAILURE_TTL = 5.0
"""Seconds for a server's error (RFC 2308 7.1 allows up to five minutes). A silence is not kept."""

MAX_TTL = 86_400.0  # seconds
ENTRY_BYTES = 300
"""What a small entry weighs, with its key and its place in the table."""


class DnsCache:
    """Answers by (name, type).

    ``max_entries`` and ``max_bytes`` bound it; ``clock`` gives seconds that only grow.
    """

    def __init__(
        self,
        *,
        max_entries: int = 20_000,
        max_bytes: int = 32 * 1024 * 1024,
        negative_ttl: float = NEGATIVE_TTL,
        failure_ttl: float = FAILURE_TTL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.clock = clock
        self.size = 0
        self.fixed_ttl: dict[str, float] = {
            "nxdomain": negative_ttl,
            "norec": negative_ttl,
            "servfail": failure_ttl,
            "refused": failure_ttl,
            "formerr": failure_ttl,
            "notimp": failure_ttl,
        }
        self.entries: OrderedDict[Key, tuple[float, int, Answer]] = OrderedDict()
        self.flights: dict[Key, Flight] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, key: Key) -> Answer | None:
        """The answer if it is still good. Its ``ttl`` is that of the time when it came."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self.clock():
            self.forget(key)
            return None
        self.entries.move_to_end(key)
        return entry[2]

    def keep(self, key: Key, answer: Answer) -> None:
        """Remember ``answer`` as long as its kind may be remembered."""
        ttl = min(answer.ttl if answer.ok else self.fixed_ttl.get(answer.rcode, 0.0), MAX_TTL)
        if ttl <= 0:
            return
        self.forget(key)
        size = ENTRY_BYTES + len(key[0]) + sum(map(len, answer.records))
        if size > self.max_bytes // 16:  # one huge answer is not worth a thousand small ones
            return
        self.entries[key] = (self.clock() + ttl, size, answer)
        self.size += size
        while len(self.entries) > self.max_entries or self.size > self.max_bytes:
            self.size -= self.entries.popitem(last=False)[1][1]

    def forget(self, key: Key) -> None:
        """Drop one entry, if it is there."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.size -= entry[1]

    def depart(self, key: Key) -> "Flight":
        """A question is under way: who asks the same joins it in ``flights``, until it lands.

        It outlives whoever waits for it, and so must not be cancelled by one of them.
        """
        flight: Flight = asyncio.get_running_loop().create_future()
        self.flights[key] = flight
        return flight

    def land(self, key: Key, answer: Answer) -> None:
        """The answer has come: remember it, and tell everybody who waits."""
        self.keep(key, answer)
        flight = self.flights.pop(key, None)
        if flight is not None and not flight.done():
            flight.set_result(answer)

    def close(self) -> None:
        """Whoever waits gets a cancellation of the question."""
        for flight in self.flights.values():
            flight.cancel()
        self.flights.clear()


Flight = asyncio.Future[Answer]
