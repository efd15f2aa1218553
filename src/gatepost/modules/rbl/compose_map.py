# SPDX-License-Identifier: Apache-2.0
"""How much of a host name is asked for, where that is not its eSLD: ``url_compose_map``.

A line ``example.com`` asks for one label more than it has, ``*.example.com`` for the whole host,
and ``!foo.example.com`` for the eSLD after all. The line with the most labels counts.
Source: direction-modules reference §16.
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.mail import registrable_domain
from gatepost.scan.map_kinds import KeyLookup, Lookup
from gatepost.scan.maps import Map


class Line(NamedTuple):
    """A line of the map: what hosts end in, and how many labels of them to take (0: all)."""

    ending: str
    labels: int
    excluded: bool

    def takes(self, host: str) -> bool:
        """Whether the line is about ``host``."""
        return host == self.ending or host.endswith("." + self.ending)


class ComposeMap:
    """The map, read again when it was reloaded."""

    def __init__(self, source: Map) -> None:
        self.source = source
        self.lookup: Lookup | None = None
        self.lines: dict[str, list[Line]] = {}

    def part_of(self, host: str, tld: str) -> str:
        """The part of ``host`` to ask for; its eSLD ``tld`` where no line says otherwise."""
        if self.source.lookup is not self.lookup:
            self.lookup = self.source.lookup
            self.lines = read_lines(self.lookup)
        for line in self.lines.get(tld, ()):
            if line.takes(host):
                if line.excluded:
                    return tld
                return ".".join(host.split(".")[-line.labels :])
        return tld


def read_lines(lookup: Lookup) -> dict[str, list[Line]]:
    """The lines by eSLD; exclusions first, then those with the most labels."""
    found: dict[str, list[Line]] = {}
    for text in lookup.entries if isinstance(lookup, KeyLookup) else ():
        excluded = text.startswith("!")
        ending = text.removeprefix("!")
        whole = ending.startswith("*.")
        ending = ending.removeprefix("*.").strip(".")
        if ending:
            labels = 0 if whole else ending.count(".") + 2
            line = Line(ending, labels, excluded)
            found.setdefault(registrable_domain(ending), []).append(line)
    for lines in found.values():
        lines.sort(key=lambda line: (not line.excluded, -line.ending.count(".")))
    return found
