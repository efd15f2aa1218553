# SPDX-License-Identifier: Apache-2.0
"""One client of the scan port: a first line that picks the dialect, a request, an answer.

Always true: a connection reads one request and sends one answer; every byte it holds is
charged to the listener's budget; some timer runs in each stage. After the answer we shut our
side and *linger* until the client closes too: closing with unread input (the rest of a refused
request, or another one) would reset the connection, and the client might lose the answer.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import cast

from gatepost.errors import GatepostError
from gatepost.serve.dialect import Answer, Ask, Dialect, Interim
from gatepost.serve.errors import BadRequest
from gatepost.serve.http_reply import error_reply
from gatepost.serve.http_scan import HttpScan
from gatepost.serve.peer import peer_of
from gatepost.serve.reply import Peer
from gatepost.serve.scan_listener import ScanListener

log = logging.getLogger("gatepost.scan_port")

LINGER = 1.0  # seconds that a client may take to close after its answer
LINGER_SENDING = 5.0  # the same when it is still sending; nginx's default
WHOLE_REQUEST = 10  # times the option ``timeout``: for a request that trickles in
MAX_JUNK = 64 * 1024  # bytes after a request that are read to notice that the client has gone


class Stage(Enum):
    READING = auto()
    SCANNING = auto()
    LEAVING = auto()


class ScanConnection(asyncio.Protocol):
    """The protocol that a ``ScanPort`` makes for each accepted connection."""

    def __init__(self, listener: ScanListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._stage = Stage.READING
        self._transport: asyncio.Transport | None = None
        self._peer = Peer()
        self._line = bytearray()
        self._dialect: Dialect | None = None
        self._scan: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began = self._heard = 0.0
        self._held = 0
        self._junk = 0
        self._request_is_read = False
        self._client_is_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._listener.admit(self):
            self._transport.abort()
            return
        options = self._listener.options
        self._peer = peer_of(
            transport, protocol="http", settings_id=options.settings_id, mime=options.mime
        )
        self._began = self._heard = self._loop.time()
        self._timer = self._loop.call_later(options.timeout, self._check_patience)

    def data_received(self, data: bytes) -> None:
        if self._stage is not Stage.READING:
            self._ignore(data)
            return
        self._heard = self._loop.time()
        try:
            self._hold(len(data))
            self._read(data)
        except BadRequest as error:
            self._refuse(error)

    def eof_received(self) -> bool:
        """True keeps our sending side open."""
        self._client_is_done = True
        if self._stage is Stage.READING and self._held:
            self._refuse(BadRequest("the request ends too early", 400))
        if self._stage is not Stage.SCANNING:  # it gave up, or has its answer
            return False
        return self._listener.options.enable_shutdown_workaround

    def connection_lost(self, exc: Exception | None) -> None:
        if self._scan is not None:
            self._listener.counters.cancelled += 1
            self._scan.cancel()
            self._scan = None
        self._stage = Stage.LEAVING
        self._transport = None
        self._dialect = None
        self._cancel_timer()
        self._release()
        self._listener.release(self)

    def give_up(self) -> None:
        """The server stops: a scan gets an error, so that the client tries again later."""
        if self._scan is not None:
            self._fail("the server stops", 503)
        elif self._transport is not None:
            self._transport.abort()

    # A request.

    def _read(self, data: bytes) -> None:
        if self._dialect is None:
            rest = self._read_line(data)
            if rest is None:
                return
            data = rest
        assert self._dialect is not None
        match self._dialect.receive(data):
            case Interim(answer):
                self._write(answer)
            case Answer(answer, name):
                if name == "ping":
                    self._listener.counters.pings += 1
                self._request_is_read = True
                self._answer(answer)
            case Ask(headers, body):
                self._request_is_read = True
                self._hold(max(0, len(body) - self._held))
                self._start(headers, body)

    def _read_line(self, data: bytes) -> bytes | None:
        """Picks the dialect by the first line; gives what came after it."""
        if not self._line:  # mostly the whole request is here
            data = data.lstrip(b"\r\n")  # RFC 9112 2.2: empty lines before it are ignored
        searched = len(self._line)
        end = data.find(b"\n")
        if end >= 0:
            line = bytes(self._line) + data[:end]
            self._line = bytearray()
            self._dialect = self._dialect_for(line)
            return data[end + 1 :]
        self._line += data
        if searched + len(data) > self._listener.options.max_header_bytes:
            raise BadRequest("request header too large", 400)
        if self._line and self._line[0] < 32:  # a TLS hello, say: no line will come
            raise BadRequest("cannot parse the request line", 400)
        return None

    def _dialect_for(self, line: bytes) -> Dialect:
        """The one place that knows which protocols are spoken on this port."""
        if HttpScan.claims(line):
            return HttpScan(line, self._listener.options, self._listener.is_ready)
        raise BadRequest("cannot parse the request line", 400)

    def _ignore(self, data: bytes) -> None:
        """A second request, or the rest of one that was refused."""
        self._junk += len(data)
        if self._stage is Stage.SCANNING and self._junk > MAX_JUNK and self._transport:
            self._transport.pause_reading()

    def _check_patience(self) -> None:
        now, timeout = self._loop.time(), self._listener.options.timeout
        until = min(self._heard + timeout, self._began + WHOLE_REQUEST * timeout)
        if now < until:
            self._timer = self._loop.call_later(until - now, self._check_patience)
            return
        self._listener.counters.timeouts += 1
        if self._held:
            self._refuse(BadRequest("Request timeout", 408))
        elif self._transport is not None:  # it has not said a word
            self._transport.close()

    def _hold(self, size: int) -> None:
        if not self._listener.budget.take(size):
            raise BadRequest("too many messages are being scanned", 503)
        self._held += size

    def _release(self) -> None:
        self._listener.budget.give(self._held)
        self._held = 0

    # A scan.

    def _start(self, headers: list[tuple[str, str]], body: bytes) -> None:
        self._stage = Stage.SCANNING
        self._cancel_timer()
        self._listener.counters.scans += 1
        self._scan = self._listener.start(self._run(headers, body))
        seconds = self._listener.options.scan_timeout
        self._timer = self._loop.call_later(seconds, self._overdue)

    async def _run(self, headers: list[tuple[str, str]], body: bytes) -> None:
        dialect = self._dialect
        assert dialect is not None
        try:
            reply = await self._listener.scan(headers, body, self._peer)
            answer = dialect.reply(reply)
        except BadRequest as error:
            self._scan = None
            self._refuse(error)
        except GatepostError as error:
            self._fail(str(error) or "scan failed", 500)
        except Exception as error:
            # The error's own text might quote the letter.
            log.debug("the scan broke", exc_info=error)
            self._fail(f"scan failed: {type(error).__name__}", 500)
        else:
            self._scan = None
            self._listener.counters.replies += 1
            self._answer(answer)

    def _overdue(self) -> None:
        self._fail(f"no verdict within {self._listener.options.scan_timeout:g} seconds", 500)

    def _fail(self, why: str, status: int) -> None:
        scan, self._scan = self._scan, None
        if scan is not None and scan is not asyncio.current_task(self._loop):
            scan.cancel()
        self._listener.counters.failures += 1
        log.error("no verdict for %s: %s", self._peer.address or "a client", why)
        self._answer(self._error(why, status))

    # An answer.

    def _refuse(self, error: BadRequest) -> None:
        self._listener.counters.bad_requests += 1
        log.warning("bad request from %s: %s", self._peer.address or "a client", error)
        self._answer(self._error(str(error), error.status))

    def _error(self, message: str, status: int) -> bytes:
        if self._dialect is None:  # nothing was understood: HTTP it is
            return error_reply(message, status)
        return self._dialect.refuse(message, status)

    def _answer(self, data: bytes) -> None:
        if self._stage is Stage.LEAVING:  # a cancelled scan that came back all the same
            return
        self._stage = Stage.LEAVING
        self._cancel_timer()
        self._dialect = None
        self._line = bytearray()
        self._release()
        self._listener.rest(self)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        patience = LINGER if self._request_is_read else LINGER_SENDING
        if transport.get_write_buffer_size():
            patience = self._listener.options.timeout
        self._timer = self._loop.call_later(patience, transport.abort)
        if self._client_is_done or not transport.can_write_eof():  # TLS cannot shut one side
            transport.close()
            return
        transport.resume_reading()
        try:
            transport.write_eof()
        except OSError:  # it has reset the connection already
            transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
