# SPDX-License-Identifier: Apache-2.0
"""Expired keys go away, and one process of many sees to it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from gatepost.store import Store, keep_house, owner_name, purge_all
from gatepost.store.housekeeping import LEASE
from gatepost.store.sqlite import SqliteStore


async def test_every_expired_key_is_removed_however_many_there_are(tmp_path: Path) -> None:
    clock = [1_700_000_000.0]
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock[0])
    for number in range(1200):
        await store.set(f"k{number}", b"v", expire=10)
    await store.set("stays", b"v")
    clock[0] += 11
    assert await purge_all(store) == 1200
    assert await purge_all(store) == 0
    assert await store.get("stays") == b"v"
    await store.close()


async def test_one_of_two_housekeepers_has_the_lease(store: Store) -> None:
    owners = [owner_name(), owner_name()]
    duties = [asyncio.ensure_future(keep_house(store, o, interval=0.01)) for o in owners]
    holder = None
    while holder is None:
        await asyncio.sleep(0.01)
        holder = await store.get(LEASE)
    for duty in duties:
        duty.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await duty
    assert holder.decode() in owners
