# SPDX-License-Identifier: Apache-2.0
"""Where does a map's text come from? The forms of content reference §9.2, as plain data.

A definition is a string, a list or an object, as it stands in the configuration. Here it becomes
files, fall-back files and inline lines, and the kind if a prefix names one.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from gatepost.net.errors import MapError

KINDS = {
    "regexp": "regexp",
    "re": "regexp",
    "regexp_multi": "regexp_multi",
    "re_multi": "regexp_multi",
    "glob": "glob",
    "glob_multi": "glob_multi",
    "radix": "radix",
    "ipnet": "radix",
    "set": "set",
    "hash": "hash",
    "plain": "hash",
    "map": "hash",
}
"""The kind that a prefix such as ``regexp;`` names, by Rspamd's spellings."""

MAX_SOURCES = 1000
PREFIX = re.compile(r"([a-z_]+);")
REGEXP_TEXT = re.compile(r"/(?:[^/\\]|\\.)*/[imsxuOrSALT]*(?=\s|$)")
SCHEME = re.compile(r"([a-z0-9+_-]+)://", re.IGNORECASE)
NO_SOURCES = {
    "http": "HTTP maps",
    "https": "HTTP maps",
    "redis": "Redis maps",
    "redis+selector": "Redis maps",
    "cdb": "CDB maps",
}
"""Schemes of Rspamd's that are no source here: a map is a file, or written inline."""


class MapDefinition(msgspec.Struct, frozen=True):
    """What a definition says.

    ``kind`` is empty unless a prefix names one. ``fallbacks`` are read only if no file of
    ``files`` can be. ``poll`` is in seconds; ``None``: as often as all other maps.
    """

    files: tuple[Path, ...] = ()
    fallbacks: tuple[Path, ...] = ()
    inline: tuple[str, ...] = ()
    kind: str = ""
    name: str = ""
    description: str = ""
    poll: float | None = None


def read_definition(
    definition: object, *, maps_folder: Path | None = None, kind: str = ""
) -> MapDefinition:
    """The definition as data. ``kind`` is what the caller will use if none is named.

    Raises :class:`MapError` with what cannot be used and why.
    """
    return DefinitionReader(maps_folder, kind).read(definition)


class DefinitionReader:
    """Collects the sources of one definition."""

    def __init__(self, maps_folder: Path | None, default_kind: str) -> None:
        self.maps_folder = maps_folder
        self.default_kind = default_kind
        self.kind = ""
        self.files: list[Path] = []
        self.fallbacks: list[Path] = []
        self.inline: list[str] = []

    def read(self, definition: object) -> MapDefinition:
        name = description = ""
        poll: float | None = None
        if isinstance(definition, Mapping):
            if definition.get("external"):
                raise MapError(
                    "HTTP maps, such as external ones, are not read here: expected a file"
                )
            name = str(definition.get("name", ""))
            description = str(definition.get("description", ""))
            poll = read_poll(definition.get("poll", definition.get("watch_interval")))
            sources = [definition[k] for k in ("url", "urls", "map", "data") if k in definition]
            if not sources:
                raise MapError("expected `url`, `urls` or `map` in the map's definition")
            for source in sources:
                self.add(source)
        else:
            self.add(definition)
        return MapDefinition(
            files=tuple(self.files),
            fallbacks=tuple(self.fallbacks),
            inline=tuple(self.inline),
            kind=self.kind,
            name=name,
            description=description,
            poll=poll,
        )

    def add(self, source: object) -> None:
        if isinstance(source, str):
            self.add_text(source.strip(), alone=True)
        elif isinstance(source, bool | None):
            raise MapError(f"`{source}` is no map: expected a path, a list or an object")
        elif isinstance(source, int | float):
            self.inline.append(str(source))
        elif isinstance(source, Mapping):
            self.add_pairs(source)
        elif isinstance(source, Sequence):
            if len(source) > 1_000_000:
                raise MapError(f"an inline list of {len(source)} entries belongs into a file")
            for item in source:
                if isinstance(item, Mapping | list):
                    raise MapError("expected strings in the list of a map")
                self.add_text(str(item).strip(), alone=False)
        else:
            raise MapError(f"`{source}` is no map: expected a path, a list or an object")
        if len(self.files) + len(self.fallbacks) > MAX_SOURCES:
            raise MapError(f"more than {MAX_SOURCES} sources in one map")

    def add_pairs(self, pairs: Mapping[str, object]) -> None:
        """Keys and values written inline: ``{ "example.org" = "value"; }``."""
        for key, value in pairs.items():
            quoted = str(key).replace("\\", "\\\\").replace('"', '\\"')
            self.inline.append(f'"{quoted}" {value}')

    def add_text(self, text: str, *, alone: bool) -> None:
        prefix = PREFIX.match(text)
        if prefix is not None:
            self.set_kind(prefix[1])
            text = text[prefix.end() :].strip()
        if not text:
            raise MapError("a map's source is empty")
        kind = self.kind or self.default_kind
        if not self.add_source(text, kind):
            networks = kind == "radix" and alone
            self.inline.extend(re.split(r"[,;\s]+", text) if networks else [text])

    def set_kind(self, prefix: str) -> None:
        kind = KINDS.get(prefix)
        if kind is None:
            known = ", ".join(KINDS)
            raise MapError(f"unknown kind of map `{prefix};`: expected one of {known}")
        if self.kind not in ("", kind):
            raise MapError(f"one map cannot be both {self.kind} and {kind}")
        self.kind = kind

    def add_source(self, text: str, kind: str) -> bool:
        """Whether ``text`` names a source (and is taken note of) rather than being an entry."""
        if text.startswith("map:"):
            self.files.append(self.named_file(text.removeprefix("map:")))
            return True
        if text.startswith(("sign+", "cdb:")):
            what = "CDB maps" if text.startswith("cdb:") else "HTTP maps"
            raise MapError(f"`{text}`: {what} are not read here: expected a file")
        target = self.files
        if text.startswith("fallback+"):
            text, target = text.removeprefix("fallback+"), self.fallbacks
        scheme = SCHEME.match(text)
        if scheme is not None and scheme[1].lower() == "file":
            target.append(file_path(text[scheme.end() :]))
            return True
        if scheme is not None and scheme[1].lower() in NO_SOURCES:
            what = NO_SOURCES[scheme[1].lower()]
            raise MapError(f"`{text}`: {what} are not read here: expected a file")
        if not text.startswith("/") or ("regexp" in kind and REGEXP_TEXT.match(text)):
            return False
        target.append(file_path(text))
        return True

    def named_file(self, name: str) -> Path:
        """``map:NAME`` is ``maps.d/NAME`` of the configuration folder."""
        if self.maps_folder is None:
            raise MapError(f"`map:{name}` needs a configuration folder with a maps.d")
        path = Path(name)
        if not name or path.is_absolute() or ".." in path.parts:
            raise MapError(f"`map:{name}`: expected the name of a file in {self.maps_folder}")
        return file_path(str(self.maps_folder / path))


def file_path(text: str) -> Path:
    if "\0" in text or not text.strip("/"):
        raise MapError(f"`{text}` is no path")
    path = Path(text)
    if path.name.endswith(".enc") or path.name.endswith(".enc.zst"):
        raise MapError(f"`{text}`: encrypted maps are not read here: expected a plain file")
    return path


def read_poll(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise MapError(f"poll = {value}: expected a time, such as 30s")
    return float(value)
