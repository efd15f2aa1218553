# SPDX-License-Identifier: Apache-2.0
"""Servers that the configuration names: one is written to, others are read from in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatepost.store import StoreError, StoreSettings
from gatepost.store.redis import RedisStore
from servers_redis import RedisServer, needs_redis, run_redis

pytestmark = needs_redis
DEAD = "127.0.0.1:1"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RedisServer]]:
    folder = tmp_path_factory.mktemp("pair")
    with run_redis(folder / "one") as one, run_redis(folder / "two") as two:
        yield one, two


@pytest.fixture(autouse=True)
def filled(pair: tuple[RedisServer, RedisServer]) -> None:
    """Which server a read came from is seen by what it says."""
    for server, value in zip(pair, (b"one", b"two"), strict=True):
        with server.client() as client:
            client.flushall()
            client.set("k", value)


async def read(**options: list[str]) -> bytes | None:
    store = RedisStore(StoreSettings(timeout=5.0, **options))
    try:
        return await store.get("k")
    finally:
        await store.close()


async def test_reads_go_where_writes_go(pair) -> None:
    one, two = (server.address for server in pair)
    assert await read(servers=[f"{one},{two}"]) == b"one"
    assert await read(servers=[f"master-slave:{two},{one}"]) == b"two"
    assert await read(servers=[one], write_servers=[two]) == b"two"


async def test_read_servers_are_read_from_in_their_order(pair) -> None:
    one, two = (server.address for server in pair)
    assert await read(read_servers=[two, one], write_servers=[one]) == b"two"
    assert await read(read_servers=[DEAD, two], write_servers=[one]) == b"two"


async def test_the_server_to_write_to_is_read_from_when_all_others_are_down(pair) -> None:
    one, two = (server.address for server in pair)
    assert await read(read_servers=[DEAD], write_servers=[one]) == b"one"
    assert await read(servers=[DEAD, two]) == b"two"


async def test_writes_go_to_one_server_or_nowhere(pair) -> None:
    _, two = pair
    store = RedisStore(StoreSettings(servers=[DEAD, two.address], timeout=5.0))
    with pytest.raises(StoreError) as caught:
        await store.set("k", b"new")
    assert caught.value.temporary
    assert await store.get("k") == b"two"
    await store.close()


async def test_a_server_that_cannot_read_yet_is_passed_over(pair) -> None:
    one, two = pair
    with one.client() as client:
        client.config_set("replica-serve-stale-data", "no")
        client.replicaof("127.0.0.1", 1)
        try:
            assert await read(servers=[one.address, two.address]) == b"two"
        finally:
            client.replicaof("no", "one")


@pytest.mark.parametrize("options", [{}, {"read_servers": [DEAD]}])
def test_without_a_server_to_write_to_there_is_no_store(options) -> None:
    with pytest.raises(StoreError, match="no server to write to") as caught:
        RedisStore(StoreSettings(**options))
    assert not caught.value.temporary
