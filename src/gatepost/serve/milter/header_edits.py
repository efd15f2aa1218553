# SPDX-License-Identifier: Apache-2.0
"""Which header edits, in which order, leave a message as the scan wants it?

An MTA applies edits one after the other, and every index counts what was done before:
two inserts at 1 come out reversed. ``HeaderEdits`` therefore takes positions in the
message as it stood after the removals and turns each into the index that is right at its
turn, so that headers of one position keep the order in which they were asked for.

Positions: 0 is above the MTA's own Received, which no milter sees, 1 below it; -1 is the
end, -2 before the last header. Core reference §8.3, §8.5.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from gatepost.serve.milter.answers import AddHeader, ChangeHeader, Edit, InsertHeader

log = logging.getLogger("gatepost.milter")

NAME = re.compile(r"[!-9;-~]{1,200}")  # RFC 5322 2.2: printable ASCII without the colon
FOLD = re.compile(r"[\r\n]+([ \t]*)(?=(\S?))")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
MAX_VALUE = 60_000
"""Bytes of one value: Sendmail takes no answer beyond 65,535."""
MAX_EDITS = 10_000


class HeaderEdits:
    """Collects edits for one message; ``names`` are its headers' names as they came."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self.edits: list[Edit] = []
        self._count = Counter(name.lower() for name in names)
        self._total = self._count.total()
        self._inserted: list[int] = []

    def has(self, name: str) -> bool:
        return self._count[name.lower().encode("utf-8", "replace")] > 0

    def remove(self, name: str, which: Sequence[int]) -> None:
        """Removes the n-th of these headers, -n from the end, 0 all; only what is there."""
        key = name.lower().encode("utf-8", "replace")
        count = self._count[key]
        if not count or not which:
            return
        if 0 in which:
            chosen = set(range(1, count + 1))
        else:
            chosen = {n if n > 0 else count + 1 + n for n in which} & set(range(1, count + 1))
        # Last to first, because each removal renumbers what follows.
        for index in sorted(chosen, reverse=True):
            self._edit(ChangeHeader(index, name, ""))
        self._count[key] -= len(chosen)
        self._total -= len(chosen)

    def add(self, name: str, value: str, order: int | None) -> None:
        """Adds a header at a position (``None`` or -1: at the end)."""
        clean = header_value(value)
        if not self._may_send(name, clean):
            return
        if order is None or order == -1:
            self._edit(AddHeader(name, clean))
            return
        end = self._total + 1
        position = min(order, end) if order >= 0 else max(0, end + order + 1)
        index = position + sum(1 for other in self._inserted if other <= position)
        self._inserted.append(position)
        self._edit(InsertHeader(index, name, clean))

    def set(self, name: str, value: str, *, may_change: bool = True) -> None:
        """Gives the first header of this name another value, or adds it."""
        clean = header_value(value)
        if not clean or not self._may_send(name, clean):
            return
        if may_change:
            self._edit(ChangeHeader(1, name, clean))
        else:
            self._edit(AddHeader(name, clean))

    def _edit(self, edit: Edit) -> None:
        if len(self.edits) < MAX_EDITS:
            self.edits.append(edit)

    def _may_send(self, name: str, value: str) -> bool:
        if not NAME.fullmatch(name):
            log.warning("a header with the bad name %.60r is not added", name)
            return False
        if len(value) > MAX_VALUE or len(value.encode("utf-8", "replace")) > MAX_VALUE:
            log.warning("header %.60s is longer than %d bytes and not added", name, MAX_VALUE)
            return False
        return True


def header_value(value: str) -> str:
    """A value as MTAs want it: folds are LF and a blank, and nothing else ends a line."""
    if len(value) > 4 * MAX_VALUE:
        return value  # refused by its length
    if value.isascii() and value.isprintable():
        return value.strip()
    return FOLD.sub(_fold, CONTROL.sub("", value)).strip()


def _fold(found: re.Match[str]) -> str:
    # A line of blanks alone would be the end of the headers to some.
    return "\n" + (found.group(1) or "\t") if found.group(2) else ""
