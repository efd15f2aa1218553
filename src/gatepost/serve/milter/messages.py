# SPDX-License-Identifier: Apache-2.0
"""What may an MTA say to a milter? One type a message, from the wire and to it.

``decode`` never reads past its payload and keeps nothing longer than it; what is counted
(arguments) is bounded. Text is UTF-8 as SMTPUTF8 has it (bytes that are not become
U+FFFD); headers and bodies stay bytes. A last NUL that is missing is forgiven.

Source: core reference §8.1, §8.5; Sendmail's ``mfdef.h`` names the codes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Layout
from typing import ClassVar

import msgspec

from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.framing import Frame, to_frame

MAX_ARGUMENTS = 64
"""ESMTP arguments of one MAIL or RCPT that are kept; RFC 5321's extensions know about ten."""

OFFER = Layout(">III")
PORT = Layout(">H")


class Bare(msgspec.Struct, frozen=True):
    """A message that is its code and nothing else."""

    code: ClassVar[bytes]

    def payload(self) -> bytes:
        return b""


class Path(msgspec.Struct, frozen=True):
    """A path as the MTA writes it, and the ESMTP arguments behind it."""

    code: ClassVar[bytes]
    address: str
    arguments: tuple[str, ...] = ()

    def payload(self) -> bytes:
        return b"".join(piece.encode() + b"\0" for piece in (self.address, *self.arguments))


class Negotiate(msgspec.Struct, frozen=True):
    """First of all: protocol version, actions and protocol steps the MTA offers."""

    code: ClassVar[bytes] = b"O"
    version: int
    actions: int
    protocol: int

    def payload(self) -> bytes:
        return OFFER.pack(self.version, self.actions, self.protocol)


class Macros(msgspec.Struct, frozen=True):
    """Macros for the command ``stage`` (its code), which follows."""

    code: ClassVar[bytes] = b"D"
    stage: bytes
    pairs: bytes
    """Names and values, each ended by NUL; see ``values``."""

    def values(self) -> dict[str, str]:
        """Names without braces → values. A name without a value has an empty one."""
        pieces = self.pairs.split(b"\0")
        if not pieces[-1]:
            pieces.pop()
        if len(pieces) % 2:
            pieces.append(b"")
        return {
            text(name).strip("{}"): text(value)
            for name, value in zip(pieces[::2], pieces[1::2], strict=True)
        }

    def payload(self) -> bytes:
        return self.stage + self.pairs


class Connect(msgspec.Struct, frozen=True):
    """A client. ``family`` is ``4``, ``6``, ``L`` (UNIX socket) or ``U`` (unknown)."""

    code: ClassVar[bytes] = b"C"
    hostname: str
    family: str = "U"
    port: int = 0
    address: str = ""

    def payload(self) -> bytes:
        head = self.hostname.encode() + b"\0" + self.family.encode()
        if self.family == "U":
            return head
        return head + PORT.pack(self.port) + self.address.encode() + b"\0"


class Helo(msgspec.Struct, frozen=True):
    """HELO or EHLO; comes again after STARTTLS."""

    code: ClassVar[bytes] = b"H"
    name: str

    def payload(self) -> bytes:
        return self.name.encode() + b"\0"


class Mail(Path, frozen=True):
    """MAIL FROM: the path as the MTA writes it, and its ESMTP arguments."""

    code: ClassVar[bytes] = b"M"


class Rcpt(Path, frozen=True):
    """RCPT TO: one recipient, and its ESMTP arguments."""

    code: ClassVar[bytes] = b"R"


class Data(Bare, frozen=True):
    """The client said DATA (or BDAT)."""

    code: ClassVar[bytes] = b"T"


class Header(msgspec.Struct, frozen=True):
    """One header field: one leading blank of the value is gone, folds are bare LF."""

    code: ClassVar[bytes] = b"L"
    name: bytes
    value: bytes

    def payload(self) -> bytes:
        return self.name + b"\0" + self.value + b"\0"


class EndOfHeaders(Bare, frozen=True):
    """No more headers."""

    code: ClassVar[bytes] = b"N"


class Body(msgspec.Struct, frozen=True):
    """A piece of the body; may end between CR and LF."""

    code: ClassVar[bytes] = b"B"
    chunk: bytes

    def payload(self) -> bytes:
        return self.chunk


class EndOfMessage(msgspec.Struct, frozen=True):
    """The message is whole; old MTAs send its last piece along."""

    code: ClassVar[bytes] = b"E"
    chunk: bytes = b""

    def payload(self) -> bytes:
        return self.chunk


class Abort(Bare, frozen=True):
    """This message comes to nothing; the client is still there."""

    code: ClassVar[bytes] = b"A"


class Quit(Bare, frozen=True):
    """The client has gone, and the connection with it."""

    code: ClassVar[bytes] = b"Q"


class QuitNewConnection(Bare, frozen=True):
    """The client has gone; another may come over the same connection."""

    code: ClassVar[bytes] = b"K"


class Unknown(msgspec.Struct, frozen=True):
    """An SMTP command the MTA does not know."""

    code: ClassVar[bytes] = b"U"
    command: str

    def payload(self) -> bytes:
        return self.command.encode() + b"\0"


MtaMessage = (
    Negotiate
    | Macros
    | Connect
    | Helo
    | Mail
    | Rcpt
    | Data
    | Header
    | EndOfHeaders
    | Body
    | EndOfMessage
    | Abort
    | Quit
    | QuitNewConnection
    | Unknown
)


def decode(frame: Frame) -> MtaMessage:
    """A frame's message. Raises ``MilterError`` for an unknown code or a broken payload."""
    code, payload = frame
    decoder = DECODERS.get(code)
    if decoder is None:
        raise MilterError(f"unknown command {code:#04x}")
    return decoder(payload)


def encode(message: MtaMessage) -> bytes:
    """A message as the MTA would send it, length included."""
    return to_frame(message.code, message.payload())


def text(raw: bytes) -> str:
    """A string from the wire."""
    return raw.decode("utf-8", "replace")


def _negotiate(payload: bytes) -> Negotiate:
    if len(payload) < OFFER.size:
        raise MilterError(f"negotiation of {len(payload)} bytes instead of {OFFER.size}")
    return Negotiate(*OFFER.unpack_from(payload))


def _macros(payload: bytes) -> Macros:
    if not payload:
        raise MilterError("macros without a stage")
    return Macros(payload[:1], payload[1:])


def _connect(payload: bytes) -> Connect:
    hostname, nul, rest = payload.partition(b"\0")
    if not nul or not rest:
        raise MilterError("CONNECT without a family")
    family = chr(rest[0])
    if family not in "46L":
        return Connect(text(hostname))
    if len(rest) < 1 + PORT.size:
        raise MilterError("CONNECT without a port")
    (port,) = PORT.unpack_from(rest, 1)
    return Connect(text(hostname), family, port, text(rest[3:].partition(b"\0")[0]))


def _path(payload: bytes) -> tuple[str, tuple[str, ...]]:
    address, *arguments = payload.removesuffix(b"\0").split(b"\0", MAX_ARGUMENTS + 1)
    return text(address), tuple(text(argument) for argument in arguments[:MAX_ARGUMENTS])


def _header(payload: bytes) -> Header:
    name, nul, value = payload.partition(b"\0")
    if not name or not nul:
        raise MilterError("a header without a name")
    return Header(name, value.removesuffix(b"\0"))


def _first(payload: bytes) -> str:
    return text(payload.partition(b"\0")[0])


DECODERS: dict[int, Callable[[bytes], MtaMessage]] = {
    ord(b"A"): lambda _: Abort(),
    ord(b"B"): Body,
    ord(b"C"): _connect,
    ord(b"D"): _macros,
    ord(b"E"): EndOfMessage,
    ord(b"H"): lambda payload: Helo(_first(payload)),
    ord(b"K"): lambda _: QuitNewConnection(),
    ord(b"L"): _header,
    ord(b"M"): lambda payload: Mail(*_path(payload)),
    ord(b"N"): lambda _: EndOfHeaders(),
    ord(b"O"): _negotiate,
    ord(b"Q"): lambda _: Quit(),
    ord(b"R"): lambda payload: Rcpt(*_path(payload)),
    ord(b"T"): lambda _: Data(),
    ord(b"U"): lambda payload: Unknown(_first(payload)),
}
