# SPDX-License-Identifier: Apache-2.0
"""What runs ``gatepost serve``: starts the workers, replaces those that die, reloads, stops.

The supervisor is one thread that waits for signals and for words of its workers, and scans
nothing. There are at most two *generations* of workers: the one that serves, and during a
reload one that comes. It takes over only when all its workers are ready; until then any
failure, from a typing error to a store that is out of reach, leaves the old one as it is.
Workers that were told to stop are *leaving*; they are nobody's but the clock's.

Signals as Rspamd's (core reference §10.3): HUP reloads, USR1 reopens the logs, TERM and INT
stop; a second one of these spares the grace.
"""

from __future__ import annotations

import gc
import logging
import resource
import selectors
import signal
import threading
from time import monotonic

from gatepost.errors import GatepostError, describe
from gatepost.serve.errors import ServeError
from gatepost.serve.generation import KILL_MARGIN, Generation, Slot, announce
from gatepost.serve.log import Log
from gatepost.serve.log_format import NOTICE
from gatepost.serve.log_options import LogOptions
from gatepost.serve.prepared import Load, Prepared
from gatepost.serve.signals import SignalInbox
from gatepost.serve.worker_process import GO, Stage, WorkerProcess

MAX_FILES = 65_536  # descriptors: connections of a worker, with room for all else
LONGEST_WAIT = 3600.0  # seconds

log = logging.getLogger("gatepost.supervisor")


def serve(load: Load) -> None:
    """Serves what ``load`` gives until told to stop; to be called in the main thread.

    Raises what ``load`` raises at the start, and ``ServeError`` when the service cannot start.
    """
    Supervisor(load).run()


class Supervisor:
    """See the module."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._serving: Generation | None = None
        self._coming: Generation | None = None
        self._leaving: set[WorkerProcess] = set()
        self._stops = False
        self._reload_again = False
        self._failure: str | None = None
        self._selector = selectors.DefaultSelector()
        self._inbox = SignalInbox((signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD))
        self._selector.register(self._inbox, selectors.EVENT_READ)

    def run(self) -> None:
        """Raises as ``serve`` does."""
        first_log = Log(LogOptions())
        first_log.install()
        try:
            _raise_file_limit()
            coming = Generation(self._prepare(), None)
            coming.log.install()
            self._inbox.catch((signal.SIGTERM, signal.SIGINT))  # till here they end us at once
            self._begin(coming)
            while not (self._stops and not self._workers()):
                self._turn()
        finally:
            self._end()
            first_log.close()
        if self._failure is not None:
            raise ServeError(self._failure)

    # The loop.

    def _turn(self) -> None:
        wait = max(0.0, self._wakes_at() - monotonic())
        events = self._selector.select(min(wait, LONGEST_WAIT))
        now = monotonic()  # not later: a reload takes time in which we hear no worker
        for key, _ in events:
            if isinstance(key.data, WorkerProcess):
                self._listen(key.data)
        for number in self._inbox.take():
            self._obey(number)
        for worker in self._workers():
            how = worker.reap()
            if how is not None:
                self._bury(worker, how)
        self._advance()
        self._keep_time(now)

    def _wakes_at(self) -> float:
        times = [worker.kill_at for worker in self._leaving]
        if not self._stops:
            times += [one.wakes_at() for one in self._generations()]
        return min(times, default=float("inf"))

    def _obey(self, number: signal.Signals) -> None:
        match number:
            case signal.SIGHUP:
                self._reload()
            case signal.SIGUSR1:
                for one in self._generations():
                    one.log.reopen()
                for worker in self._workers():
                    worker.send(number)
            case signal.SIGTERM | signal.SIGINT:
                self._stop(number.name)

    def _listen(self, worker: WorkerProcess) -> None:
        if not worker.listen():  # SIGCHLD tells the rest
            self._selector.unregister(worker.channel)

    def _keep_time(self, now: float) -> None:
        for worker in self._leaving:
            if now > worker.kill_at:
                log.warning("worker %d did not stop in time and is killed", worker.pid)
                worker.kill()
        if self._stops:
            return
        for one in self._generations():
            one.kill_overdue(now)
        if self._serving is not None:
            for slot in self._serving.empty_slots(now):
                self._fill(self._serving, slot)

    # A configuration comes.

    def _prepare(self) -> Prepared:
        gc.unfreeze()  # the last configuration may be collected when it has gone
        try:
            prepared = self._load()
        except GatepostError:
            raise
        except Exception as error:
            raise ServeError(f"the configuration cannot be loaded: {describe(error)}") from error
        if threading.active_count() > 1:
            log.warning("the configuration has started threads, which workers will not have")
        return prepared

    def _begin(self, coming: Generation) -> None:
        self._coming = coming
        gc.freeze()  # what all workers share is not to be touched, and so copied, by collections
        for slot in coming.slots:
            if self._coming is coming:
                self._fill(coming, slot)

    def _reload(self) -> None:
        if self._stops:
            return
        if self._coming is not None:
            self._reload_again = True
            return
        log.log(NOTICE, "loads the configuration again")
        held = self._serving.sockets if self._serving is not None else None
        try:
            coming = Generation(self._prepare(), held)
        except GatepostError as error:
            for line in str(error).splitlines() or [type(error).__name__]:
                log.error("the new configuration is bad, the old one stays: %s", line)
            return
        self._begin(coming)

    def _advance(self) -> None:
        """Goes on with a start once its workers are as far."""
        coming = self._coming
        if coming is None:
            return
        if coming.all_are(Stage.READY):
            self._take_over(coming)
        elif self._serving is None and coming.all_are(Stage.ACCEPTING):
            for worker in coming.workers:
                if not worker.was_told_to_go:
                    worker.was_told_to_go = True
                    worker.say(GO)

    def _take_over(self, coming: Generation) -> None:
        old, self._serving, self._coming = self._serving, coming, None
        coming.log.install()
        if old is None:
            announce(coming)
        else:
            for slot in old.slots:
                self._send_off(slot, old.stop_limit)
            old.close(coming)
        log.log(NOTICE, "%d workers serve %s", len(coming.slots), coming.addresses())
        self._reload_if_asked()

    def _give_up(self, coming: Generation, why: str) -> None:
        """It cannot be served."""
        self._coming = None
        for slot in coming.slots:
            self._send_off(slot, KILL_MARGIN if self._serving is None else coming.stop_limit)
        if self._serving is None:
            self._failure = why
            self._stops = True
        else:
            log.error("the new configuration cannot be served, the old one stays: %s", why)
        coming.close(self._serving)
        self._reload_if_asked()

    def _reload_if_asked(self) -> None:
        if self._reload_again:
            self._reload_again = False
            self._reload()

    # Workers come and go.

    def _fill(self, generation: Generation, slot: Slot) -> None:
        try:
            worker = generation.fill(slot, self._forget, announced=self._serving is not None)
        except OSError as error:
            self._lose(generation, slot, f"cannot make a process: {error.strerror}")
        else:
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _forget(self, generation: Generation) -> None:
        """In a worker of ``generation``: lets go of what is the supervisor's alone."""
        self._inbox.close()
        self._selector.close()
        for worker in self._workers():
            worker.channel.close()
        for other in self._generations():
            if other is not generation:
                other.sockets.close_all_but(generation.sockets, remove=False)

    def _bury(self, worker: WorkerProcess, how: str) -> None:
        if worker.channel in self._selector.get_map():
            self._selector.unregister(worker.channel)
        worker.channel.close()
        if worker in self._leaving:
            self._leaving.discard(worker)
            log.info("worker %d has stopped", worker.pid)
            return
        for generation in self._generations():
            for slot in generation.slots:
                if slot.worker is worker:
                    self._lose(generation, slot, f"worker {worker.pid}: {how}")

    def _lose(self, generation: Generation, slot: Slot, why: str) -> None:
        wait = slot.vacate(monotonic())
        if generation is self._coming:
            self._give_up(generation, why)
        else:
            log.error("%s; another one starts in %g s", why, wait)

    def _send_off(self, slot: Slot, grace: float) -> None:
        worker, slot.worker = slot.worker, None
        if worker is not None:
            worker.stop(grace)
            self._leaving.add(worker)

    # The end.

    def _stop(self, why: str) -> None:
        if self._stops:
            for worker in self._leaving:
                worker.hurry(KILL_MARGIN)
            return
        log.log(NOTICE, "stops on %s", why)
        self._stops = True
        for one in self._generations():
            for slot in one.slots:
                self._send_off(slot, one.stop_limit)
            one.sockets.close_all_but(None)

    def _end(self) -> None:
        for worker in self._workers():  # only if we broke
            worker.kill()
        for one in self._generations():
            one.close(None)
        self._selector.close()
        self._inbox.close()

    def _generations(self) -> list[Generation]:
        return [one for one in (self._serving, self._coming) if one is not None]

    def _workers(self) -> list[WorkerProcess]:
        """All that have not been reaped."""
        ours = [worker for one in self._generations() for worker in one.workers]
        return [*ours, *self._leaving]


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
