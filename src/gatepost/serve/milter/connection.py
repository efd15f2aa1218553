# SPDX-License-Identifier: Apache-2.0
"""One MTA's connection: bytes in, scans started, answers out.

While a scan runs we go on reading, because only so we learn that the MTA has gone; what
comes then waits as bytes, and reading stops when more than a frame of them is there.
Everything that goes wrong in a scan is a temporary failure and a log line (``on_failure``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from gatepost.errors import GatepostError
from gatepost.serve.milter import answers as a
from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.framing import FrameReader
from gatepost.serve.milter.listener import Listener
from gatepost.serve.milter.messages import decode
from gatepost.serve.milter.ping import START, answer_ping
from gatepost.serve.milter.replies import answers_to, failure, refusal
from gatepost.serve.milter.session import (
    CloseConnection,
    Command,
    RefuseLetter,
    ScanLetter,
    SendBytes,
    Session,
    Step,
)
from gatepost.serve.peer import peer_of
from gatepost.serve.reply import Peer

log = logging.getLogger("gatepost.milter")


class MilterConnection(asyncio.Protocol):
    """The protocol that a ``MilterServer`` makes for each accepted connection."""

    def __init__(self, listener: Listener) -> None:
        self.name = listener.next_name()
        self.source = ""
        self._listener = listener
        self._session = Session(
            listener.options, listener.budget, max_message=listener.max_message, name=self.name
        )
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._peer = Peer()
        self._scan: asyncio.Task[None] | None = None
        self._write_full = False
        self._read_paused = False
        self._queue_id = ""

    @property
    def is_idle(self) -> bool:
        """The SMTP client has gone and left no message. One that is still to come counts
        as a client: an MTA that connects has somebody waiting."""
        session = self._session
        return session.had_client and not (
            session.connected or session.in_message or self._scan is not None
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        settings_id = self._listener.options.settings_id
        self._peer = peer_of(transport, protocol="milter", settings_id=settings_id)
        self.source = self._peer.address
        if not self._listener.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._session.step is not Step.CLOSED:
            self._reader.feed(data)
            self._advance()

    def pause_writing(self) -> None:
        self._write_full = True

    def resume_writing(self) -> None:
        self._write_full = False
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._scan is not None:
            self._listener.counters.cancelled += 1
            self._scan.cancel()
        self._transport = None
        self._session.close()
        self._listener.release(self)

    def close(self) -> None:
        """Closes once what is written has gone out."""
        if self._transport is not None:
            self._session.close()
            self._transport.close()

    def give_up(self) -> None:
        """Ends a scan with a temporary failure and closes."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None
            self._finish(self._failure("the server stops"))
        self.close()

    def _advance(self) -> None:
        session = self._session
        try:
            if session.step is Step.NEW and self._reader.peek(len(START)) == START:
                self._answer_ping()
            else:
                self._take_frames(session)
        except MilterError as error:
            self._listener.counters.protocol_errors += 1
            log.warning("protocol error from %s: %s", self.source or "?", error, extra=self._tags())
            if session.step is Step.OPEN:  # mere closing leaves it to the MTA, which may accept
                self._write(a.encode([a.Tempfail()]))
            self.close()
        if self._listener.draining and self.is_idle:
            self.close()
        self._throttle()

    def _take_frames(self, session: Session) -> None:
        next_frame, receive = self._reader.next, session.receive
        while self._scan is None and not self._write_full and session.step is not Step.CLOSED:
            frame = next_frame()
            if frame is None:
                return
            command = receive(decode(frame))
            if command is not None:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        match command:
            case SendBytes(data):
                self._write(data)
            case ScanLetter():
                self._listener.counters.messages += 1
                self._queue_id = command.queue_id
                self._scan = self._listener.start(self._scan_letter(command))
            case RefuseLetter(why, queue_id):
                self._listener.counters.messages += 1
                self._listener.counters.refused_messages += 1
                self._queue_id = queue_id
                log.warning("a message is refused unscanned: %s", why, extra=self._tags())
                self._finish(refusal(why, self._listener.options))
            case CloseConnection():
                self.close()

    async def _scan_letter(self, letter: ScanLetter) -> None:
        given = await self._verdict(letter)
        self._scan = None
        self._finish(given)
        self._advance()

    async def _verdict(self, letter: ScanLetter) -> list[a.Answer]:
        listener = self._listener
        try:
            async with asyncio.timeout(listener.timeout):
                reply = await listener.scan(letter.headers, letter.body, self._peer)
            return answers_to(reply, letter.header_names, listener.options, self._session.actions)
        except TimeoutError:
            return self._failure(f"none within {listener.timeout:g} seconds")
        except GatepostError as error:
            return self._failure(str(error)[:200])
        except Exception as error:
            # The error's own text might quote the letter.
            log.debug("the scan broke", exc_info=error, extra=self._tags())
            return self._failure(type(error).__name__)

    def _failure(self, why: str) -> list[a.Answer]:
        options = self._listener.options
        self._listener.counters.failures += 1
        log.error("no verdict (%s): %s", options.on_failure, why, extra=self._tags())
        return failure(options)

    def _finish(self, given: list[a.Answer]) -> None:
        if self._session.step is not Step.WAITING:  # the MTA has gone
            return
        try:
            data = self._session.finish(given)
        except MilterError as error:
            given = self._failure(str(error))
            data = self._session.finish(given)
        self._listener.counters.count(given)
        self._write(data)
        self._queue_id = ""

    def _answer_ping(self) -> None:
        answer = answer_ping(self._reader.peek(len(self._reader)))
        if answer is not None:
            self._write(answer)
            self.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _throttle(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        waits = self._scan is not None or self._write_full
        full = waits and len(self._reader) > self._reader.max_frame
        if full and not self._read_paused:
            self._transport.pause_reading()
        elif self._read_paused and not full:
            self._transport.resume_reading()
        self._read_paused = full

    def _tags(self) -> dict[str, str]:
        return {"queue_id": self._queue_id, "session": self.name}
