# SPDX-License-Identifier: Apache-2.0
"""A server in a process of its own, whose log a test can wait for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence

WAIT = 30.0
"""Seconds after which what a server was to do is missed; it takes a second at most."""
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find_program(name: str) -> str | None:
    """The path of a program; servers are often where only root's PATH leads."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SBIN]))


class RunningProcess:
    """Runs ``command`` until ``stop``; ``output`` is what it wrote so far, both streams.

    Its output is read all the time, so that it never waits for us.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = os.path.basename(command[0])
        # A session of its own, so that stop reaches its children too.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self._lines = list[str]()
        self._grown = threading.Condition()
        self._closed = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        with self._grown:
            return "".join(self._lines)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def children(self) -> list[int]:
        """The pids of its own children."""
        listing = f"/proc/{self.pid}/task/{self.pid}/children"
        with open(listing, encoding="ascii") as kernel:
            return [int(pid) for pid in kernel.read().split()]

    def wait_for(self, pattern: str, *, count: int = 1) -> list[str]:
        """The first ``count`` lines that have ``pattern``, waiting for them.

        ``AssertionError`` with the end of the log when they don't come.
        """
        found = re.compile(pattern)
        with self._grown:
            self._grown.wait_for(
                lambda: self._closed or len(self._search(found)) >= count, timeout=WAIT
            )
            lines = self._search(found)
            if len(lines) < count:
                said = "".join(self._lines[-60:])
                raise AssertionError(f"{self.name} never wrote {pattern!r}, but:\n{said}")
            return lines[:count]

    def stop(self, grace: float = 5.0) -> None:
        """TERM, and KILL for whatever of the group is left; a second time does nothing."""
        try:
            self._signal_group(signal.SIGTERM)
            self._process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            pass
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def _signal_group(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def _search(self, pattern: re.Pattern[str]) -> list[str]:
        return [line for line in self._lines if pattern.search(line)]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                with self._grown:
                    self._lines.append(line.decode("utf-8", "replace"))
                    self._grown.notify_all()
        with self._grown:
            self._closed = True
            self._grown.notify_all()
