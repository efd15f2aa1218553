# SPDX-License-Identifier: Apache-2.0
"""How does ``gpc`` have one message scanned? One HTTP request over TCP or a UNIX socket."""

from __future__ import annotations

import asyncio
import json
import time
from typing import NamedTuple

import httptools

from gatepost.cli.errors import RequestFailed, UsageError
from gatepost.cli.gpc_request import RequestHeaders

SCAN_PORT = 11333
MAX_REPLY = 256 * 1024 * 1024  # bytes: a reply may carry a rewritten message


class Server(NamedTuple):
    """Where to connect: ``path`` of a UNIX socket, or ``host`` and ``port``."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ScanReply(NamedTuple):
    """What came back: ``result`` is the reply's object, ``seconds`` how long it took."""

    result: dict[str, object]
    headers: list[tuple[str, str]]
    seconds: float
    new_message: bytes | None
    """The message as the server rewrote it."""


def parse_server(text: str) -> Server:
    """Reads ``-h``: host, host:port, [v6], [v6]:port, bare v6, path, unix:path."""
    path = text.removeprefix("unix:")
    if path.startswith(("/", "./")) or path != text:
        return Server(path=path)
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        if port[:1] not in ("", ":"):
            host = ""
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0
    if not host or (port and not 0 < number < 65536):
        raise UsageError(f"-h {text}: expected host, host:port, [v6]:port or the path of a socket")
    return Server(host, number or SCAN_PORT)


async def scan_message(
    server: Server,
    headers: RequestHeaders,
    message: bytes,
    *,
    timeout: float,
    compressed: bool = False,
    bind: str | None = None,
) -> ScanReply:
    """Has one message scanned within ``timeout`` seconds. Raises ``RequestFailed``."""
    request = _request(server, headers, message, compressed)
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            reply = await _exchange(server, request, bind)
    except TimeoutError:
        raise RequestFailed(f"IO timeout: no reply from {server} within {timeout:g} s") from None
    except OSError as error:
        raise RequestFailed(f"cannot connect to {server}: {error.strerror or error}") from None
    except httptools.HttpParserError as error:
        raise RequestFailed(f"{server} does not speak HTTP: {error}") from None
    return _result(reply, time.perf_counter() - started)


def _request(server: Server, headers: RequestHeaders, message: bytes, compressed: bool) -> bytes:
    lines = ["POST /checkv2 HTTP/1.1", f"Host: {'localhost' if server.path else server}"]
    if compressed:
        import zstandard

        message = zstandard.compress(message, 1)
        lines += ["Compression: zstd", "Content-Encoding: zstd", "Accept-Encoding: zstd"]
        lines += ["Content-Type: application/x-compressed"]
    else:
        lines += ["Content-Type: text/plain"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(message)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + message


class _Reply:
    """What httptools makes of the reply."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.reason = ""
        self.status = 0
        self.body = bytearray()
        self.complete = False

    def on_status(self, status: bytes) -> None:
        self.reason = status.decode("utf-8", "replace")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("utf-8", "replace")))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True

    def value(self, name: str) -> str:
        return next((v for n, v in self.headers if n.lower() == name), "").lower()


async def _exchange(server: Server, request: bytes, bind: str | None) -> _Reply:
    if server.path:
        reader, writer = await asyncio.open_unix_connection(server.path)
    else:
        local = (bind, 0) if bind else None
        reader, writer = await asyncio.open_connection(server.host, server.port, local_addr=local)
    try:
        # A server that refuses the request may answer before it has read all of it, and the
        # rest may then fail to be sent: its answer is worth more than that failure.
        writer.write(request)
        reply = _Reply()
        parser = httptools.HttpResponseParser(reply)
        while not reply.complete:
            data = await reader.read(1 << 18)
            if not data:
                break
            parser.feed_data(data)
            reply.status = parser.get_status_code()
            if len(reply.body) > MAX_REPLY:
                raise RequestFailed(f"the reply of {server} is too large")
        return reply
    finally:
        writer.close()


def _result(reply: _Reply, seconds: float) -> ScanReply:
    if not reply.status:
        raise RequestFailed("IO read error: the server closed the connection without a reply")
    expected = reply.value("content-length")
    if not reply.complete and expected:
        raise RequestFailed("IO read error: the reply is cut short")
    body = _unpacked(reply)
    if reply.status != 200:
        raise RequestFailed(f"HTTP error: {reply.status}, {reply.reason}", body)
    offset = reply.value("message-offset")
    at = int(offset) if offset.isascii() and offset.isdigit() else len(body)
    result = _decoded(body[:at], reply.value("content-type"))
    return ScanReply(result, reply.headers, seconds, body[at:] or None)


def _unpacked(reply: _Reply) -> bytes:
    body = bytes(reply.body)
    if "zstd" not in (reply.value("compression"), reply.value("content-encoding")):
        return body
    import zstandard

    try:
        if zstandard.frame_content_size(body) > MAX_REPLY:
            raise RequestFailed("the reply is too large")
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_REPLY)
    except zstandard.ZstdError as error:
        raise RequestFailed(f"cannot decompress the reply: {error}") from None


def _decoded(body: bytes, content_type: str) -> dict[str, object]:
    result: object
    try:
        if "msgpack" in content_type:
            import msgspec

            result = msgspec.msgpack.decode(body)
        else:
            result = json.loads(body)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise RequestFailed(f"cannot read the reply: {error}", body) from None
    if not isinstance(result, dict):
        raise RequestFailed("cannot read the reply: it is no object", body)
    return result
