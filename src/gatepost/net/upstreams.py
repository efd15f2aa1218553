# SPDX-License-Identifier: Apache-2.0
"""Which of several servers is asked next, and which is left alone for a while?

The strings are Rspamd's: ``[round-robin:|master-slave:|sequential:|random:|hash:]`` and then
servers ``host[:port[:weight]]``, ``[v6]:port:weight``, ``unix:/path`` or ``/path``, separated by
commas, semicolons or blanks. Health is that of ``options.upstream`` (core reference §2).
"""

import ipaddress
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal

import msgspec
import xxhash

from gatepost.net.errors import UpstreamError

Rotation = Literal["round-robin", "master-slave", "random", "hash"]

ROTATIONS: dict[str, Rotation] = {
    "round-robin": "round-robin",
    "roundrobin": "round-robin",
    "master-slave": "master-slave",
    "sequential": "master-slave",
    "random": "random",
    "hash": "hash",
}
MAX_SERVERS = 1024
SERVER = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]/]+)(?::(?P<port>\d{1,5}))?(?::(?P<weight>\d{1,6}))?"
)
UNIX = re.compile(r"(?:unix:)?(?P<path>/[^:]*)(?::(?P<weight>\d{1,6}))?")


class Health(msgspec.Struct, frozen=True):
    """``options.upstream``: a server with ``max_errors`` errors within ``error_time`` seconds is
    not asked for ``revive_time`` seconds (give or take a fifth, so that not all workers come back
    at once)."""

    max_errors: int = 4
    error_time: float = 10.0
    revive_time: float = 60.0


class Upstream:
    """One server: ``host`` and ``port``, or the ``path`` of a UNIX socket."""

    __slots__ = ("errors", "failures", "host", "path", "port", "since", "until", "weight")

    def __init__(self, host: str, port: int, *, path: str = "", weight: int = 0) -> None:
        self.host = host
        self.port = port
        self.path = path
        self.weight = weight
        self.errors = 0  # since `since`
        self.since = 0.0
        self.until = 0.0  # left alone until then
        self.failures = 0  # in all, for statistics

    @property
    def name(self) -> str:
        """As it is written in logs: ``host:port``, ``[v6]:port`` or the path."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Upstream({self.name})"


class UpstreamList:
    """Servers of one kind. ``clock`` gives seconds that only grow, ``chance`` 0 ≤ x < 1."""

    def __init__(
        self,
        servers: Sequence[Upstream],
        *,
        rotation: Rotation = "round-robin",
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not servers:
            raise UpstreamError("no servers given")
        if len(servers) > MAX_SERVERS:
            raise UpstreamError(f"{len(servers)} servers: at most {MAX_SERVERS}")
        self.servers = tuple(servers)
        self.rotation = rotation
        self.health = health or Health()
        self.clock = clock
        self.chance = chance
        self.credit = [0] * len(self.servers)

    @classmethod
    def parse(
        cls,
        text: str | Iterable[str],
        *,
        port: int = 0,
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> "UpstreamList":
        """The list that ``text`` names; ``port`` is for servers that give none.

        Raises :class:`UpstreamError` with the part that cannot be read.
        """
        rotation: Rotation = "round-robin"
        servers: list[Upstream] = []
        for piece in [text] if isinstance(text, str) else text:
            head, colon, rest = piece.strip().partition(":")
            if colon and head in ROTATIONS:
                rotation, piece = ROTATIONS[head], rest
            servers += [read_server(item, port) for item in re.split(r"[\s,;]+", piece) if item]
        return cls(servers, rotation=rotation, health=health, clock=clock, chance=chance)

    def __len__(self) -> int:
        return len(self.servers)

    def pick(self, *, key: str = "", exclude: Collection[Upstream] = ()) -> Upstream:
        """The server to ask now. ``key`` matters to ``hash`` alone.

        Those in ``exclude`` (already tried) and those left alone come only when nothing else is
        left: with all of them down, asking one is better than asking none.
        """
        now = self.clock()
        alive = [i for i, server in enumerate(self.servers) if server.until <= now]
        fresh = [i for i in alive if self.servers[i] not in exclude]
        if not fresh:
            fresh = [i for i, server in enumerate(self.servers) if server not in exclude]
        return self.servers[self.choose(fresh or alive or range(len(self.servers)), key)]

    def choose(self, candidates: Sequence[int], key: str) -> int:
        if len(candidates) == 1:
            return candidates[0]
        if self.rotation == "random":
            return candidates[int(self.chance() * len(candidates))]
        if self.rotation == "hash":  # highest random weight: a dead server moves only its own keys
            text = key.encode("utf-8", "replace")
            return max(candidates, key=lambda i: xxhash.xxh3_64_intdigest(text, seed=i))
        if self.rotation == "master-slave":
            return max(candidates, key=lambda i: self.servers[i].weight)
        return self.choose_in_turn(candidates)

    def choose_in_turn(self, candidates: Sequence[int]) -> int:
        """Smooth weighted rotation: a server of weight 3 gets three turns, spread out."""
        weights = {i: max(self.servers[i].weight, 1) for i in candidates}
        for index, weight in weights.items():
            self.credit[index] += weight
        chosen = max(candidates, key=lambda i: self.credit[i])
        self.credit[chosen] -= sum(weights.values())
        return chosen

    def ok(self, server: Upstream) -> None:
        """``server`` answered: its errors are forgotten."""
        server.errors = 0
        server.until = 0.0

    def fail(self, server: Upstream) -> None:
        """``server`` did not answer, or with an error of its own."""
        now = self.clock()
        server.failures += 1
        if server.errors == 0 or now - server.since > self.health.error_time:
            server.errors, server.since = 0, now
        server.errors += 1
        if server.errors >= self.health.max_errors:
            server.until = now + self.health.revive_time * (0.9 + 0.2 * self.chance())
            server.errors = 0

    def is_alive(self, server: Upstream) -> bool:
        """It is not being left alone."""
        return server.until <= self.clock()


def read_server(text: str, port: int) -> Upstream:
    """One server of a list. Raises :class:`UpstreamError`."""
    unix = UNIX.fullmatch(text)
    if unix is not None:
        return Upstream("", 0, path=unix["path"], weight=int(unix["weight"] or 0))
    if is_bare_v6(text):
        return Upstream(text, port)
    match = SERVER.fullmatch(text)
    if match is None:
        raise UpstreamError(f"`{text}` is no server: expected host[:port[:weight]] or unix:/path")
    number = int(match["port"] or port)
    if number > 65_535:
        raise UpstreamError(f"`{text}`: {number} is no port")
    return Upstream(match["host"].strip("[]"), number, weight=int(match["weight"] or 0))


def is_bare_v6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
