# SPDX-License-Identifier: Apache-2.0
"""Where the state goes: a file in the state folder, or Redis when servers are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gatepost.store import StoreError, StoreSettings, open_store
from gatepost.store.redis import RedisStore
from gatepost.store.sqlite import SqliteStore


async def test_without_servers_the_state_is_a_file_made_when_first_needed(tmp_path: Path) -> None:
    store = open_store(StoreSettings(), folder=tmp_path / "deep" / "state")
    assert isinstance(store, SqliteStore)
    assert list(tmp_path.iterdir()) == []
    await store.set("k", b"v")
    assert (tmp_path / "deep" / "state" / "state.sqlite").is_file()
    await store.close()


@pytest.mark.parametrize("option", ["servers", "write_servers", "sentinels"])
async def test_servers_move_it_to_redis(option: str, tmp_path: Path) -> None:
    store = open_store(StoreSettings(**{option: ["127.0.0.1:1"]}), folder=tmp_path)
    assert isinstance(store, RedisStore)
    with pytest.raises(StoreError) as caught:
        await store.get("k")
    assert caught.value.temporary
    assert list(tmp_path.iterdir()) == []
    await store.close()


@pytest.mark.parametrize("servers", [["not a/server"], [" , "]])
def test_servers_that_are_none_are_refused_at_once(servers: list[str], tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(StoreSettings(servers=servers), folder=tmp_path)
    assert not caught.value.temporary


@pytest.mark.slow
def test_who_uses_no_redis_does_not_wait_for_its_import() -> None:
    program = """
import pathlib, sys
from gatepost.store import StoreSettings, open_store
open_store(StoreSettings(), folder=pathlib.Path("/nonexistent"))
assert "redis" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
