# SPDX-License-Identifier: Apache-2.0
"""Is this key in the map, and with which value? One immutable look-up for each kind (§9.1).

``build_lookup`` makes one of a map's texts. A line that cannot be used is reported and left out;
of a key that comes twice the last value wins, and that is reported too.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, Protocol, get_args

from gatepost.net import MapText
from gatepost.scan.map_aliases import parse_alias_lines
from gatepost.scan.map_lines import BadLine, MapLine, line_number, normal_text, parse_lines
from gatepost.scan.regexps import RegexpError, RegexpSet, glob_regexp, parse_regexp

MapKind = Literal["set", "hash", "radix", "regexp", "regexp_multi", "glob", "glob_multi", "aliases"]
"""As Rspamd's; ``aliases`` are files of aliases(5), from names to targets."""

KINDS: tuple[str, ...] = get_args(MapKind)
Key = str | IPv4Address | IPv6Address


class Report(Protocol):
    """Takes the source's name, the line and what is wrong there; of a ``double`` key the last
    value is used."""

    def __call__(
        self, source: str, line: int, message: str, /, *, double: bool = False
    ) -> None: ...


class Entry(NamedTuple):
    """A key with its value and where it was written."""

    key: str
    value: str
    source: str
    line: Callable[[], int]


class Lookup(Protocol):
    """What all kinds do. A value is ``""`` where the map gives none."""

    def find(self, key: Key) -> str | None:
        """The value of the best match; ``None``: not in the map."""

    def find_all(self, key: Key) -> list[str]:
        """The values of all matches for the ``multi`` kinds, else of the one that counts."""

    def __len__(self) -> int: ...


class KeyLookup:
    """``set`` and ``hash``: equality, case apart."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self.entries = entries

    def find(self, key: Key) -> str | None:
        return self.entries.get((key if isinstance(key, str) else str(key)).lower())

    def find_all(self, key: Key) -> list[str]:
        value = self.find(key)
        return [] if value is None else [value]

    def __len__(self) -> int:
        return len(self.entries)


class NetworkLookup:
    """``radix``: the longest prefix that holds an address.

    A table for each prefix length that occurs, longest first, so that a look-up costs one
    dictionary access a length: most maps have two or three.
    """

    def __init__(self, networks: Mapping[tuple[int, int, int], str]) -> None:
        self.size = len(networks)
        tables: dict[tuple[int, int], dict[int, str]] = {}
        for (bits, prefix, start), value in networks.items():
            shift = bits - prefix
            tables.setdefault((bits, shift), {})[start >> shift] = value
        order = sorted(tables)
        self.v4 = [(shift, tables[bits, shift]) for bits, shift in order if bits == 32]
        self.v6 = [(shift, tables[bits, shift]) for bits, shift in order if bits == 128]

    def find(self, key: Key) -> str | None:
        if isinstance(key, str):
            try:
                key = ipaddress.ip_address(key.strip("[]"))
            except ValueError:
                return None
        number = int(key)
        tables = self.v4
        if key.version == 6:
            if number >> 32 == 0xFFFF:
                number &= 0xFFFFFFFF
            else:
                tables = self.v6
        for shift, table in tables:
            value = table.get(number >> shift)
            if value is not None:
                return value
        return None

    def find_all(self, key: Key) -> list[str]:
        value = self.find(key)
        return [] if value is None else [value]

    def __len__(self) -> int:
        return self.size


class PatternLookup:
    """``regexp`` and ``glob``: the first line that matches; all of them for the multi kinds."""

    def __init__(self, patterns: RegexpSet, values: Sequence[str], *, multi: bool) -> None:
        self.patterns = patterns
        self.values = values
        self.multi = multi

    def find(self, key: Key) -> str | None:
        index = self.patterns.find(key if isinstance(key, str) else str(key))
        return None if index is None else self.values[index]

    def find_all(self, key: Key) -> list[str]:
        found = self.patterns.find_all(key if isinstance(key, str) else str(key))
        return [self.values[index] for index in (found if self.multi else found[:1])]

    def __len__(self) -> int:
        return len(self.values)


EMPTY: Lookup = KeyLookup({})


def build_lookup(kind: MapKind, texts: Sequence[MapText], report: Report) -> Lookup:
    """The look-up of all ``texts`` together."""
    entries = read_entries(texts, report, parse_alias_lines if kind == "aliases" else parse_lines)
    if kind == "radix":
        return build_networks(entries, report)
    if kind in ("set", "hash", "aliases"):
        return build_keys(entries, report, values=kind != "set")
    return build_patterns(kind, entries, report)


def read_entries(
    texts: Sequence[MapText],
    report: Report,
    parse: Callable[[str], Iterator[MapLine | BadLine]] = parse_lines,
) -> list[Entry]:
    entries: list[Entry] = []
    for name, raw in texts:
        text = normal_text(raw)
        for line in parse(text):
            if isinstance(line, BadLine):
                report(name, line_number(text, line.offset), f"cannot read `{line.text[:80]}`")
                continue
            offset, key, value = line
            entries.append(Entry(key, value, name, LineAt(text, offset)))
    return entries


class LineAt:
    """The number of a line, counted when somebody asks."""

    __slots__ = ("offset", "text")

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset

    def __call__(self) -> int:
        return line_number(self.text, self.offset)


def build_keys(entries: list[Entry], report: Report, *, values: bool) -> KeyLookup:
    found: dict[str, str] = {}
    for entry in entries:
        key = entry.key.lower()
        value = entry.value if values else ""
        old = found.get(key)
        if old is not None and old != value:
            report_double(entry, old, report)
        found[key] = value
    return KeyLookup(found)


def build_networks(entries: list[Entry], report: Report) -> NetworkLookup:
    found: dict[tuple[int, int, int], str] = {}
    for entry in entries:
        for text in entry.key.split(","):
            if not text:
                continue
            try:
                network = read_network(text)
            except ValueError as error:
                report(entry.source, entry.line(), f"not an address or network: {error}")
                continue
            old = found.get(network)
            if old is not None and old != entry.value:
                report_double(entry, old, report)
            found[network] = entry.value
    return NetworkLookup(found)


def read_network(text: str) -> tuple[int, int, int]:
    """(bits, prefix length, first address); a mapped network is an IPv4 one."""
    text = text.replace("[", "", 1).replace("]", "", 1) if text.startswith("[") else text
    network = ipaddress.ip_network(text, strict=False)
    bits, prefix, start = network.max_prefixlen, network.prefixlen, int(network.network_address)
    if bits == 128 and prefix >= 96 and start >> 32 == 0xFFFF:
        return 32, prefix - 96, start & 0xFFFFFFFF
    return bits, prefix, start


def build_patterns(kind: MapKind, entries: list[Entry], report: Report) -> PatternLookup:
    read = glob_regexp if kind.startswith("glob") else parse_regexp
    last = {entry.key: entry for entry in entries}
    if len(last) < len(entries):
        report_double_patterns(entries, report)
    patterns, values = [], []
    for entry in last.values():
        try:
            patterns.append(read(entry.key))
        except RegexpError as error:
            report(entry.source, entry.line(), str(error))
        else:
            values.append(entry.value)
    return PatternLookup(RegexpSet(patterns), values, multi=kind.endswith("_multi"))


def report_double_patterns(entries: list[Entry], report: Report) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        old = seen.get(entry.key)
        if old is not None and old != entry.value:
            report_double(entry, old, report)
        seen[entry.key] = entry.value


def report_double(entry: Entry, old: str, report: Report) -> None:
    text = f"`{entry.key[:80]}` comes twice: `{entry.value[:40]}` replaces `{old[:40]}`"
    report(entry.source, entry.line(), text, double=True)
