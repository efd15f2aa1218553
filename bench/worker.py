# SPDX-License-Identifier: Apache-2.0
"""What does one worker do? A real ``gatepost serve`` with one worker, asked over HTTP or milter.

The worker's own CPU time is read from /proc before and after, so that neither the client nor the
start counts. Messages come over eight connections at once, one message a connection, as MTAs do.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import milter
from bench.letters import request

CONNECTIONS = 8
SPELLS = 3
MANY = 20_000
Client = Callable[[int, bytes], Awaitable[None]]
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Of one message: milliseconds of CPU, those of them in the kernel; messages a second."""

    cpu: float
    kernel: float
    rate: float


def cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process, in seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def resident_size(pid: int) -> float:
    """MB of a process that are in memory (proc(5))."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


class Worker:
    """A scanner with one worker, from start to stop."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "GATEPOST_STATE": str(folder / "state")}
        command = [sys.executable, "-m", "gatepost", "serve", "-c", str(folder)]
        for option in (
            "worker-normal.count=1",
            "worker-normal.bind_socket=127.0.0.1:0",
            "worker-proxy.bind_socket=127.0.0.1:0",
            "logging.type=file",
            f"logging.filename={folder}/log",
        ):
            command += ["-o", option]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.milter_port, self.scan_port = self._wait_until_ready()
        self.pid = children_of(self.process.pid)[0]

    def _wait_until_ready(self) -> tuple[int, int]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("ready "):
                milter, scan = re.findall(r"=\S*?:(\d+)(?:,\S*)?", line)
                return int(milter), int(scan)
        raise SystemExit("bench: gatepost serve did not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


async def ask(port: int, data: bytes) -> None:
    """One connection with one HTTP request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"bench: unexpected answer {answer[:100]!r}")


async def ask_all(client: Client, port: int, messages: Sequence[bytes]) -> None:
    """Sends all messages, eight at a time."""
    waiting = iter(messages)

    async def one_after_the_other() -> None:
        for data in waiting:
            await client(port, data)

    await asyncio.gather(*(one_after_the_other() for _ in range(CONNECTIONS)))


def measure_worker(letters: Sequence[bytes], folder: Path, *, rounds: int, protocol: str) -> Cost:
    """What a message costs the worker: the best of ``SPELLS``."""
    worker = Worker(folder)
    send = _sender(worker, letters, protocol)
    count = len(letters) * rounds
    try:
        send(1)  # plans are made, files are opened
        return min(_spell(worker, lambda: send(rounds), count) for _ in range(SPELLS))
    finally:
        worker.stop()


def measure_memory(letters: Sequence[bytes], folder: Path) -> tuple[float, float]:
    """MB in memory after a tenth of ``MANY`` messages, and after all of them."""
    worker = Worker(folder)
    send = _sender(worker, letters, "HTTP")
    rounds = MANY // len(letters)
    try:
        send(rounds // 10)
        before = resident_size(worker.pid)
        send(rounds - rounds // 10)
        return before, resident_size(worker.pid)
    finally:
        worker.stop()


def _sender(worker: Worker, letters: Sequence[bytes], protocol: str) -> Callable[[int], None]:
    client: Client = milter.ask if protocol == "milter" else ask
    make = milter.conversation if protocol == "milter" else request
    messages = [make(letter) for letter in letters]
    port = worker.milter_port if protocol == "milter" else worker.scan_port
    return lambda rounds: asyncio.run(ask_all(client, port, messages * rounds))


def _spell(worker: Worker, work: Callable[[], None], count: int) -> Cost:
    user, kernel = cpu_seconds(worker.pid)
    started = time.perf_counter()
    work()
    took = time.perf_counter() - started
    user_after, kernel_after = cpu_seconds(worker.pid)
    kernel = (kernel_after - kernel) / count * 1000
    return Cost((user_after - user) / count * 1000 + kernel, kernel, count / took)
