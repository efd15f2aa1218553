# SPDX-License-Identifier: Apache-2.0
"""How is the store kept in one SQLite file that several worker processes share?

Needs no set-up and survives ``kill -9``. This file turns the `Store`'s names and
times into bytes and milliseconds; ``sqlite_database`` runs the statements of ``sqlite_entries``,
``sqlite_members``, ``sqlite_ranked``, ``sqlite_buckets`` and ``sqlite_averages``.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from gatepost.store import sqlite_averages as averages
from gatepost.store import sqlite_buckets as buckets_
from gatepost.store import sqlite_entries as entries
from gatepost.store import sqlite_members as members_
from gatepost.store import sqlite_ranked as ranked
from gatepost.store.averaging import Window
from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.names import NEVER, to_bytes, to_milliseconds, to_moment, to_text
from gatepost.store.sqlite_database import Database


class SqliteStore:
    """A `Store` in the file ``path``, made on first use.

    ``clock`` gives the seconds since the epoch by which keys expire; ``patience`` is how
    long an operation waits for other processes, in seconds.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, patience: float = 5.0
    ) -> None:
        self._database = Database(path, patience=patience)
        self._clock = clock
        self._purged_to = b""  # the key where the next purge goes on

    def _now(self) -> int:
        return to_moment(self._clock())

    async def get(self, key: str) -> bytes | None:
        name, now = to_bytes(key), self._now()
        return await self._database.run(lambda db: entries.get(db, name, now))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        names, now = [to_bytes(key) for key in keys], self._now()
        if not names:
            return []
        return await self._database.run(lambda db: entries.get_many(db, names, now))

    async def set(
        self, key: str, value: bytes, *, expire: float | None = None, only_if_absent: bool = False
    ) -> bool:
        name, now = to_bytes(key), self._now()
        expires = until(now, expire)
        if only_if_absent:
            return await self._database.run(
                lambda db: entries.set_if_absent(db, name, value, expires, now)
            )
        await self._database.run(lambda db: entries.set_value(db, name, value, expires))
        return True

    async def delete(self, *keys: str) -> int:
        names, now = [to_bytes(key) for key in keys], self._now()
        if not names:
            return 0
        return await self._database.run(lambda db: entries.delete(db, names, now))

    async def expire(self, key: str, seconds: float) -> bool:
        if seconds <= 0:
            return await self.delete(key) == 1
        name, now = to_bytes(key), self._now()
        expires = until(now, seconds)
        return await self._database.run(lambda db: entries.expire(db, name, expires, now))

    async def compare_and_set(
        self, key: str, old: bytes | None, new: bytes | None, *, expire: float | None = None
    ) -> bool:
        name, now = to_bytes(key), self._now()
        expires = until(now, expire)
        return await self._database.run(
            lambda db: entries.compare_and_set(db, name, old, new, expires, now)
        )

    async def increment(self, key: str, by: int = 1, *, expire: float | None = None) -> int:
        name, now = to_bytes(key), self._now()
        expires = until(now, expire)
        return await self._database.run(lambda db: entries.increment(db, name, by, expires, now))

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        name, now = to_bytes(key), self._now()
        wanted = [to_bytes(field) for field in fields]
        if not wanted:
            return []
        return await self._database.run(lambda db: members_.hash_get(db, name, wanted, now))

    async def hash_get_many(
        self, keys: Sequence[str], fields: Sequence[str]
    ) -> list[list[bytes | None]]:
        names, now = [to_bytes(key) for key in keys], self._now()
        wanted = [to_bytes(field) for field in fields]
        if not names or not wanted:
            return [[] for _ in names]
        return await self._database.run(
            lambda db: [members_.hash_get(db, name, wanted, now) for name in names]
        )

    async def hash_get_all(self, key: str) -> dict[str, bytes]:
        name, now = to_bytes(key), self._now()
        found = await self._database.run(lambda db: members_.hash_get_all(db, name, now))
        return {to_text(field): value for field, value in found.items()}

    async def hash_set(
        self, key: str, values: Mapping[str, bytes], *, expire: float | None = None
    ) -> None:
        name, now = to_bytes(key), self._now()
        fields = {to_bytes(field): value for field, value in values.items()}
        expires = renewed(now, expire)
        if fields:
            await self._database.run(lambda db: members_.hash_set(db, name, fields, expires, now))

    async def hash_increment(
        self, key: str, field: str, by: int = 1, *, expire: float | None = None
    ) -> int:
        name, field_name, now = to_bytes(key), to_bytes(field), self._now()
        expires = renewed(now, expire)
        return await self._database.run(
            lambda db: members_.hash_increment(db, name, field_name, by, expires, now)
        )

    async def hash_delete(self, key: str, *fields: str) -> int:
        name, now = to_bytes(key), self._now()
        unwanted = [to_bytes(field) for field in fields]
        if not unwanted:
            return 0
        return await self._database.run(lambda db: members_.hash_delete(db, name, unwanted, now))

    async def set_add(self, key: str, *members: bytes, expire: float | None = None) -> int:
        name, now = to_bytes(key), self._now()
        expires = renewed(now, expire)
        if not members:
            return 0
        return await self._database.run(
            lambda db: members_.set_add(db, name, members, expires, now)
        )

    async def set_remove(self, key: str, *members: bytes) -> int:
        name, now = to_bytes(key), self._now()
        if not members:
            return 0
        return await self._database.run(lambda db: members_.set_remove(db, name, members, now))

    async def set_contains(self, key: str, members: Sequence[bytes]) -> list[bool]:
        name, now = to_bytes(key), self._now()
        if not members:
            return []
        return await self._database.run(lambda db: members_.set_contains(db, name, members, now))

    async def set_members(self, key: str) -> frozenset[bytes]:
        name, now = to_bytes(key), self._now()
        return await self._database.run(lambda db: members_.set_members(db, name, now))

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
        new = ranked.Newcomer(to_bytes(member), score, max(0, keep), only_if_absent)
        name, now = to_bytes(key), self._now()
        expires = renewed(now, expire)
        return await self._database.run(lambda db: ranked.add(db, name, new, expires, now))

    async def ranked_increment(
        self, key: str, member: str, by: float, *, keep: int, expire: float | None = None
    ) -> float:
        if by != by:
            raise ValueError("a score must be a number")
        name, member_name, now = to_bytes(key), to_bytes(member), self._now()
        expires, keep = renewed(now, expire), max(1, keep)
        return await self._database.run(
            lambda db: ranked.increment(db, name, member_name, by, keep, expires, now)
        )

    async def ranked_scores(self, key: str, members: Sequence[str]) -> list[float | None]:
        name, now = to_bytes(key), self._now()
        wanted = [to_bytes(member) for member in members]
        if not wanted:
            return []
        return await self._database.run(lambda db: ranked.scores(db, name, wanted, now))

    async def ranked_list(self, key: str) -> list[tuple[str, float]]:
        name, now = to_bytes(key), self._now()
        found = await self._database.run(lambda db: ranked.list_all(db, name, now))
        return [(to_text(member), score) for member, score in found]

    async def reserve(
        self, buckets: Sequence[Bucket], token: str, *, now: float, hold: float, expire: float
    ) -> list[BucketState]:
        if not buckets:
            return []
        named = [(to_bytes(bucket.key), bucket) for bucket in buckets]
        own, moment, clock = to_bytes(token), to_moment(now), self._now()
        held_until, expires = moment + to_milliseconds(hold), until(clock, expire)
        return await self._database.run(
            lambda db: buckets_.reserve(db, named, own, moment, held_until, expires, clock)
        )

    async def settle(
        self, settlements: Sequence[Settlement], token: str, *, now: float, expire: float
    ) -> None:
        if not settlements:
            return
        named = [(to_bytes(settlement.bucket.key), settlement) for settlement in settlements]
        own, moment, clock = to_bytes(token), to_moment(now), self._now()
        expires = until(clock, expire)
        await self._database.run(lambda db: buckets_.settle(db, named, own, moment, expires, clock))

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
        names, moment, clock = [to_bytes(key) for key in keys], to_moment(now), self._now()
        named, expires = [(to_bytes(one.name), one) for one in windows], until(clock, expire)
        await self._database.run(
            lambda db: averages.average(db, names, value, named, moment, expires, clock)
        )

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        key, holder, now = to_bytes(name), to_bytes(owner), self._now()
        expires = until(now, seconds)
        return await self._database.run(lambda db: entries.lease(db, key, holder, expires, now))

    async def purge(self, limit: int) -> int:
        removed, now = 0, self._now()
        while removed < limit:
            step = partial(entries.purge, start=self._purged_to, limit=limit - removed, now=now)
            count, self._purged_to = await self._database.run_in_thread(step)
            removed += count
            if not self._purged_to:
                break
        return removed

    async def close(self) -> None:
        await self._database.close()


def until(now: int, expire: float | None) -> int:
    """When a key expires that is written at ``now``."""
    return NEVER if expire is None else now + to_milliseconds(expire)


def renewed(now: int, expire: float | None) -> int | None:
    """When a key expires that may keep the expiry it has."""
    return None if expire is None else now + to_milliseconds(expire)
