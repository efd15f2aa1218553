# SPDX-License-Identifier: Apache-2.0
"""A file is made once, understood or refused, and keeps nothing of what was removed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gatepost.store import StoreError
from gatepost.store.sqlite import SqliteStore
from gatepost.store.sqlite_schema import VERSION, prepare


async def test_many_that_open_a_new_file_at_once_make_it_once(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "state.sqlite") for _ in range(8)]
    counts = await asyncio.gather(*(store.increment("k") for store in stores))
    assert sorted(counts) == list(range(1, 9))
    for store in stores:
        await store.close()


@pytest.mark.parametrize("version", [VERSION + 1, 99])
async def test_a_file_of_a_later_version_is_left_as_it_is(tmp_path: Path, version: int) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as later:
        later.execute("CREATE TABLE entry (something_else)")
        later.execute(f"PRAGMA user_version = {version}")
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="another version of Gatepost") as caught:
        await store.set("k", b"v")
    assert not caught.value.temporary
    await store.close()
    with closing(sqlite3.connect(path)) as later:
        assert later.execute("SELECT name FROM sqlite_schema").fetchall() == [("entry",)]


async def test_a_file_of_somebody_else_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entry (something_else)")
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=r"state\.sqlite"):
        await store.set("k", b"v")
    await store.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("entry",)]


def test_where_no_write_ahead_log_is_possible_it_says_so() -> None:
    in_memory = closing(sqlite3.connect(":memory:", isolation_level=None))
    refused = pytest.raises(StoreError, match="network file system")
    with in_memory as connection, refused as caught:
        prepare(connection, Path("/mnt/state.sqlite"))
    assert not caught.value.temporary


async def test_nothing_stays_of_a_key_that_is_gone(tmp_path: Path) -> None:
    clock = [1_700_000_000.0]
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock[0])
    for life in (None, 10.0):
        await store.hash_set(f"h{life}", {"f": b"1", "g": b"2"}, expire=life)
        await store.set_add(f"s{life}", b"m", expire=life)
        await store.ranked_add(f"r{life}", "m", 1, keep=3, expire=life)
    await store.delete("hNone", "sNone", "rNone")
    clock[0] += 20
    await store.purge(100)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as file:
        for table in ("entry", "member", "ranked"):
            assert file.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
