# SPDX-License-Identifier: Apache-2.0
"""Which of many patterns may occur in this text? One Hyperscan pass, in time linear in the text.

Hyperscan holds most patterns exactly. Of those it cannot (look-around, back-references ...) it
holds a wider form, and what it finds there has to be confirmed; of a few it holds nothing, and
those are always candidates. All patterns of a sweep are UTF-8 ones, or none is.

A database may be used from several threads: each gets a scratch of its own.
"""

import re
from collections.abc import Sequence
from threading import get_ident
from typing import NamedTuple

import hyperscan as hs

MAX_PATTERNS = 100_000


class SweepPattern(NamedTuple):
    """A pattern as PCRE writes it, with the switches that change what it matches."""

    source: bytes
    caseless: bool = False
    multiline: bool = False
    dotall: bool = False
    extended: bool = False


SUSPECT = re.compile(rb"\(\?[=!<>(|&P'R+\-0-9]|\(\*|[+*?}]\+|\\[1-9gkKGRXNCuU]|\[\[[:.=]")
"""What Hyperscan refuses, roughly: patterns with none of it are compiled all at once."""

REFUSED = re.compile(rb"\(\*|\\[\x80-\xff]")
"""What it takes but reads otherwise: verbs, and an escaped character of several bytes."""


def collect(index: int, start: int, end: int, flags: int, found: object) -> None:
    """Hyperscan's callback: once for each pattern that matches."""
    found.append(index)  # type: ignore[attr-defined]  # typed as object; it is find()'s list


class Sweep:
    """Patterns compiled into one database. Their ids are their places in ``patterns``.

    ``exact`` are the ids whose hits need no confirmation, ``unswept`` those that Hyperscan cannot
    look for at all; the others' hits are candidates.
    """

    def __init__(self, patterns: Sequence[SweepPattern], *, utf: bool) -> None:
        if len(patterns) > MAX_PATTERNS:
            raise ValueError(f"{len(patterns)} patterns: at most {MAX_PATTERNS}")
        self.patterns = patterns
        self.utf = utf
        everything = [i for i, p in enumerate(patterns) if not REFUSED.search(p.source)]
        plain = [i for i in everything if not SUSPECT.search(patterns[i].source)]
        odd = [i for i in everything if SUSPECT.search(patterns[i].source)]
        exact = self.accepted(plain)
        exact += [i for i in odd if self.compile([i], frozenset([])) is not None]
        inexact = sorted(set(everything).difference(exact))
        wide = [i for i in inexact if self.compile([i], frozenset([i])) is not None]
        self.exact = frozenset(exact)
        self.database = self.compile_rest(sorted(exact + wide), frozenset(wide))
        self.scratches: dict[int, hs.Scratch] = {}

    def compile_rest(self, ids: list[int], wide: frozenset[int]) -> "hs.Database | None":
        """One database of all that compiled alone; without the wide ones if they are too much."""
        database = self.compile(ids, wide)
        if database is None and wide:
            ids = [i for i in ids if i not in wide]
            database = self.compile(ids, frozenset())
        if database is None:
            ids, self.exact = [], frozenset()
        self.unswept = sorted(set(range(len(self.patterns))).difference(ids))
        return database

    def accepted(self, ids: list[int]) -> list[int]:
        """Those of ``ids`` that Hyperscan takes: tried together, halved where it refuses."""
        if not ids or self.compile(ids, frozenset()) is not None:
            return ids
        if len(ids) == 1:
            return []
        middle = len(ids) // 2
        left = self.accepted(ids[:middle])
        return left + self.accepted(ids[middle:])

    def compile(self, ids: list[int], wide: frozenset[int]) -> "hs.Database | None":
        """A database of these patterns; ``None`` if Hyperscan refuses one of them."""
        if not ids:
            return None
        database = hs.Database()
        try:
            database.compile(
                expressions=[self.expression(i) for i in ids],
                ids=ids,
                flags=[self.flags(i, i in wide) for i in ids],
            )
        except (hs.error, MemoryError):
            return None
        return database

    def expression(self, index: int) -> bytes:
        pattern = self.patterns[index]
        return b"(?x)" + pattern.source + b"\n" if pattern.extended else pattern.source

    def flags(self, index: int, wide: bool) -> int:
        pattern = self.patterns[index]
        flags: int = hs.HS_FLAG_SINGLEMATCH | hs.HS_FLAG_ALLOWEMPTY
        flags |= pattern.caseless * hs.HS_FLAG_CASELESS
        flags |= pattern.multiline * hs.HS_FLAG_MULTILINE
        flags |= pattern.dotall * hs.HS_FLAG_DOTALL
        if self.utf:
            flags |= hs.HS_FLAG_UTF8 | hs.HS_FLAG_UCP
        return flags | wide * hs.HS_FLAG_PREFILTER

    def find(self, text: bytes) -> list[int]:
        """The ids of all patterns that hit, each once, in no order; ``unswept`` not among them.

        With ``utf``, ``text`` must be valid UTF-8: Hyperscan does not check.
        """
        found: list[int] = []
        if self.database is not None:
            thread = get_ident()
            scratch = self.scratches.get(thread)
            if scratch is None:
                if len(self.scratches) > 64:  # threads come and go; their numbers pile up
                    self.scratches.clear()
                scratch = self.scratches[thread] = hs.Scratch(self.database)
            self.database.scan(text, collect, context=found, scratch=scratch)
        return found
