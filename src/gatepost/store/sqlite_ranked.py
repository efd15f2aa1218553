# SPDX-License-Identifier: Apache-2.0
"""Which statements read and write ranked sets in SQLite?

Times are as in ``sqlite_entries``; an ``expires`` of ``None`` leaves the expiry of what exists as
it is. The value of a ranked set's entry counts its members, so that it is cut without counting.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from gatepost.store.errors import StoreError
from gatepost.store.sqlite_entries import forget, transaction, wrong_type
from gatepost.store.sqlite_members import FIELDS_AT_ONCE, open_entry
from gatepost.store.sqlite_schema import RANKED

WRITE_MEMBER = (
    "INSERT INTO ranked (key, field, score) VALUES (?, ?, ?)"
    " ON CONFLICT (key, field) DO UPDATE SET score = excluded.score"
)
READ_MEMBERS = (
    "SELECT e.kind, e.expires, r.field, r.score FROM entry e LEFT JOIN ranked r ON r.key = e.key"
)
CUT = (
    "DELETE FROM ranked WHERE key = ? AND field IN"
    " (SELECT field FROM ranked WHERE key = ? ORDER BY score, field LIMIT ?)"
)


class Newcomer(NamedTuple):
    """A member for a ranked set, and how many members the set may have."""

    member: bytes
    score: float
    keep: int
    only_if_absent: bool


def add(db: sqlite3.Connection, key: bytes, new: Newcomer, expires: int | None, now: int) -> bool:
    """Gives a member a score and cuts the set to the highest; says whether it is new."""

    def write() -> bool:
        _, value, _ = open_entry(db, key, (RANKED,), expires, now)
        before = int(value or 0)
        absent = score_of(db, key, new.member) is None
        if absent or not new.only_if_absent:
            db.execute(WRITE_MEMBER, (key, new.member, new.score))
        cut(db, key, before, before + absent, new.keep)
        return absent

    return transaction(db, write)


def increment(
    db: sqlite3.Connection,
    key: bytes,
    member: bytes,
    by: float,
    keep: int,
    expires: int | None,
    now: int,
) -> float:
    """Cuts the set to the ``keep`` highest, then adds to a member's score."""

    def write() -> float:
        _, value, _ = open_entry(db, key, (RANKED,), expires, now)
        before = int(value or 0)
        left = cut(db, key, before, before, keep) if before > keep else before
        old = score_of(db, key, member)
        score = (old or 0.0) + by
        if score != score:
            raise StoreError(f"{key!r}: the score would be no number", temporary=False)
        db.execute(WRITE_MEMBER, (key, member, score))
        if old is None:
            write_count(db, key, left + 1)
        return score

    return transaction(db, write)


def score_of(db: sqlite3.Connection, key: bytes, member: bytes) -> float | None:
    """The score of a member of a ranked set."""
    statement = "SELECT score FROM ranked WHERE key = ? AND field = ?"
    row: tuple[float] | None = db.execute(statement, (key, member)).fetchone()
    return None if row is None else row[0]


def cut(db: sqlite3.Connection, key: bytes, before: int, count: int, keep: int) -> int:
    """Cuts a set of ``count`` members to the highest; ``before`` is the count that is stored."""
    left = min(count, keep)
    if count > left:
        db.execute(CUT, (key, key, count - left))
    if left <= 0:
        db.execute("DELETE FROM entry WHERE key = ?", (key,))
    elif left != before:
        write_count(db, key, left)
    return left


def write_count(db: sqlite3.Connection, key: bytes, count: int) -> None:
    """The entry of a ranked set has the number of its members."""
    db.execute("UPDATE entry SET value = ? WHERE key = ?", (b"%d" % count, key))


def scores(
    db: sqlite3.Connection, key: bytes, members: Sequence[bytes], now: int
) -> list[float | None]:
    """The scores of some members, of one moment."""
    if len(members) <= FIELDS_AT_ONCE:
        marks = ",".join("?" * len(members))
        rows = db.execute(
            f"{READ_MEMBERS} AND r.field IN ({marks}) WHERE e.key = ?", (*members, key)
        )
        found = dict(read_rows(db, key, rows.fetchall(), now))
    else:
        found = dict(list_all(db, key, now))
    return [found.get(member) for member in members]


def list_all(db: sqlite3.Connection, key: bytes, now: int) -> list[tuple[bytes, float]]:
    """Members and scores, highest first."""
    statement = f"{READ_MEMBERS} WHERE e.key = ? ORDER BY r.score DESC, r.field DESC"
    return read_rows(db, key, db.execute(statement, (key,)).fetchall(), now)


def read_rows(
    db: sqlite3.Connection, key: bytes, rows: list[tuple[int, int, bytes, float]], now: int
) -> list[tuple[bytes, float]]:
    """What ``READ_MEMBERS`` found, if it is a ranked set and lives."""
    if not rows:
        return []
    kind, expires = rows[0][:2]
    if expires <= now:
        forget(db, (key,), now)
        return []
    if kind != RANKED:
        raise wrong_type(key)
    return [(field, score) for _, _, field, score in rows if field is not None]
