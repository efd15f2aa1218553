# SPDX-License-Identifier: Apache-2.0
"""Which statements keep rate limits in SQLite?

A bucket is one row: all of a message's buckets are read, reckoned (``leaking``) and written
in one transaction.
"""

import sqlite3
from collections.abc import Sequence

from gatepost.store import leaking
from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.names import Fields
from gatepost.store.sqlite_entries import WRITE, find, transaction, wrong_type
from gatepost.store.sqlite_members import pack, unpack
from gatepost.store.sqlite_schema import HASH, PACKED


def reserve(
    db: sqlite3.Connection,
    buckets: Sequence[tuple[bytes, Bucket]],
    token: bytes,
    moment: int,
    until: int,
    expires: int,
    now: int,
) -> list[BucketState]:
    """Asks each bucket, named by its key, for room.

    ``moment`` and ``until`` (the end of the hold) are by the caller's clock, ``now`` and
    ``expires`` by the store's.
    """

    def ask() -> list[BucketState]:
        states = []
        for key, bucket in buckets:
            fields = read(db, key, now)
            states.append(leaking.reserve(fields, bucket, token, moment, until))
            if fields:
                db.execute(WRITE, (key, PACKED, pack(fields), expires))
        return states

    return transaction(db, ask)


def settle(
    db: sqlite3.Connection,
    settlements: Sequence[tuple[bytes, Settlement]],
    token: bytes,
    moment: int,
    expires: int,
    now: int,
) -> None:
    """Counts or releases what ``token`` reserved."""

    def end() -> None:
        for key, settlement in settlements:
            fields = read(db, key, now)
            if leaking.settle(fields, settlement, token, moment):
                db.execute(WRITE, (key, PACKED, pack(fields), expires))

    transaction(db, end)


def read(db: sqlite3.Connection, key: bytes, now: int) -> Fields:
    """The fields of a bucket, also of one that was written field by field."""
    found = find(db, key, now)
    if found is None:
        return {}
    kind, value, _ = found
    if kind == PACKED:
        return unpack(value)
    if kind != HASH:
        raise wrong_type(key)
    fields = dict(db.execute("SELECT field, value FROM member WHERE key = ?", (key,)).fetchall())
    # becomes one row from here on
    db.execute("DELETE FROM member WHERE key = ?", (key,))
    db.execute("UPDATE entry SET kind = ?, value = ? WHERE key = ?", (PACKED, pack(fields), key))
    return fields
