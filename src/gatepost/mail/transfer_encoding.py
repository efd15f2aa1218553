# SPDX-License-Identifier: Apache-2.0
"""Which bytes did the sender put into this part, before it was made fit for the wire?

Quoted-printable, base64 and uuencode (RFC 2045 6), all of which never fail: what cannot be
decoded is left out or kept as it stands, by content reference §1.5.
"""

from __future__ import annotations

import binascii
import re
from enum import Enum
from typing import NamedTuple

BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BASE64_JUNK = bytes(set(range(256)) - set(BASE64_ALPHABET + b"="))
MAX_RUNS = 1000  # pieces of base64 that are decoded each by itself
UU_BEGIN = re.compile(rb"(?:\A|[\r\n])begin(?:-base64)? [0-7]{3,6}[ \t][^\r\n]*(?:\r?\n|\r)")
NAME_JUNK = re.compile(r"[\s\"'`;,]+|\([^)]*\)")


class Cte(Enum):
    """A content transfer encoding, by the name that RFC 2045 gives it."""

    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"
    UUENCODE = "uuencode"
    UNKNOWN = "unknown"


NAMES = {
    "7bit": Cte.SEVEN_BIT,
    "7-bit": Cte.SEVEN_BIT,
    "8bit": Cte.EIGHT_BIT,
    "8-bit": Cte.EIGHT_BIT,
    "binary": Cte.EIGHT_BIT,
    "quoted-printable": Cte.QUOTED_PRINTABLE,
    "base64": Cte.BASE64,
    "base-64": Cte.BASE64,
    "uuencode": Cte.UUENCODE,
    "x-uuencode": Cte.UUENCODE,
    "x-uue": Cte.UUENCODE,
}


class DecodedBody(NamedTuple):
    """The bytes, and whether the encoding was broken so that they are those of the wire."""

    data: bytes
    broken: bool


def parse_cte(value: str) -> Cte:
    """The encoding that a Content-Transfer-Encoding header names."""
    name = value.lower()
    return NAMES.get(name) or NAMES.get(NAME_JUNK.sub("", name), Cte.UNKNOWN)


def decode_body(data: bytes, cte: Cte) -> DecodedBody:
    """Undoes the encoding. Never fails; identity encodings return ``data`` itself."""
    if cte is Cte.QUOTED_PRINTABLE:
        return DecodedBody(decode_quoted_printable(data), False)
    if cte is Cte.BASE64:
        return DecodedBody(decode_base64(data), False)
    if cte is Cte.UUENCODE:
        decoded = decode_uuencode(data)
        return DecodedBody(data, True) if decoded is None else DecodedBody(decoded, False)
    return DecodedBody(data, False)


def decode_quoted_printable(data: bytes) -> bytes:
    """Quoted-printable: ``=`` with junk and a lone final ``=`` stay, soft breaks go."""
    if b"=" not in data:
        return data
    if b"\r" in data:  # binascii would swallow everything from "=\r" to the next LF
        data = data.replace(b"=\r\n", b"=\n").replace(b"=\r", b"=\n")
    if b"==" in data:  # binascii drops one of two; a run needs two rounds
        data = data.replace(b"==", b"=3D=").replace(b"==", b"=3D=")
    if data.endswith(b"="):
        data += b"3D"
    return binascii.a2b_qp(data)


def decode_base64(data: bytes) -> bytes:
    """Base64: junk is skipped, padding in the middle too, a cut end gives what it holds."""
    end = data.rstrip(b"= \t\r\n")
    if b"=" not in end:
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:
            pass
    clean = data.translate(None, BASE64_JUNK)
    if b"=" not in clean.rstrip(b"="):
        return _base64_run(clean.rstrip(b"="))
    # Several encoded pieces pasted together; a piece may not be smaller than its padding.
    runs = re.split(rb"=+", clean, maxsplit=MAX_RUNS)
    runs[-1] = runs[-1].replace(b"=", b"")
    return b"".join(map(_base64_run, runs))


def _base64_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:  # six bits are no byte
        run = run[:-1]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def decode_uuencode(data: bytes) -> bytes | None:
    """The first uuencoded file in the bytes; ``None`` when there is none or it is broken."""
    begin = UU_BEGIN.search(data)
    if begin is None:
        return None
    decoded: list[bytes] = []
    for line in data[begin.end() :].splitlines():
        if not line or line in (b"`", b" "):
            continue
        if line.rstrip() == b"end":
            break
        size = (line[0] - 32) & 63
        body = line[: 1 + (size * 4 + 2) // 3]  # broken encoders add a checksum character
        try:
            decoded.append(binascii.a2b_uu(body.rstrip(b"\r\n")))
        except binascii.Error:
            return None
    return b"".join(decoded)
