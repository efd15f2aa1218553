# SPDX-License-Identifier: Apache-2.0
"""Which statements read and write hashes, sets and ranked sets in SQLite?

Those from `hash_get` on are atomic operations; times are as in ``sqlite_entries``, and an
``expires`` of ``None`` leaves the expiry of what exists as it is.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gatepost.store.errors import StoreError
from gatepost.store.names import NEVER
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
from gatepost.store.sqlite_schema import HASH, PACKED, RANKED, SET

Fields = dict[bytes, bytes]

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
WRITE_RANKED = (
    "INSERT INTO ranked (key, field, score) VALUES (?, ?, ?)"
    " ON CONFLICT (key, field) DO UPDATE SET score = excluded.score"
)
READ_RANKED = (
    "SELECT e.kind, e.expires, r.field, r.score FROM entry e LEFT JOIN ranked r ON r.key = e.key"
)
CUT_RANKED = (
    "DELETE FROM ranked WHERE key = ?1 AND field IN"
    " (SELECT field FROM ranked WHERE key = ?1 ORDER BY score, field LIMIT ?2)"
)

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
        "DELETE FROM entry WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM member WHERE key = ?1)",
        (key,),
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


class RankedAdd(NamedTuple):
    """A member for a ranked set, and how many members the set may have."""

    member: bytes
    score: float
    keep: int
    only_if_absent: bool


def ranked_add(
    db: sqlite3.Connection, key: bytes, new: RankedAdd, expires: int | None, now: int
) -> bool:
    """Gives a member a score and cuts the set to the highest; says whether it is new."""

    def add() -> bool:
        _, value, _ = open_entry(db, key, (RANKED,), expires, now)
        before = int(value or 0)
        absent = score_of(db, key, new.member) is None
        if absent or not new.only_if_absent:
            db.execute(WRITE_RANKED, (key, new.member, new.score))
        cut_ranked(db, key, before, before + absent, new.keep)
        return absent

    return transaction(db, add)


def ranked_increment(
    db: sqlite3.Connection,
    key: bytes,
    member: bytes,
    by: float,
    keep: int,
    expires: int | None,
    now: int,
) -> float:
    """Cuts the set to the ``keep`` highest, then adds to a member's score."""

    def add() -> float:
        _, value, _ = open_entry(db, key, (RANKED,), expires, now)
        before = int(value or 0)
        left = cut_ranked(db, key, before, before, keep) if before > keep else before
        old = score_of(db, key, member)
        score = (old or 0.0) + by
        if score != score:
            raise StoreError(f"{key!r}: the score would be no number", temporary=False)
        db.execute(WRITE_RANKED, (key, member, score))
        if old is None:
            write_count(db, key, left + 1)
        return score

    return transaction(db, add)


def score_of(db: sqlite3.Connection, key: bytes, member: bytes) -> float | None:
    """The score of a member of a ranked set."""
    statement = "SELECT score FROM ranked WHERE key = ? AND field = ?"
    row: tuple[float] | None = db.execute(statement, (key, member)).fetchone()
    return None if row is None else row[0]


def cut_ranked(db: sqlite3.Connection, key: bytes, before: int, count: int, keep: int) -> int:
    """Cuts a set of ``count`` members to the highest; ``before`` is the count that is stored."""
    left = min(count, keep)
    if count > left:
        db.execute(CUT_RANKED, (key, count - left))
    if left <= 0:
        db.execute("DELETE FROM entry WHERE key = ?", (key,))
    elif left != before:
        write_count(db, key, left)
    return left


def write_count(db: sqlite3.Connection, key: bytes, count: int) -> None:
    """The entry of a ranked set has the number of its members."""
    db.execute("UPDATE entry SET value = ? WHERE key = ?", (b"%d" % count, key))


def ranked_scores(
    db: sqlite3.Connection, key: bytes, members: Sequence[bytes], now: int
) -> list[float | None]:
    """The scores of some members, of one moment."""
    if len(members) <= FIELDS_AT_ONCE:
        marks = ",".join("?" * len(members))
        rows = db.execute(
            f"{READ_RANKED} AND r.field IN ({marks}) WHERE e.key = ?", (*members, key)
        )
        found = dict(ranked_rows(db, key, rows.fetchall(), now))
    else:
        found = dict(ranked_list(db, key, now))
    return [found.get(member) for member in members]


def ranked_list(db: sqlite3.Connection, key: bytes, now: int) -> list[tuple[bytes, float]]:
    """Members and scores, highest first."""
    statement = f"{READ_RANKED} WHERE e.key = ? ORDER BY r.score DESC, r.field DESC"
    return ranked_rows(db, key, db.execute(statement, (key,)).fetchall(), now)


def ranked_rows(
    db: sqlite3.Connection, key: bytes, rows: list[tuple[int, int, bytes, float]], now: int
) -> list[tuple[bytes, float]]:
    """What ``READ_RANKED`` found, if it is a ranked set and lives."""
    if not rows:
        return []
    kind, expires = rows[0][:2]
    if expires <= now:
        forget(db, (key,), now)
        return []
    if kind != RANKED:
        raise wrong_type(key)
    return [(field, score) for _, _, field, score in rows if field is not None]
