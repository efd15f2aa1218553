# SPDX-License-Identifier: Apache-2.0
"""Which statements read and write hashes and sets in SQLite?

Those from `hash_get` on are atomic operations; times are as in ``sqlite_entries``, and an
``expires`` of ``None`` leaves the expiry of what exists as it is.
"""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from gatepost.store.names import NEVER, Fields
from gatepost.store.sqlite_entries import (
    WRITE,
    Found,
    added,
    find,
    forget,
    to_integer,
    transaction,
    wrong_type,
)
from gatepost.store.sqlite_schema import HASH, PACKED, SET

# more than this at once is a full read, filtered here
FIELDS_AT_ONCE = 64

READ_MEMBERS = (
    "SELECT e.kind, e.value, e.expires, m.field, m.value"
    " FROM entry e LEFT JOIN member m ON m.key = e.key"
)
WRITE_MEMBER = (
    "INSERT INTO member (key, field, value) VALUES (?, ?, ?)"
    " ON CONFLICT (key, field) DO UPDATE SET value = excluded.value"
)
DELETE_MEMBER = "DELETE FROM member WHERE key = ? AND field = ?"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def pack(fields: Fields) -> bytes:
    """All fields of a hash as one value."""
    return _encode(fields)


def unpack(value: bytes) -> Fields:
    """What `pack` packed."""
    return _decode(value)


def open_entry(
    db: sqlite3.Connection, key: bytes, kinds: tuple[int, ...], expires: int | None, now: int
) -> Found:
    """The entry that members go into, with its expiry; made if needed, of the first kind."""
    found = find(db, key, now)
    if found is None:
        found = (kinds[0], b"", NEVER if expires is None else expires)
        db.execute(WRITE, (key, *found))
    elif found[0] not in kinds:
        raise wrong_type(key)
    elif expires is not None and expires != found[2]:
        db.execute("UPDATE entry SET expires = ? WHERE key = ?", (expires, key))
    return found


def drop_if_empty(db: sqlite3.Connection, key: bytes) -> None:
    """Without members a key does not exist."""
    db.execute(
        "DELETE FROM entry WHERE key = ? AND NOT EXISTS (SELECT 1 FROM member WHERE key = ?)",
        (key, key),
    )


def write_packed(db: sqlite3.Connection, key: bytes, fields: Fields) -> None:
    """Puts a packed hash back; without fields it does not exist."""
    if fields:
        db.execute("UPDATE entry SET value = ? WHERE key = ?", (pack(fields), key))
    else:
        db.execute("DELETE FROM entry WHERE key = ?", (key,))


def read_members(
    db: sqlite3.Connection, key: bytes, kinds: tuple[int, ...], wanted: Sequence[bytes], now: int
) -> Fields:
    """Members of a key with their values, of one moment: those ``wanted``, or all if none are."""
    if 0 < len(wanted) <= FIELDS_AT_ONCE:
        marks = ",".join("?" * len(wanted))
        statement = f"{READ_MEMBERS} AND m.field IN ({marks}) WHERE e.key = ?"
    else:
        statement, wanted = f"{READ_MEMBERS} WHERE e.key = ?", ()
    rows = db.execute(statement, (*wanted, key)).fetchall()
    if not rows:
        return {}
    kind, value, expires = rows[0][:3]
    if expires <= now:
        forget(db, (key,), now)
        return {}
    if kind not in kinds:
        raise wrong_type(key)
    if kind == PACKED:
        return unpack(value)
    return {field: content for _, _, _, field, content in rows if field is not None}


def hash_get(
    db: sqlite3.Connection, key: bytes, fields: Sequence[bytes], now: int
) -> list[bytes | None]:
    """Some fields, in the order asked for."""
    found = read_members(db, key, (HASH, PACKED), fields, now)
    return [found.get(field) for field in fields]


def hash_get_all(db: sqlite3.Connection, key: bytes, now: int) -> Fields:
    """All fields."""
    return read_members(db, key, (HASH, PACKED), (), now)


def hash_set(
    db: sqlite3.Connection, key: bytes, values: Mapping[bytes, bytes], expires: int | None, now: int
) -> None:
    """Writes fields, leaves others."""

    def write() -> None:
        kind, value, _ = open_entry(db, key, (HASH, PACKED), expires, now)
        if kind == PACKED:
            write_packed(db, key, {**unpack(value), **values})
        else:
            db.executemany(WRITE_MEMBER, [(key, field, new) for field, new in values.items()])

    transaction(db, write)


def hash_increment(
    db: sqlite3.Connection, key: bytes, field: bytes, by: int, expires: int | None, now: int
) -> int:
    """Adds to one field."""

    def add() -> int:
        kind, value, _ = open_entry(db, key, (HASH, PACKED), expires, now)
        fields = unpack(value) if kind == PACKED else {}
        if kind == HASH:
            statement = "SELECT field, value FROM member WHERE key = ? AND field = ?"
            fields.update(db.execute(statement, (key, field)).fetchall())
        total = added(key, to_integer(key, fields.get(field, b"0")), by)
        fields[field] = b"%d" % total
        if kind == PACKED:
            write_packed(db, key, fields)
        else:
            db.execute(WRITE_MEMBER, (key, field, fields[field]))
        return total

    return transaction(db, add)


def hash_delete(db: sqlite3.Connection, key: bytes, fields: Sequence[bytes], now: int) -> int:
    """Removes fields; how many there were."""

    def remove() -> int:
        found = find(db, key, now)
        if found is None:
            return 0
        if found[0] == PACKED:
            left = unpack(found[1])
            count = sum(left.pop(field, None) is not None for field in fields)
            write_packed(db, key, left)
            return count
        if found[0] != HASH:
            raise wrong_type(key)
        count = db.executemany(DELETE_MEMBER, [(key, field) for field in fields]).rowcount
        drop_if_empty(db, key)
        return count

    return transaction(db, remove)


def set_add(
    db: sqlite3.Connection, key: bytes, members: Sequence[bytes], expires: int | None, now: int
) -> int:
    """Adds members; how many were new."""

    def add() -> int:
        open_entry(db, key, (SET,), expires, now)
        statement = "INSERT OR IGNORE INTO member (key, field, value) VALUES (?, ?, x'')"
        return db.executemany(statement, [(key, member) for member in members]).rowcount

    return transaction(db, add)


def set_remove(db: sqlite3.Connection, key: bytes, members: Sequence[bytes], now: int) -> int:
    """Removes members; how many there were."""

    def remove() -> int:
        found = find(db, key, now)
        if found is None:
            return 0
        if found[0] != SET:
            raise wrong_type(key)
        count = db.executemany(DELETE_MEMBER, [(key, member) for member in members]).rowcount
        drop_if_empty(db, key)
        return count

    return transaction(db, remove)


def set_contains(
    db: sqlite3.Connection, key: bytes, members: Sequence[bytes], now: int
) -> list[bool]:
    """Which of ``members`` are in the set."""
    found = read_members(db, key, (SET,), members, now)
    return [member in found for member in members]


def set_members(db: sqlite3.Connection, key: bytes, now: int) -> frozenset[bytes]:
    """The whole set."""
    return frozenset(read_members(db, key, (SET,), (), now))
