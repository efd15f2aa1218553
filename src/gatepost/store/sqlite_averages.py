# SPDX-License-Identifier: Apache-2.0
"""Which statements keep moving averages in SQLite?

A hash of them is one row: all of a message's are read, reckoned (``averaging``) and written in
one transaction.
"""

import sqlite3
from collections.abc import Sequence

from gatepost.store.averaging import Window, take_in
from gatepost.store.sqlite_buckets import read
from gatepost.store.sqlite_entries import WRITE, added, to_integer, transaction
from gatepost.store.sqlite_members import pack
from gatepost.store.sqlite_schema import PACKED


def average(
    db: sqlite3.Connection,
    keys: Sequence[bytes],
    value: float,
    windows: Sequence[tuple[bytes, Window]],
    moment: int,
    expires: int,
    now: int,
) -> None:
    """Takes ``value`` into the averages of each key.

    ``moment`` is by the caller's clock, ``now`` and ``expires`` by the store's.
    """

    def move() -> None:
        for key in keys:
            fields = read(db, key, now)
            fields[b"n"] = b"%d" % added(key, to_integer(key, fields.get(b"n", b"0")), 1)
            take_in(fields, value, windows, moment)
            db.execute(WRITE, (key, PACKED, pack(fields), expires))

    transaction(db, move)
