# SPDX-License-Identifier: Apache-2.0
"""One message as it comes in: its envelope, its bytes, and how much of both we keep.

Header lines are put together again as ``Name: value`` CRLF (the MTA took one blank away
and turned folds into bare LF), body chunks are appended to the same buffer. Beyond a
limit the bytes are dropped at once and ``refusal`` says why; the rest of the message is
then only counted past. Core reference §8.1, §8.5.
"""

from __future__ import annotations

from typing import Literal

from gatepost.serve.connections import ByteBudget

Refusal = Literal["oversize", "busy"]
"""Why a message is not scanned: beyond ``max_message``, or too much is held already."""

MAX_FIELDS = 100_000
"""Headers and recipients of one message; the mail parser's bound for headers."""
MAX_ENVELOPE = 16 * 1024 * 1024
"""Bytes of addresses and arguments of one message."""


class Letter:
    """A message between MAIL and its end. ``close`` gives back what it holds."""

    __slots__ = (
        "_budget",
        "_envelope",
        "_held",
        "_in_body",
        "_raw",
        "header_names",
        "max_message",
        "recipients",
        "refusal",
        "sender",
        "sender_arguments",
    )

    def __init__(self, budget: ByteBudget, max_message: int) -> None:
        self._budget = budget
        self.max_message = max_message
        self._raw = bytearray()
        self._held = 0
        self._envelope = 0
        self._in_body = False
        self.sender: str | None = None
        self.sender_arguments: tuple[str, ...] = ()
        self.recipients: list[tuple[str, tuple[str, ...]]] = []
        self.header_names: list[bytes] = []
        self.refusal: Refusal | None = None

    def set_sender(self, address: str, arguments: tuple[str, ...]) -> None:
        if self._hold_envelope(address, arguments):
            self.sender = address
            self.sender_arguments = arguments

    def add_recipient(self, address: str, arguments: tuple[str, ...]) -> None:
        if len(self.recipients) >= MAX_FIELDS:
            self._refuse("oversize")
        elif self._hold_envelope(address, arguments):
            self.recipients.append((address, arguments))

    def add_header(self, name: bytes, value: bytes) -> None:
        if b"\n" in value:
            value = value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if len(self.header_names) >= MAX_FIELDS:
            self._refuse("oversize")
        elif self._hold(len(name) + len(value) + 4):
            self._raw += b"%b: %b\r\n" % (name, value)
            self.header_names.append(name)

    def end_headers(self) -> None:
        """The blank line; twice is once."""
        if not self._in_body:
            self._in_body = True
            if self._hold(2):
                self._raw += b"\r\n"

    def add_body(self, chunk: bytes) -> None:
        if not chunk:
            return
        self.end_headers()
        if self._hold(len(chunk)):
            self._raw += chunk

    def take_bytes(self) -> bytes:
        """The whole message, once. Without headers and body it is empty, not a blank line."""
        if not self.header_names and len(self._raw) <= 2:
            return b""
        self.end_headers()
        raw = bytes(self._raw)
        self._raw = bytearray()
        return raw

    def close(self) -> None:
        """Forgets everything and gives the bytes back."""
        self._budget.give(self._held)
        self._held = self._envelope = 0
        self._raw = bytearray()
        self.recipients = []
        self.header_names = []

    def _hold(self, size: int) -> bool:
        if self.refusal is not None:
            return False
        if len(self._raw) + size > self.max_message:
            self._refuse("oversize")
        elif not self._budget.take(size):
            self._refuse("busy")
        else:
            self._held += size
            return True
        return False

    def _hold_envelope(self, address: str, arguments: tuple[str, ...]) -> bool:
        size = len(address) + sum(map(len, arguments))
        if self.refusal is not None:
            return False
        if self._envelope + size > MAX_ENVELOPE:
            self._refuse("oversize")
        elif not self._budget.take(size):
            self._refuse("busy")
        else:
            self._held += size
            self._envelope += size
            return True
        return False

    def _refuse(self, why: Refusal) -> None:
        if self.refusal is None:
            self.close()
            self.refusal = why
