# SPDX-License-Identifier: Apache-2.0
"""Which keys and values does a map's text hold? The line grammar of content reference §9.1.

A line is a key and, after a blank, a value. A key may be quoted (``"a b"``) or a regular
expression, which reaches to its closing slash (``/a b/i``). ``#`` begins a comment, ``\\#`` is a
hash. LF, CRLF and CR end a line. One native pattern reads the whole text; nothing in it backtracks.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LINE = re.compile(
    r"""
    ^[^\S\n]*+
    (?:
      (?:
        "(?P<quoted>(?:[^"\\\n]|\\[^\n])*+)"(?=[\s\#]|\Z)
      | (?P<regexp>/(?:[^/\\\n]|\\[^\n])*+/[^\s\#]*+)
      | (?P<key>(?!["])(?:[^\s\#\\]|\\[^\n]|\\$)++)
      )
      (?:[^\S\n]++(?P<value>(?:[^\#\\\n]|\\[^\n]|\\$)*+))?+
      (?:\#[^\n]*+)?+$
    | (?:\#[^\n]*+)?+$
    | (?P<bad>[^\n]++)$
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
ENDS = re.compile("\r\n?")
HASHES = re.compile(r"\\#")
QUOTES = re.compile(r"\\([^\n])")


class MapLine(NamedTuple):
    """One entry. ``offset`` is where its line begins in the text, for :func:`line_number`."""

    offset: int
    key: str
    value: str


class BadLine(NamedTuple):
    """A line that is no entry."""

    offset: int
    text: str


def normal_text(text: bytes) -> str:
    """The text with LF line ends. Bytes that are no UTF-8 survive as surrogates."""
    decoded = text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return ENDS.sub("\n", decoded) if "\r" in decoded else decoded


def parse_lines(text: str) -> Iterator[MapLine | BadLine]:
    """Entries and bad lines of a :func:`normal_text`, in order."""
    for match in LINE.finditer(text):
        quoted, regexp, key, value, bad = match.groups()
        if bad is not None:
            yield BadLine(match.start(), bad.strip())
            continue
        if quoted is not None:
            key = QUOTES.sub(r"\1", quoted) if "\\" in quoted else quoted
        elif regexp is not None:
            key = regexp
        elif key is None:
            continue
        elif "\\#" in key:
            key = HASHES.sub("#", key)
        if value:
            value = value.strip()
            if "\\#" in value:
                value = HASHES.sub("#", value)
        yield MapLine(match.start(), key, value or "")


def line_number(text: str, offset: int) -> int:
    """The line, from 1, at ``offset``: counted only for what is reported."""
    return text.count("\n", 0, offset) + 1
