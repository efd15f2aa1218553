# SPDX-License-Identifier: Apache-2.0
"""What does one worker do? A real ``gatepost serve`` with one worker, asked over HTTP.

The worker's own CPU time is read from /proc before and after, so that neither the client nor the
start counts. Requests come over eight connections at once, each for one message, as MTAs send.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.letters import request

CONNECTIONS = 8
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
        self.port = self._wait_until_ready()
        self.pid = children_of(self.process.pid)[0]

    def _wait_until_ready(self) -> int:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("ready "):
                return int(line.strip().rpartition("scan=")[2].split(",")[0].rpartition(":")[2])
        raise SystemExit("bench: gatepost serve did not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


async def _ask(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"bench: unexpected answer {answer[:100]!r}")


async def _ask_all(port: int, requests: Sequence[bytes]) -> None:
    waiting = iter(requests)

    async def one_after_the_other() -> None:
        for data in waiting:
            await _ask(port, data)

    await asyncio.gather(*(one_after_the_other() for _ in range(CONNECTIONS)))


def measure_worker(letters: Sequence[bytes], folder: Path, *, rounds: int) -> tuple[float, float]:
    """Milliseconds of CPU a message in the worker, and messages a second."""
    requests = [request(letter) for letter in letters]
    worker = Worker(folder)
    try:
        asyncio.run(_ask_all(worker.port, requests))  # plans are made, files are opened
        cpu, started = cpu_seconds(worker.pid), time.perf_counter()
        asyncio.run(_ask_all(worker.port, requests * rounds))
        took = time.perf_counter() - started
        cpu = cpu_seconds(worker.pid) - cpu
    finally:
        worker.stop()
    count = len(requests) * rounds
    return cpu / count * 1000, count / took
