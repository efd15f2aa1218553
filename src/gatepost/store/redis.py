# SPDX-License-Identifier: Apache-2.0
"""How is the store kept in Redis or Valkey, where any number of nodes share it?

Needs 6.2 or later. Each operation is one round trip (on a Cluster one to each node that it
concerns, all at once); what must be atomic and is more than one command is a Lua script
(``scripts/``), or a MULTI where it only adds an expiry, and touches one key. Which server that
is knows the topology. Keys expire by the server's clock.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence

from gatepost.store.averaging import Window
from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.errors import StoreError
from gatepost.store.names import to_bytes, to_milliseconds, to_moment, to_text
from gatepost.store.redis_cluster import Cluster
from gatepost.store.redis_link import Command, Reply, ScriptUnknownError
from gatepost.store.redis_replies import (
    checked,
    strange,
    to_integer,
    to_list,
    to_score,
    to_state,
    to_value,
    to_values,
    without_other_types,
)
from gatepost.store.redis_scripts import Script, load_script
from gatepost.store.redis_sentinel import Sentinels
from gatepost.store.redis_topology import FixedServers, Group, Topology
from gatepost.store.settings import StoreSettings

_inherited: list[object] = []  # connections of a parent process, kept from being closed here


class RedisStore:
    """A `Store` on one Redis server with replicas, on what Sentinels watch, or on a Cluster.

    Connects on first use; ``monotonic`` is the clock by which a failed server is left alone.
    Raises `StoreError` for servers that cannot be understood.
    """

    def __init__(
        self, settings: StoreSettings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._pid = os.getpid()
        self._topology = self._plan()
        self._closed = False

    def _plan(self) -> Topology:
        if self._settings.cluster:
            return Cluster(self._settings, self._monotonic)
        if self._settings.sentinels:
            return Sentinels(self._settings, self._monotonic)
        return FixedServers(self._settings, self._monotonic)

    def _servers(self) -> Topology:
        """Those of this process: a child of a fork needs connections of its own."""
        if self._closed:
            raise StoreError("redis: the store is closed", temporary=False)
        if self._pid != os.getpid():
            _inherited.append(self._topology)
            self._pid, self._topology = os.getpid(), self._plan()
        return self._topology

    async def _write(
        self, name: bytes | str, key: bytes, *arguments: bytes | str | int | float
    ) -> Reply:
        groups: Sequence[Group] = ((key, ((name, key, *arguments),)),)
        return checked((await self._servers().write(groups))[0][0])

    async def _read(
        self, name: bytes | str, key: bytes, *arguments: bytes | str | int | float
    ) -> Reply:
        groups: Sequence[Group] = ((key, ((name, key, *arguments),)),)
        return checked((await self._servers().read(groups))[0][0])

    async def _write_renewing(
        self, key: bytes, expire: float | None, *commands: Command
    ) -> list[Reply]:
        """Commands on one key as one; with ``expire`` they start its life anew."""
        if expire is None and len(commands) == 1:
            return [checked((await self._servers().write(((key, commands),)))[0][0])]
        if expire is not None:
            commands = (*commands, ("PEXPIRE", key, to_milliseconds(expire)))
        group = (key, (("MULTI",), *commands, ("EXEC",)))
        # What refused one of them is the reason; EXEC only says that there was one.
        done = [checked(reply) for reply in (await self._servers().write((group,)))[0]][-1]
        if not isinstance(done, list):
            raise strange(done)
        return [checked(reply) for reply in done]

    async def _call(self, script: Script, calls: Sequence[tuple[bytes, *Command]]) -> list[Reply]:
        """Runs a script once for each of ``calls``: a key, then its arguments."""
        servers = self._servers()
        groups = [(call[0], (("EVALSHA", script.digest, 1, *call),)) for call in calls]
        replies = [group[0] for group in await servers.write(groups)]
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, ScriptUnknownError)]
        if unknown:
            # those did nothing; the others are not to be done twice
            again = [(calls[i][0], (("EVAL", script.source, 1, *calls[i]),)) for i in unknown]
            for i, group in zip(unknown, await servers.write(again), strict=True):
                replies[i] = group[0]
        return [checked(reply) for reply in replies]

    async def get(self, key: str) -> bytes | None:
        return to_value(await self._read("GET", to_bytes(key)))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        names = [to_bytes(key) for key in keys]
        if not self._servers().is_slotted:
            return to_values(await self._read("MGET", *names))
        replies = await self._servers().read([(name, (("GET", name),)) for name in names])
        return [to_value(without_other_types(reply[0])) for reply in replies]

    async def set(
        self, key: str, value: bytes, *, expire: float | None = None, only_if_absent: bool = False
    ) -> bool:
        life = () if expire is None else ("PX", to_milliseconds(expire))
        unless = ("NX",) if only_if_absent else ()
        return await self._write("SET", to_bytes(key), value, *life, *unless) is not None

    async def delete(self, *keys: str) -> int:
        if not keys:
            return 0
        names = [to_bytes(key) for key in keys]
        if not self._servers().is_slotted:
            return to_integer(await self._write("DEL", *names))
        replies = await self._servers().write([(name, (("DEL", name),)) for name in names])
        return sum(to_integer(checked(reply[0])) for reply in replies)

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

    async def hash_get_many(
        self, keys: Sequence[str], fields: Sequence[str]
    ) -> list[list[bytes | None]]:
        if not keys or not fields:
            return [[] for _ in keys]
        wanted = [to_bytes(field) for field in fields]
        groups: list[Group] = []
        for key in keys:
            name = to_bytes(key)
            groups.append((name, (("HMGET", name, *wanted),)))
        return [to_values(checked(reply[0])) for reply in await self._servers().read(groups)]

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

    async def average(
        self,
        keys: Sequence[str],
        value: float,
        windows: Sequence[Window],
        *,
        now: float,
        expire: float,
    ) -> None:
        if not math.isfinite(value):
            raise ValueError("only numbers have an average")
        if not keys:
            return
        given: list[bytes | str] = []
        for window in windows:
            given += (to_bytes(window.name), repr(float(window.seconds)), repr(float(window.mult)))
        number, moment, life = repr(float(value)), to_moment(now), to_milliseconds(expire)
        arguments: Command = (number, moment, life, *given)
        await self._call(load_script("average"), [(to_bytes(key), *arguments) for key in keys])

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        call = (to_bytes(name), to_bytes(owner), to_milliseconds(seconds))
        return (await self._call(load_script("lease"), (call,)))[0] == 1

    async def purge(self, limit: int) -> int:
        return 0

    async def close(self) -> None:
        self._closed = True
        if self._pid == os.getpid():
            await self._topology.close()


def optional(value: bytes | None) -> bytes:
    """A value or its absence as one argument of a script."""
    return b"-" if value is None else b"=" + value
