# SPDX-License-Identifier: Apache-2.0
"""Both backends, with time that passes when a test says so."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import redis

from gatepost.store import Store, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.sqlite import SqliteStore
from servers_redis import RedisServer, needs_redis, start_redis


class Backend(Protocol):
    """A store, and the passing of time for what expires in it."""

    store: Store

    def wait(self, seconds: float) -> None: ...


class SqliteBackend:
    def __init__(self, folder: Path) -> None:
        self.clock = 1_700_000_000.0
        self.store: Store = SqliteStore(folder / "state.sqlite", clock=lambda: self.clock)

    def wait(self, seconds: float) -> None:
        self.clock += seconds


class RedisBackend:
    def __init__(self, server: RedisServer) -> None:
        self.store: Store = RedisStore(StoreSettings(servers=[server.address], timeout=10.0))
        self.client = redis.Redis(port=server.port, protocol=2)
        self.client.flushall()

    def wait(self, seconds: float) -> None:
        """Takes ``seconds`` off the life of every key: Redis cannot be given a clock."""
        for key in self.client.scan_iter():
            left = self.client.pttl(key)
            if left >= 0:
                # not above 0 removes the key
                self.client.pexpire(key, int(left - seconds * 1000))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param == "sqlite":
        sqlite = SqliteBackend(tmp_path)
        yield sqlite
        await sqlite.store.close()
    else:
        in_redis = RedisBackend(request.getfixturevalue("redis_server"))
        yield in_redis
        await in_redis.store.close()
        in_redis.client.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store
