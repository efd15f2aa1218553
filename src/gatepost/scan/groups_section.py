# SPDX-License-Identifier: Apache-2.0
"""The sections ``group "NAME" { … }``, ``symbols { … }`` and the old ``metric { … }``, read.

What is written of one symbol in several places adds up: it is in all the groups, and of each
other value the one of the highest priority (``override.d`` before ``local.d``), then the later
one counts. Source: core reference §3.3, end; the old forms are §1.5, end.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import ClassVar

import msgspec

from gatepost.config import Configuration, Names, Problems, Raw, bind, sections_in
from gatepost.scan.symbol import Group, SymbolConfig
from gatepost.ucl import Object, Value

METRIC_KEYS = frozenset(
    (
        *("actions", "enabled", "group", "grow_factor", "name"),
        *("subject", "symbol", "symbols", "unknown_weight"),
    )
)


class _SymbolOptions(msgspec.Struct, frozen=True, kw_only=True):
    score: float | None = None
    description: str | None = None
    groups: Names = []
    group: str | None = None
    one_shot: bool | None = None
    any_shot: bool | None = None
    one_param: bool | None = None
    ignore: bool | None = None
    nshots: int | None = None
    enabled: bool | None = None
    disabled: bool | None = None
    priority: int | None = None
    name: str | None = None

    aliases: ClassVar[dict[str, str]] = {"weight": "score"}


class _GroupOptions(msgspec.Struct, frozen=True, kw_only=True):
    description: str = ""
    max_score: float | None = None
    min_score: float | None = None
    one_shot: bool = False
    enabled: bool = True
    disabled: bool = False
    public: bool = False
    private: bool = False
    symbols: Raw = None
    symbol: Raw = None
    name: str | None = None


def read_groups(
    config: Configuration, problems: Problems
) -> tuple[list[Group], dict[str, SymbolConfig]]:
    """All groups, and what is said of each symbol. Mistakes go to ``problems``."""
    return _Reader(config, problems).read()


class _Reader:
    def __init__(self, config: Configuration, problems: Problems) -> None:
        self.config = config
        self.problems = problems
        self.groups: dict[str, Group] = {}
        self.symbols: dict[str, SymbolConfig] = {}
        self.priorities: dict[tuple[str, str], int] = {}

    def read(self) -> tuple[list[Group], dict[str, SymbolConfig]]:
        tree = self.config.tree
        for name, body in find_metrics(self.config):
            self._read_metric(name, body)
        for name, body in self._named_bodies(tree.get("group"), "group"):
            self._read_group(name, body, f"group.{name}")
        for holder in sections_in(tree.get("symbols")):
            self._read_symbols(holder, (), "symbols")
        return list(self.groups.values()), self.symbols

    def _read_metric(self, name: str, body: Object) -> None:
        path = f"metric.{name}"
        for key in body:
            if key not in METRIC_KEYS:
                self.problems.error(body.place(key), f"{path}.{key}: unknown key")
        for group, section in self._named_bodies(body.get("group"), f"{path}.group"):
            self._read_group(group, section, f"{path}.group.{group}")
        for key in ("symbol", "symbols"):
            for holder in sections_in(body.get(key)):
                self._read_symbols(holder, (), f"{path}.{key}")

    def _read_group(self, name: str, body: Object, path: str) -> None:
        options = bind(_GroupOptions, body, path, self.problems)
        group = self.groups.setdefault(name, Group(name))
        if "description" in body:
            group.description = options.description
        if "max_score" in body:
            group.max_score = inf if options.max_score is None else options.max_score
        if "min_score" in body:
            group.min_score = -inf if options.min_score is None else options.min_score
        if "one_shot" in body:
            group.one_shot = options.one_shot
        if "enabled" in body or "disabled" in body:
            group.enabled = options.enabled and not options.disabled
        if "public" in body or "private" in body:
            group.public = options.public and not options.private
        for key in ("symbols", "symbol"):
            holders = sections_in(body.get(key))
            if key in body and not holders:
                where = body.place(key)
                self.problems.error(where, f"{path}.{key}: expected symbols {{ NAME {{ … }} }}")
            for holder in holders:
                self._read_symbols(holder, (name,), f"{path}.{key}")

    def _read_symbols(self, holder: Object, groups: tuple[str, ...], path: str) -> None:
        named = holder.get("name")
        if isinstance(named, str):  # the old `symbol { name = "X"; … }`
            self._read_symbol(named, holder, groups, f"{path}.{named}")
            return
        for name, value in holder.items():
            bodies = sections_in(value)
            for body in bodies:
                self._read_symbol(name, body, groups, f"{path}.{name}")
            if bodies:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                message = f"{path}.{name}: expected a symbol {{ … }} or its score"
                self.problems.error(holder.place(name), message)
                continue
            self._symbol(name, groups)
            self._set(name, "score", float(value), holder.priority(name))

    def _read_symbol(self, name: str, body: Object, groups: tuple[str, ...], path: str) -> None:
        options = bind(_SymbolOptions, body, path, self.problems)
        if options.nshots is not None and options.nshots < 1:
            self.problems.error(body.place("nshots"), f"{path}.nshots: expected 1 or more")
        self._symbol(name, (*groups, *filter(None, [options.group]), *options.groups))
        enabled = options.enabled
        if options.disabled is not None:
            enabled = not options.disabled and enabled is not False
        given = {
            "score": options.score,
            "description": options.description,
            "one_shot": options.one_shot,
            "any_shot": options.any_shot,
            "one_param": options.one_param,
            "ignore": options.ignore,
            "shots": options.nshots,
            "enabled": enabled,
        }
        written = {"score": ("score", "weight"), "shots": ("nshots",), "enabled": ("enabled",)}
        for field, value in given.items():
            if value is None:
                continue
            keys = written.get(field, (field,))
            priority = max(body.priority(key) for key in keys)
            self._set(
                name, field, value, priority if options.priority is None else options.priority
            )

    def _symbol(self, name: str, groups: tuple[str, ...]) -> None:
        known = self.symbols.setdefault(name, SymbolConfig())
        known.groups = tuple(dict.fromkeys((*known.groups, *groups)))

    def _set(self, name: str, field: str, value: object, priority: int) -> None:
        if priority >= self.priorities.get((name, field), priority):
            self.priorities[name, field] = priority
            setattr(self.symbols[name], field, value)

    def _named_bodies(self, value: Value, path: str) -> Iterator[tuple[str, Object]]:
        for holder in sections_in(value):
            if not isinstance(holder.get("name"), str):
                for key, item in holder.items():
                    if not sections_in(item):
                        where = holder.place(key)
                        self.problems.error(where, f"{path}.{key}: expected a group {{ … }}")
            yield from _named(holder)


def find_metrics(config: Configuration) -> list[tuple[str, Object]]:
    """The bodies of ``metric``, the section that groups and actions were in before 1.6."""
    found: list[tuple[str, Object]] = []
    for holder in sections_in(config.tree.get("metric")):
        if METRIC_KEYS.isdisjoint(holder):
            found.extend(_named(holder))
        else:
            found.append((str(holder.get("name", "default")), holder))
    return found


def _named(holder: Object) -> Iterator[tuple[str, Object]]:
    """Bodies with their names; a section without a name carries it as the key ``name``."""
    label = holder.get("name")
    if isinstance(label, str):
        yield label, holder
        return
    for key, value in holder.items():
        for body in sections_in(value):
            yield key, body
