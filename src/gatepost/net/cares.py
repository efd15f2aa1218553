# SPDX-License-Identifier: Apache-2.0
"""One DNS server, asked by c-ares on the running event loop.

c-ares keeps the sockets (UDP, and TCP when an answer was cut, RFC 7766) and tells us which of
them to watch; we call it back when one is ready, and once a time-out of its own is due. All of
that happens on the loop's thread. It resends early on its own account (it measures the server),
so a lost packet costs less than the time-out; the time-out of a query is ours and is strict.

What this file works around:

* c-ares 1.34 caches answers itself and pycares cannot switch that off, nor bound it: the channel
  is exchanged for a new one every ``MAX_QUERIES`` queries or ``MAX_HEARD`` bytes of answers, and
  the old one goes once it is idle.
* ``Channel.close`` destroys on a thread of its own, from which c-ares would report closed sockets:
  the queries are cancelled first, here, so that by then no socket is left to report.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import pycares
from pycares import errno as ares

from gatepost.net.answers import Answer, Mx, Rcode, Record, RecordType, Soa

MAX_QUERIES = 4096
MAX_HEARD = 8 * 1024 * 1024  # bytes
MAX_CNAMES = 16
"""Aliases followed inside one answer."""
RECORD_BYTES = 200
"""What a record weighs without its text: see :func:`weigh`."""
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes, as far as the kernel allows: a message may ask thousands of questions in one go, whose
answers all come before we look at the first."""
FIRST_TRY = 0.25
"""Seconds before c-ares resends, at the least: its own lower bound."""

TYPES: dict[RecordType, int] = {
    "A": pycares.QUERY_TYPE_A,
    "AAAA": pycares.QUERY_TYPE_AAAA,
    "MX": pycares.QUERY_TYPE_MX,
    "NS": pycares.QUERY_TYPE_NS,
    "PTR": pycares.QUERY_TYPE_PTR,
    "TXT": pycares.QUERY_TYPE_TXT,
    "SOA": pycares.QUERY_TYPE_SOA,
    "CNAME": pycares.QUERY_TYPE_CNAME,
}
TARGETS: dict[RecordType, str] = {"NS": "nsdname", "PTR": "dname", "CNAME": "cname"}
"""Where pycares has the name that a record of these types is."""
CODES: dict[int, Rcode] = {
    ares.ARES_ENODATA: "norec",
    ares.ARES_ENOTFOUND: "nxdomain",
    ares.ARES_ESERVFAIL: "servfail",
    ares.ARES_EREFUSED: "refused",
    ares.ARES_EFORMERR: "formerr",
    ares.ARES_ENOTIMP: "notimp",
    ares.ARES_ETIMEOUT: "timeout",
    ares.ARES_ECONNREFUSED: "refused",
    ares.ARES_EBADNAME: "badname",
    ares.ARES_EBADQUERY: "badname",
    ares.ARES_ECANCELLED: "closed",
    ares.ARES_EDESTRUCTION: "closed",
}


class Alias(Exception):
    """The answer ends in a CNAME whose target has to be asked for. Does not leave the room."""

    def __init__(self, target: str, ttl: float) -> None:
        self.target = target
        self.ttl = ttl


Outcome = Answer | Alias


class Question:
    """One question under way; ``done`` is told the outcome, once."""

    __slots__ = ("channel", "deadline", "done", "kind", "name")

    def __init__(
        self,
        name: str,
        kind: RecordType,
        done: Callable[[Outcome], None],
        channel: "LoopChannel",
        deadline: float,
    ) -> None:
        self.name = name
        self.kind = kind
        self.done: Callable[[Outcome], None] | None = done
        self.channel = channel
        self.deadline = deadline

    def answered(self, result: Any, error: int | None) -> None:
        """By c-ares. It comes even after our time-out."""
        self.channel.pending -= 1
        if error is None:
            self.channel.heard += weigh(result, self.kind)
        if self.done is None:
            return
        if error is not None:
            self.tell(Answer(CODES.get(error, "servfail")))
            return
        try:
            self.tell(read_answer(result, self.name, self.kind))
        except Alias as alias:
            self.tell(alias)

    def tell(self, outcome: Outcome) -> None:
        done, self.done = self.done, None
        if done is not None:
            done(outcome)


class CaresServer:
    """Asks one server, ``host`` (an address) and ``port``. To be used on one event loop.

    All questions have the same time, so that they run out of it in the order in which they were
    asked: one timer watches the oldest of them.
    """

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.timeout = timeout
        self.channel: LoopChannel | None = None
        self.retired: list[LoopChannel] = []
        self.open: deque[Question] = deque()
        self.timer: asyncio.TimerHandle | None = None

    async def query(self, name: str, kind: RecordType) -> Answer:
        """Ask once, at most ``timeout`` seconds. Raises :class:`Alias`, and nothing else."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.start(name, kind, done)
        outcome = await future
        if isinstance(outcome, Alias):
            raise outcome
        return outcome

    def start(self, name: str, kind: RecordType, done: Callable[[Outcome], None]) -> None:
        """The same without waiting: ``done`` hears the outcome, perhaps before this returns."""
        channel = self.live_channel()
        loop = channel.loop
        question = Question(name, kind, done, channel, loop.time() + self.timeout)
        while self.open and self.open[0].done is None:
            self.open.popleft()
        self.open.append(question)
        if self.timer is None:
            self.timer = loop.call_at(question.deadline, self.expire)
        channel.pending += 1
        try:
            channel.query(name, TYPES[kind], question.answered)
        except (pycares.AresError, RuntimeError, UnicodeError):
            channel.pending -= 1
            question.tell(Answer("servfail"))

    def expire(self) -> None:
        """Tell those whose time is up, and wait for the next."""
        self.timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self.open and (self.open[0].done is None or self.open[0].deadline <= now):
            self.open.popleft().tell(Answer("timeout"))
        if self.open and self.timer is None:  # whom we told may have asked again
            self.timer = loop.call_at(self.open[0].deadline, self.expire)

    def live_channel(self) -> "LoopChannel":
        if self.channel is None or self.channel.is_full:
            if self.channel is not None:
                self.retired.append(self.channel)
            self.channel = LoopChannel(self.address, self.timeout)
        if self.retired:
            for channel in [old for old in self.retired if old.pending == 0]:
                channel.close()
                self.retired.remove(channel)
        return self.channel

    def close(self) -> None:
        """Close all sockets. Queries under way end with ``closed``."""
        for channel in [*self.retired, *([self.channel] if self.channel else [])]:
            channel.close()
        self.retired, self.channel = [], None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.open.clear()


class LoopChannel:
    """A pycares channel whose sockets are watched by the running loop."""

    def __init__(self, address: str, timeout: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.asked = 0
        self.heard = 0
        self.pending = 0
        self.closed = False
        self.readers: set[int] = set()
        self.writers: set[int] = set()
        self.timer: asyncio.TimerHandle | None = None
        tries = max(1, math.ceil(math.log2(timeout / FIRST_TRY + 1)))
        self.channel = pycares.Channel(
            servers=[address],
            timeout=max(FIRST_TRY, timeout / (2**tries - 1)),
            tries=tries,
            lookups="b",
            sock_state_cb=self.watch,
            socket_receive_buffer_size=RECEIVE_BUFFER,
        )

    @property
    def is_full(self) -> bool:
        """Its hidden cache may have grown as far as it may."""
        return self.asked >= MAX_QUERIES or self.heard >= MAX_HEARD

    def query(self, name: str, kind: int, callback: Callable[[Any, int | None], None]) -> None:
        self.asked += 1
        self.channel.query(name, kind, callback=callback)
        self.set_timer()

    def watch(self, fd: int, readable: bool, writable: bool) -> None:
        """c-ares wants to know (or no longer) when this socket can be read or written."""
        if self.closed:
            return
        if readable and fd not in self.readers:
            self.readers.add(fd)
            self.loop.add_reader(fd, self.ready, fd, pycares.ARES_SOCKET_BAD)
        elif not readable and fd in self.readers:
            self.readers.discard(fd)
            self.loop.remove_reader(fd)
        if writable and fd not in self.writers:
            self.writers.add(fd)
            self.loop.add_writer(fd, self.ready, pycares.ARES_SOCKET_BAD, fd)
        elif not writable and fd in self.writers:
            self.writers.discard(fd)
            self.loop.remove_writer(fd)

    def ready(self, read_fd: int, write_fd: int) -> None:
        if not self.closed:
            self.channel.process_fd(read_fd, write_fd)
            self.set_timer()

    def set_timer(self) -> None:
        """One timer a channel, set only while there is something to wait for."""
        if self.timer is None and self.pending and not self.closed:
            due: float = self.channel.timeout()  # type: ignore[no-untyped-call]  # pycares: untyped
            delay = min(max(due, 0.01), 1.0)
            self.timer = self.loop.call_later(delay, self.expire)

    def expire(self) -> None:
        self.timer = None
        self.ready(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)

    def close(self) -> None:
        if self.closed:
            return
        self.channel.cancel()
        self.closed = True
        if self.timer is not None:
            self.timer.cancel()
        for fd in self.readers:
            self.loop.remove_reader(fd)
        for fd in self.writers:
            self.loop.remove_writer(fd)
        self.channel.close()


def weigh(result: Any, kind: RecordType) -> int:
    """Roughly the bytes that an answer takes in c-ares, of which only texts can be long."""
    weight = RECORD_BYTES * (len(result.answer) + len(result.authority) + len(result.additional))
    if kind == "TXT":
        text = pycares.QUERY_TYPE_TXT
        weight += sum(len(one.data.data) for one in result.answer if one.type == text)
    return weight


def read_answer(result: Any, name: str, kind: RecordType) -> Answer:
    """The records of ``name``, along its aliases. Records of any other owner are not ours."""
    aliases: dict[str, tuple[str, float]] = {}
    found: dict[str, list[tuple[Record, float]]] = {}
    wanted = TYPES[kind]
    for record in result.answer:
        owner = clean(record.name)
        if record.type == wanted:
            found.setdefault(owner, []).append((read_record(record.data, kind), record.ttl))
        elif record.type == pycares.QUERY_TYPE_CNAME:
            aliases[owner] = (clean(record.data.cname), record.ttl)
    owner, ttl = name, math.inf
    for _ in range(MAX_CNAMES):
        if owner in found:
            records = found[owner]
            ttl = min(ttl, *(seconds for _, seconds in records))
            unique = dict.fromkeys(record for record, _ in records)
            return Answer("noerror", tuple(unique), float(ttl))
        if owner not in aliases:
            break
        owner, seconds = aliases[owner]
        ttl = min(ttl, seconds)
    else:
        return Answer("servfail")  # a loop, or a chain that nobody means
    if owner == name:
        return Answer("norec")
    raise Alias(owner, float(ttl))


def read_record(data: Any, kind: RecordType) -> Record:
    if kind == "TXT":
        return bytes(data.data)
    if kind in ("A", "AAAA"):
        return str(data.addr)
    if kind == "MX":
        return Mx(data.priority, clean(data.exchange))
    if kind == "SOA":
        return Soa(
            clean(data.mname),
            clean(data.rname),
            data.serial,
            data.refresh,
            data.retry,
            data.expire,
            data.minimum,
        )
    return clean(getattr(data, TARGETS[kind]))


def clean(name: str | bytes) -> str:
    """Lower case, no final dot; the root stays ``"."``."""
    text = name if isinstance(name, str) else name.decode("ascii", "backslashreplace")
    return text.lower().removesuffix(".") or "."
