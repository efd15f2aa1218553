# SPDX-License-Identifier: Apache-2.0
"""What may a milter say to an MTA? One type an answer, to the wire.

Decisions (``Continue`` … ``ReplyCode``) end the MTA's waiting; edits come before the
decision on a whole message. ``needs`` is the action bit that must have been negotiated:
an MTA answers 451 to an edit that was not (core reference §8.5).

Source: core reference §8.3; Sendmail's ``mfdef.h`` names the codes.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import ClassVar

import msgspec

from gatepost.serve.milter.framing import to_frame

ADD_HEADERS = 0x01
ADD_RCPT = 0x04
DEL_RCPT = 0x08
CHANGE_HEADERS = 0x10
QUARANTINE = 0x20
CHANGE_FROM = 0x40
SET_MACROS = 0x100

INDEX = Layout(">I")


class Negotiated(msgspec.Struct, frozen=True):
    """What we take of the offer; ``macros``: stage → the names we ask for (SETSYMLIST)."""

    code: ClassVar[bytes] = b"O"
    needs: ClassVar[int] = 0
    version: int
    actions: int
    protocol: int
    macros: dict[int, str] = {}

    def payload(self) -> bytes:
        wanted = b"".join(
            INDEX.pack(stage) + names.encode() + b"\0" for stage, names in self.macros.items()
        )
        return b"".join(INDEX.pack(n) for n in (self.version, self.actions, self.protocol)) + wanted


class Bare(msgspec.Struct, frozen=True):
    """An answer that is its code and nothing else."""

    code: ClassVar[bytes]
    needs: ClassVar[int] = 0

    def payload(self) -> bytes:
        return b""


class Continue(Bare, frozen=True):
    """Go on."""

    code: ClassVar[bytes] = b"c"


class Accept(Bare, frozen=True):
    """Take this message, with the edits so far."""

    code: ClassVar[bytes] = b"a"


class Tempfail(Bare, frozen=True):
    """Refuse for now; the MTA words it (451)."""

    code: ClassVar[bytes] = b"t"


class Discard(Bare, frozen=True):
    """Tell the client it was taken, and drop it."""

    code: ClassVar[bytes] = b"d"


class ReplyCode(msgspec.Struct, frozen=True):
    """Refuse in our words: ``554 5.7.1 text``, ASCII, with every ``%`` doubled."""

    code: ClassVar[bytes] = b"y"
    needs: ClassVar[int] = 0
    line: str

    def payload(self) -> bytes:
        return self.line.encode("ascii", "replace") + b"\0"


class AddHeader(msgspec.Struct, frozen=True):
    """A header at the end."""

    code: ClassVar[bytes] = b"h"
    needs: ClassVar[int] = ADD_HEADERS
    name: str
    value: str

    def payload(self) -> bytes:
        return _text(self.name) + _text(self.value)


class InsertHeader(msgspec.Struct, frozen=True):
    """A header before the one that is now at ``index`` (0: above the MTA's own Received)."""

    code: ClassVar[bytes] = b"i"
    needs: ClassVar[int] = ADD_HEADERS
    index: int
    name: str
    value: str

    def payload(self) -> bytes:
        return INDEX.pack(self.index) + _text(self.name) + _text(self.value)


class ChangeHeader(msgspec.Struct, frozen=True):
    """The ``index``-th header of this name (from 1) gets a value, or goes if it is empty."""

    code: ClassVar[bytes] = b"m"
    needs: ClassVar[int] = CHANGE_HEADERS
    index: int
    name: str
    value: str

    def payload(self) -> bytes:
        return INDEX.pack(self.index) + _text(self.name) + _text(self.value)


class ChangeFrom(msgspec.Struct, frozen=True):
    """Another envelope sender."""

    code: ClassVar[bytes] = b"e"
    needs: ClassVar[int] = CHANGE_FROM
    address: str

    def payload(self) -> bytes:
        return _text(self.address)


class AddRcpt(msgspec.Struct, frozen=True):
    """One more recipient."""

    code: ClassVar[bytes] = b"+"
    needs: ClassVar[int] = ADD_RCPT
    address: str

    def payload(self) -> bytes:
        return _text(self.address)


class DelRcpt(msgspec.Struct, frozen=True):
    """One recipient less."""

    code: ClassVar[bytes] = b"-"
    needs: ClassVar[int] = DEL_RCPT
    address: str

    def payload(self) -> bytes:
        return _text(self.address)


class Quarantine(msgspec.Struct, frozen=True):
    """Keep the message in the MTA's hold queue; a decision follows."""

    code: ClassVar[bytes] = b"q"
    needs: ClassVar[int] = QUARANTINE
    reason: str

    def payload(self) -> bytes:
        return _text(self.reason)


Decision = Continue | Accept | Tempfail | Discard | ReplyCode
Edit = AddHeader | InsertHeader | ChangeHeader | ChangeFrom | AddRcpt | DelRcpt | Quarantine
Answer = Negotiated | Decision | Edit


def encode(answers: list[Answer]) -> bytes:
    """Answers as they go over the wire, in order."""
    return b"".join(to_frame(answer.code, answer.payload()) for answer in answers)


def _text(value: str) -> bytes:
    # A NUL would end the string early and shift every field after it.
    return value.replace("\0", "").encode("utf-8", "replace") + b"\0"
