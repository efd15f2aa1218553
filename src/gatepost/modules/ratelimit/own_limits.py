# SPDX-License-Identifier: Apache-2.0
"""Who has limits of his own? A map from users, domains or other values of a rate to buckets.

``anna@example.org  500, 1000 / 1h; 2000, 5000 / 1d`` is a bucket of burst 500 and one of burst
2000; ``1000 / 1h`` alone has that burst as well; ``unlimited`` is no bucket at all. Not in Rspamd,
where the same takes a keyword in Lua.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import msgspec

from gatepost.modules.ratelimit.limits import Limit, key_prefix, parse_burst, parse_rate
from gatepost.scan.map_kinds import KeyLookup
from gatepost.scan.maps import Map
from gatepost.scan.task import Task

UNLIMITED = "unlimited"
EXPECTED = '`BURST, N / T`, such as "500, 1000 / 1h", several joined by `;`, or `unlimited`'
MAX_BUCKETS = 16
MAX_KNOWN = 10_000
"""Texts that are kept as what they mean; in a map of many users most have the same few."""


class OwnLimits:
    """Looks up who has other buckets than the ``usual`` ones of the rate.

    What a bucket has besides its numbers (text, symbol, factors) is that of the usual bucket at
    the same place, or of the first.
    """

    def __init__(self, entries: Map, usual: Sequence[Limit], *, with_rate: bool) -> None:
        self.entries = entries
        self.usual = usual
        self.with_rate = with_rate
        self.known: dict[str, tuple[Limit, ...] | None] = {}

    def of(self, value: str, user: str | None, task: Task) -> tuple[Limit, ...] | None:
        """The buckets of a value of the rate, else of the user, else of ``@domain`` of either;
        ``None`` for the usual ones. A text that says nothing is logged, and changes nothing."""
        text = self._find(value, user)
        if text is None:
            return None
        limits = self._meaning(text)
        if limits is None:
            shown = f"{self.entries.name}: expected {EXPECTED}, found `{text}`"
            task.log(logging.ERROR, "ratelimit: %s", shown)
        return limits

    def mistakes(self) -> Iterator[str]:
        """What the map says now that cannot be a limit."""
        lookup = self.entries.lookup
        if isinstance(lookup, KeyLookup):
            for key, text in lookup.entries.items():
                if self._meaning(text) is None:
                    yield f"`{key}`: expected {EXPECTED}, found `{text}`"

    def _find(self, value: str, user: str | None) -> str | None:
        names = [value] if user is None or user == value else [value, user]
        for name in names:
            found = self.entries.find(name)
            if found is not None:
                return found
        for name in names:
            _, at, domain = name.rpartition("@")
            found = self.entries.find(f"@{domain}") if at else None
            if found is not None:
                return found
        return None

    def _meaning(self, text: str) -> tuple[Limit, ...] | None:
        if text not in self.known:
            if len(self.known) >= MAX_KNOWN:
                self.known.clear()
            self.known[text] = self._parse(text)
        return self.known[text]

    def _parse(self, text: str) -> tuple[Limit, ...] | None:
        if text.strip().lower() == UNLIMITED:
            return ()
        found: list[Limit] = []
        taken: set[str] = set()
        for place, part in enumerate(text.split(";")[: MAX_BUCKETS + 1]):
            head, comma, tail = part.partition(",")
            period = tail if comma else head
            burst = parse_burst(head if comma else head.partition("/")[0])
            rate = parse_rate(period) if "/" in period else None
            if burst is None or rate is None or place >= MAX_BUCKETS:
                return None
            prefix = key_prefix(burst, rate, taken, with_rate=self.with_rate)
            taken.add(prefix)
            like = self.usual[place if place < len(self.usual) else 0]
            found.append(msgspec.structs.replace(like, burst=burst, rate=rate, prefix=prefix))
        return tuple(found)
