# SPDX-License-Identifier: Apache-2.0
"""What does one message ask the DNS? Its own count, its own limit, no question twice."""

import asyncio

from gatepost.net.answers import Answer, RecordType
from gatepost.net.resolver import Resolver

DEFAULT_LIMIT = 64
"""``options.dns_max_requests``, a message."""


class TaskResolver:
    """One task's view of a :class:`Resolver`. Dropped with the task.

    ``requests`` counts the different questions that the message asked. Beyond ``limit`` a new
    question gets the rcode ``limit`` at once; questions that were asked before still answer.
    A ``limit`` of 0 means none.
    """

    __slots__ = ("answers", "flights", "limit", "requests", "resolver")

    def __init__(self, resolver: Resolver, limit: int = DEFAULT_LIMIT) -> None:
        self.resolver = resolver
        self.limit = limit
        self.requests = 0
        self.answers: dict[tuple[str, RecordType], Answer] = {}
        self.flights: dict[tuple[str, RecordType], asyncio.Event] = {}

    async def query(self, name: str, type: RecordType) -> Answer:
        """As :meth:`Resolver.query`: never raises for DNS trouble."""
        key = (name.lower().removesuffix("."), type)
        while True:
            answer = self.answers.get(key)
            if answer is not None:
                return answer
            flight = self.flights.get(key)
            if flight is None:
                break
            await flight.wait()
        if self.limit and self.requests >= self.limit:
            return Answer("limit")
        self.requests += 1
        flight = self.flights[key] = asyncio.Event()
        try:
            answer = self.answers[key] = await self.resolver.query(name, type)
            return answer
        finally:  # also when this asker is cancelled: another one then asks again
            del self.flights[key]
            flight.set()
