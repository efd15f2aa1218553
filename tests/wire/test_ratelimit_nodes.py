# SPDX-License-Identifier: Apache-2.0
"""A user's limit holds to the letter, over workers and nodes, over kills and a stopped Redis."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from gatepost_server import GatepostServer, run_gatepost
from letters import check, letter
from servers_redis import (
    needs_redis,
    run_cluster,
    run_redis,
    run_watched,
    start_redis,
    wait_until,
)

pytestmark = [pytest.mark.server, pytest.mark.slow]

_, if_installed = needs_redis

CLIENTS = 8
BURST = 100
# one leaks in three years
RATES = f'rates {{ user {{ bucket {{ burst = {BURST}; rate = "1 / 1000d"; }} }} }}\n'
MESSAGE = letter()


def files(redis: str = "", ratelimit: str = "") -> dict[str, str]:
    """A configuration with one limit, and the body of ``redis.conf``."""
    return {
        "local.d/ratelimit.conf": RATES + ratelimit,
        **({"local.d/redis.conf": redis} if redis else {}),
    }


def send(address: str, user: str = "anna") -> str:
    """What becomes of one letter; ``no answer`` when the worker died over it."""
    try:
        return check(address, MESSAGE, [("User", user), ("IP", "203.0.113.7")])["action"]
    except (OSError, http.client.HTTPException):
        return "no answer"


def send_many(addresses: Sequence[str], count: int) -> Counter[str]:
    """What becomes of ``count`` letters that eight clients send to all nodes by turns."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        turns = (addresses[number % len(addresses)] for number in range(count))
        return Counter(clients.map(send, turns))


EXACTLY = Counter({"no action": BURST, "soft reject": 60})


# --- exactness --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pytest.param(k, marks=if_installed) for k in ("one", "cluster")])
def test_two_nodes_accept_exactly_the_burst(kind: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        if kind == "one":
            server = running.enter_context(run_redis(tmp_path / "redis"))
            state = files(f'servers = "{server.address}"; timeout = 10;\n')
        else:
            nodes = running.enter_context(run_cluster(tmp_path / "redis"))
            names = ",".join(node.address for node in nodes)
            state = files(f'servers = "{names}"; cluster = yes; timeout = 10;\n')
        both = [
            running.enter_context(run_gatepost(tmp_path / name, state, workers=2))
            for name in ("north", "south")
        ]
        assert send_many([node.scan for node in both], BURST + 60) == EXACTLY
        assert {send(node.scan, "another") for node in both} == {"no action"}


def test_four_workers_on_one_file_accept_exactly_the_burst(tmp_path: Path) -> None:
    with run_gatepost(tmp_path, files(), workers=4) as server:
        assert send_many([server.scan], BURST + 60) == EXACTLY


# --- kill -9 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("redis", marks=if_installed)])
def test_after_kill_9_no_accepted_letter_is_forgotten(backend: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        state = files()
        if backend == "redis":
            server = running.enter_context(run_redis(tmp_path / "redis"))
            state = files(f'servers = "{server.address}"; timeout = 10;\n')
        gatepost = running.enter_context(run_gatepost(tmp_path / "node", state, workers=4))
        found = Counter[str]()
        clients = running.enter_context(ThreadPoolExecutor(CLIENTS))
        for number, action in enumerate(clients.map(send, [gatepost.scan] * 3 * BURST)):
            found[action] += 1
            if number % 15 == 7 and not found["soft reject"]:
                os.kill(gatepost.process.children()[0], signal.SIGKILL)
        assert set(found) <= {"no action", "soft reject", "no answer"}
        assert found["no action"] <= BURST, "more than the limit: something was forgotten"
        assert found["no action"] + found["no answer"] >= BURST
        gatepost.process.wait_for("killed by SIGKILL", count=3)


# --- a Redis that is gone ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy, meanwhile",
    [
        pytest.param("accept", "no action", marks=if_installed),
        pytest.param("soft_reject", "soft reject", marks=if_installed),
    ],
)
def test_without_redis_scans_go_on_and_with_it_the_count(policy, meanwhile, tmp_path) -> None:
    lasting = ["--appendonly", "yes", "--appendfsync", "always"]
    server = start_redis(tmp_path, options=lasting)
    try:
        state = f'servers = "{server.address}"; timeout = 10;\n'
        own = files(state, f'on_failure = "{policy}";\n')
        with run_gatepost(tmp_path / "node", own) as gatepost:
            assert send_many([gatepost.scan], 60) == {"no action": 60}
            server.stop()
            assert send_many([gatepost.scan], 40) == {meanwhile: 40}
            gatepost.process.wait_for("ratelimit: the store does not answer", count=40)
            server = start_redis(tmp_path, port=server.port, options=lasting)
            with server.client() as client:
                wait_until(lambda: is_counted(gatepost, client))
            assert send_many([gatepost.scan], 80)["no action"] == BURST - 60
    finally:
        server.stop()


@if_installed
def test_no_scan_fails_while_a_replica_takes_over(tmp_path: Path) -> None:
    with run_watched(tmp_path) as watched:
        state = f'sentinels = "{watched.sentinel.address}"; sentinel_master_name = mymaster;\n'
        with run_gatepost(tmp_path / "node", files(state)) as gatepost:
            assert send_many([gatepost.scan], 60) == {"no action": 60}
            with watched.master.client() as master, watched.replica.client() as replica:
                wait_until(lambda: replica.dbsize() == master.dbsize())
                assert master.wait(1, 10_000) == 1, "the replica has all of it"
                watched.master.stop()
                wait_until(lambda: is_counted(gatepost, replica))
            assert send_many([gatepost.scan], 80)["no action"] == BURST - 60


@if_installed
def test_no_scan_fails_while_a_node_of_the_cluster_is_away(tmp_path: Path) -> None:
    with run_cluster(tmp_path / "redis") as nodes:
        state = f'servers = "{nodes[0].address}"; cluster = yes;\n'
        with run_gatepost(tmp_path / "node", files(state)) as gatepost:
            assert send_many([gatepost.scan], 10) == {"no action": 10}
            nodes[2].stop()
            found = Counter(send(gatepost.scan, f"user{number}") for number in range(60))
            assert found == {"no action": 60}
            gatepost.process.wait_for("ratelimit: the store does not answer", count=5)


def is_counted(gatepost: GatepostServer, client: redis.Redis) -> bool:
    """Whether another user's letter, which is accepted in any case, is counted there."""
    before = client.dbsize()
    user = f"user{time.monotonic_ns()}"
    assert send(gatepost.scan, user) in ("no action", "soft reject")
    return client.dbsize() > before
