# SPDX-License-Identifier: Apache-2.0
"""Which file and line does a place in a text belong to?"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple, Self, TypeAlias

_NEWLINE = re.compile("\n")


class Where(NamedTuple):
    """A file and a line, counted from 1; line 0 means the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Source:
    """One text with its name. Lines are counted only when somebody asks for one.

    ``first_line`` is the line that the text starts on, when it is a piece of a file.
    ``anchors`` are used instead when a template made the text: from each offset on, in rising
    order, it comes from that line of the original.
    """

    __slots__ = ("_anchors", "_newlines", "file", "first_line", "text")

    def __init__(
        self,
        file: str,
        text: str,
        *,
        first_line: int = 1,
        anchors: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.file = file
        self.text = text
        self.first_line = first_line
        self._anchors = anchors
        self._newlines: list[int] | None = None

    def line(self, offset: int) -> int:
        """The line of the character at ``offset``."""
        if self._anchors:
            index = bisect_right(self._anchors, offset, key=itemgetter(0))
            return self._anchors[max(index - 1, 0)][1]
        if self._newlines is None:
            self._newlines = [found.start() for found in _NEWLINE.finditer(self.text)]
        return self.first_line + bisect_left(self._newlines, offset)

    def where(self, offset: int) -> Where:
        return Where(self.file, self.line(offset))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self  # never changes: copies of a tree share it


Mark: TypeAlias = tuple[Source, int, int]
"""Where a value was written (source, offset) and the priority, 0 to 15, of what wrote it.

A bare tuple: one is made for every value of a ``Settings`` header.
"""

NOWHERE: Mark = (Source("<none>", "", first_line=0), 0, 0)


def place_of(mark: Mark) -> Where:
    """The file and line of a mark."""
    return mark[0].where(mark[1])


def mark_at(where: Where, priority: int = 0) -> Mark:
    """A mark for a value that was not read from a text (an option of the command line ...)."""
    return (Source(where.file, "", first_line=where.line), 0, priority)
