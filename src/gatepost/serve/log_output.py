# SPDX-License-Identifier: Apache-2.0
"""Where do log lines go: standard error, a file, syslog?

A scan never waits for a log for long. Files are written directly, which the page cache makes
quick and ``kill -9`` loses nothing of. A pipe, a terminal or syslog may have a reader that
stands still: we wait for it for ``PATIENCE`` once, then lines are dropped and counted until
it reads again, and the next line says how many.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import time
from typing import Protocol

from gatepost.serve.errors import ServeError

PATIENCE = 0.1  # seconds
SYSLOG_SOCKET = "/dev/log"
FILE_MODE = 0o640  # addresses of people are in it
MAX_SYSLOG = 8 * 1024  # bytes of a datagram that syslog daemons take
_FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7,
    "uucp": 8, "cron": 9, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20,
    "local5": 21, "local6": 22, "local7": 23,
}  # fmt: skip
_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7}


class Output(Protocol):
    """A place for lines. ``write`` never raises."""

    lost: int
    """Lines dropped since the last that was written."""

    def write(self, line: str, severity: str) -> None: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...


class FileOutput:
    """Appends to a file. Raises ``ServeError`` when it cannot be opened."""

    def __init__(self, path: str) -> None:
        self.lost = 0
        self._path = path
        self._fd = self._open()

    def write(self, line: str, severity: str) -> None:
        try:
            os.write(self._fd, _encoded(line))  # O_APPEND: lines of several processes stay whole
            self.lost = 0
        except OSError:  # the disk is full
            self.lost += 1

    def reopen(self) -> None:
        """Opens the path anew, after a rotation. Raises ``ServeError``; the old file stays."""
        old, self._fd = self._fd, self._open()
        os.close(old)

    def close(self) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, FILE_MODE)
        except OSError as error:
            raise ServeError(f"cannot write the log {self._path}: {error.strerror}") from error


class ConsoleOutput:
    """Writes to a descriptor of ours, or a copy of one, that may be a pipe or a terminal."""

    def __init__(self, fd: int = 2) -> None:
        self.lost = 0
        self.is_tty = os.isatty(fd)
        self._is_stuck = False
        self._fd, self._is_socket = _unblocked(fd)

    def write(self, line: str, severity: str) -> None:
        data = memoryview(_encoded(line))
        until = time.monotonic() + (0.0 if self._is_stuck else PATIENCE)
        while data:
            written = self._try(data)
            if written < 0:
                self.lost += 1
                return
            data = data[written:]
            if data and not written and not self._wait(until):
                self._is_stuck = True
                self.lost += 1
                return
        self._is_stuck = False
        self.lost = 0

    def reopen(self) -> None:
        """There is nothing to open again."""

    def close(self) -> None:
        os.close(self._fd)

    def _try(self, data: memoryview) -> int:
        """How many bytes went out; 0: not now, -1: never."""
        try:
            if not self._is_socket:
                return os.write(self._fd, data)
            with socket.socket(fileno=os.dup(self._fd)) as sock:
                return sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return -1

    def _wait(self, until: float) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))


class SyslogOutput:
    """Datagrams to the local syslog, in the old BSD form (RFC 3164 4.1) that all take."""

    def __init__(self, facility: str, name: str, *, path: str = SYSLOG_SOCKET) -> None:
        self.lost = 0
        self._facility = _FACILITIES[facility] << 3
        self._name = name
        self._path = path
        self._socket: socket.socket | None = None
        if not self._connect():
            raise ServeError(f"cannot log to syslog: nothing listens on {path}")

    def write(self, line: str, severity: str) -> None:
        when = time.strftime("%b %e %H:%M:%S")
        priority = self._facility | _PRIORITIES.get(severity, 6)
        text = f"<{priority}>{when} {self._name}[{os.getpid()}]: {line}"
        data = text.encode("utf-8", "replace")[:MAX_SYSLOG]
        # Twice: the daemon may have started anew since the last line.
        if self._send(data) or (self._connect() and self._send(data)):
            self.lost = 0
        else:
            self.lost += 1

    def reopen(self) -> None:
        """Connects anew; a daemon that is away may come back."""
        self._connect()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, data: bytes) -> bool:
        try:
            if self._socket is not None:
                self._socket.send(data)
                return True
        except OSError:  # full, or the daemon has gone
            pass
        return False

    def _connect(self) -> bool:
        self.close()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            return False
        self._socket = sock
        return True


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "replace") + b"\n"


def _unblocked(fd: int) -> tuple[int, bool]:
    """A descriptor that does not block, and whether it is a socket.

    ``O_NONBLOCK`` belongs to the open file, which we share with whoever started us; so the
    file is opened once more, and where that is not allowed, the shared one is used as it is.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return os.dup(fd), True
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), False
        except OSError:
            pass
    return os.dup(fd), False
