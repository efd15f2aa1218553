# SPDX-License-Identifier: Apache-2.0
"""A scan port on loopback and a client that writes what it is told, for tests.

async with serving(Scanner()) as served:
    answer = await served.exchange(b"GET /ping HTTP/1.1\\r\\n\\r\\n")
    assert answer.status == 200
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from gatepost.serve.reply import CheckReply, Peer, RequestHeaders
from gatepost.serve.scan_port import ScanPort, ScanPortOptions

PATIENCE = 20.0  # seconds; only a hang takes that long


def verdict(action: str = "no action", **fields: object) -> CheckReply:
    return CheckReply(False, 1.5, 15.0, action, {}, {"reject": 15.0}, {}, 0.25, **fields)


class Scanner:
    """A ``Scan`` that notes what it gets and answers with what it is told to.

    With ``gate`` a scan announces itself by ``started`` and waits for the gate to open.
    """

    def __init__(self, answer: object = None, gate: asyncio.Event | None = None) -> None:
        self.answer = verdict() if answer is None else answer
        self.gate = gate
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.seen: list[tuple[RequestHeaders, bytes, Peer]] = []

    async def __call__(self, headers: RequestHeaders, body: bytes, peer: Peer) -> CheckReply:
        self.seen.append((headers, body, peer))
        self.started.set()
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if isinstance(self.answer, BaseException):
            raise self.answer
        assert isinstance(self.answer, CheckReply)
        return self.answer


@dataclass
class HttpAnswer:
    raw: bytes
    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> object:
        return json.loads(self.body)


def parse_answer(raw: bytes) -> HttpAnswer:
    if not raw:
        return HttpAnswer(raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    version, status, reason = first.split(" ", 2)
    assert version == "HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    return HttpAnswer(raw, int(status), reason, headers, body)


class Served:
    """One scan port that accepts on ``address``."""

    def __init__(self, port: ScanPort, sock: socket.socket, server: asyncio.Server) -> None:
        self.port = port
        self.address: tuple[str, int] = sock.getsockname()
        self.server = server

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)

    async def exchange(self, *pieces: bytes, half_close: bool = False) -> HttpAnswer:
        """Sends the pieces, each in a packet of its own, and reads until the server closes."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self.connect()
            try:
                writer.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                )
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if half_close:
                    with contextlib.suppress(OSError):  # the server may have closed before
                        writer.write_eof()
                return parse_answer(await reader.read())
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    async def settled(self) -> None:
        """Waits until the port has no connection left."""
        async with asyncio.timeout(PATIENCE):
            while self.port.open_connections:
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(scan: Scanner, *, grace: float = 0.0, **options: object) -> AsyncIterator[Served]:
    port = ScanPort(scan, ScanPortOptions(**options))
    sock = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(
        port.protocol_factory, sock=sock, backlog=1000
    )
    port.ready = True
    try:
        yield Served(port, sock, server)
    finally:
        server.close()
        await port.drain(grace)


def post(
    body: bytes = b"",
    *headers: str,
    target: str = "/checkv2",
    method: str = "POST",
    version: str = "HTTP/1.1",
    length: int | None = None,
) -> bytes:
    """A request with a Content-Length."""
    lines: Iterable[str] = (
        f"{method} {target} {version}",
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join(pieces) + b"0\r\n" + trailer + b"\r\n"
