# SPDX-License-Identifier: Apache-2.0
"""How does a verdict, or an error, look as an HTTP reply?

Source: core reference §6.2 and §6.3. An error's object holds ``error`` alone: Haraka takes
anything beside it for a verdict without an action, and accepts the message (§6.6).
"""

from __future__ import annotations

import time
from email.utils import formatdate

import msgspec
import zstandard

from gatepost import __version__
from gatepost.serve.reply import CheckReply

JSON = "application/json"
MSGPACK = "application/msgpack"
TEXT = "text/plain"
# Rspamd says "rspamd/VERSION". No client of the scan port reads it; those that fingerprint
# servers by it (monitoring, vulnerability scanners) are to see what really runs here.
SERVER = f"gatepost/{__version__}"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MAX_REASON = 200  # characters of an error that are repeated in the status line

_to_json = msgspec.json.Encoder().encode
_to_msgpack = msgspec.msgpack.Encoder().encode


def verdict_reply(reply: CheckReply, *, msgpack: bool, zstd: bool, head: bool = False) -> bytes:
    """``200 OK`` with the verdict. NaN becomes null, and every string valid UTF-8."""
    body = encode_reply(reply, msgpack=msgpack)
    if zstd:
        body = zstandard.compress(body, 1)
    return http_reply(200, "OK", body, MSGPACK if msgpack else JSON, zstd=zstd, head=head)


def encode_reply(reply: CheckReply, *, msgpack: bool = False) -> bytes:
    """The object of a verdict alone, on one line of JSON or as MessagePack."""
    encode = _to_msgpack if msgpack else _to_json
    try:
        return encode(reply)
    except UnicodeEncodeError:  # a lone surrogate: something was decoded leniently
        return encode(valid_text(msgspec.to_builtins(reply)))


def error_reply(message: str, status: int, *, head: bool = False) -> bytes:
    """An error: its text as the status text, and in an object of its own."""
    body = _to_json({"error": valid_text(message)})
    reason = "".join(c if " " <= c <= "~" else "?" for c in message[:MAX_REASON])
    return http_reply(status, reason or "Error", body, JSON, head=head)


def http_reply(
    status: int,
    reason: str,
    body: bytes,
    content_type: str,
    *,
    zstd: bool = False,
    head: bool = False,
) -> bytes:
    """The bytes of a reply; with ``head`` its header alone."""
    coding = "Compression: zstd\r\nContent-Encoding: zstd\r\n" if zstd else ""
    header = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nServer: {SERVER}\r\n"
        f"Date: {_date.text()}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {content_type}\r\n{coding}\r\n"
    ).encode("ascii")
    return header if head else header + body


def valid_text(value: object) -> object:
    """The same plain value with every string valid UTF-8, keys too."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {valid_text(key): valid_text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [valid_text(item) for item in value]
    return value


class _Date:
    """The ``Date`` header, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


_date = _Date()
