# SPDX-License-Identifier: Apache-2.0
"""A real supervisor with real workers around a tiny scan, and a client for both; for tests.

    async with service(tmp_path, workers=2) as running:
        assert (await running.scan()).worker in running.workers

The program is this file: it serves what a JSON file says, and reads it again on SIGHUP.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from gatepost.errors import GatepostError
from gatepost.serve.bind_address import parse_bind
from gatepost.serve.log_options import LogOptions
from gatepost.serve.prepared import MilterListener, Prepared, ScanPortListener
from gatepost.serve.reply import CheckReply, Peer, RequestHeaders
from gatepost.serve.supervisor import serve
from scan_port_client import HttpAnswer, parse_answer, post

PATIENCE = 20.0  # seconds; only a hang takes that long
ANY_PORT = "127.0.0.1:0"


class Parts:
    """What a worker scans with. Request headers tell the scan what to do."""

    def __init__(self, wanted: dict[str, object]) -> None:
        self.wanted = wanted

    async def start(self) -> None:
        if self.wanted.get("start_fails"):
            raise GatepostError(str(self.wanted["start_fails"]))
        if self.wanted.get("start_dies"):
            os._exit(3)
        if self.wanted.get("start_hangs"):
            await asyncio.Event().wait()

    async def scan(self, headers: RequestHeaders, body: bytes, peer: Peer) -> CheckReply:
        told = {name.lower(): value for name, value in headers}
        if "hold" in told:  # until the file is there
            Path(told["hold"] + ".held").touch()
            while not os.path.exists(told["hold"]):
                await asyncio.sleep(0.005)
        if "die" in told:
            os._exit(4)
        name = str(self.wanted.get("name", ""))
        said = {"worker": str(os.getpid()), "name": name}
        return CheckReply(False, 0.0, 15.0, "no action", said, {}, {}, 0.0)

    async def close(self) -> None:
        if "closed" in self.wanted:
            Path(str(self.wanted["closed"])).touch()


def load(path: Path) -> Prepared:
    wanted = json.loads(path.read_text())
    if wanted.get("bad"):
        raise GatepostError(wanted["bad"])

    async def open_worker() -> Parts:
        return Parts(wanted)

    return Prepared(
        listeners=(
            *(MilterListener(bind=(parse_bind(one),)) for one in wanted["milter"]),
            *(ScanPortListener(bind=(parse_bind(one),)) for one in wanted["scan"]),
        ),
        workers=wanted["workers"],
        open_worker=open_worker,
        log=LogOptions(**wanted["log"]),
        grace=wanted["grace"],
    )


@dataclass
class Scanned:
    """An answer of the scan: who gave it, under which configuration."""

    http: HttpAnswer

    @property
    def worker(self) -> int:
        return int(self.http.json["messages"]["worker"])

    @property
    def name(self) -> str:
        return self.http.json["messages"]["name"]


class Running:
    """The program, while it runs. ``lines`` is what it wrote to standard error."""

    def __init__(self, process: asyncio.subprocess.Process, path: Path) -> None:
        self.process = process
        self.path = path
        self.lines: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def ready_lines(self) -> list[str]:
        return [line for line in self.lines if line.startswith("ready ")]

    def ports(self, kind: str) -> list[int]:
        """Those of the ready line."""
        (found,) = re.findall(rf"{kind}=(\S+)", self.ready_lines[0])
        return [int(one.rpartition(":")[2]) for one in found.split(",")]

    def configure(self, **changed: object) -> None:
        """Writes the configuration anew."""
        wanted = json.loads(self.path.read_text()) | changed
        self.path.write_text(json.dumps(wanted))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def logged(self, text: str, times: int = 1) -> None:
        """Waits until a line has ``text``."""
        async with asyncio.timeout(PATIENCE):
            while sum(text in line for line in self.lines) < times:
                assert not self._reading.done(), f"it ended without {text!r}:\n{self.log}"
                self._news.clear()
                await self._news.wait()

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(PATIENCE):
            await self._reading
            return await self.process.wait()

    async def children(self) -> set[int]:
        """The workers, by what the kernel says."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in task.read_text().split()}

    async def scan(self, *headers: str, port: int | None = None) -> Scanned:
        return Scanned(await self.exchange(post(b"Subject: x\r\n\r\n", *headers), port=port))

    async def ping(self) -> HttpAnswer:
        return await self.exchange(b"GET /ping HTTP/1.1\r\n\r\n")

    async def exchange(self, request: bytes, port: int | None = None) -> HttpAnswer:
        """One request to the scan port; the answer is empty when it was closed without one."""
        async with asyncio.timeout(PATIENCE):
            where = self.ports("scan")[0] if port is None else port
            reader, writer = await asyncio.open_connection("127.0.0.1", where)
            try:
                writer.write(request)
                return parse_answer(await reader.read())
            except ConnectionError:
                return parse_answer(b"")
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(line.decode().rstrip("\n"))
            self._news.set()
        self._news.set()


@contextlib.asynccontextmanager
async def started(folder: Path, **wanted: object) -> AsyncIterator[Running]:
    """The program from its first moment on; it is killed in the end."""
    path = folder / "wanted.json"
    defaults = {
        "workers": 1,
        "milter": [ANY_PORT],
        "scan": [ANY_PORT],
        "log": {"level": "info"},
        "grace": 5.0,
    }
    path.write_text(json.dumps(defaults | wanted))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", __file__, str(path), stderr=asyncio.subprocess.PIPE
    )
    running = Running(process, path)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await running.ended()


@contextlib.asynccontextmanager
async def service(folder: Path, **wanted: object) -> AsyncIterator[Running]:
    """The program, once it is ready."""
    async with started(folder, **wanted) as running:
        await running.logged("ready ")
        yield running


def main(path: Path) -> int:
    try:
        serve(lambda: load(path))
    except GatepostError as error:
        print(f"gatepost: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
