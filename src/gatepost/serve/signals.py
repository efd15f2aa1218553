# SPDX-License-Identifier: Apache-2.0
"""Signals as something that a ``select`` can wait for, in a process without an event loop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | int | None


class SignalInbox:
    """Collects the signals it ``catches``; to be used in the main thread."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._before: dict[signal.Signals, Handler] = {}
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self.catch(numbers)

    def catch(self, numbers: Iterable[signal.Signals]) -> None:
        """Collects these too."""
        for number in numbers:
            self._before[number] = signal.signal(number, _noted)

    def fileno(self) -> int:
        """Readable when signals have come."""
        return self._read

    def take(self) -> list[signal.Signals]:
        """The signals that came since the last call, in order, each once."""
        try:
            numbers = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return list(dict.fromkeys(signal.Signals(number) for number in numbers))

    def close(self) -> None:
        """Ends it; all is as it was before. A forked child calls it too."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)


def _noted(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor has the number already."""
