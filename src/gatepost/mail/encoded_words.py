# SPDX-License-Identifier: Apache-2.0
"""What does a header value say once its encoded words are decoded?

RFC 2047 words and RFC 2231 values as real mail writes them; the rules of content reference
§1.3. A value of plain ASCII without ``=?`` costs two C calls.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gatepost.mail.charset import find_codec
from gatepost.mail.transfer_encoding import decode_base64

# RFC 2047 2, but several "?" in a row are one, and Q text may hold blanks, as some clients do it.
ENCODED_WORD = re.compile(rb"=\?([^?\s]{1,80})\?++([BbQq])\?++([^?]*)\?++=")
BLANK = b" \t\r\n\f\v"
SPACES = b"\t\n\v\f\r"
# Control characters of a decoded value: blanks become a space, the others a question mark.
CLEAN_BYTES = bytes(
    0x20 if c in SPACES else 0x3F if c < 0x20 or c == 0x7F else c for c in range(256)
)
CLEAN_TEXT = {c: " " if c in SPACES else "?" for c in (*range(1, 0x20), 0x7F)} | {0: None}


class DecodedValue(NamedTuple):
    """The text, and whether some of it could not be decoded as it claimed to be."""

    text: str
    broken: bool


def decode_value(raw: bytes) -> DecodedValue:
    """Decodes an unfolded header value. Never fails: what has no meaning becomes U+FFFD."""
    if b"=?" not in raw:
        if raw.isascii():
            return DecodedValue(raw.translate(CLEAN_BYTES, b"\0").decode("ascii"), False)
        return _cleaned(*_plain(raw))
    return _cleaned(*_decode_words(raw))


def decode_extended(charset: str, data: bytes) -> DecodedValue:
    """The text of percent-decoded RFC 2231 bytes in their charset, ``""`` if none was named."""
    codec = find_codec(charset) if charset else "utf-8"
    if codec is None:
        text, broken = _plain(data)
        return DecodedValue(text, True)
    text, broken = _convert(data, codec)
    return DecodedValue(text or "", broken)


def unquote_extended(value: bytes) -> bytes:
    """Percent-decoding of RFC 2231 4; a ``%`` without two digits stays."""
    return unquote_to_bytes(value)


def _cleaned(text: str, broken: bool) -> DecodedValue:
    return DecodedValue(text if text.isprintable() else text.translate(CLEAN_TEXT), broken)


def _decode_words(raw: bytes) -> tuple[str, bool]:
    pieces: list[str] = []
    broken = False
    pending = bytearray()  # decoded bytes of adjacent words of one charset
    charset = b""
    at = 0

    def flush() -> None:
        nonlocal broken
        if pending:
            codec = find_codec(charset.decode("latin-1"))
            text, bad = ("", True) if codec is None else _convert(bytes(pending), codec)
            broken |= bad
            pieces.append(text)
            pending.clear()

    for word in ENCODED_WORD.finditer(raw):
        gap = raw[at : word.start()]
        new_charset = word.group(1).partition(b"*")[0].lower()
        if gap.strip(BLANK) or at == 0:  # blanks between two words are not text (RFC 2047 6.2)
            flush()
            text, bad = _plain(gap)
            broken |= bad
            pieces.append(text)
        elif new_charset != charset:
            flush()
        charset = new_charset
        pending += _word_bytes(word.group(2), word.group(3))
        at = word.end()
    flush()
    text, bad = _plain(raw[at:])
    pieces.append(text)
    return "".join(pieces), broken or bad


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"Bb":
        return decode_base64(text)
    return binascii.a2b_qp(text, header=True)


def _plain(data: bytes) -> tuple[str, bool]:
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), True


def _convert(data: bytes, codec: str) -> tuple[str, bool]:
    if codec == "ascii":  # "us-ascii" with 8-bit bytes is nearly always UTF-8
        codec = "utf-8"
    try:
        return data.decode(codec), False
    except ValueError:
        pass
    try:
        return data.decode(codec, "replace"), True
    except ValueError:
        return "", True
