# SPDX-License-Identifier: Apache-2.0
"""Is anybody there? Answers ``GET /ping`` of HTTP on the milter port.

Load balancers and monitors ask this way (core reference §8.1). The first four bytes of
such a request would be a frame of a gigabyte, so it cannot be mistaken for milter.
"""

from __future__ import annotations

from gatepost.serve.milter.errors import MilterError

START = b"GET "
MAX_REQUEST = 8192
END = (b"\r\n\r\n", b"\n\n")


def answer_ping(request: bytes) -> bytes | None:
    """The whole HTTP answer, after which the connection closes; ``None`` until the request
    is complete. Raises ``MilterError`` for one that is too long."""
    if not any(end in request for end in END):
        if len(request) > MAX_REQUEST:
            raise MilterError("an HTTP request on the milter port is too long")
        return None
    target = request[len(START) :].lstrip(b" ").partition(b" ")[0].partition(b"?")[0]
    if target.strip().strip(b"/").lower() == b"ping":
        return _response("200 OK", b"pong\r\n")
    return _response("404 Not Found", b"this is a milter\r\n")


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
