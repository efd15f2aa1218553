# SPDX-License-Identifier: Apache-2.0
"""What does the DNS say? Made-up records, then the cache, then the servers.

A query is sent up to ``retransmits`` times, each time to the next server in turn (those that fail
are left alone for a while) and for at most ``timeout`` seconds; with its aliases it takes no more
than ``timeout × retransmits`` seconds in all, whatever the servers do. So a black-holed resolver
delays a message by a known time, and every message that asks the same question waits once.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from gatepost.net.answers import Answer, RecordType, find_query_name
from gatepost.net.cares import Alias, CaresServer, Outcome
from gatepost.net.dns_cache import DnsCache, Flight
from gatepost.net.errors import UpstreamError
from gatepost.net.upstreams import Health, Upstream, UpstreamList

MAX_ALIASES = 8
"""Aliases that are followed by a query of their own (a recursive server follows them itself)."""

Tried = tuple[Upstream, Outcome]
"""A server and what it said."""

RESOLV_CONF = Path("/etc/resolv.conf")


class Resolver(Protocol):
    """Anything that answers DNS queries: the real one, a task's view of it, a test's zone."""

    async def query(self, name: str, type: RecordType) -> Answer:
        """Ask for the records of ``name``. Never raises for DNS trouble: see ``Answer.rcode``."""
        ...  # pragma: no cover


class PromptResolver(Resolver, Protocol):
    """A resolver that can be asked by somebody who has many questions and no time to wait."""

    def begin(self, name: str, type: RecordType) -> Answer | asyncio.Future[Answer]:
        """As ``query``, without waiting: the answer if it is here, else what it will come in.

        The future belongs to everybody who asked the same: it must not be cancelled. It never
        fails; when the resolver is closed it is cancelled (:func:`answer_of` tells).
        """
        ...  # pragma: no cover


def answer_of(done: asyncio.Future[Answer]) -> Answer:
    """The answer of a future of ``begin`` that is done."""
    return Answer("closed") if done.cancelled() else done.result()


class ResolverSettings(msgspec.Struct, frozen=True):
    """``options.dns``. ``timeout`` in seconds, for each of at most ``retransmits`` attempts.

    ``nameserver`` holds server strings (``ip``, ``ip:port:weight``) or one upstream string; empty:
    those of resolv.conf. ``cache_size`` counts answers, ``cache_bytes`` their rough weight.
    """

    nameserver: tuple[str, ...] = ()
    timeout: float = 1.0
    retransmits: int = 5
    cache_size: int = 20_000
    cache_bytes: int = 32 * 1024 * 1024
    health: Health = Health()


class TypeCount(msgspec.Struct):
    """What happened to the queries of one record type."""

    asked: int = 0
    faked: int = 0
    cached: int = 0
    sent: int = 0
    outcomes: dict[str, int] = {}


class DnsResolver:
    """The resolver of a worker. Made anywhere, used on one event loop, closed by its owner."""

    def __init__(
        self,
        settings: ResolverSettings | None = None,
        *,
        fake_records: Mapping[tuple[str, RecordType], Answer] | None = None,
        cache: DnsCache | None = None,
        servers: UpstreamList | None = None,
    ) -> None:
        """Raises :class:`UpstreamError` if ``settings.nameserver`` cannot be read."""
        self.settings = settings or ResolverSettings()
        self.fake_records = dict(fake_records or {})
        if cache is None:
            size, weight = self.settings.cache_size, self.settings.cache_bytes
            cache = DnsCache(max_entries=size, max_bytes=weight)
        self.cache = cache
        self.upstreams = servers or name_servers(self.settings)
        self.sockets: dict[Upstream, CaresServer] = {}
        self.statistics: dict[RecordType, TypeCount] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closed = False

    @property
    def longest(self) -> float:
        """No query takes longer, in seconds."""
        return self.settings.timeout * max(self.settings.retransmits, 1)

    async def query(self, name: str, type: RecordType) -> Answer:
        """As :meth:`Resolver.query`. Names may be international ones, with or without final dot."""
        found = self.begin(name, type)
        if isinstance(found, Answer):
            return found
        try:
            return await asyncio.shield(found)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.closed and not (task is not None and task.cancelling()):
                return Answer("closed")  # the question was cancelled, not who asked it
            raise

    def begin(self, name: str, type: RecordType) -> Answer | asyncio.Future[Answer]:
        """As :meth:`PromptResolver.begin`."""
        count = self.statistics.get(type)
        if count is None:
            count = self.statistics[type] = TypeCount()
        count.asked += 1
        asked = find_query_name(name)
        if asked is None:
            return Answer("badname")
        key = (asked, type)
        answer = self.fake_records.get(key)
        if answer is not None:
            count.faked += 1
            return answer
        answer = self.cache.find(key)
        if answer is not None:
            count.cached += 1
            return answer
        if self.closed:
            return Answer("closed")
        flight = self.cache.flights.get(key)
        if flight is None:
            flight = self.cache.depart(key)
            self.ask(key, count, flight)
        return answer_of(flight) if flight.done() else flight

    def ask(self, key: tuple[str, RecordType], count: TypeCount, flight: Flight) -> None:
        """Ask a server. Nearly all questions end with its answer, and so need no task."""
        count.sent += 1
        deadline = flight.get_loop().time() + self.longest
        server = self.upstreams.pick(key=key[0])

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Answer) and not outcome.failed:
                self.upstreams.ok(server)
                self.land(key, count, outcome)
            elif not self.closed:
                going_on = self.ask_on(key, count, (server, outcome), deadline)
                task = flight.get_loop().create_task(going_on)
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

        self.socket(server).start(*key, done)

    def land(self, key: tuple[str, RecordType], count: TypeCount, answer: Answer) -> None:
        count.outcomes[answer.rcode] = count.outcomes.get(answer.rcode, 0) + 1
        self.cache.land(key, answer)

    async def ask_on(
        self, key: tuple[str, RecordType], count: TypeCount, first: Tried, deadline: float
    ) -> None:
        """Ask other servers, along the aliases, within the limit of time."""
        answer = Answer("servfail")
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self.follow(*key, first)
        except TimeoutError:
            answer = Answer("timeout")
        finally:
            if not self.closed:
                self.land(key, count, answer)

    async def follow(self, name: str, kind: RecordType, first: Tried | None) -> Answer:
        """The answer at the end of the aliases, with the least ``ttl`` on the way; SERVFAIL for
        a circle, and for more than ``MAX_ALIASES``."""
        seen = {name}
        ttl = float("inf")
        for _ in range(MAX_ALIASES):
            try:
                answer = await self.ask_in_turn(name, kind, first)
            except Alias as alias:
                if alias.target in seen:
                    break
                name, ttl, first = alias.target, min(ttl, alias.ttl), None
                seen.add(name)
                faked = self.fake_records.get((name, kind))
                if faked is not None:
                    return faked
                continue
            return (
                msgspec.structs.replace(answer, ttl=min(ttl, answer.ttl)) if answer.ok else answer
            )
        return Answer("servfail")

    async def ask_in_turn(self, name: str, kind: RecordType, first: Tried | None) -> Answer:
        """The first server that knows; an error of a server is another's turn. ``first`` is what
        one of them said already."""
        tried: list[Upstream] = []
        answer = Answer("timeout")
        for _ in range(max(self.settings.retransmits, 1)):
            try:
                server, answer = await self.ask_next(name, kind, tried, first)
            except Alias:
                self.upstreams.ok(tried[-1])
                raise
            first = None
            if answer.rcode in ("timeout", "refused", "notimp", "formerr"):
                self.upstreams.fail(server)
            else:
                # SERVFAIL speaks of the zone far more often than of the server.
                self.upstreams.ok(server)
            if not answer.failed or (
                answer.rcode != "timeout" and len(tried) >= len(self.upstreams)
            ):
                break
        return answer

    async def ask_next(
        self, name: str, kind: RecordType, tried: list[Upstream], first: Tried | None
    ) -> tuple[Upstream, Answer]:
        """What the next server says, or has said; notes it in ``tried``. Raises :class:`Alias`."""
        if first is None:
            server = self.upstreams.pick(key=name, exclude=tried)
            tried.append(server)
            return server, await self.socket(server).query(name, kind)
        server, outcome = first
        tried.append(server)
        if isinstance(outcome, Alias):
            raise outcome
        return server, outcome

    def socket(self, server: Upstream) -> CaresServer:
        found = self.sockets.get(server)
        if found is None:
            found = CaresServer(server.host, server.port or 53, timeout=self.settings.timeout)
            self.sockets[server] = found
        return found

    async def close(self) -> None:
        """End all queries (they answer ``closed``) and close the sockets."""
        self.closed = True
        self.cache.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for socket in self.sockets.values():
            socket.close()
        self.sockets.clear()


def name_servers(settings: ResolverSettings, resolv_conf: Path = RESOLV_CONF) -> UpstreamList:
    """The servers that ``settings`` name, else those of resolv.conf, else this host.

    Raises :class:`UpstreamError`: a name server is given by its address.
    """
    names = settings.nameserver or tuple(read_resolv_conf(resolv_conf)) or ("127.0.0.1",)
    servers = UpstreamList.parse(names, port=53, health=settings.health)
    for server in servers.servers:
        try:
            ipaddress.ip_address(server.host.partition("%")[0])
        except ValueError:
            raise UpstreamError(f"nameserver `{server.name}`: expected an IP address") from None
    return servers


def read_resolv_conf(path: Path) -> list[str]:
    """The ``nameserver`` lines of resolv.conf(5), as server strings; none if it can't be read."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()[:1000]
    except OSError:
        return []
    fields = [line.split() for line in lines]
    found = [f[1] for f in fields if len(f) >= 2 and f[0] == "nameserver"]
    return [f"[{address}]" if ":" in address else address for address in found]
