# SPDX-License-Identifier: Apache-2.0
"""Where in these bytes are the lines that separate the parts of a multipart?

All lines that begin with ``--`` are collected in one sweep, whoever they belong to; a
multipart then asks for those with its own boundary. Lines are compared whole and in lower
case, so a boundary may be the beginning of another. Source: content reference §1.5.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

MAX_LINE = 1000  # RFC 2046 5.1.1 allows 70 characters; RFC 5321 4.5.3.1.6 lines of 1000
BARE_CR = re.compile(rb"(?:\A|[\r\n])--")
NAMED = re.compile(rb"[^-\s]")


class Mark(NamedTuple):
    """A boundary line: where it starts, where the next line starts; ``--name--`` closes."""

    start: int
    after: int
    closing: bool


class Candidate(NamedTuple):
    """A line that begins with ``--``; ``text`` in lower case without blanks at its end."""

    start: int
    after: int
    text: bytes


class Boundaries:
    """The boundary-like lines of ``data[start:end]``, at most ``limit``."""

    __slots__ = ("_marks", "candidates", "cut")

    def __init__(self, data: bytes, start: int, end: int, limit: int) -> None:
        self.candidates: list[Candidate] = []
        self.cut = False
        self._marks: dict[bytes, list[Mark]] = {}
        if data.find(b"\r--", start, end) >= 0:
            self._sweep_bare_cr(data, start, end, limit)
        else:
            self._sweep(data, start, end, limit)

    def marks(self, boundary: bytes, start: int, end: int) -> list[Mark]:
        """The lines of this boundary (any case) that start in ``start … end``, in order."""
        marks = self._marks.get(b"--" + boundary.lower().rstrip())
        if not marks:
            return []
        return marks[bisect_left(marks, (start,)) : bisect_left(marks, (end,))]

    def first_named(self, start: int, end: int) -> bytes | None:
        """The boundary of the first line in the range that could be one."""
        for position in range(bisect_left(self.candidates, (start,)), len(self.candidates)):
            candidate = self.candidates[position]
            if candidate.start >= end:
                return None
            if NAMED.search(candidate.text):
                return candidate.text[2:]
        return None

    def from_position(self, start: int) -> list[Candidate]:
        """The candidates at and after ``start``."""
        return self.candidates[bisect_left(self.candidates, (start,)) :]

    def _sweep(self, data: bytes, start: int, end: int, limit: int) -> None:
        find = data.find
        if not data.startswith(b"--", start, end):
            start = find(b"\n--", start, end) + 1
            if start == 0:
                return
        at = start
        while True:
            if len(self.candidates) >= limit:
                self.cut = True
                return
            stop = find(b"\n", at, min(end, at + MAX_LINE))
            if stop >= 0:
                self._add(data[at:stop], at, stop + 1)
            elif end - at <= MAX_LINE:
                self._add(data[at:end], at, end)
                return
            else:
                stop = at + 1
            at = find(b"\n--", stop, end) + 1
            if at == 0:
                return

    def _sweep_bare_cr(self, data: bytes, start: int, end: int, limit: int) -> None:
        at = start - 1 if start > 0 and data[start - 1 : start] in (b"\r", b"\n") else start
        for found in BARE_CR.finditer(data, at, end):
            if len(self.candidates) >= limit:
                self.cut = True
                return
            line_start = found.end() - 2
            line = data[line_start : min(end, line_start + MAX_LINE)]
            text = line.splitlines(keepends=True)[0]
            if len(text) == MAX_LINE:
                continue
            self._add(text, line_start, line_start + len(text))

    def _add(self, line: bytes, start: int, after: int) -> None:
        text = line.rstrip().lower()
        self.candidates.append(Candidate(start, after, text))
        self._marks.setdefault(text, []).append(Mark(start, after, False))
        if text.endswith(b"--") and len(text) > 4:
            self._marks.setdefault(text[:-2], []).append(Mark(start, after, True))


def before_newline(data: bytes, position: int, lowest: int) -> int:
    """The end of the text before a boundary line: the line end belongs to the boundary."""
    if position > lowest and data[position - 1] == 0x0A:
        position -= 1
        while position > lowest and data[position - 1] == 0x0D:
            position -= 1
    elif position > lowest and data[position - 1] == 0x0D:
        position -= 1
    return position
