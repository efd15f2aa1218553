# SPDX-License-Identifier: Apache-2.0
"""What does an HTTP request ask for: path, request headers, message?

The first line is read here, not by the parser: Rspamd takes any method, a path without its
slash, and query arguments as people type them. The rest is llhttp's work (httptools).
Only one request is read from a connection; what follows it is ignored.

Source: core reference §6.1; RFC 9112 for the framing.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import httptools
import zstandard

from gatepost.serve.errors import BadRequest
from gatepost.serve.reply import RequestHeaders

CONTROLS = {code: " " for code in (*range(32), 127)}
METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
MAX_ARGUMENTS = 256
OVERHEAD = 64 * 1024  # bytes of chunk framing and trailers, beside eight for each of the body
MIN_WINDOW = 8 * 1024 * 1024  # RFC 8878 3.1.1.1.2: a decoder should support at least this


class HttpRequest:
    """A complete request. ``path`` is lower-case, without its leading slash."""

    __slots__ = ("body", "headers", "is_compressed", "method", "path", "values")

    def __init__(self, method: str, path: str, headers: RequestHeaders, body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.is_compressed = False
        self.values: dict[str, list[str]] = {}
        for name, value in headers:
            self.values.setdefault(name.lower(), []).append(value)

    def value(self, name: str) -> str:
        """All lines of the header ``name`` (lower-case), lower-cased and joined."""
        return ", ".join(self.values.get(name, ())).strip().lower()


class HttpRequestReader:
    """Reads one request. ``line`` is its first line, without the line end.

    ``max_header_bytes`` bounds first line and headers, ``max_body`` the body as sent.
    """

    def __init__(
        self, line: bytes, *, max_header_bytes: int, max_header_lines: int, max_body: int
    ) -> None:
        self.method, self._target, self._version = split_request_line(line)
        self.complete = False
        self._max_header_bytes = max_header_bytes - len(line)
        self._max_header_lines = max_header_lines
        self._max_body = max_body
        self._headers: RequestHeaders = []
        self._in_body = False
        self._body = b""
        self._more = bytearray()
        self._received = 0
        self._expects = False
        self._declines = False
        self._error: BadRequest | None = None
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # Telnet and hand-made clients end lines with LF; Rspamd takes it.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self._parse(b"POST / HTTP/1.%d\r\n" % self._version)

    def feed(self, data: bytes) -> None:
        """Takes bytes after the first line. Raises ``BadRequest``."""
        self._received += len(data)
        self._parse(data)
        if self._error is not None:
            raise self._error
        if not self._in_body and self._received > self._max_header_bytes:
            raise BadRequest("request header too large", 400)
        overhead = self._received - self._body_size
        if overhead > self._max_header_bytes + OVERHEAD + 8 * self._body_size and not self.complete:
            raise BadRequest("the request is more framing than message", 400)

    def wants_continue(self) -> bool:
        """True once, when the client waits for ``100 Continue`` before it sends the body."""
        expects, self._expects = self._expects, False
        return expects and not self._body_size and not self.complete

    def request(self) -> HttpRequest:
        """The complete request, query arguments appended to the headers, body unpacked."""
        path, arguments = split_target(self._target)
        body = bytes(self._more) if self._more else self._body
        self.close()
        request = HttpRequest(self.method, path, self._headers + arguments, body)
        unpack(request, self._max_body)
        return request

    def close(self) -> None:
        """Lets go of the parser, which holds on to us."""
        self._parser = None
        self._more = bytearray()

    # What httptools calls. It also parses requests that follow ours: they are ignored.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body or self.complete:  # a trailer must not become a header
            return
        if len(self._headers) >= self._max_header_lines:
            self._error = BadRequest("too many request headers", 400)
            return
        self._headers.append(
            (name.decode("latin-1"), value.decode("utf-8", "replace").strip(" \t"))
        )

    def on_headers_complete(self) -> None:
        if self._in_body or self.complete:
            return
        self._in_body = True
        self._declines = self._parser is not None and self._parser.should_upgrade()
        for name, value in self._headers:
            key = name.lower()
            if key == "content-length" and int(value) > self._max_body:
                self._error = BadRequest("Request entity too large", 413)
            elif key == "expect":
                self._expects = self._version > 0 and value.lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        if self.complete or self._error is not None:
            return
        if self._body_size + len(data) > self._max_body:
            self._error = BadRequest("Request entity too large", 413)
        elif self._more:
            self._more += data
        elif self._body:
            self._more += self._body
            self._more += data
        else:
            self._body = data

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def _body_size(self) -> int:
        return len(self._more) or len(self._body)

    def _parse(self, data: bytes) -> None:
        if self._parser is None or self.complete:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._declines:
                self._declines = False
                self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserError as error:
            if not self.complete and self._error is None:
                raise BadRequest(f"cannot parse the request: {error}", 400) from None

    def _decline_upgrade(self, body: bytes) -> None:
        """``curl --http2`` offers h2c, and llhttp then leaves the body to us: RFC 9110 7.8
        lets a server ignore the offer, so a fresh parser reads what follows."""
        framing = [
            f"{name}: {value}\r\n".encode("latin-1", "replace")
            for name, value in self._headers
            if name.lower() in ("content-length", "transfer-encoding")
        ]
        if not framing:
            return
        self.complete = False
        self._parser = httptools.HttpRequestParser(self)
        self._parse(b"POST / HTTP/1.1\r\n" + b"".join(framing) + b"\r\n")
        self._parse(body)


def split_request_line(line: bytes) -> tuple[str, str, int]:
    """Method, target, and the minor version of HTTP/1. Raises ``BadRequest``.

    The target may hold blanks and quotes: ``/checkv2?settings={"a": 1}``.
    """
    method, _, rest = line.strip().partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not METHOD.fullmatch(method) or not target.strip():
        raise BadRequest("cannot parse the request line", 400)
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise BadRequest("only HTTP/1.0 and HTTP/1.1 are spoken here", 400)
    text = target.decode("utf-8", "replace").strip()
    return method.decode("ascii"), text, version[-1] - 48


def split_target(target: str) -> tuple[str, RequestHeaders]:
    """The path, lower-case and without its slash, and the query as request headers."""
    path, _, query = target.partition("#")[0].partition("?")
    if "://" in path:  # absolute-form, RFC 9112 3.2.2
        path = path.partition("://")[2].partition("/")[2]
    if not query:
        return path.removeprefix("/").lower(), []
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_ARGUMENTS)
    except ValueError:
        raise BadRequest("too many query arguments", 400) from None
    # A header can't hold control characters, so an argument that becomes one must not.
    arguments = [(name.translate(CONTROLS), value.translate(CONTROLS)) for name, value in pairs]
    return path.removeprefix("/").lower(), [pair for pair in arguments if pair[0].strip()]


def unpack(request: HttpRequest, limit: int) -> None:
    """Decompresses the body where ``Compression`` or ``Content-Encoding`` says so.

    ``limit`` is in bytes, of the decompressed body. Raises ``BadRequest``.
    """
    codings = {request.value("compression"), request.value("content-encoding")}
    codings -= {"", "identity"}
    if not codings:
        return
    if codings != {"zstd"}:
        raise BadRequest("unsupported compression: only zstd is", 500)
    if "dictionary" in request.values:
        raise BadRequest("compression dictionaries are not supported", 500)
    request.is_compressed = True
    if request.body:
        request.body = decompress(request.body, limit)


def decompress(data: bytes, limit: int) -> bytes:
    """One zstd frame of at most ``limit`` bytes unpacked. Raises ``BadRequest``."""
    try:
        size = zstandard.frame_content_size(data)
        if size > limit:
            raise BadRequest("the decompressed message is too large", 513)
        decoder = zstandard.ZstdDecompressor(max_window_size=max(MIN_WINDOW, limit))
        # An unknown size (-1) needs a bound of its own, one byte more to tell the two apart.
        message = decoder.decompress(
            data, max_output_size=limit + 1 if size < 0 else 0, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        if _exceeds(data, limit):
            raise BadRequest("the decompressed message is too large", 513) from None
        raise BadRequest(f"cannot decompress the message: {error}", 500) from None
    if len(message) > limit:
        raise BadRequest("the decompressed message is too large", 513)
    return message


def _exceeds(data: bytes, limit: int) -> bool:
    """True when a frame that could not be unpacked has more than ``limit`` bytes."""
    room = limit + 1
    try:
        decoder = zstandard.ZstdDecompressor(max_window_size=max(MIN_WINDOW, limit))
        with decoder.stream_reader(data) as reader:
            while room > 0:
                piece = reader.read(min(room, 1 << 17))
                if not piece:
                    return False
                room -= len(piece)
    except zstandard.ZstdError:
        return False
    return True
