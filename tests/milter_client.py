# SPDX-License-Identifier: Apache-2.0
"""A small milter client: plays the MTA over a real socket, for tests.

    async with await MilterClient.open("127.0.0.1", port) as mta:
        await mta.negotiate()
        await mta.connect("mail.example.org", "203.0.113.7")
        await mta.helo("mail.example.org")
        await mta.mail("<alice@example.org>", user="alice")
        await mta.rcpt("<bob@example.com>")
        await mta.header("Subject", "hello")
        await mta.body(b"text\r\n")
        replies = await mta.end()        # [Reply(code="a", ...)]

or, for a whole message at once, ``await mta.send(raw, user="alice")``. What the filter
says it will not answer to is not waited for, as in Postfix and Sendmail.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OFFER = (6, 0x1FF, 0x1FFFFF)  # what Postfix 3.7 and Sendmail 8.17 offer
NO_REPLY = {
    "L": 1 << 7,
    "C": 1 << 12,
    "H": 1 << 13,
    "M": 1 << 14,
    "R": 1 << 15,
    "T": 1 << 16,
    "U": 1 << 17,
    "N": 1 << 18,
    "B": 1 << 19,
}
DECISIONS = "acdrty"
CHUNK = 65_535


@dataclass(frozen=True)
class Reply:
    """One answer: its code and its fields, decoded."""

    code: str
    index: int | None = None
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = [] if self.index is None else [str(self.index)]
        return " ".join([self.code, *number, *self.fields])


@dataclass
class Negotiated:
    version: int
    actions: int
    protocol: int
    macros: dict[int, str] = field(default_factory=dict)


def frame(code: str, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload) + 1) + code.encode() + payload


def strings(*values: str) -> bytes:
    return b"".join(value.encode() + b"\0" for value in values)


def parse_reply(code: str, payload: bytes) -> Reply:
    if code in "im":
        (index,) = struct.unpack_from(">I", payload)
        return Reply(code, index, _strings(payload[4:]))
    return Reply(code, None, _strings(payload))


def parse_negotiated(payload: bytes) -> Negotiated:
    version, actions, protocol = struct.unpack_from(">III", payload)
    macros: dict[int, str] = {}
    rest = payload[12:]
    while rest:
        (stage,) = struct.unpack_from(">I", rest)
        names, _, rest = rest[4:].partition(b"\0")
        macros[stage] = names.decode()
    return Negotiated(version, actions, protocol, macros)


def parse_replies(data: bytes) -> list[Reply]:
    """All replies in some bytes."""
    found = []
    while data:
        (length,) = struct.unpack_from(">I", data)
        found.append(parse_reply(chr(data[4]), data[5 : 4 + length]))
        data = data[4 + length :]
    return found


def _strings(payload: bytes) -> tuple[str, ...]:
    return tuple(piece.decode() for piece in payload.split(b"\0")[:-1])


class MilterClient:
    """The MTA's side of one milter connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.negotiated = Negotiated(0, 0, 0)
        self.edits: list[Reply] = []

    @classmethod
    async def open(cls, host: str, port: int) -> MilterClient:
        return cls(*await asyncio.open_connection(host, port))

    @classmethod
    async def open_unix(cls, path: str) -> MilterClient:
        return cls(*await asyncio.open_unix_connection(path))

    async def __aenter__(self) -> MilterClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass

    async def negotiate(
        self, version: int = OFFER[0], actions: int = OFFER[1], protocol: int = OFFER[2]
    ) -> Negotiated:
        self.write("O", struct.pack(">III", version, actions, protocol))
        code, payload = await self.read_frame()
        assert code == "O", code
        self.negotiated = parse_negotiated(payload)
        return self.negotiated

    async def connect(
        self,
        hostname: str = "client.example.org",
        address: str = "203.0.113.7",
        *,
        family: str = "",
        port: int = 40_000,
        macros: Mapping[str, str] | None = None,
    ) -> Reply | None:
        self.macros("C", macros or {})
        family = family or ("L" if address.startswith("/") else "6" if ":" in address else "4")
        payload = strings(hostname) + family.encode()
        if family != "U":
            payload += struct.pack(">H", port) + strings(address)
        return await self.command("C", payload)

    async def helo(
        self, name: str = "client.example.org", *, macros: Mapping[str, str] | None = None
    ) -> Reply | None:
        self.macros("H", macros or {})
        return await self.command("H", strings(name))

    async def mail(
        self,
        address: str = "<alice@example.org>",
        *arguments: str,
        user: str = "",
        macros: Mapping[str, str] | None = None,
    ) -> Reply | None:
        values = {"{auth_type}": "PLAIN", "{auth_authen}": user} if user else {}
        self.macros("M", {**values, **(macros or {})})
        return await self.command("M", strings(address, *arguments))

    async def rcpt(
        self,
        address: str = "<bob@example.com>",
        *arguments: str,
        macros: Mapping[str, str] | None = None,
    ) -> Reply | None:
        self.macros("R", macros or {})
        return await self.command("R", strings(address, *arguments))

    async def data(self, *, queue_id: str = "") -> Reply | None:
        self.macros("T", {"i": queue_id} if queue_id else {})
        return await self.command("T")

    async def header(self, name: str, value: str) -> Reply | None:
        """A header; folds in ``value`` are LF, as the MTA has them."""
        return await self.command(
            "L", name.encode() + b"\0" + value.encode("utf-8", "surrogateescape") + b"\0"
        )

    async def end_headers(self) -> Reply | None:
        return await self.command("N")

    async def body(self, data: bytes) -> Reply | None:
        answer: Reply | None = None
        for start in range(0, len(data), CHUNK):
            answer = await self.command("B", data[start : start + CHUNK])
        return answer

    async def end(self) -> list[Reply]:
        """End of message: the edits and, last, the decision."""
        self.write("E")
        replies: list[Reply] = []
        while not replies or replies[-1].code not in DECISIONS:
            replies.append(parse_reply(*await self.read_frame()))
        return replies

    async def abort(self) -> None:
        self.write("A")
        await self.writer.drain()

    async def quit(self) -> None:
        self.write("Q")
        await self.writer.drain()

    async def quit_new_connection(self) -> None:
        self.write("K")
        await self.writer.drain()

    async def send(
        self,
        raw: bytes,
        *,
        sender: str = "<alice@example.org>",
        recipients: Iterable[str] = ("<bob@example.com>",),
        user: str = "",
        queue_id: str = "4ABC",
    ) -> list[Reply]:
        """One whole message in the manner of Postfix."""
        await self.mail(sender, user=user)
        for recipient in recipients:
            await self.rcpt(recipient)
        await self.data(queue_id=queue_id)
        head, _, body = raw.partition(b"\r\n\r\n")
        for line in head.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if colon:
                text = value.decode("utf-8", "surrogateescape")
                await self.header(name.decode(), text.removeprefix(" "))
        await self.end_headers()
        await self.body(body)
        return await self.end()

    def macros(self, stage: str, values: Mapping[str, str]) -> None:
        if values:
            pairs = [piece for pair in values.items() for piece in pair]
            self.write("D", stage.encode() + strings(*pairs))

    async def command(self, code: str, payload: bytes = b"") -> Reply | None:
        """Sends a command and waits for its answer where there is to be one."""
        self.write(code, payload)
        if self.negotiated.protocol & NO_REPLY[code]:
            await self.writer.drain()
            return None
        return parse_reply(*await self.read_frame())

    def write(self, code: str, payload: bytes = b"") -> None:
        self.writer.write(frame(code, payload))

    async def read_frame(self) -> tuple[str, bytes]:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        data = await self.reader.readexactly(length)
        return chr(data[0]), data[1:]

    async def is_closed(self) -> bool:
        """True once the filter has closed; waits for that or for bytes."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True
