# SPDX-License-Identifier: Apache-2.0
"""Lists that reload: what a module looks keys up in, and the library that keeps all of them.

A :class:`Map` never changes while it is looked at: a reload builds a new look-up on a thread and
puts it in the old one's place. Where that fails, the old one stays. Files are polled; a file that
is missing is an empty map until it appears. Everything is loaded once when opened, so the first
message already sees it.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, get_args

import msgspec

from gatepost.config import DEFAULTS
from gatepost.net import INLINE, MapError, MapSources, read_definition
from gatepost.scan.map_kinds import EMPTY, Key, Lookup, MapKind, build_lookup
from gatepost.ucl import Array, Where

log = logging.getLogger("gatepost.maps")

MAX_PROBLEMS = 50
"""Bad lines of one map that are remembered; the rest is counted."""
POLL = 30.0
"""Seconds: Rspamd's ``map_watch_interval`` × ``map_file_watch_multiplier``."""


class Reports(Protocol):
    """Where mistakes of the configuration are collected: ``gatepost.config.Problems``."""

    def error(self, where: Where | None, message: str, /) -> None: ...

    def warning(self, where: Where | None, message: str, /) -> None: ...


class MapProblem(NamedTuple):
    """A line that could not be used."""

    file: str
    line: int
    message: str
    double: bool = False

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.message}"
            if self.line
            else f"{self.file}: {self.message}"
        )


class Map:
    """One list of keys, perhaps with values. Look-ups ignore case except for patterns.

    ``hits`` counts look-ups that found something; ``loads`` how often it was (re)loaded.
    """

    __slots__ = ("hits", "kind", "loads", "lookup", "name", "problems", "sources")

    def __init__(self, name: str, kind: MapKind, sources: MapSources) -> None:
        self.name = name
        self.kind = kind
        self.sources = sources
        self.lookup: Lookup = EMPTY
        self.problems: tuple[MapProblem, ...] = ()
        self.hits = 0
        self.loads = 0

    def find(self, key: Key) -> str | None:
        """The value of ``key``, ``""`` if the map has none for it; ``None``: not in the map.

        Addresses may be given as such. With several matches: the longest prefix, the first line.
        """
        value = self.lookup.find(key)
        if value is not None:
            self.hits += 1
        return value

    def find_all(self, key: Key) -> list[str]:
        """The values of all matching lines (``regexp_multi``, ``glob_multi``), else of one."""
        values = self.lookup.find_all(key)
        if values:
            self.hits += 1
        return values

    def __contains__(self, key: Key) -> bool:
        return self.find(key) is not None

    def __len__(self) -> int:
        return len(self.lookup)

    def __bool__(self) -> bool:
        """A map is there even while it is empty."""
        return True

    def __repr__(self) -> str:
        return f"Map({self.name!r}, {self.kind}, {len(self)} entries)"

    @property
    def description(self) -> str:
        """The operator's words about it."""
        return self.sources.definition.description

    def load(self) -> bool:
        """Read and swap in; ``False`` and the old data if it cannot be read. Blocks."""
        problems: list[MapProblem] = []
        more = 0

        def report(file: str, line: int, message: str, /, *, double: bool = False) -> None:
            nonlocal more
            if len(problems) < MAX_PROBLEMS:
                problems.append(MapProblem(file, line, message, double))
            else:
                more += 1

        try:
            lookup = build_lookup(self.kind, self.sources.read(), report)
        except MapError as error:
            self.problems = (MapProblem(str(error), 0, "the old data stay"),)
            return False
        if more:
            problems.append(MapProblem(self.name, 0, f"{more} more lines cannot be used"))
        self.lookup, self.problems = lookup, tuple(problems)
        self.loads += 1
        return True


class MapStatistics(msgspec.Struct, frozen=True):
    """What a controller shows of a map. ``missing`` are files that are not there."""

    name: str
    kind: MapKind
    entries: int
    hits: int
    loads: int
    sources: tuple[str, ...]
    missing: tuple[str, ...]
    problems: int
    description: str = ""


class MapLibrary:
    """All maps of a worker. The same definition opened twice is one map.

    ``maps_folder`` is where ``map:NAME`` looks (``maps.d`` of the configuration folder).
    Definitions that cannot be used go to ``problems`` as errors, bad lines as warnings; later,
    on reload, both are logged.
    """

    def __init__(self, maps_folder: Path | None = None, problems: Reports | None = None) -> None:
        self.maps_folder = maps_folder
        self.reports = problems
        self.maps: dict[tuple[MapKind, bytes], Map] = {}
        self.lock = threading.Lock()
        self.logged: dict[Map, tuple[MapProblem, ...]] = {}

    def open(
        self,
        definition: object,
        *,
        kind: str = "set",
        where: Where | None = None,
        name: str = "",
    ) -> Map | None:
        """The map that ``definition`` (string, list or object, §9.2) means, loaded.

        ``kind`` is that of the map unless a prefix such as ``regexp;`` names another; with
        ``"map"`` for ``"hash"``. ``name`` is the option, for messages. ``None`` if it is wrong.
        """
        try:
            wanted = find_kind(kind, definition)
            read = read_definition(definition, maps_folder=self.maps_folder, kind=wanted)
            wanted = find_kind(read.kind or wanted, definition)
        except MapError as error:
            self.complain(where, f"{name or 'map'}: {error}")
            return None
        unnamed = msgspec.structs.replace(read, name="", description="", kind="")
        identity = (wanted, repr(unnamed).encode("utf-8", "surrogatepass"))
        found = self.maps.get(identity)
        if found is None:
            found = Map(read.name or name or title(read.files), wanted, MapSources(read))
            self.maps[identity] = found
            found.load()
            self.tell(found, where, definition)
            self.tell_of_absence(found, where)
        return found

    def complain(self, where: Where | None, message: str) -> None:
        if self.reports is not None:
            self.reports.error(where, message)
        else:
            log.error("%s", message)

    def tell(self, changed: Map, where: Where | None = None, definition: object = None) -> None:
        """Report a map's problems, once for each time that they are others.

        What stands in the configuration itself (``definition``) is the configuration's mistake.
        """
        if self.logged.get(changed, ()) == changed.problems:
            return
        self.logged[changed] = changed.problems
        for problem in changed.problems:
            if self.reports is None or changed.loads > 1 or where is None:
                log.warning("map %s: %s", changed.name, problem)
                continue
            text = f"{changed.name}: {problem.message}"
            if problem.file != INLINE:
                place = Where(problem.file, problem.line) if problem.line else where
                self.reports.warning(place, text)
            elif problem.double:
                self.reports.warning(where, text)
            else:
                lines = "\n".join(changed.sources.definition.inline).split("\n")
                self.reports.error(place_of_line(definition, lines[problem.line - 1], where), text)

    def tell_of_absence(self, found: Map, where: Where | None) -> None:
        """A file that is not there may be a slip of the pen, or of those that come by default."""
        if where is None or where.file.startswith(str(DEFAULTS)) or self.reports is None:
            return
        if len(found.sources.files) == len(found.sources.missing) == 1:
            path = found.sources.missing[0]
            self.reports.warning(where, f"{found.name}: no file {path} yet: an empty map")

    @property
    def problems(self) -> list[MapProblem]:
        """What cannot be used in any map, as of its last reading."""
        return [problem for found in self.maps.values() for problem in found.problems]

    def statistics(self) -> list[MapStatistics]:
        """One row a map, in the order in which they were opened."""
        return [
            MapStatistics(
                name=found.name,
                kind=found.kind,
                entries=len(found),
                hits=found.hits,
                loads=found.loads,
                sources=tuple(map(str, found.sources.files)),
                missing=tuple(map(str, found.sources.missing)),
                problems=len(found.problems),
                description=found.description,
            )
            for found in self.maps.values()
        ]

    def refresh(self, maps: "list[Map] | None" = None) -> list[Map]:
        """Reload what changed (of ``maps``, else of all); those that were reloaded. Blocks."""
        with self.lock:
            candidates = list(self.maps.values()) if maps is None else maps
            changed = [found for found in candidates if found.sources.changed()]
            return [found for found in changed if found.load()]

    async def watch(self, interval: float = POLL) -> None:
        """Look for changes every ``interval`` seconds (a map's own ``poll`` goes first), for ever.

        Files are read, and look-ups built, on a thread. Cancel it to stop.
        """
        loop = asyncio.get_running_loop()
        due: dict[Map, float] = {}
        while True:
            now = loop.time()
            for found in self.maps.values():
                due.setdefault(found, now + period(found, interval))
            ready = [found for found, moment in due.items() if moment <= now]
            if ready:
                for found in await asyncio.to_thread(self.refresh, ready):
                    log.info("map %s: reloaded, %d entries", found.name, len(found))
                for found in ready:
                    self.tell(found)
                    due[found] = loop.time() + period(found, interval)
            soonest = min(due.values(), default=loop.time() + interval)
            await asyncio.sleep(max(soonest - loop.time(), 0.001))


def period(found: Map, interval: float) -> float:
    poll = found.sources.definition.poll
    return interval if poll is None else poll


def title(files: tuple[Path, ...]) -> str:
    return str(files[0]) if files else INLINE


def place_of_line(definition: object, line: str, where: Where) -> Where:
    """Where the configuration has this line of a list; the list's place if that is unclear."""
    if isinstance(definition, Array):
        for index, element in enumerate(definition):
            if str(element).strip() == line.strip():
                return definition.place(index)
    return where


def find_kind(kind: str, definition: object) -> MapKind:
    """``kind`` by its proper name; ``regexp = true`` and the like in an object name it too."""
    if isinstance(definition, Mapping):
        for option in ("regexp", "glob"):
            if definition.get(option) is True:
                kind = option + ("_multi" if definition.get("multi") is True else "")
    kind = {"map": "hash", "ipnet": "radix", "plain": "hash"}.get(kind, kind)
    for known in get_args(MapKind):
        if kind == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise MapError(f"unknown kind of map `{kind}`")
