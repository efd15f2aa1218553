# SPDX-License-Identifier: Apache-2.0
"""One worker as its supervisor sees it: a process, and a channel to talk with it.

Workers are forked, not spawned: the configuration was read and its regular expressions were
compiled once, and all workers share that memory. This is sound because the supervisor has one
thread, no event loop and no connection that a child could share by accident. A worker that is
replaced gets the configuration that its fellows run, whatever the files say by then.

The channel is a pair of stream sockets with one word a line. The worker says ``accepting``,
``ready``, or ``failed`` and why, and from then on ``alive`` as long as its loop turns; the
supervisor says ``go`` (``/ping`` may answer) and ``hurry`` (no more grace). Its end shows
either side that the other one has died.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from enum import IntEnum
from time import monotonic
from typing import NoReturn

ACCEPTING, READY, FAILED, ALIVE = "accepting", "ready", "failed", "alive"
GO, HURRY = "go", "hurry"
MAX_WORD = 4096  # bytes of a line
ALIVE_EVERY = 5.0  # seconds
BROKEN = 70  # exit code of a worker that broke; EX_SOFTWARE


class Stage(IntEnum):
    STARTING = 0
    ACCEPTING = 1
    READY = 2


_STAGES = {ACCEPTING: Stage.ACCEPTING, READY: Stage.READY}


class WorkerProcess:
    """A worker that runs, or has just ended."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.began = self.heard = monotonic()
        self.stage = Stage.STARTING
        self.reason = ""
        """Why it ends, where that is known."""
        self.was_told_to_go = False
        self.kill_at = float("inf")
        """On the monotonic clock; it was told to stop when this is finite."""
        self._rest = b""

    @classmethod
    def fork(cls, run: Callable[[socket.socket], int]) -> WorkerProcess:
        """Starts a process that ends with the code that ``run`` gives. Raises ``OSError``.

        In the child all signals that the parent catches are blocked until ``run`` says.
        """
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it was closed before we began
                stream.flush()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
        except BaseException:
            ours.close()
            raise
        else:
            if pid == 0:
                ours.close()
                _become(run, theirs)
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        ours.setblocking(False)
        return cls(pid, ours)

    def say(self, word: str) -> None:
        """Tells it; one that has ended already is noticed elsewhere."""
        try:
            self.channel.send(word.encode() + b"\n")
        except OSError:
            pass

    def listen(self) -> bool:
        """Takes in what it has said since; false when it has ended."""
        try:
            data = self.channel.recv(MAX_WORD)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            return False
        self.heard = monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "replace").partition(" ")
            if word == FAILED:
                self.reason = rest
            else:
                self.stage = _STAGES.get(word, self.stage)
        return True

    def stop(self, grace: float) -> None:
        """Asks it to finish what it holds; after ``grace`` seconds it is to be killed."""
        self.kill_at = monotonic() + grace
        self.send(signal.SIGTERM)

    def hurry(self, grace: float) -> None:
        """Asks one that stops already to do so within ``grace`` seconds."""
        self.kill_at = min(self.kill_at, monotonic() + grace)
        self.say(HURRY)

    def kill(self) -> None:
        self.kill_at = float("inf")
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; the pid is its own until it was reaped."""
        os.kill(self.pid, number)

    def reap(self) -> str | None:
        """How it ended, in words; ``None`` while it runs. Not to be asked again after that."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        self.listen()  # its last words
        if self.reason:
            return self.reason
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it ended with code {code}"


def _become(run: Callable[[socket.socket], int], channel: socket.socket) -> NoReturn:
    """The child's life. It never returns into the frames of its parent."""
    code = BROKEN
    try:
        code = run(channel)
    except BaseException as error:
        _report(channel, error)
    finally:
        os._exit(code)


def _report(channel: socket.socket, error: BaseException) -> None:
    text = f"{FAILED} {type(error).__name__} in the worker's main function\n"
    try:
        channel.send(text.encode())
    except OSError:
        pass
