# SPDX-License-Identifier: Apache-2.0
"""What do header fields and bodies look like to a signature? RFC 6376 3.4, over whole buffers.

Everything here takes and gives text whose lines end in CRLF, which is how the letter travels
(RFC 6376 5.3); ``to_crlf`` makes it so. Nothing loops over lines: a body of 10 MB is a few
sweeps of NumPy, a block at a time so that the masks stay in the cache.
"""

import re
from typing import Literal

import numpy as np

Canonical = Literal["simple", "relaxed"]

BLOCK = 1 << 16  # bytes of body for which the masks fit in the second-level cache
CR, LF, SPACE = 13, 10, 32

BLANK_LINES = re.compile(rb"(?:\n\r)*+")


def to_crlf(text: bytes, *, keep_cr: bool = False) -> bytes:
    """``text`` with CRLF for every line end, be it LF, CR or CR CR LF (RFC 6376 5.3).

    ``keep_cr``: a CR without LF is left alone, as a verifier sees it that takes RFC 6376 at its
    word. A text that is right already is returned as it is.
    """
    if b"\r" not in text:
        return text.replace(b"\n", b"\r\n")
    if ends_in_crlf(text, keep_cr):
        return text
    lines = text.replace(b"\r\n", b"\n")
    if not keep_cr and b"\r" in lines:
        # CR CR LF is what some gateways make of CRLF: one line end, as the mail room reads it.
        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return lines.replace(b"\n", b"\r\n")


def ends_in_crlf(text: bytes, keep_cr: bool) -> bool:
    """Whether every LF follows a CR and, unless ``keep_cr``, every CR is before a LF."""
    if text.startswith(b"\n") or (text.endswith(b"\r") and not keep_cr):
        return False
    array = np.frombuffer(text, np.uint8)
    cr, lf = (array == CR)[:-1], (array == LF)[1:]
    return not (lf > cr).any() if keep_cr else bool((lf == cr).all())


def simple_body(body: bytes) -> bytes:
    """RFC 6376 3.4.3: empty lines at the end go; the last line ends in CRLF, even of nothing."""
    return without_blank_end(body) or b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 3.4.4: blanks at line ends go, other runs of blanks are one space; then as simple.

    Nothing but blanks and empty lines becomes nothing.
    """
    if not body:
        return b""
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    if b"  " in body or b" \r\n" in body:
        size = len(body)
        body = b"".join([squeeze(body, at, min(at + BLOCK, size)) for at in range(0, size, BLOCK)])
    return without_blank_end(body)


def squeeze(body: bytes, start: int, end: int) -> bytes:
    """That block without the spaces that another space or CRLF follows, wherever it follows."""
    block = np.frombuffer(body, np.uint8, count=min(end + 2, len(body)) - start, offset=start)
    spaces = block == SPACE
    follows = block[1:-1] == CR
    follows &= block[2:] == LF
    follows |= spaces[1:-1]
    follows &= spaces[:-2]
    np.logical_not(follows, out=follows)
    judged = start + len(follows)  # the CRLF that ends the body has no two bytes behind it
    kept: bytes = block[:-2][follows].tobytes()
    return kept + body[judged:end]


def without_blank_end(body: bytes) -> bytes:
    """``body`` without the empty lines at its end, its last line ended; nothing if it has none."""
    text = body.rstrip(b"\r\n")
    tail = body[len(text) :]
    blank = BLANK_LINES.match(tail[::-1])  # a CR of its own is text, not a line end
    left = len(tail) - (blank.end() if blank else 0)
    if not text and not left:
        return b""
    return text + tail[:left] + b"\r\n"


def canonical_body(body: bytes, canonical: Canonical) -> bytes:
    """The body in that form."""
    return relaxed_body(body) if canonical == "relaxed" else simple_body(body)


def relaxed_field(field: bytes) -> bytes:
    """RFC 6376 3.4.2: the name in lower case, the value on one line, one space for each blank run.

    ``field`` is a whole header field, name and colon included; the result ends in CRLF.
    """
    name, _, value = field.partition(b":")
    value = value.replace(b"\r\n", b"").replace(b"\t", b" ")
    if b"  " in value:
        value = b" ".join([word for word in value.split(b" ") if word])
    return b"%b:%b\r\n" % (name.rstrip(b" \t").lower(), value.strip(b" "))


def canonical_field(field: bytes, canonical: Canonical) -> bytes:
    """A whole header field in that form; simple changes nothing (RFC 6376 3.4.1)."""
    return relaxed_field(field) if canonical == "relaxed" else field
