# SPDX-License-Identifier: Apache-2.0
"""Where does one milter frame end and the next begin?

A frame is a length (4 bytes, network order), a command (1 byte) and ``length - 1`` bytes.
The length is checked before anything is kept for it, so what waits here is never more
than one frame and one read. Core reference §8.1.
"""

from __future__ import annotations

from struct import Struct

from gatepost.serve.milter.errors import MilterError

MAX_FRAME = 131_072
"""Bytes of command and payload; Postfix's and Sendmail's body chunks have 65,535."""

LENGTH = Struct(">I")

Frame = tuple[int, bytes]
"""Command (one byte as a number) and payload."""


class FrameReader:
    """Bytes in with ``feed``, frames out with ``next``. After a ``MilterError`` it is done for."""

    __slots__ = ("_buffer", "_start", "max_frame")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.max_frame = max_frame
        self._buffer = b""
        self._start = 0

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Takes what was read. What was already handed out is dropped here, once a read."""
        rest = self._buffer[self._start :]
        self._buffer = rest + data if rest else data
        self._start = 0

    def peek(self, size: int) -> bytes:
        """The first bytes that wait, at most ``size``."""
        return self._buffer[self._start : self._start + size]

    def next(self) -> Frame | None:
        """The next whole frame, or ``None`` until more is fed.

        Raises ``MilterError`` for a length of nought or beyond ``max_frame``.
        """
        buffer, start = self._buffer, self._start
        if len(buffer) - start < 4:
            return None
        (length,) = LENGTH.unpack_from(buffer, start)
        if not 0 < length <= self.max_frame:
            raise MilterError(f"frame of {length} bytes; 1 to {self.max_frame} are allowed")
        end = start + 4 + length
        if len(buffer) < end:
            return None
        self._start = end
        return buffer[start + 4], buffer[start + 5 : end]


def to_frame(code: bytes, payload: bytes = b"") -> bytes:
    """A frame for the wire; ``code`` is one byte."""
    return LENGTH.pack(len(payload) + 1) + code + payload
