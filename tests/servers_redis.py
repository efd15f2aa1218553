# SPDX-License-Identifier: Apache-2.0
"""How does a test get Redis servers of its own: one, with a Sentinel, as a Cluster?"""

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest
import redis

PROGRAM = shutil.which("redis-server")

needs_redis = [
    pytest.mark.server,
    pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed"),
]
"""Marks for a test that starts one: ``pytestmark = needs_redis``."""


class RedisServer:
    """A running ``redis-server`` on ``127.0.0.1:port`` that keeps nothing on disk."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def address(self) -> str:
        """As one writes it into ``servers``."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        """A connection of the test's own; to be closed, best by ``with``."""
        return redis.Redis(port=self.port, protocol=2)

    def stop(self) -> None:
        """Ends the server at once; a second time does nothing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_redis(
    folder: Path, *, password: str | None = None, port: int = 0, options: Sequence[str] = ()
) -> RedisServer:
    """Starts a server whose files are in ``folder`` and waits until it answers.

    ``port`` 0 takes a free one; ``options`` are further words of redis-server's command
    line, in which ``{port}`` is that port.
    """
    if PROGRAM is None:
        pytest.skip("redis-server is not installed")
    port = port or find_free_port()
    command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
    command += ["--repl-diskless-sync-delay", "0"]
    command += [option.replace("{port}", str(port)) for option in options]
    if password is not None:
        command += ["--requirepass", password]
    return watch_start(command, port)


def watch_start(command: Sequence[str], port: int) -> RedisServer:
    """Starts a server and waits until it says that it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    said = b""
    for line in process.stdout:
        said += line
        if b"eady to accept connections" in line or b"+monitor master" in line:
            return RedisServer(process, port)
    process.stdout.close()
    process.wait()
    raise RuntimeError(f"redis-server did not start: {said.decode(errors='replace')}")


@contextmanager
def run_redis(folder: Path, options: Sequence[str] = ()) -> Iterator[RedisServer]:
    """`start_redis` with a folder that is made, stopped in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = start_redis(folder, options=options)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def run_sentinel(
    folder: Path, master: RedisServer, *, name: str = "mymaster", password: str | None = None
) -> Iterator[RedisServer]:
    """A Sentinel that watches ``master`` and decides alone, a third of a second after its end."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "sentinel.conf"
    lines = [
        f"sentinel monitor {name} 127.0.0.1 {master.port} 1",
        f"sentinel down-after-milliseconds {name} 300",
        f"sentinel failover-timeout {name} 3000",
        *([] if password is None else [f"requirepass {password}"]),
    ]
    config.write_text("".join(f"{line}\n" for line in lines))
    port = find_free_port()
    command = [str(PROGRAM), str(config), "--sentinel", "--port", str(port), "--bind", "127.0.0.1"]
    sentinel = watch_start([*command, "--dir", str(folder)], port)
    try:
        yield sentinel
    finally:
        sentinel.stop()


class Watched(NamedTuple):
    """A master with its replica, and the Sentinel that watches them."""

    master: RedisServer
    replica: RedisServer
    sentinel: RedisServer


@contextmanager
def run_watched(folder: Path) -> Iterator[Watched]:
    """The three of them; when this yields, the replica could be promoted."""
    with ExitStack() as running:
        master = running.enter_context(run_redis(folder / "master"))
        of_master = ["--replicaof", "127.0.0.1", str(master.port)]
        replica = running.enter_context(run_redis(folder / "replica", of_master))
        with replica.client() as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        sentinel = running.enter_context(run_sentinel(folder / "sentinel", master))
        with sentinel.client() as client:
            wait_until(lambda: knows_its_replica(client))
        yield Watched(master, replica, sentinel)


def knows_its_replica(sentinel: redis.Redis) -> bool:
    """Whether it could promote one."""
    found = sentinel.execute_command("SENTINEL", "REPLICAS", "mymaster")
    return any({b"slave", b"ok"} <= set(replica) for replica in found)


@contextmanager
def run_cluster(folder: Path, *, masters: int = 3) -> Iterator[list[RedisServer]]:
    """A Cluster without replicas, its slots shared out evenly; it is ready when this yields."""
    with ExitStack() as running:
        nodes = [
            running.enter_context(run_node(folder / f"node{number}")) for number in range(masters)
        ]
        for number, node in enumerate(nodes):
            first, end = (16384 * i // masters for i in (number, number + 1))
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            meet(node, nodes[0])
        for node in nodes:
            with node.client() as client:
                wait_until(lambda client=client: is_whole(client, masters))
        yield nodes


@contextmanager
def run_node(folder: Path) -> Iterator[RedisServer]:
    """A node that has met no other yet."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "500"]
    with run_redis(folder, [*options, "--cluster-port", str(find_free_port())]) as node:
        yield node


@contextmanager
def run_replica(folder: Path, nodes: Sequence[RedisServer], number: int) -> Iterator[RedisServer]:
    """A replica of ``nodes[number]``, known to all of the Cluster and up to date."""
    with run_node(folder) as node, node.client() as client, nodes[number].client() as master:
        name = master.execute_command("CLUSTER", "MYID")
        meet(node, nodes[number])
        for one in (*nodes, node):
            with one.client() as other:
                wait_until(lambda other=other: is_whole(other, len(nodes) + 1))
        client.execute_command("CLUSTER", "REPLICATE", name)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        yield node


def meet(node: RedisServer, other: RedisServer) -> None:
    """Makes two nodes of a Cluster known to each other."""
    with node.client() as client, other.client() as there:
        bus_port = there.config_get("cluster-port")["cluster-port"]
        client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, bus_port)


def is_whole(client: redis.Redis, nodes: int) -> bool:
    """Whether the Cluster is well as this node sees it, and all of it."""
    info = client.execute_command("CLUSTER", "INFO").decode()
    return "cluster_state:ok" in info and f"cluster_known_nodes:{nodes}" in info


def wait_until(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Waits for what a server does by itself."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        Event().wait(0.01)


def find_free_port() -> int:
    """A loopback port that nobody listens on.

    Below those that the kernel hands out (32768 on): until the server that it is for has started,
    no connection and no other server can be given it.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
