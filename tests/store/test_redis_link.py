# SPDX-License-Identifier: Apache-2.0
"""Commands reach a server however it wants to be reached, and a dead one costs nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from gatepost.store import StoreError, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.redis_link import CONNECTIONS, LONGEST_PAUSE, TOGETHER
from servers_redis import RedisServer, needs_redis, start_redis
from tls_certificates import Certificates, make_certificates

pytestmark = needs_redis
DEAD = "127.0.0.1:1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    found = start_redis(tmp_path, options=["--unixsocket", str(tmp_path / "redis.sock")])
    yield found
    found.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_server(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """Takes TLS alone, from clients that have a certificate."""
    options = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "yes"]
    options += ["--tls-ca-cert-file", str(certificates.ca)]
    options += ["--tls-cert-file", str(certificates.server_cert)]
    options += ["--tls-key-file", str(certificates.server_key)]
    found = start_redis(tmp_path_factory.mktemp("tls"), options=options)
    yield found
    found.stop()


class Clock:
    """The seconds by which a failed server is left alone."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    found = RedisStore(StoreSettings(servers=[server.address], timeout=5.0))
    yield found
    await found.close()


async def try_to_write(settings: StoreSettings) -> None:
    store = RedisStore(settings)
    try:
        await store.set("k", b"v")
        assert await store.get("k") == b"v"
    finally:
        await store.close()


# --- ways to a server -------------------------------------------------------------------------


async def test_a_socket_of_unix_is_a_server(server: RedisServer, tmp_path: Path) -> None:
    for text in (f"{tmp_path}/redis.sock", f"unix:{tmp_path}/redis.sock"):
        await try_to_write(StoreSettings(servers=[text], db=2))
    with redis.Redis(port=server.port, db=2, protocol=2) as client:
        assert client.get("k") == b"v"


async def test_the_password_opens_the_door(tmp_path: Path) -> None:
    server = start_redis(tmp_path, password="s3cret")
    try:
        with redis.Redis(port=server.port, password="s3cret", protocol=2) as client:
            client.execute_command("ACL", "SETUSER", "scanner", "on", ">own", "~*", "+@all")
        await try_to_write(StoreSettings(servers=[server.address], password="s3cret"))
        await try_to_write(
            StoreSettings(servers=[server.address], username="scanner", password="own")
        )
        for wrong in ({}, {"password": "guess"}, {"username": "nobody", "password": "s3cret"}):
            with pytest.raises(StoreError, match=r"(?i)auth|password") as caught:
                await try_to_write(StoreSettings(servers=[server.address], **wrong))
            assert "s3cret" not in str(caught.value)
    finally:
        server.stop()


async def test_a_database_that_is_not_there_is_an_error(server: RedisServer) -> None:
    with pytest.raises(StoreError, match="DB index is out of range"):
        await try_to_write(StoreSettings(servers=[server.address], db=99))


async def test_tls_with_certificates_on_both_sides(tls_server, certificates) -> None:
    await try_to_write(
        StoreSettings(
            servers=[tls_server.address],
            ssl=True,
            ssl_ca=str(certificates.ca),
            ssl_cert=str(certificates.client_cert),
            ssl_key=str(certificates.client_key),
        )
    )


async def test_a_server_whose_authority_nobody_knows_is_refused(tls_server, certificates) -> None:
    own = {"ssl_cert": str(certificates.client_cert), "ssl_key": str(certificates.client_key)}
    with pytest.raises(StoreError, match=r"(?i)certificate"):
        await try_to_write(StoreSettings(servers=[tls_server.address], ssl=True, **own))
    await try_to_write(
        StoreSettings(servers=[tls_server.address], ssl=True, no_ssl_verify=True, **own)
    )


@pytest.mark.parametrize("options", [{}, {"ssl": True, "no_ssl_verify": True}])
async def test_without_what_the_server_asks_for_it_is_an_error(tls_server, options) -> None:
    with pytest.raises(StoreError) as caught:
        await try_to_write(StoreSettings(servers=[tls_server.address], timeout=2, **options))
    assert caught.value.temporary


# --- servers that fail ------------------------------------------------------------------------


async def test_a_server_that_hangs_costs_one_timeout(server: RedisServer) -> None:
    clock = Clock()
    settings = StoreSettings(servers=[server.address], timeout=0.1)
    store = RedisStore(settings, monotonic=clock)
    await store.set("k", b"v")
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreError, match=r"no answer within 0\.1 s") as caught:
            await store.get("k")
        assert caught.value.temporary
        for _ in range(1000):
            with pytest.raises(StoreError, match="left alone for a moment"):
                await store.get("k")
        assert time.monotonic() - began < 10, "a thousand messages did not wait"
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    clock.now += 0.06
    assert await store.get("k") == b"v", "and the late reply to the first was not taken for it"
    await store.close()


async def test_a_dead_server_is_left_alone_longer_and_longer() -> None:
    clock = Clock()
    store = RedisStore(StoreSettings(servers=[DEAD]), monotonic=clock)
    asked = []
    while len(asked) < 10:
        if "left alone" not in str(await failure(store)):
            asked.append(clock.now)
        clock.now += 0.01
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.1
    assert 1 < pauses[-1] < LONGEST_PAUSE + 0.1
    await store.close()


async def failure(store: RedisStore) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await store.get("k")
    return caught.value


async def test_failures_of_many_at_once_count_once() -> None:
    clock = Clock()
    store = RedisStore(StoreSettings(servers=[DEAD]), monotonic=clock)
    await asyncio.gather(*(store.get("k") for _ in range(50)), return_exceptions=True)
    clock.now += 0.06
    assert "left alone" not in str(await failure(store))
    await store.close()


async def test_a_server_that_started_anew_is_noticed_before_anything_is_sent(
    server: RedisServer, store: RedisStore, tmp_path: Path
) -> None:
    await asyncio.gather(*(store.increment("k") for _ in range(20)))
    server.stop()
    again = await asyncio.to_thread(start_redis, tmp_path, port=server.port)
    try:
        assert await store.increment("k") == 1
    finally:
        again.stop()


async def test_what_the_server_refuses_now_may_work_later(server: RedisServer, store) -> None:
    await store.set("k", b"v")
    with redis.Redis(port=server.port, protocol=2) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreError, match="maxmemory") as caught:
            await store.set("k", b"w")
        assert caught.value.temporary
        with pytest.raises(StoreError, match="maxmemory"):  # and why, of several as one too
            await store.ranked_add("r", "a", 1.0, keep=5)
        client.config_set("maxmemory", "0")
    assert await store.set("k", b"w")


# --- many callers, many processes -------------------------------------------------------------


async def test_many_callers_share_a_few_connections(server: RedisServer) -> None:
    store = RedisStore(StoreSettings(servers=[server.address], timeout=5))
    await asyncio.gather(*(store.increment("k") for _ in range(500)))
    assert await store.get("k") == b"500"
    with redis.Redis(port=server.port, protocol=2) as client:
        assert len(client.client_list()) <= CONNECTIONS + 1
    await store.close()


async def test_what_the_checks_of_a_message_ask_first_is_one_round_trip(
    server: RedisServer, store: RedisStore
) -> None:
    await store.set("a", b"1")
    with redis.Redis(port=server.port, protocol=2) as client:
        before = len(client.client_list())
        found = await asyncio.gather(
            store.get("a"),
            store.get_many(["a", "b"]),
            store.increment("c"),
            store.hash_get("a", ["x"]),  # of another type: this one's error is its own
            return_exceptions=True,
        )
        after = len(client.client_list())
    assert found[:3] == [b"1", [b"1", None], 1]
    assert isinstance(found[3], StoreError) and not found[3].temporary
    assert before == after  # all four shared the one connection there was


async def test_more_than_fits_into_one_exchange_is_several(store: RedisStore) -> None:
    calls = [store.increment("n") for _ in range(2 * TOGETHER + 1)]
    assert sorted(await asyncio.gather(*calls)) == list(range(1, 2 * TOGETHER + 2))


async def test_who_is_cancelled_takes_nobody_s_reply(store: RedisStore) -> None:
    for number in range(40):
        await store.set(f"k{number}", b"%d" % number)
    for turn in range(40):
        reads = [asyncio.ensure_future(store.get(f"k{number}")) for number in range(40)]
        for _ in range(turn % 5):
            await asyncio.sleep(0)
        for read in reads[turn % 2 :: 2]:
            read.cancel()
        replies = await asyncio.gather(*reads, return_exceptions=True)
        for number, reply in enumerate(replies):
            assert reply == b"%d" % number or isinstance(reply, asyncio.CancelledError)


async def test_scripts_that_the_server_forgot_are_sent_again_and_run_once(
    server: RedisServer, store: RedisStore
) -> None:
    with redis.Redis(port=server.port, protocol=2) as client:
        for number in range(1, 4):
            assert await store.increment("k", expire=60) == number
            client.script_flush()
        assert all(await asyncio.gather(*(store.lease(f"l{i}", "me", 60) for i in range(20))))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis_servers", "cluster_nodes"])
def test_parent_and_child_of_a_fork_have_connections_of_their_own(kind, request) -> None:
    program = """
import asyncio, os, sys
from gatepost.store import StoreSettings
from gatepost.store.redis import RedisStore
server, cluster, key = sys.argv[1:]
store = RedisStore(StoreSettings(servers=[server], cluster=cluster == "yes", timeout=10))
async def add(number):
    await asyncio.gather(*(store.increment(key) for _ in range(number)))
async def leave(number):
    await add(number)
    await store.close()
async def main():
    await add(10)
    pid = os.fork()
    if pid == 0:
        asyncio.events._set_running_loop(None)
        asyncio.run(leave(100))
        os._exit(0)
    await add(100)
    assert os.waitpid(pid, 0)[1] == 0
    await add(1)
    print(await store.get(key))
    await store.close()
asyncio.run(main())
"""
    servers = request.getfixturevalue(kind)
    cluster = "yes" if len(servers) > 1 else "no"
    arguments = [servers[0].address, cluster, f"forked{time.monotonic_ns()}"]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "b'211'\n", done.stderr
