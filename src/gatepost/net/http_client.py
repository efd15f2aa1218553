# SPDX-License-Identifier: Apache-2.0
"""One HTTP request and its answer: for the services that a scan asks (RFC 9112).

A connection carries one request, so nothing has to be kept or given back, and nothing of one
answer can get into the next. Time and size are bounded; redirects are not followed, as nobody
who is asked here has a reason to send our tokens elsewhere.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

import httptools
import msgspec

from gatepost.net.errors import HttpError

MAX_BODY = 1024 * 1024  # bytes
MAX_HEAD = 64 * 1024  # bytes of the answer's header
CHUNK = 65_536

TARGET = re.compile(r"[!-~]+")  # RFC 9112 3: no blanks, no line ends
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2: token
FIELD_VALUE = re.compile(r"[\t -~\x80-\xff]*")


class HttpAnswer(msgspec.Struct, frozen=True):
    """``headers`` have names in lower case; of fields that come twice the last counts."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout: float = 5.0,
    verify: bool = True,
    max_body: int = MAX_BODY,
) -> HttpAnswer:
    """Asks ``url`` (http or https). ``timeout``: seconds for all of it; ``verify``: whether the
    server must show a certificate for its name; ``max_body``: bytes.

    Raises :class:`HttpError` when there is no complete answer. Any status is an answer.
    """
    place = parse_url(url)
    request = write_request(place, method, headers or {}, body)
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(place, request, method, verify, max_body)
    except TimeoutError:
        raise HttpError(f"{shown(place)}: no answer in {timeout:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise HttpError(f"{shown(place)}: {error.verify_message}") from error
    except OSError as error:  # ssl.SSLError is one
        raise HttpError(f"{shown(place)}: {error.strerror or error}") from error


def parse_url(url: str) -> SplitResult:
    """The parts of an address that can be asked. Raises :class:`HttpError`."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise HttpError(f"{url!r} is no address: {error}") from None
    if place.scheme not in ("http", "https") or not place.hostname or port == 0:
        raise HttpError(f"{url!r}: expected http://HOST[:PORT]/… or https://…")
    if place.username is not None:
        raise HttpError("an address with a user in it is not asked: use a header")
    if not TARGET.fullmatch(url):
        raise HttpError(f"{url!r}: blanks and letters outside ASCII are to be written %XX")
    return place


def write_request(
    place: SplitResult, method: str, headers: Mapping[str, str], body: bytes
) -> bytes:
    """The request's bytes. Raises :class:`HttpError` for fields that cannot be sent."""
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    fields = {"Host": place.netloc, "User-Agent": "gatepost", "Accept": "*/*", **headers}
    fields["Connection"] = "close"
    if body or method not in ("GET", "HEAD"):
        fields["Content-Length"] = str(len(body))
    for name, value in fields.items():
        if not FIELD_NAME.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
            raise HttpError(f"a header {name!r} that cannot be sent")
    if not FIELD_NAME.fullmatch(method):
        raise HttpError(f"{method!r} is no method")
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def shown(place: SplitResult) -> str:
    """An address as logs may show it: a query can hold secrets."""
    return f"{place.scheme}://{place.netloc}{place.path}"


async def _exchange(
    place: SplitResult, request: bytes, method: str, verify: bool, max_body: int
) -> HttpAnswer:
    secure = place.scheme == "https"
    reader, writer = await asyncio.open_connection(
        place.hostname,
        place.port or (443 if secure else 80),
        ssl=tls_context(verify) if secure else None,
    )
    try:
        writer.write(request)
        await writer.drain()
        return await _read_answer(reader, Collector(shown(place), method, max_body))
    finally:
        writer.transport.abort()


async def _read_answer(reader: asyncio.StreamReader, collector: "Collector") -> HttpAnswer:
    while not collector.complete:
        data = await reader.read(CHUNK)
        if not data:
            collector.end()
            break
        collector.feed(data)
    return collector.answer()


class Collector:
    """Puts the answer together out of what arrives. Raises :class:`HttpError`."""

    def __init__(self, place: str, method: str, max_body: int) -> None:
        self.place = place
        self.without_body = method == "HEAD"
        self.max_body = max_body
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.head_size = 0
        self.in_body = False
        self.body = bytearray()
        self.complete = False
        self.too_large = ""

    def feed(self, data: bytes) -> None:
        if not self.in_body:
            self.head_size += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise HttpError(f"{self.place}: the server wants another protocol") from None
        except httptools.HttpParserError as error:
            if not self.complete:  # what comes after the answer is nothing to us
                raise HttpError(f"{self.place}: not an HTTP answer: {error}") from None
        if not self.in_body and self.head_size > MAX_HEAD:
            self.too_large = f"a header of more than {MAX_HEAD} bytes"
        if self.too_large:
            raise HttpError(f"{self.place}: {self.too_large}")

    def end(self) -> None:
        """The server has closed: complete only if the body had no length of its own."""
        length = self.headers.get("content-length")
        chunked = "transfer-encoding" in self.headers
        if not self.in_body or length is not None or chunked:
            raise HttpError(f"{self.place}: the answer breaks off")
        self.complete = True

    def answer(self) -> HttpAnswer:
        return HttpAnswer(self.status, self.headers, bytes(self.body))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:  # 100 Continue and the like: the answer is still to come
            self.headers.clear()
            return
        self.status, self.in_body = status, True
        if self.without_body or status in (204, 304):
            self.complete = True

    def on_body(self, data: bytes) -> None:
        if len(self.body) + len(data) > self.max_body:
            self.too_large = f"an answer of more than {self.max_body} bytes"
        else:
            self.body += data

    def on_message_complete(self) -> None:
        self.complete = self.in_body


@lru_cache(maxsize=2)
def tls_context(verify: bool) -> ssl.SSLContext:
    """The system's certificates, or none asked for; TLS 1.2 or later (RFC 8996)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
