# SPDX-License-Identifier: Apache-2.0
"""One letter as Postfix sends it to a milter, made beforehand so that only the scanner is timed."""

from __future__ import annotations

import asyncio
import struct

OFFER = (6, 0x1FF, 0x1FFFFF)
DECISIONS = b"acdrty"
CHUNK = 65_535


def frame(code: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload) + 1) + code + payload


def strings(*values: bytes) -> bytes:
    return b"".join(value + b"\0" for value in values)


def conversation(letter: bytes) -> bytes:
    """Everything after the negotiation, for a user who logged in; none of it gets a reply."""
    head, _, body = letter.replace(b"\r\n", b"\n").partition(b"\n\n")
    frames = [
        frame(b"D", b"C" + strings(b"j", b"mail.example.org", b"{daemon_name}", b"smtpd")),
        frame(b"C", strings(b"client.example.org") + b"4" + struct.pack(">H", 40000)
              + strings(b"10.0.0.5")),
        frame(b"H", strings(b"client.example.org")),
        frame(b"D", b"M" + strings(b"{auth_type}", b"PLAIN", b"{auth_authen}",
                                   b"alice@example.org")),
        frame(b"M", strings(b"<alice@example.org>")),
        frame(b"R", strings(b"<bob@example.com>")),
        frame(b"D", b"T" + strings(b"i", b"4ABCDEF")),
        frame(b"T"),
    ]  # fmt: skip
    for line in head.replace(b"\n ", b"\0 ").replace(b"\n\t", b"\0\t").split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and b" " not in name:
            frames.append(frame(b"L", strings(name, value.lstrip(b" ").replace(b"\0", b"\n"))))
    frames.append(frame(b"N"))
    body = body.replace(b"\n", b"\r\n")
    for at in range(0, len(body), CHUNK):
        frames.append(frame(b"B", body[at : at + CHUNK]))
    return b"".join([*frames, frame(b"E")])


async def ask(port: int, letter: bytes) -> None:
    """One connection with one message, to its decision."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(frame(b"O", struct.pack(">III", *OFFER)))
    code = await _read(reader)
    writer.write(letter)
    while code not in DECISIONS:
        code = await _read(reader)
    writer.write(frame(b"Q"))
    writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return (await reader.readexactly(length))[:1]
