# SPDX-License-Identifier: Apache-2.0
"""Which statements read and write values, counters, leases and expiries in SQLite?

Each function is one atomic operation on a connection in autocommit mode. ``now`` and
``expires`` are milliseconds since the epoch; ``expires`` is ``NEVER`` for what stays.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from gatepost.store.errors import StoreError
from gatepost.store.sqlite_schema import PACKED, STRING

T = TypeVar("T")
Found = tuple[int, bytes, int]
"""Kind, value and expiry of an entry."""

FIND = "SELECT kind, value, expires FROM entry WHERE key = ?"
WRITE = (
    "INSERT INTO entry (key, kind, value, expires) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET"
    " kind = excluded.kind, value = excluded.value, expires = excluded.expires"
)
# members of what was there before would be left behind, so these are written over in two steps
WRITE_OVER_MEMBERLESS = f"{WRITE} WHERE entry.kind IN ({STRING}, {PACKED})"
DELETE_EXPIRED = "DELETE FROM entry WHERE key = ? AND expires <= ?"


# each number of keys is a statement of its own to keep prepared
KEYS_AT_ONCE = 64

# some 10 ms of reading for one step of the purge
LOOKED_AT = 10_000


def transaction(db: sqlite3.Connection, body: Callable[[], T]) -> T:
    """Runs ``body`` alone among all writers; all of it happens or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        result = body()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def find(db: sqlite3.Connection, key: bytes, now: int) -> Found | None:
    """An entry that lives; one that expired is gone after this. Within a transaction."""
    row: Found | None = db.execute(FIND, (key,)).fetchone()
    if row is not None and row[2] <= now:
        db.execute("DELETE FROM entry WHERE key = ?", (key,))
        return None
    return row


def forget(db: sqlite3.Connection, keys: Sequence[bytes], now: int) -> None:
    """Removes what a read found expired, unless someone else is writing: it may wait."""
    try:
        for key in keys:
            db.execute(DELETE_EXPIRED, (key, now))
    except sqlite3.OperationalError:
        pass


def wrong_type(key: bytes) -> StoreError:
    """For an operation on a key of another type."""
    return StoreError(f"{key!r} holds another type of value", temporary=False)


def to_integer(key: bytes, text: bytes) -> int:
    """What a counter holds, as strict as Redis."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if b"%d" % value != text:
        raise StoreError(f"{key!r} holds no integer", temporary=False)
    return value


def added(key: bytes, value: int, by: int) -> int:
    """A counter's next value, of 64 bits as in Redis."""
    value += by
    if not -(2**63) <= value < 2**63:
        raise StoreError(f"{key!r} would overflow", temporary=False)
    return value


def get(db: sqlite3.Connection, key: bytes, now: int) -> bytes | None:
    """The value of a key."""
    row: Found | None = db.execute(FIND, (key,)).fetchone()
    if row is None:
        return None
    kind, value, expires = row
    if expires <= now:
        forget(db, (key,), now)
        return None
    if kind != STRING:
        raise wrong_type(key)
    return value


def get_many(db: sqlite3.Connection, keys: Sequence[bytes], now: int) -> list[bytes | None]:
    """The values of several keys, of one moment."""
    if len(keys) <= KEYS_AT_ONCE:
        rows = find_many(db, keys)
    else:
        rows = []
        db.execute("BEGIN")
        try:
            for start in range(0, len(keys), KEYS_AT_ONCE):
                rows += find_many(db, keys[start : start + KEYS_AT_ONCE])
        finally:
            db.execute("COMMIT")
    expired = [key for key, _, _, expires in rows if expires <= now]
    if expired:
        forget(db, expired, now)
    found = {key: value for key, kind, value, expires in rows if kind == STRING and expires > now}
    return [found.get(key) for key in keys]


def find_many(db: sqlite3.Connection, keys: Sequence[bytes]) -> list[tuple[bytes, int, bytes, int]]:
    """Key, kind, value and expiry of those entries that exist."""
    marks = ",".join("?" * len(keys))
    statement = f"SELECT key, kind, value, expires FROM entry WHERE key IN ({marks})"
    return db.execute(statement, keys).fetchall()


def set_value(db: sqlite3.Connection, key: bytes, value: bytes, expires: int) -> None:
    """Writes over a key of any type."""
    row = (key, STRING, value, expires)
    if db.execute(WRITE_OVER_MEMBERLESS, row).rowcount:
        return

    def replace() -> None:
        db.execute("DELETE FROM entry WHERE key = ?", (key,))
        db.execute(WRITE, row)

    transaction(db, replace)


def set_if_absent(db: sqlite3.Connection, key: bytes, value: bytes, expires: int, now: int) -> bool:
    """Writes a key that does not exist yet."""

    def write() -> bool:
        if find(db, key, now) is not None:
            return False
        db.execute(WRITE, (key, STRING, value, expires))
        return True

    return transaction(db, write)


def delete(db: sqlite3.Connection, keys: Sequence[bytes], now: int) -> int:
    """Removes keys of any type; how many lived."""

    def remove() -> int:
        count = 0
        for key in keys:
            row = db.execute("DELETE FROM entry WHERE key = ? RETURNING expires", (key,)).fetchone()
            count += row is not None and row[0] > now
        return count

    return transaction(db, remove)


def expire(db: sqlite3.Connection, key: bytes, expires: int, now: int) -> bool:
    """Changes the expiry of a key of any type."""
    statement = "UPDATE entry SET expires = ? WHERE key = ? AND expires > ?"
    return db.execute(statement, (expires, key, now)).rowcount > 0


def compare_and_set(
    db: sqlite3.Connection, key: bytes, old: bytes | None, new: bytes | None, expires: int, now: int
) -> bool:
    """Writes or removes (``None``) a value that is still ``old``."""

    def write() -> bool:
        row = find(db, key, now)
        if row is not None and row[0] != STRING:
            raise wrong_type(key)
        if (None if row is None else row[1]) != old:
            return False
        if new is not None:
            db.execute(WRITE, (key, STRING, new, expires))
        elif row is not None:
            db.execute("DELETE FROM entry WHERE key = ?", (key,))
        return True

    return transaction(db, write)


def increment(db: sqlite3.Connection, key: bytes, by: int, expires: int, now: int) -> int:
    """Adds to a counter; ``expires`` is for one that is created."""

    def add() -> int:
        row = find(db, key, now)
        if row is None:
            value = added(key, 0, by)
            db.execute(WRITE, (key, STRING, b"%d" % value, expires))
            return value
        kind, text, lives_until = row
        if kind != STRING:
            raise wrong_type(key)
        value = added(key, to_integer(key, text), by)
        db.execute(WRITE, (key, STRING, b"%d" % value, lives_until))
        return value

    return transaction(db, add)


def lease(db: sqlite3.Connection, name: bytes, owner: bytes, expires: int, now: int) -> bool:
    """Takes or prolongs what nobody else holds."""

    def take() -> bool:
        row = find(db, name, now)
        if row is not None and row[0] != STRING:
            raise wrong_type(name)
        if row is not None and row[1] != owner:
            return False
        db.execute(WRITE, (name, STRING, owner, expires))
        return True

    return transaction(db, take)


def purge(db: sqlite3.Connection, start: bytes, limit: int, now: int) -> tuple[int, bytes]:
    """Removes up to ``limit`` expired entries with their members, by key from ``start`` on.

    Looks at no more than `LOOKED_AT` keys. Gives how many went, and where to go on: at
    ``b""`` when it came to the end.
    """
    rows = db.execute(
        "SELECT key, expires FROM entry WHERE key >= ? ORDER BY key LIMIT ?", (start, LOOKED_AT + 1)
    ).fetchall()
    following = b"" if len(rows) <= LOOKED_AT else rows.pop()[0]
    expired = [key for key, expires in rows if expires <= now]
    if len(expired) > limit:
        following = expired[limit]
        del expired[limit:]
    if not expired:
        return 0, following

    def remove() -> int:
        return db.executemany(DELETE_EXPIRED, [(key, now) for key in expired]).rowcount

    return transaction(db, remove), following
