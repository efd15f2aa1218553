# SPDX-License-Identifier: Apache-2.0
"""How is the store kept in Redis or Valkey, where any number of nodes share it?

Needs 6.2 or later. Each operation is one round trip and touches one key a command; what
must be atomic and is more than one command is a Lua script (``scripts/``), or a MULTI
where it only adds an expiry. Keys expire by the server's clock.
"""

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.errors import StoreError
from gatepost.store.names import to_bytes, to_milliseconds, to_moment, to_text
from gatepost.store.redis_link import Command, Link, Reply, ScriptUnknownError
from gatepost.store.redis_scripts import Script, load_script
from gatepost.store.redis_servers import parse_servers
from gatepost.store.settings import StoreSettings

_inherited: list[object] = []  # connections of a parent process, kept from being closed here


class Links(NamedTuple):
    """What one process has: the server to write to, and those to read from in turn."""

    pid: int
    write: Link
    read: tuple[Link, ...]


class RedisStore:
    """A `Store` on one Redis server, with replicas to read from when it is down.

    Connects on first use; ``monotonic`` is the clock by which a failed server is left alone.
    Raises `StoreError` for servers that cannot be understood.
    """

    def __init__(
        self, settings: StoreSettings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        servers = parse_servers(settings.servers)
        writers = parse_servers(settings.write_servers) or servers
        if not writers:
            raise StoreError("redis: no server to write to", temporary=False)
        self._writer = writers[0]
        readers = parse_servers(settings.read_servers) or [self._writer, *servers]
        self._readers = list(dict.fromkeys([*readers, self._writer]))
        self._connect = functools.partial(Link, settings=settings, monotonic=monotonic)
        self._open: Links | None = None
        self._closed = False

    def _links(self) -> Links:
        links = self._open
        if links is not None and links.pid == os.getpid():
            return links
        if self._closed:
            raise StoreError(f"redis {self._writer}: the store is closed", temporary=False)
        if links is not None:
            _inherited.append(links)
        known = {address: self._connect(address) for address in (*self._readers, self._writer)}
        readers = tuple(known[address] for address in self._readers)
        self._open = Links(os.getpid(), known[self._writer], readers)
        return self._open

    async def _write(self, *command: bytes | str | int | float) -> Reply:
        return checked((await self._links().write.run((command,)))[0])

    async def _read(self, *command: bytes | str | int | float) -> Reply:
        readers = self._links().read
        for link in readers[:-1]:
            try:
                return checked((await link.run((command,)))[0])
            except StoreError as error:
                if not error.temporary:
                    raise
        return checked((await readers[-1].run((command,)))[0])

    async def _write_renewing(
        self, key: bytes, expire: float | None, *commands: Command
    ) -> list[Reply]:
        """Commands on one key as one; with ``expire`` they start its life anew."""
        if expire is None and len(commands) == 1:
            return [await self._write(*commands[0])]
        if expire is not None:
            commands = (*commands, ("PEXPIRE", key, to_milliseconds(expire)))
        replies = await self._links().write.run((("MULTI",), *commands, ("EXEC",)))
        done = checked(replies[-1])
        if not isinstance(done, list):
            raise strange(done)
        return [checked(reply) for reply in done]

    async def _call(self, script: Script, calls: Sequence[Command]) -> list[Reply]:
        """Runs a script once for each of ``calls``: a key, then its arguments."""
        link = self._links().write
        commands = [("EVALSHA", script.digest, 1, *call) for call in calls]
        replies = await link.run(commands)
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, ScriptUnknownError)]
        if unknown:
            # those did nothing; the others are not to be done twice
            again = [("SCRIPT", "LOAD", script.source), *(commands[i] for i in unknown)]
            for i, reply in zip(unknown, (await link.run(again))[1:], strict=True):
                replies[i] = reply
        return [checked(reply) for reply in replies]

    async def get(self, key: str) -> bytes | None:
        return to_value(await self._read("GET", to_bytes(key)))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        return to_values(await self._read("MGET", *map(to_bytes, keys)))

    async def set(
        self, key: str, value: bytes, *, expire: float | None = None, only_if_absent: bool = False
    ) -> bool:
        command: Command = ("SET", to_bytes(key), value)
        if expire is not None:
            command = (*command, "PX", to_milliseconds(expire))
        if only_if_absent:
            command = (*command, "NX")
        return await self._write(*command) is not None

    async def delete(self, *keys: str) -> int:
        if not keys:
            return 0
        return to_integer(await self._write("DEL", *map(to_bytes, keys)))

    async def expire(self, key: str, seconds: float) -> bool:
        if seconds <= 0:
            return await self.delete(key) == 1
        milliseconds = to_milliseconds(seconds)
        return to_integer(await self._write("PEXPIRE", to_bytes(key), milliseconds)) == 1

    async def compare_and_set(
        self, key: str, old: bytes | None, new: bytes | None, *, expire: float | None = None
    ) -> bool:
        script = load_script("compare_and_set")
        life = b"" if expire is None else to_milliseconds(expire)
        call = (to_bytes(key), optional(old), optional(new), life)
        return (await self._call(script, (call,)))[0] == 1

    async def increment(self, key: str, by: int = 1, *, expire: float | None = None) -> int:
        if expire is None:
            return to_integer(await self._write("INCRBY", to_bytes(key), by))
        call = (to_bytes(key), by, to_milliseconds(expire))
        return to_integer((await self._call(load_script("increment"), (call,)))[0])

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        if not fields:
            return []
        return to_values(await self._read("HMGET", to_bytes(key), *map(to_bytes, fields)))

    async def hash_get_all(self, key: str) -> dict[str, bytes]:
        flat = to_list(await self._read("HGETALL", to_bytes(key)))
        return {to_text(flat[i]): flat[i + 1] for i in range(0, len(flat), 2)}

    async def hash_set(
        self, key: str, values: Mapping[str, bytes], *, expire: float | None = None
    ) -> None:
        if not values:
            return
        name = to_bytes(key)
        flat = [part for field, value in values.items() for part in (to_bytes(field), value)]
        await self._write_renewing(name, expire, ("HSET", name, *flat))

    async def hash_increment(
        self, key: str, field: str, by: int = 1, *, expire: float | None = None
    ) -> int:
        name = to_bytes(key)
        command = ("HINCRBY", name, to_bytes(field), by)
        return to_integer((await self._write_renewing(name, expire, command))[0])

    async def hash_delete(self, key: str, *fields: str) -> int:
        if not fields:
            return 0
        return to_integer(await self._write("HDEL", to_bytes(key), *map(to_bytes, fields)))

    async def set_add(self, key: str, *members: bytes, expire: float | None = None) -> int:
        if not members:
            return 0
        name = to_bytes(key)
        command: Command = ("SADD", name, *members)
        return to_integer((await self._write_renewing(name, expire, command))[0])

    async def set_remove(self, key: str, *members: bytes) -> int:
        if not members:
            return 0
        return to_integer(await self._write("SREM", to_bytes(key), *members))

    async def set_contains(self, key: str, members: Sequence[bytes]) -> list[bool]:
        if not members:
            return []
        reply = await self._read("SMISMEMBER", to_bytes(key), *members)
        if not isinstance(reply, list):
            raise strange(reply)
        return [found == 1 for found in reply]

    async def set_members(self, key: str) -> frozenset[bytes]:
        return frozenset(to_list(await self._read("SMEMBERS", to_bytes(key))))

    async def ranked_add(
        self,
        key: str,
        member: str,
        score: float,
        *,
        keep: int,
        expire: float | None = None,
        only_if_absent: bool = False,
    ) -> bool:
        if score != score:
            raise ValueError("a score must be a number")
        name = to_bytes(key)
        flags = ("NX",) if only_if_absent else ()
        add = ("ZADD", name, *flags, repr(float(score)), to_bytes(member))
        cut = ("ZREMRANGEBYRANK", name, 0, -1 - max(0, keep))
        return to_integer((await self._write_renewing(name, expire, add, cut))[0]) == 1

    async def ranked_increment(
        self, key: str, member: str, by: float, *, keep: int, expire: float | None = None
    ) -> float:
        if by != by:
            raise ValueError("a score must be a number")
        name = to_bytes(key)
        cut = ("ZREMRANGEBYRANK", name, 0, -1 - max(1, keep))
        add = ("ZINCRBY", name, repr(float(by)), to_bytes(member))
        return to_score((await self._write_renewing(name, expire, cut, add))[1])

    async def ranked_scores(self, key: str, members: Sequence[str]) -> list[float | None]:
        if not members:
            return []
        scores = to_values(await self._read("ZMSCORE", to_bytes(key), *map(to_bytes, members)))
        return [None if score is None else to_score(score) for score in scores]

    async def ranked_list(self, key: str) -> list[tuple[str, float]]:
        flat = to_list(await self._read("ZREVRANGE", to_bytes(key), 0, -1, "WITHSCORES"))
        return [(to_text(flat[i]), float(flat[i + 1])) for i in range(0, len(flat), 2)]

    async def reserve(
        self, buckets: Sequence[Bucket], token: str, *, now: float, hold: float, expire: float
    ) -> list[BucketState]:
        if not buckets:
            return []
        own, moment, life = to_bytes(token), to_moment(now), to_milliseconds(expire)
        held_until = moment + to_milliseconds(hold)
        calls = [
            (
                to_bytes(bucket.key),
                own,
                repr(float(bucket.burst)),
                repr(float(bucket.rate)),
                repr(float(bucket.amount)),
                int(bucket.dynamic),
                moment,
                held_until,
                life,
            )
            for bucket in buckets
        ]
        return [
            to_state(reply) for reply in await self._call(load_script("bucket", "reserve"), calls)
        ]

    async def settle(
        self, settlements: Sequence[Settlement], token: str, *, now: float, expire: float
    ) -> None:
        if not settlements:
            return
        own, moment, life = to_bytes(token), to_moment(now), to_milliseconds(expire)
        calls = [
            (
                to_bytes(settlement.bucket.key),
                own,
                repr(float(settlement.bucket.rate)),
                repr(float(settlement.bucket.amount)),
                int(settlement.bucket.dynamic),
                int(settlement.counted),
                int(settlement.reserved),
                repr(float(settlement.rate_factor)),
                repr(float(settlement.max_rate_mult)),
                repr(float(settlement.burst_factor)),
                repr(float(settlement.max_burst_mult)),
                moment,
                life,
            )
            for settlement in settlements
        ]
        await self._call(load_script("bucket", "settle"), calls)

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        call = (to_bytes(name), to_bytes(owner), to_milliseconds(seconds))
        return (await self._call(load_script("lease"), (call,)))[0] == 1

    async def purge(self, limit: int) -> int:
        return 0

    async def close(self) -> None:
        self._closed = True
        links, self._open = self._open, None
        if links is not None and links.pid == os.getpid():
            for link in {links.write, *links.read}:
                await link.close()


def checked(reply: Reply) -> Reply:
    """Raises what the server refused."""
    if isinstance(reply, StoreError):
        raise reply
    return reply


def strange(reply: Reply) -> StoreError:
    """For a reply that no Redis gives to what was asked."""
    return StoreError(f"redis: an unexpected reply, {str(reply)[:60]}")


def to_integer(reply: Reply) -> int:
    """A number, which scripts may give as text."""
    if not isinstance(reply, int | bytes):
        raise strange(reply)
    try:
        return int(reply)
    except ValueError as error:
        raise strange(reply) from error


def to_score(reply: Reply) -> float:
    """A score, which comes as text."""
    try:
        return float(reply if isinstance(reply, bytes) else b"")
    except ValueError as error:
        raise strange(reply) from error


def to_value(reply: Reply) -> bytes | None:
    """What is stored, if anything is."""
    if not isinstance(reply, bytes | None):
        raise strange(reply)
    return reply


def to_values(reply: Reply) -> list[bytes | None]:
    """What is stored in several places."""
    if not isinstance(reply, list):
        raise strange(reply)
    return [to_value(item) for item in reply]


def to_list(reply: Reply) -> list[bytes]:
    """Members, or fields and values by turns."""
    if not isinstance(reply, list):
        raise strange(reply)
    return [item for item in reply if isinstance(item, bytes)]


def to_state(reply: Reply) -> BucketState:
    """What ``reserve.lua`` gives."""
    if not isinstance(reply, list):
        raise strange(reply)
    try:
        limited, *numbers = [float(item) for item in reply if isinstance(item, bytes | int)]
        level, rate, burst, leaked, pending = numbers
    except ValueError as error:
        raise strange(reply) from error
    return BucketState(limited == 1, level, rate, burst, leaked, pending)


def optional(value: bytes | None) -> bytes:
    """A value or its absence as one argument of a script."""
    return b"-" if value is None else b"=" + value
