# SPDX-License-Identifier: Apache-2.0
"""Which header fields does a block of bytes hold, and what do they say?

Splitting is one compiled sweep; a field's value is unfolded and decoded when it is first
read. ``Header.raw_line`` keeps the field's bytes exactly as they came, folding included,
because a DKIM signature is made over them. Rules: content reference §1.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gatepost.mail.encoded_words import DecodedValue, decode_value
from gatepost.mail.lazy import lazy

# A line end is LF, CRLF, bare CR, or the CR CR LF that some gateways make of CRLF.
# A field goes on while its line ends are followed by a blank (RFC 5322 2.2.3). Possessive, so
# that a header of a million folds needs no memory for going back.
REST = rb"[^\r\n]*+(?:(?:\r{1,2}\n?+|\n)[ \t][^\r\n]*+)*+"
LINE = re.compile(
    rb"(?:(([A-Za-z][^\s:]*+):" + REST + rb")|([A-Za-z][^\s:]*+[ \t\f\v])?+" + REST + rb")"
    rb"(?:\r\r?+\n|\n|\r|\Z)"
)
EMPTY_LINE = re.compile(rb"(?:\n|\r(?!\r?\n))(\r\r?\n|\n|\r(?!\r?\n))")
FOLD = re.compile(rb"(?:\r{1,2}\n?|\n)[ \t\r\n]*")
LOOKS_LIKE_FIELD = re.compile(rb"[A-Za-z][!-9;-~]*:[ \t]*[^\s]")
FIRST_LINE = 76  # bytes that decide whether a text without an empty line is a header block


class Header:
    """One header field. ``order`` counts the fields of its block from 0."""

    def __init__(self, name: str, raw_line: bytes, order: int) -> None:
        self.name = name
        self.raw_line = raw_line
        self.order = order

    @property
    def _after_colon(self) -> bytes:
        return self.raw_line.partition(b":")[2]

    @lazy
    def raw(self) -> bytes:
        """The value unfolded (each line end with the blanks after it is one space), not decoded."""
        return unfold(self._after_colon)

    @lazy
    def _decoded(self) -> DecodedValue:
        return decode_value(self.raw)

    @lazy
    def value(self) -> str:
        """The value decoded: encoded words resolved, control characters replaced."""
        return self._decoded.text

    @property
    def broken(self) -> bool:
        """True when some of the value could not be decoded as it claims to be encoded."""
        return self._decoded.broken

    @property
    def empty_separator(self) -> bool:
        """True for ``Subject:x``: there is a value and no blank before it."""
        after = self._after_colon[:1]
        return bool(after) and after not in b" \t\r\n"

    @property
    def tab_separated(self) -> bool:
        """True when a tab follows the colon."""
        return self._after_colon[:1] == b"\t"

    def __repr__(self) -> str:
        return f"Header({self.name!r}, {self.raw!r})"


class Headers:
    """The fields of one block in their order; look-up ignores case unless ``strong``."""

    __slots__ = ("_fields", "_index")

    def __init__(self, fields: list[Header]) -> None:
        self._fields = fields
        index: dict[str, list[Header]] = {}
        for field in fields:
            key = field.name.lower()
            if key in index:
                index[key].append(field)
            else:
                index[key] = [field]
        self._index = index

    def get(self, name: str) -> str | None:
        """The decoded value of the first field of this name, ``None`` when there is none."""
        found = self._index.get(name.lower())
        return found[0].value if found else None

    def first(self, name: str) -> Header | None:
        """The first field of this name."""
        found = self._index.get(name.lower())
        return found[0] if found else None

    def get_all(self, name: str, *, strong: bool = False) -> list[Header]:
        """All fields of this name in order; ``strong``: spelt exactly so."""
        found = self._index.get(name.lower(), [])
        return [field for field in found if field.name == name] if strong else list(found)

    def count(self, name: str) -> int:
        """How many fields have this name."""
        return len(self._index.get(name.lower(), ()))

    def names(self) -> list[str]:
        """The names in lower case, each once, in the order of their first appearance."""
        return list(self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index

    def __iter__(self) -> Iterator[Header]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, order: int) -> Header:
        return self._fields[order]


class Split(NamedTuple):
    """Fields of a block; ``garbage``: a line had blanks in its name; ``cut``: a limit was hit."""

    headers: Headers
    garbage: bool
    cut: bool


NO_HEADERS = Headers([])


def split_headers(block: bytes, limit: int) -> Split:
    """Splits a header block into at most ``limit`` fields. Lines that are none are skipped."""
    fields: list[Header] = []
    count = 0
    garbage = cut = False
    has_zeros = b"\0" in block
    for line in LINE.finditer(block):
        raw_line, name, blank_in_name = line.groups()
        if raw_line is None:
            garbage |= blank_in_name is not None
            continue
        if count >= limit:
            cut = True
            break
        if has_zeros:
            name = name.replace(b"\0", b"")
        fields.append(Header(name.decode("latin-1"), raw_line, count))
        count += 1
    return Split(Headers(fields), garbage, cut)


def find_body(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Where a header block ends: (end of its last line, start of the body).

    ``None`` when there is no empty line between ``start`` and ``end``.
    """
    first = data.find(b"\n", start, end)
    crlf = first > start and data[first - 1] == 0x0D
    # The shape that the first line promises is looked for first, the others only before it.
    if crlf:
        found = data.find(b"\n\r\n", start, end)
        others = data.find(b"\n\n", start, end if found < 0 else found + 1)
    else:
        found = data.find(b"\n\n", start, end)
        others = data.find(b"\n\r", start, end if found < 0 else found)
    if others < 0 and data.find(b"\r\r", start, end if found < 0 else found + 1) < 0:
        if found < 0:
            return None
        return (found + 1, found + 3) if crlf else (found + 1, found + 2)
    empty = EMPTY_LINE.search(data, start, end)
    return None if empty is None else (empty.start(1), empty.end())


def looks_like_headers(data: bytes, start: int) -> bool:
    """Whether a text without any empty line begins as a header field does."""
    return LOOKS_LIKE_FIELD.match(data, start, start + FIRST_LINE) is not None


def unfold(value: bytes) -> bytes:
    """A field's value on one line, without NULs and the blanks before it."""
    if b"\0" in value:
        value = value.replace(b"\0", b"")
    value = value.lstrip(b" \t\r\n")
    if b"\n" in value or b"\r" in value:
        # Nearly all are folded as they should be, and plain splitting is twice as fast.
        lines = [line.lstrip(b" \t") for line in value.replace(b"\r\n", b"\n").split(b"\n")]
        if all(lines) and (joined := b" ".join(lines)).find(b"\r") < 0:
            return joined
        folded = FOLD.sub(b" ", value)
        return folded[:-1] if value.endswith((b"\n", b"\r")) or _ends_folded(value) else folded
    return value


def _ends_folded(value: bytes) -> bool:
    return value.rstrip(b" \t").endswith((b"\n", b"\r"))


def newline_of(block: bytes) -> bytes:
    """The line end that most lines of the block have: CRLF, LF or CR."""
    crlf = block.count(b"\r\n")
    lf = block.count(b"\n") - crlf
    cr = block.count(b"\r") - crlf
    if crlf >= lf and crlf >= cr and crlf:
        return b"\r\n"
    return b"\r" if cr > lf else b"\n"
