# SPDX-License-Identifier: Apache-2.0
"""When the master dies, state goes on at the replica that the Sentinel promotes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.store import StoreError, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.redis_sentinel import to_address, to_rows
from servers_redis import (
    RedisServer,
    Watched,
    needs_redis,
    run_sentinel,
    run_watched,
    wait_until,
)

pytestmark = needs_redis
DEAD = "127.0.0.1:1"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """For tests that leave it as it is."""
    with run_watched(tmp_path_factory.mktemp("watched")) as found:
        yield found


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Watched]:
    """For a test that kills the master."""
    with run_watched(tmp_path) as found:
        yield found


def through(watched: Watched, **options: object) -> RedisStore:
    """A store that knows the Sentinel alone."""
    found = {"sentinels": [watched.sentinel.address], "timeout": 5.0, **options}
    return RedisStore(StoreSettings(**found))


@pytest.fixture
async def store(watched: Watched) -> AsyncIterator[RedisStore]:
    found = through(watched)
    yield found
    await found.close()


def value_at(server: RedisServer, key: str) -> bytes | None:
    with server.client() as client:
        return client.get(key)


# --- finding the master -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sentinel_master_name": "mymaster"},
        {"sentinel_masters_pattern": "^my.*r$"},
        {"sentinel_masters_pattern": "^my%a+$"},
        {"servers": [DEAD]},
    ],
)
async def test_writes_go_to_the_master_that_the_sentinel_names(watched, options) -> None:
    store = through(watched, **options)
    assert await store.increment("found") >= 1
    await store.close()
    assert value_at(watched.master, "found") is not None


async def test_a_dead_sentinel_is_no_obstacle(watched: Watched) -> None:
    store = through(watched, sentinels=[f"{DEAD}, 127.0.0.1:2", watched.sentinel.address])
    assert await store.set("k", b"v")
    await store.close()


async def test_the_servers_stand_in_while_no_sentinel_answers(watched: Watched) -> None:
    store = through(watched, sentinels=[DEAD], servers=[watched.master.address])
    assert await store.set("stood in", b"v")
    assert value_at(watched.master, "stood in") == b"v"
    await store.close()


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"sentinels": [DEAD]}, "no sentinel knows the master"),
        ({"sentinel_master_name": "other"}, "the sentinel has mymaster: set"),
        ({"sentinel_masters_pattern": "^other"}, "the sentinel has mymaster: set"),
    ],
)
async def test_no_master_is_an_error_for_the_moment(watched, options, complaint) -> None:
    store = through(watched, **options)
    with pytest.raises(StoreError, match=complaint) as caught:
        await store.get("k")
    assert caught.value.temporary
    await store.close()


@pytest.mark.parametrize(
    "options", [{"sentinel_masters_pattern": "("}, {"sentinels": [" "]}, {"sentinels": ["a/b"]}]
)
def test_settings_that_make_no_sense_are_refused_at_once(options) -> None:
    with pytest.raises(StoreError) as caught:
        RedisStore(StoreSettings(**{"sentinels": [DEAD], **options}))
    assert not caught.value.temporary


async def test_the_password_of_the_sentinel_is_its_own(watched: Watched, tmp_path: Path) -> None:
    with run_sentinel(tmp_path, watched.master, password="s3cret") as guarded:
        right = through(watched, sentinels=[guarded.address], sentinel_password="s3cret")
        assert await right.set("k", b"v")
        await right.close()
        wrong = through(watched, sentinels=[guarded.address])
        with pytest.raises(StoreError, match=r"(?i)auth"):
            await wrong.set("k", b"v")
        await wrong.close()


# --- losing the master ------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_master_that_became_a_replica_refuses_and_the_new_one_gets_it(mortal) -> None:
    store = through(mortal)
    assert await store.increment("n") == 1
    assert await store.hash_increment("h", "f", expire=100) == 1
    assert await store.lease("l", "me", 100)
    await asyncio.to_thread(change_places, mortal)
    assert await store.increment("n") == 2
    assert await store.hash_increment("h", "f", expire=100) == 2
    assert await store.lease("l", "me", 100)
    assert value_at(mortal.replica, "n") == b"2"
    await store.close()


def change_places(watched: Watched) -> None:
    """The replica becomes the master, and the master its replica."""
    port = str(watched.replica.port).encode()
    with watched.master.client() as master, watched.replica.client() as replica:
        wait_until(lambda: replica.get("n") == b"1")
        with watched.sentinel.client() as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", "mymaster")
            named = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
            wait_until(lambda: port in sentinel.execute_command(*named))
        master.replicaof("127.0.0.1", port)  # the Sentinel would do it within ten seconds


@pytest.mark.slow
async def test_when_the_master_dies_writes_go_on_at_the_replica(mortal: Watched, caplog) -> None:
    store = through(mortal, timeout=0.5)
    told = 0
    for _ in range(100):
        told = await store.increment("n")
    with mortal.replica.client() as client:
        wait_until(lambda: client.get("n") == b"100")
    mortal.master.stop()
    assert await store.get("n") == b"100", "what the replica has is read meanwhile"
    failures = 0
    async with asyncio.timeout(20):
        while told == 100:
            try:
                told = await store.increment("n")
            except StoreError as error:
                assert error.temporary
                failures += 1
                await asyncio.sleep(0.02)
    assert failures, "it was not noticed that the master was gone"
    assert told == 101, "nothing that was told is lost, nothing is counted twice"
    assert caplog.messages == [
        f"redis: the master is now {mortal.replica.address}; it was {mortal.master.address}"
    ]
    assert await store.get("n") == b"101"
    await store.close()


WORDS = st.sampled_from([b"ip", b"port", b"name", b"127.0.0.1", b"6379", b"0", b"70000", b"\xff"])


@given(st.lists(st.lists(WORDS | st.integers() | st.none(), max_size=8) | WORDS, max_size=4))
def test_whatever_a_sentinel_says_is_an_address_or_an_error(reply) -> None:
    for row in to_rows(reply):
        try:
            assert 0 < to_address(row).port < 65536
        except StoreError as error:
            assert "without address" in str(error)
