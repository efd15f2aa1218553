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

from bench import milter
from bench.letters import request

CONNECTIONS = 8
Client = Callable[[int, bytes], Awaitable[None]]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, in seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


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


def measure_worker(
    letters: Sequence[bytes], folder: Path, *, rounds: int, protocol: str
) -> tuple[float, float]:
    """Milliseconds of CPU a message in the worker, and messages a second."""
    worker = Worker(folder)
    client: Client = milter.ask if protocol == "milter" else ask
    make = milter.conversation if protocol == "milter" else request
    messages = [make(letter) for letter in letters]
    port = worker.milter_port if protocol == "milter" else worker.scan_port
    try:
        asyncio.run(ask_all(client, port, messages))  # plans are made, files are opened
        cpu, started = cpu_seconds(worker.pid), time.perf_counter()
        asyncio.run(ask_all(client, port, messages * rounds))
        took = time.perf_counter() - started
        cpu = cpu_seconds(worker.pid) - cpu
    finally:
        worker.stop()
    count = len(messages) * rounds
    return cpu / count * 1000, count / took
