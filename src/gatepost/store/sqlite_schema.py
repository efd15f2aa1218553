# SPDX-License-Identifier: Apache-2.0
"""What is in the SQLite file, and what must hold for it?

Every key has one row in ``entry``, which says of what type it is and when it expires. A
value is in that row. So is a bucket, a hash that is read and written as a whole: all
its fields are packed into the row's value (``PACKED``). Other hashes, sets and ranked sets
have a row for each member; a trigger removes these with their entry. A ranked set's ``value``
counts its members.

Expired rows are there until a read or a write meets them, or `purge` does. They are not
indexed by expiry: keeping such an index would cost every write half its time again.
"""

import sqlite3
from pathlib import Path

from gatepost.store.errors import StoreError

STRING, HASH, SET, RANKED, PACKED = range(5)
VERSION = 1

TABLES = """
CREATE TABLE entry (
    key BLOB PRIMARY KEY, kind INTEGER NOT NULL, value, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE member (
    key BLOB NOT NULL, field BLOB NOT NULL, value BLOB, PRIMARY KEY (key, field)
) WITHOUT ROWID;
CREATE TABLE ranked (
    key BLOB NOT NULL, field BLOB NOT NULL, score REAL NOT NULL, PRIMARY KEY (key, field)
) WITHOUT ROWID;
CREATE INDEX ranked_score ON ranked (key, score, field);
CREATE TRIGGER entry_members AFTER DELETE ON entry WHEN old.kind IN (1, 2) BEGIN
    DELETE FROM member WHERE key = old.key;
END;
CREATE TRIGGER entry_ranked AFTER DELETE ON entry WHEN old.kind = 3 BEGIN
    DELETE FROM ranked WHERE key = old.key;
END;
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes a fresh connection ready; creates the tables if nobody has.

    Raises `StoreError` for a file of a later version and a file system without WAL.
    """
    # small pages, because a commit writes whole ones; large enough for a dozen keys
    connection.execute("PRAGMA page_size = 2048")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        message = f"{path}: no write-ahead log possible here; is this a network file system?"
        raise StoreError(message, temporary=False)
    # WAL with NORMAL survives the death of a process; only a power cut loses the last moments
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -8192")
    if version(connection) == 0:
        create(connection)
    if version(connection) != VERSION:
        message = f"{path}: written by another version of Gatepost"
        raise StoreError(message, temporary=False)


def version(connection: sqlite3.Connection) -> int:
    """Of the file's tables; 0 for a new file."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def create(connection: sqlite3.Connection) -> None:
    """Creates the tables, unless another process was faster."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version(connection) == 0:
            statement = ""
            for line in TABLES.splitlines(keepends=True):
                statement += line
                if sqlite3.complete_statement(statement):
                    connection.execute(statement)
                    statement = ""
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
