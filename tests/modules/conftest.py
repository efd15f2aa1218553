# SPDX-License-Identifier: Apache-2.0
"""Both stores, empty, for modules that keep state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from gatepost.store import Store, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.sqlite import SqliteStore
from servers_redis import RedisServer, needs_redis, start_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "state.sqlite")
    else:
        server = request.getfixturevalue("redis_server")
        with redis.Redis(port=server.port, protocol=2) as client:
            client.flushall()
        opened = RedisStore(StoreSettings(servers=[server.address], timeout=10.0))
    yield opened
    await opened.close()


@pytest.fixture
async def broken_store(tmp_path: Path) -> Store:
    """A store that fails, whatever it is asked."""
    closed = SqliteStore(tmp_path / "closed.sqlite")
    await closed.close()
    return closed
