# SPDX-License-Identifier: Apache-2.0
"""What does one message ask the DNS? Its own count, its own limit, no question twice."""

import asyncio

from gatepost.net.answers import Answer, RecordType
from gatepost.net.resolver import PromptResolver, answer_of

DEFAULT_LIMIT = 64
"""``options.dns_max_requests``, a message."""
OVER_LIMIT = Answer("limit")


class TaskResolver:
    """One task's view of a :class:`Resolver`. Dropped with the task.

    ``requests`` counts the different questions that the message asked. Beyond ``limit`` a new
    question gets the rcode ``limit`` at once; questions that were asked before still answer.
    A ``limit`` of 0 means none.
    """

    __slots__ = ("answers", "flights", "limit", "pending", "requests", "resolver")

    def __init__(self, resolver: PromptResolver, limit: int = DEFAULT_LIMIT) -> None:
        self.resolver = resolver
        self.limit = limit
        self.requests = 0
        self.answers: dict[tuple[str, RecordType], Answer] = {}
        self.flights: dict[tuple[str, RecordType], asyncio.Event] = {}
        self.pending: dict[tuple[str, RecordType], asyncio.Future[Answer]] = {}

    def forced(self, seconds: float) -> "ForcedResolver":
        """The same for who asks little: its questions are asked even beyond the limit, and all of
        them together are waited for so many seconds.

        Otherwise a letter with many links could keep the sender's domain from being asked, and a
        slow zone could take all of the letter's time.
        """
        return ForcedResolver(self, seconds)

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
        if key not in self.pending:
            if self.limit and self.requests >= self.limit:
                return OVER_LIMIT
            self.requests += 1
        flight = self.flights[key] = asyncio.Event()
        try:
            answer = self.answers[key] = await self.resolver.query(name, type)
            return answer
        finally:  # also when this asker is cancelled: another one then asks again
            del self.flights[key]
            flight.set()

    def begin(
        self, name: str, type: RecordType, *, forced: bool = False
    ) -> Answer | asyncio.Future[Answer]:
        """As :meth:`PromptResolver.begin`. Whoever asks the same gets the same future: it must
        not be cancelled. A ``forced`` question is asked, and counted, even beyond the limit.
        """
        key = (name.lower().removesuffix("."), type)
        answer = self.answers.get(key)
        if answer is not None:
            return answer
        pending = self.pending.get(key)
        if pending is not None:
            return answer_of(pending) if pending.done() else pending
        if key not in self.flights:
            if self.limit and self.requests >= self.limit and not forced:
                return OVER_LIMIT
            self.requests += 1
        found = self.resolver.begin(name, type)
        if isinstance(found, Answer):
            self.answers[key] = found
        else:
            self.pending[key] = found
        return found


class ForcedResolver:
    """A :class:`Resolver` for one check that bounds its own questions; see ``forced``."""

    __slots__ = ("deadline", "loop", "resolver")

    def __init__(self, resolver: TaskResolver, seconds: float) -> None:
        self.resolver = resolver
        self.loop = asyncio.get_running_loop()
        self.deadline = self.loop.time() + seconds

    async def query(self, name: str, type: RecordType) -> Answer:
        """As :meth:`Resolver.query`. When the time is over, what is not known is a time-out."""
        found = self.resolver.begin(name, type, forced=True)
        if isinstance(found, Answer):
            return found
        left = max(self.deadline - self.loop.time(), 0.0)
        done, _ = await asyncio.wait((found,), timeout=left)
        return answer_of(found) if done else Answer("timeout")
