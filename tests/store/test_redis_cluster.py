# SPDX-License-Identifier: Apache-2.0
"""Keys on many nodes, slots that move, nodes that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from gatepost.store import Bucket, Settlement, StoreError, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.redis_cluster import read_table
from gatepost.store.redis_servers import Address
from servers_redis import RedisServer, needs_redis, run_cluster, run_replica, wait_until

pytestmark = needs_redis
KEYS = [f"key{number}" for number in range(60)]
DEAD = "127.0.0.1:1"


@pytest.fixture
async def store(cluster_nodes: list[RedisServer]) -> AsyncIterator[RedisStore]:
    for node in cluster_nodes:
        with node.client() as client:
            client.flushall()
    found = open_cluster(cluster_nodes[0])
    yield found
    await found.close()


def open_cluster(seed: RedisServer, **options: object) -> RedisStore:
    return RedisStore(
        StoreSettings(servers=[seed.address], cluster=True, **{"timeout": 5.0, **options})
    )


async def test_keys_are_spread_and_read_together(store, cluster_nodes) -> None:
    for key in KEYS:
        await store.set(key, key.encode())
    assert await store.get_many(KEYS) == [key.encode() for key in KEYS]
    for node in cluster_nodes:
        with node.client() as client:
            assert client.dbsize() > 5
    assert await store.delete(*KEYS, *KEYS) == len(KEYS)


async def test_many_reads_cost_each_node_one_round_trip(store, cluster_nodes) -> None:
    await store.get_many(KEYS)
    with ExitStack() as open_clients:
        clients = [open_clients.enter_context(node.client()) for node in cluster_nodes]
        before = [reads(client) for client in clients]
        await store.get_many(KEYS)
        after = [reads(client) for client in clients]
    # the other two are the questions themselves
    assert [a - b for a, b in zip(after, before, strict=True)] == [3, 3, 3]


def reads(client: redis.Redis) -> int:
    """How often the server read from a socket."""
    client.ping()
    return client.info("stats")["total_reads_processed"]


async def test_keys_with_one_hash_tag_are_on_one_node(store, cluster_nodes) -> None:
    for number in range(20):
        await store.set(f"{{tag}}{number}", b"v")
    sizes = []
    for node in cluster_nodes:
        with node.client() as client:
            sizes.append(client.dbsize())
    assert sorted(sizes) == [0, 0, 20]


async def test_buckets_of_several_nodes_are_reserved_and_settled_together(store) -> None:
    buckets = [Bucket(f"RL{number}", burst=3, rate=0) for number in range(30)]
    for turn in range(4):
        states = await store.reserve(buckets, f"t{turn}", now=1e9, hold=60, expire=600)
        assert [state.limited for state in states] == [turn == 3] * 30
        await store.settle([Settlement(b, True) for b in buckets], f"t{turn}", now=1e9, expire=600)


async def test_any_node_will_do_to_begin_with(cluster_nodes, store) -> None:
    await store.set("k", b"v")
    for node in cluster_nodes:
        other = RedisStore(
            StoreSettings(servers=[f"{DEAD},{node.address}"], cluster=True, timeout=5.0)
        )
        assert await other.get("k") == b"v"
        await other.close()


@pytest.mark.parametrize("key", ["moving", "{tag}moving"])
async def test_a_slot_that_moves_is_followed_at_every_step(store, cluster_nodes, key) -> None:
    async def use(turn: int) -> None:
        assert await store.increment(key) == turn
        assert await store.hash_increment(f"{{{tag}}}h", "f", expire=100) == turn
        assert await store.lease(f"{{{tag}}}l", "me", 100)
        assert await store.get_many([key, "elsewhere"]) == [b"%d" % turn, b"e"]

    tag = "tag" if key.startswith("{") else key
    slot = key_slot(key.encode())
    await store.set("elsewhere", b"e")
    await use(1)
    source = cluster_nodes[slot * 3 // 16384]
    target = cluster_nodes[(cluster_nodes.index(source) + 1) % 3]
    with source.client() as old, target.client() as new:
        names = [client.execute_command("CLUSTER", "MYID") for client in (old, new)]
        for giver, taker, own, other in ((old, new, *names), (new, old, *reversed(names))):
            port = taker.connection_pool.connection_kwargs["port"]
            taker.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", own)
            giver.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", other)
            turn = int(await store.get(key)) + 1
            await use(turn)
            left = giver.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
            giver.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *left)
            await use(turn + 1)
            for client in (taker, giver):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", other)
            await use(turn + 2)
            await use(turn + 3)


@pytest.mark.slow
async def test_a_dead_node_takes_down_its_own_keys_alone(tmp_path: Path) -> None:
    with run_cluster(tmp_path) as nodes:
        for node in nodes:
            with node.client() as client:
                client.config_set("cluster-require-full-coverage", "no")
        store = open_cluster(nodes[0], timeout=1.0)
        for key in KEYS:
            await store.set(key, b"v")
        nodes[2].stop()
        answered = 0
        for key in KEYS:
            lost = key_slot(key.encode()) * 3 // 16384 == 2
            try:
                assert await store.get(key) == b"v"
                assert not lost
                answered += 1
            except StoreError as error:
                assert error.temporary
                assert lost
        assert 20 < answered < 55
        with pytest.raises(StoreError):
            await store.get_many(KEYS)
        await store.close()


@pytest.mark.slow
async def test_when_a_master_dies_its_replica_goes_on(tmp_path: Path) -> None:
    with run_cluster(tmp_path / "m") as nodes, run_replica(tmp_path / "r", nodes, 2) as replica:
        store = open_cluster(nodes[0], timeout=0.5)
        for key in KEYS:
            assert await store.increment(key) == 1
        with replica.client() as client, nodes[2].client() as master:
            wait_until(lambda: client.dbsize() == master.dbsize() > 0)
        nodes[2].stop()
        for key in KEYS:
            async with asyncio.timeout(20):
                assert await increment_at_last(store, key) == 2, "sent once, counted once"
        assert await store.get_many(KEYS) == [b"2"] * len(KEYS)
        await store.close()


async def increment_at_last(store: RedisStore, key: str) -> int:
    while True:
        try:
            return await store.increment(key)
        except StoreError as error:
            assert error.temporary
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"db": 3}, "no database but 0"),
        ({"servers": []}, "no node of the cluster is named"),
        ({"sentinels": [DEAD]}, "sentinels do not watch a cluster"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(options, complaint) -> None:
    with pytest.raises(StoreError, match=complaint) as caught:
        RedisStore(StoreSettings(**{"servers": [DEAD], "cluster": True, **options}))
    assert not caught.value.temporary


async def test_a_server_that_is_no_cluster_says_so(redis_servers: list[RedisServer]) -> None:
    store = open_cluster(redis_servers[0])
    with pytest.raises(StoreError, match="cluster support disabled"):
        await store.get("k")
    await store.close()


async def test_a_cluster_that_nobody_answers_for_is_an_error() -> None:
    store = RedisStore(StoreSettings(servers=[DEAD], cluster=True))
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await store.get("k")
        assert caught.value.temporary
    await store.close()


ASKED = Address("seed", 7000, "")


def test_a_node_without_a_name_is_the_one_that_was_asked() -> None:
    reply = [[0, 100, [b"", 7001, b"id"]], [101, 16383, [b"other", 7002, b"id", []], [b"r", 1]]]
    assert read_table(reply, ASKED) == [
        (0, 100, Address("seed", 7001, "")),
        (101, 16383, Address("other", 7002, "")),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        *(None, [], 5, b"x", [[]], [[0, 1]], [[0, 1, []]], [[b"0", 1, [b"h", 1]]]),
        *([[0, 99999, [b"h", 1]]], [[5, 4, [b"h", 1]]], [[0, 1, [b"?", 1]]]),
    ],
)
def test_a_table_that_names_nobody_is_an_error(reply) -> None:
    with pytest.raises(StoreError, match="no node of a cluster that is ready"):
        read_table(reply, ASKED)


REPLIES = st.recursive(
    st.none() | st.integers() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=30,
)


@given(REPLIES)
def test_whatever_a_server_says_is_a_table_or_an_error(reply) -> None:
    try:
        table = read_table(reply, ASKED)
    except StoreError:
        return
    assert all(0 <= first <= last < 16384 for first, last, _ in table)
