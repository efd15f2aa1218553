# SPDX-License-Identifier: Apache-2.0
"""All backends, with time that passes when a test says so."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from gatepost.store import Store, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.sqlite import SqliteStore
from servers_redis import RedisServer, needs_redis, run_cluster, run_redis


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
    def __init__(self, servers: Sequence[RedisServer]) -> None:
        settings = StoreSettings(
            servers=[servers[0].address], cluster=len(servers) > 1, timeout=10.0
        )
        self.store: Store = RedisStore(settings)
        self.clients = [server.client() for server in servers]
        for client in self.clients:
            client.flushall()

    def wait(self, seconds: float) -> None:
        """Takes ``seconds`` off the life of every key: Redis cannot be given a clock."""
        for client in self.clients:
            for key in client.scan_iter():
                left = client.pttl(key)
                if left >= 0:
                    # not above 0 removes the key
                    client.pexpire(key, int(left - seconds * 1000))


@pytest.fixture(scope="session")
def redis_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with run_redis(tmp_path_factory.mktemp("redis")) as server:
        yield [server]


@pytest.fixture(scope="session")
def cluster_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with run_cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


SERVERS = {"redis": "redis_servers", "cluster": "cluster_nodes"}


@pytest.fixture(params=["sqlite", *(pytest.param(name, marks=needs_redis) for name in SERVERS)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param == "sqlite":
        sqlite = SqliteBackend(tmp_path)
        yield sqlite
        await sqlite.store.close()
    else:
        in_redis = RedisBackend(request.getfixturevalue(SERVERS[request.param]))
        yield in_redis
        await in_redis.store.close()
        for client in in_redis.clients:
            client.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store
