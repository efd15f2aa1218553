# SPDX-License-Identifier: Apache-2.0
"""The workers of one configuration, with the sockets and the log that they share."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable

from gatepost.serve.bind_address import BindAddress
from gatepost.serve.errors import BindError, ServeError
from gatepost.serve.log import Log
from gatepost.serve.prepared import Prepared
from gatepost.serve.sockets import SocketSet, shown
from gatepost.serve.worker import Worker, run_worker
from gatepost.serve.worker_process import Stage, WorkerProcess

FIRST_BACKOFF, MAX_BACKOFF = 0.5, 30.0
"""Seconds before a dead worker is replaced: the first time, and after dying again and again."""
LONG_LIFE = 60.0  # seconds; who lived as long died of something else
STARTING = 120.0  # seconds that a worker may take to accept
HANGING = 60.0  # seconds without a sign of life
KILL_MARGIN = 3.0  # seconds beyond its own grace before a worker is killed
IGNORED_BY_WORKERS = (signal.SIGINT, signal.SIGHUP)  # a terminal sends them to the whole group
DEFAULT_IN_WORKERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)

log = logging.getLogger("gatepost.supervisor")


class Slot:
    """The place of one worker, whoever holds it now."""

    def __init__(self) -> None:
        self.worker: WorkerProcess | None = None
        self.failures = 0
        self.due = 0.0
        """When an empty slot is to be filled, on the monotonic clock."""

    def vacate(self, now: float) -> float:
        """Its worker has died; gives the seconds until the next."""
        lived = now - self.worker.began if self.worker is not None else 0.0
        self.failures = 1 if lived > LONG_LIFE else self.failures + 1
        wait = min(FIRST_BACKOFF * 2.0 ** min(self.failures - 1, 16), MAX_BACKOFF)
        self.worker, self.due = None, now + wait
        return wait


class Generation:
    """One configuration that is served, or about to be.

    Takes over the sockets of ``held`` that it wants too. Raises ``ServeError``.
    """

    def __init__(self, prepared: Prepared, held: SocketSet | None) -> None:
        self.prepared = prepared
        addresses = _addresses(prepared)
        self.log = Log(prepared.log)
        try:
            self.sockets = SocketSet.open(addresses, held)
        except BaseException:
            self.log.close()
            raise
        self._in_order = self.sockets.of(addresses)
        self.slots = [Slot() for _ in range(max(1, prepared.workers))]

    @property
    def workers(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self.slots if slot.worker is not None]

    @property
    def stop_limit(self) -> float:
        """Seconds after which a worker that was told to stop is killed."""
        return self.prepared.grace + KILL_MARGIN

    def all_are(self, stage: Stage) -> bool:
        return all(slot.worker is not None and slot.worker.stage >= stage for slot in self.slots)

    def fill(
        self, slot: Slot, forget: Callable[[Generation], None], *, announced: bool
    ) -> WorkerProcess:
        """Forks a worker; ``forget`` closes in it what is the supervisor's. Raises ``OSError``."""

        def run(channel: socket.socket) -> int:
            forget(self)
            _take_signals()
            self.log.install()
            self.log.enter_worker()
            return run_worker(
                Worker(self.prepared, self._in_order, channel, self.log, announced=announced)
            )

        slot.worker = WorkerProcess.fork(run)
        log.info("worker %d starts", slot.worker.pid)
        return slot.worker

    def close(self, other: Generation | None) -> None:
        """Closes sockets and log, but for the sockets that ``other`` has too."""
        self.sockets.close_all_but(other.sockets if other is not None else None)
        self.log.close()

    def empty_slots(self, now: float) -> list[Slot]:
        """Those that are to be filled again."""
        return [slot for slot in self.slots if slot.worker is None and now >= slot.due]

    def kill_overdue(self, now: float) -> None:
        """Kills workers that hang, in their start or later: in a rule of somebody's, say."""
        for worker in self.workers:
            if now > _deadline(worker):
                started = worker.stage is Stage.READY
                worker.reason = "it hung" if started else "it did not start in time"
                worker.kill()

    def wakes_at(self) -> float:
        """When something is to be done here, on the monotonic clock."""
        times = [slot.due for slot in self.slots if slot.worker is None]
        times += map(_deadline, self.workers)
        return min(times, default=float("inf"))

    def addresses(self) -> str:
        """``milter=ADDR:PORT[,…] scan=ADDR:PORT[,…]``"""
        found: dict[str, list[str]] = {}
        left = iter(self._in_order)
        for listener in self.prepared.listeners:
            for _ in listener.bind:
                found.setdefault(listener.kind, []).extend(map(shown, next(left)))
        kinds = sorted(found, key=("milter", "scan").index)
        return " ".join(f"{kind}={','.join(found[kind])}" for kind in kinds)


def _addresses(prepared: Prepared) -> list[BindAddress]:
    addresses = []
    for listener in prepared.listeners:
        for address in listener.bind:
            if address.ssl and listener.tls is None:
                raise BindError(f"cannot listen on {address} with ssl: there is no certificate")
            addresses.append(address)
    if not addresses:
        raise ServeError("there is nothing to serve: no listener has an address")
    return addresses


def announce(generation: Generation) -> None:
    """Says on standard error that all workers accept."""
    line = f"ready {generation.addresses()}\n"
    try:
        os.write(2, line.encode())
    except OSError:  # nobody listens there
        pass


def _deadline(worker: WorkerProcess) -> float:
    if worker.reason:  # its end is on its way
        return float("inf")
    return worker.heard + HANGING if worker.stage is Stage.READY else worker.began + STARTING


def _take_signals() -> None:
    """The worker's own ways with signals; they stay blocked until its loop can hear them."""
    for number in IGNORED_BY_WORKERS:
        signal.signal(number, signal.SIG_IGN)
    for number in DEFAULT_IN_WORKERS:
        signal.signal(number, signal.SIG_DFL)
