# SPDX-License-Identifier: Apache-2.0
"""What is answered to an HTTP request on the scan port?

``/checkv2`` scans, ``/ping`` says that we are ready; anything else is an invalid command.

Source: core reference §6.1 and §6.2.
"""

from __future__ import annotations

from collections.abc import Callable

from gatepost.serve.dialect import Answer, Ask, Event, Interim
from gatepost.serve.errors import BadRequest
from gatepost.serve.http_reply import CONTINUE, TEXT, error_reply, http_reply, verdict_reply
from gatepost.serve.http_request import HttpRequest, HttpRequestReader
from gatepost.serve.reply import CheckReply
from gatepost.serve.scan_options import ScanPortOptions

PRIVILEGED = ("file", "path", "shm", "shm-offset", "shm-length")


class HttpScan:
    """The HTTP dialect of the scan port. ``ready`` says whether ``/ping`` may say so."""

    def __init__(self, line: bytes, options: ScanPortOptions, ready: Callable[[], bool]) -> None:
        self._reader = HttpRequestReader(
            line,
            max_header_bytes=options.max_header_bytes,
            max_header_lines=options.max_header_lines,
            max_body=options.max_message,
        )
        self._ready = ready
        self._head = self._reader.method == "HEAD"
        self._msgpack = False
        self._zstd = False

    @staticmethod
    def claims(line: bytes) -> bool:
        """True when a first line is HTTP's, of whatever version."""
        return line.rstrip().rpartition(b" ")[2].startswith(b"HTTP/")

    def receive(self, data: bytes) -> Event | None:
        reader = self._reader
        reader.feed(data)
        if reader.complete:
            return self._route(reader.request())
        return Interim(CONTINUE) if reader.wants_continue() else None

    def reply(self, reply: CheckReply) -> bytes:
        return verdict_reply(reply, msgpack=self._msgpack, zstd=self._zstd, head=self._head)

    def refuse(self, message: str, status: int) -> bytes:
        return error_reply(message, status, head=self._head)

    def _route(self, request: HttpRequest) -> Event:
        match request.path:
            case "checkv2":
                self._negotiate(request)
                return Ask(request.headers, request.body)
            case "ping":
                return Answer(self._pong(), "ping")
        raise BadRequest("invalid command", 500)

    def _negotiate(self, request: HttpRequest) -> None:
        if any(name in request.values for name in PRIVILEGED):
            raise BadRequest("messages from files or shared memory are not allowed", 400)
        accept = request.value("accept")
        # Who takes both gets JSON; the client goes by the reply's Content-Type.
        self._msgpack = "application/msgpack" in accept and "application/json" not in accept
        self._zstd = (
            request.is_compressed
            or "zstd" in _choices(request.value("accept-encoding"))
            or "zstd" in _choices(request.value("flags"))
        )

    def _pong(self) -> bytes:
        if not self._ready():
            return self.refuse("not ready", 503)
        return http_reply(200, "OK", b"pong\r\n", TEXT, head=self._head)


def _choices(value: str) -> list[str]:
    """The members of a comma-separated list, less those that ``;q=0`` rules out."""
    members = []
    for item in value.split(","):
        member, _, quality = item.replace(" ", "").partition(";q=")
        if not quality or quality.strip("0."):
            members.append(member)
    return members
