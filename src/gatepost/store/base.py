# SPDX-License-Identifier: Apache-2.0
"""What can a module ask of the store, whichever backend keeps it?

Every operation is atomic and means the same on SQLite and on Redis. Keys, fields and tokens
are text, values are bytes, times are seconds. A key has one type (value, hash, set, ranked
set); an operation of another type on it raises `StoreError`, as does every failure.
Expired keys do not exist. A hash, set or ranked set without members does not exist either.

``expire`` is a time from now, by the store's own clock. Where it is ``None`` a *new* key
stays for good and an existing one keeps the expiry it has; `Store.set` and
`Store.compare_and_set` replace the whole key, expiry included. Times under a millisecond
count as one, times over a hundred years as a hundred years.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gatepost.store.averaging import Window
from gatepost.store.bucket import Bucket, BucketState, Settlement


class Store(Protocol):
    """State that outlives a message, shared by all workers and, on Redis, by all nodes."""

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, ``None`` if there is none."""
        ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of ``keys`` in their order, in one round trip; ``None`` for another type."""
        ...

    async def set(
        self, key: str, value: bytes, *, expire: float | None = None, only_if_absent: bool = False
    ) -> bool:
        """Writes a value over whatever was there; says whether it was written."""
        ...

    async def delete(self, *keys: str) -> int:
        """Removes keys of any type; says how many there were."""
        ...

    async def expire(self, key: str, seconds: float) -> bool:
        """Gives a key of any type ``seconds`` to live (up to 0: none); false if there is none."""
        ...

    async def compare_and_set(
        self, key: str, old: bytes | None, new: bytes | None, *, expire: float | None = None
    ) -> bool:
        """Writes ``new`` (``None``: removes the key) if the value is ``old`` (``None``: absent)."""
        ...

    async def increment(self, key: str, by: int = 1, *, expire: float | None = None) -> int:
        """Adds to a counter, 0 if there is none; ``expire`` counts only when that creates it.

        A counter is a value of decimal digits, of 64 bits with sign.
        """
        ...

    async def hash_get(self, key: str, fields: Sequence[str]) -> list[bytes | None]:
        """The values of ``fields`` in their order."""
        ...

    async def hash_get_many(
        self, keys: Sequence[str], fields: Sequence[str]
    ) -> list[list[bytes | None]]:
        """The same ``fields`` of several hashes, in the order of ``keys``, in one round trip."""
        ...

    async def hash_get_all(self, key: str) -> dict[str, bytes]:
        """All fields of a hash; empty if there is none."""
        ...

    async def hash_set(
        self, key: str, values: Mapping[str, bytes], *, expire: float | None = None
    ) -> None:
        """Writes fields and leaves the others; ``expire`` starts the key's life anew."""
        ...

    async def hash_increment(
        self, key: str, field: str, by: int = 1, *, expire: float | None = None
    ) -> int:
        """Adds to one field, 0 if there is none; ``expire`` starts the key's life anew."""
        ...

    async def hash_delete(self, key: str, *fields: str) -> int:
        """Removes fields; says how many there were."""
        ...

    async def set_add(self, key: str, *members: bytes, expire: float | None = None) -> int:
        """Adds members, says how many were new; ``expire`` starts the key's life anew."""
        ...

    async def set_remove(self, key: str, *members: bytes) -> int:
        """Removes members; says how many there were."""
        ...

    async def set_contains(self, key: str, members: Sequence[bytes]) -> list[bool]:
        """For each of ``members``, in their order, whether it is in the set."""
        ...

    async def set_members(self, key: str) -> frozenset[bytes]:
        """All members of a set; empty if there is none."""
        ...

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
        """Gives ``member`` a score (a time, say) and keeps the ``keep`` highest, the newest.

        Says whether the member is new; with ``only_if_absent`` one that is not keeps its score.
        """
        ...

    async def ranked_increment(
        self, key: str, member: str, by: float, *, keep: int, expire: float | None = None
    ) -> float:
        """Adds to a member's score, 0 if there is none, and gives the new one.

        First cuts the set to the ``keep`` highest (at least one), so that newcomers get a chance.
        """
        ...

    async def ranked_scores(self, key: str, members: Sequence[str]) -> list[float | None]:
        """The scores of ``members`` in their order; ``None`` for one that is not in the set."""
        ...

    async def ranked_list(self, key: str) -> list[tuple[str, float]]:
        """Members and scores, highest first; equal scores by member, last first."""
        ...

    async def reserve(
        self, buckets: Sequence[Bucket], token: str, *, now: float, hold: float, expire: float
    ) -> list[BucketState]:
        """Asks each bucket for room for the message ``token``, all in one round trip.

        Each bucket first leaks. It is limited if level, live reservations and amount exceed
        the burst, a bucket's first message included; otherwise it holds the amount under
        ``token`` until `settle`, at most for ``hold`` seconds. ``now`` is in seconds
        since the epoch; ``expire`` is how long an untouched bucket stays stored. Buckets are
        atomic one by one, and one that is limited does not undo the others. Asking again
        with the same token replaces its reservation.
        """
        ...

    async def settle(
        self, settlements: Sequence[Settlement], token: str, *, now: float, expire: float
    ) -> None:
        """Turns what ``token`` reserved into level (``counted``) or gives it back.

        Touches nobody else's reservations. A reservation that ran out of its hold is counted
        only if no other message has swept it away meanwhile: ``hold`` must exceed the longest scan.
        """
        ...

    async def average(
        self,
        keys: Sequence[str],
        value: float,
        windows: Sequence[Window],
        *,
        now: float,
        expire: float,
    ) -> None:
        """Takes ``value`` into the moving averages of each of ``keys``, all in one round trip.

        Each is a hash as `averaging` describes it; ``now`` is in seconds since the epoch,
        ``expire`` starts its life anew. Hashes are atomic one by one.
        """
        ...

    async def lease(self, name: str, owner: str, seconds: float) -> bool:
        """Makes or keeps ``owner`` the holder of ``name`` for ``seconds``; false if another is.

        The key ``name`` holds the owner; `compare_and_set` to ``None`` gives it up.
        """
        ...

    async def purge(self, limit: int) -> int:
        """Removes up to ``limit`` expired keys for good, says how many; Redis does so by itself.

        Goes on where the last call stopped; less than ``limit`` means that it came to the end.
        """
        ...

    async def close(self) -> None:
        """Gives back connections and threads; afterwards every operation raises `StoreError`."""
        ...
