# SPDX-License-Identifier: Apache-2.0
"""Which headers does a message get and lose? Collected here, and always whole header fields.

Values hold pieces of the letter: whatever these are, a value stays one field of readable lines
(RFC 5322 2.1.1), in ASCII (RFC 2047), and of a bounded size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.charset import QP, Charset
from email.header import Header

from gatepost.scan.task import AddedHeader, Task

MAX_LINE = 78
MAX_WORD = 900  # characters of one line that offers no place to break it (RFC 5322: 998)
MAX_VALUE = 32_768  # characters; milters cannot send more than 65,535 bytes
NAME = re.compile(r"[!-9;-~]{1,200}")  # RFC 5322 2.2
READABLE = Charset("utf-8")
READABLE.header_encoding = QP
LINE_ENDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Edits:
    """What is added and removed; of one header the later removal widens the earlier one."""

    def __init__(self, newline: str = "\r\n", order: int | None = None) -> None:
        """``order`` is the position of headers that are written in several lines."""
        self.newline = newline
        self.order = order
        self.added: list[AddedHeader] = []
        self.removed: dict[str, int | list[int]] = {}

    def remove(self, name: str, which: int | list[int] | None) -> None:
        """0 all, n the n-th, -n from the end, or several; ``None`` none."""
        if which is None or which == []:
            return
        before = self.removed.get(name, [])
        if which == 0 or before == 0:
            self.removed[name] = 0
            return
        numbers = [*(before if isinstance(before, list) else [before])]
        numbers += which if isinstance(which, list) else [which]
        numbers = list(dict.fromkeys(numbers))
        self.removed[name] = 0 if 0 in numbers else numbers[0] if len(numbers) == 1 else numbers

    def add(self, name: str, value: str, order: int | None = None) -> None:
        """A header, in several lines where one would be too long."""
        self.added.append(AddedHeader(name, fold([value], self.newline), order))

    def add_lines(self, name: str, pieces: Iterable[str], *, breaks: str = "") -> None:
        """A header with one line for each piece; a long one is broken after commas, blanks
        and the characters ``breaks``."""
        self.added.append(AddedHeader(name, fold(pieces, self.newline, breaks), self.order))

    def add_folded(self, name: str, value: str, order: int | None) -> None:
        """A header whose value is one field already."""
        self.added.append(AddedHeader(name, value, order))

    def apply(self, task: Task) -> None:
        """Hands all of it to the MTA."""
        for name, which in self.removed.items():
            task.remove_header(name, which)
        task.added_headers += self.added


def is_header_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def fold(pieces: Iterable[str], newline: str, breaks: str = "") -> str:
    """``pieces`` as the lines of one header's value; what is too much is left out."""
    lines: list[str] = []
    room = MAX_VALUE
    for piece in pieces:
        for line in _lines_of(piece[: room + 1], breaks):
            room -= len(line) + 1
            lines.append(line)
        if room <= 0:
            lines.append("...")
            break
    return (newline + "\t").join(lines)


def _lines_of(piece: str, breaks: str) -> Iterator[str]:
    text = LINE_ENDS.sub(" ", piece).strip()
    if not text.isascii():
        clean = text.encode("utf-8", "replace").decode()
        yield from Header(clean, READABLE, maxlinelen=MAX_LINE - 2).encode().split("\n ")
        return
    if len(text) <= MAX_LINE:
        yield text
        return
    line = ""
    for word in re.findall(rf"[^, {re.escape(breaks)}]*[, {re.escape(breaks)}]*", text):
        if line and len(line) + len(word.rstrip()) > MAX_LINE:
            yield line.rstrip()
            line = ""
        line += word
        while len(line) > MAX_WORD:
            yield line[:MAX_WORD]
            line = line[MAX_WORD:]
    if line.strip():
        yield line.strip()
