# SPDX-License-Identifier: Apache-2.0
"""One worker: an event loop of its own that accepts on the sockets it inherited, until told
to stop, and then finishes what it holds.

It stops on SIGTERM, and when its supervisor has gone: nobody would replace or reload it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress

import uvloop

from gatepost.errors import GatepostError, describe
from gatepost.serve.connections import Front
from gatepost.serve.log import Log
from gatepost.serve.log_format import NOTICE, one_line
from gatepost.serve.milter import MilterServer
from gatepost.serve.prepared import Listener, MilterListener, Prepared, WorkerParts
from gatepost.serve.reply import Scan
from gatepost.serve.scan_port import ScanPort
from gatepost.serve.sockets import BACKLOG
from gatepost.serve.worker_process import (
    ACCEPTING,
    ALIVE,
    ALIVE_EVERY,
    FAILED,
    GO,
    HURRY,
    MAX_WORD,
    READY,
)

TALE_OF_HANGING = 30.0  # seconds; the supervisor's patience is longer
CLOSING = 5.0  # seconds for the parts to close
SETTLING = 0.05  # seconds between the last accept and the drain
LAST_WORDS = 1.5  # seconds for answers that are written to go out
FAILED_START = 1  # exit code

log = logging.getLogger("gatepost.worker")


def run_worker(worker: Worker) -> int:
    """Runs it in a new event loop; gives the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(worker.run())


class Worker:
    """``sockets`` are those of each address of each listener, in order.

    ``announced`` says that the service is up already, so that ``/ping`` answers at once.
    """

    def __init__(
        self,
        prepared: Prepared,
        sockets: Sequence[tuple[socket.socket, ...]],
        channel: socket.socket,
        its_log: Log,
        *,
        announced: bool,
    ) -> None:
        self._prepared = prepared
        self._sockets = sockets
        self._channel = channel
        self._log = its_log
        self._announced = announced
        self._heard = b""
        self._parts: WorkerParts | None = None
        self._fronts: list[Front] = []
        self._servers: list[asyncio.AbstractServer] = []
        self._told_to_stop = asyncio.Event()
        self._hurries = False
        self._opening: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._life: asyncio.TimerHandle | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report_stray)
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGUSR1, self._log.reopen)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # those that came before are heard now
        self._channel.setblocking(False)
        loop.add_reader(self._channel, self._hear)
        try:
            return await self._serve(loop)
        finally:
            loop.remove_reader(self._channel)
            await self._close_parts()
            if self._life is not None:
                self._life.cancel()
            faulthandler.cancel_dump_traceback_later()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> int:
        self._opening = loop.create_task(self._open())
        try:
            await self._opening
        except asyncio.CancelledError:
            if not self._told_to_stop.is_set():
                raise
            return 0
        except Exception as error:
            why = str(error) if isinstance(error, GatepostError) else describe(error)
            self._say(f"{FAILED} {one_line(why)[: MAX_WORD // 4]}")
            return FAILED_START
        self._say(ACCEPTING)
        if self._announced:
            self._become_ready()
        await self._told_to_stop.wait()
        await self._finish(loop)
        return 0

    async def _open(self) -> None:
        self._parts = await self._prepared.open_worker()
        await self._parts.start()
        left = iter(self._sockets)
        for listener in self._prepared.listeners:
            front = _front(listener, self._parts.scan)
            self._fronts.append(front)
            for address in listener.bind:
                for sock in next(left):
                    await self._accept(front, sock, listener if address.ssl else None)

    async def _accept(self, front: Front, sock: socket.socket, tls: Listener | None) -> None:
        loop = asyncio.get_running_loop()
        # Of a UNIX socket, too: create_unix_server would remove the path when it closes.
        server = await loop.create_server(
            front.protocol_factory, sock=sock, backlog=BACKLOG, ssl=tls.tls if tls else None
        )
        self._servers.append(server)

    async def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        """Accepts no more, answers what it holds, or gives it up when time is over."""
        for server in self._servers:
            server.close()
        # Connections that the kernel gave us just before are still to be taken in; a server
        # that drains would turn them away.
        await asyncio.sleep(SETTLING)
        log.info("stops; %d connections are open", self._open_connections())
        grace = 0.0 if self._hurries else self._prepared.grace
        self._draining = loop.create_task(self._drain(grace))
        try:
            await self._draining
        except asyncio.CancelledError:
            await self._drain(0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                while self._open_connections():  # noqa: ASYNC110 (it is over in a moment)
                    await asyncio.sleep(0.01)

    async def _drain(self, grace: float) -> None:
        await asyncio.gather(*(front.drain(grace) for front in self._fronts))

    async def _close_parts(self) -> None:
        if self._parts is None:
            return
        try:
            async with asyncio.timeout(CLOSING):
                await self._parts.close()
        except Exception as error:
            log.error("a part did not close well: %s", describe(error))

    def _open_connections(self) -> int:
        return sum(front.open_connections for front in self._fronts)

    # What it is told.

    def _hear(self) -> None:
        try:
            data = self._channel.recv(MAX_WORD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._channel)
            log.error("the supervisor has gone")
            self._stop()
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            if line == GO.encode():
                self._become_ready()
            elif line == HURRY.encode():
                self._hurry()

    def _hurry(self) -> None:
        self._hurries = True
        if self._draining is not None:
            self._draining.cancel()

    def _stop(self) -> None:
        self._told_to_stop.set()
        if self._opening is not None:
            self._opening.cancel()  # it holds nothing yet; later this does nothing

    def _become_ready(self) -> None:
        for front in self._fronts:
            if isinstance(front, ScanPort):
                front.ready = True
        log.log(NOTICE, "serves")
        self._say(READY)
        self._show_life()

    def _show_life(self) -> None:
        """A loop that hangs shows none: then its Python stack goes to standard error."""
        self._say(ALIVE)
        faulthandler.dump_traceback_later(TALE_OF_HANGING, file=2)
        loop = asyncio.get_running_loop()
        self._life = loop.call_later(ALIVE_EVERY, self._show_life)

    def _say(self, line: str) -> None:
        try:
            self._channel.send(line.encode() + b"\n")
        except OSError:  # the supervisor has gone, as we shall hear
            pass


def _front(listener: Listener, scan: Scan) -> Front:
    if isinstance(listener, MilterListener):
        return MilterServer(
            scan, listener.options, max_message=listener.max_message, timeout=listener.timeout
        )
    return ScanPort(scan, listener.options)


def _report_stray(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An error that nobody waited for. asyncio's own report might quote the letter."""
    error = context.get("exception")
    what = describe(error) if isinstance(error, BaseException) else ""
    log.error("%s: %s", context.get("message"), what)
