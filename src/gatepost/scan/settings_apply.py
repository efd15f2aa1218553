# SPDX-License-Identifier: Apache-2.0
"""The ``apply`` body of settings: from what is written to ``Applied``, and merging layers.

Direct scores (``BAYES_SPAM = 8.0``) become ``scores`` when they are read, so they survive
merging. Source: core reference §5.4 (keys) and §5.5 (merge).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from gatepost.config import Problems
from gatepost.scan.actions import action_name
from gatepost.scan.applied import NO_SWITCHES, Applied, InsertedSymbol, Policy, Switches
from gatepost.scan.symbol import SymbolRegistry
from gatepost.ucl import Object, Value, to_plain

APPLY_KEYS = (
    "actions",
    "add_headers",
    "flags",
    "groups_disabled",
    "groups_enabled",
    "messages",
    "plugins",
    "policy",
    "remove_headers",
    "scores",
    "subject",
    "symbols",
    "symbols_disabled",
    "symbols_enabled",
    "variables",
    "want_spam",
    "whitelist",
)


def read_apply(body: Object, path: str, problems: Problems, *, by_id: bool) -> Applied:
    """Reads an apply body. Mistakes are collected in ``problems``, the rest still applies."""
    return _Reader(body, path, problems).read(by_id)


class _Reader:
    def __init__(self, body: Object, path: str, problems: Problems) -> None:
        default = body.get("default")
        self.body = default if isinstance(default, Object) else body
        self.path = path
        self.problems = problems

    def read(self, by_id: bool) -> Applied:
        scores = dict(self._direct_scores())
        scores.update(self._numbers("scores"))
        enabled = self._enabled(scores)
        switches = Switches(
            symbols_enabled=enabled,
            groups_enabled=self._set("groups_enabled"),
            symbols_disabled=self._set("symbols_disabled") or frozenset(),
            groups_disabled=self._set("groups_disabled") or frozenset(),
            policy=self._policy(),
            by_id=by_id,
        )
        subject = self.body.get("subject")
        return Applied(
            switches=NO_SWITCHES if switches == Switches(by_id=by_id) else switches,
            scores=scores,
            actions=self._actions(),
            symbols=tuple(self._inserted(scores)),
            subject=None if subject is None else str(subject),
            add_headers=self._plain("add_headers"),
            remove_headers=self._removed_headers(),
            flags=frozenset(flag.lower() for flag in self._strings("flags")),
            messages={k: str(v) for k, v in self._plain("messages").items()},
            variables={k: str(v) for k, v in self._plain("variables").items()},
            plugins=self._plain("plugins"),
            # As in Rspamd: the mere presence skips the message, whatever the value.
            whitelist="whitelist" in self.body or "want_spam" in self.body,
        )

    def _direct_scores(self) -> Iterable[tuple[str, float]]:
        for key, value in self.body.items():
            if key in APPLY_KEYS or key == "default":
                continue
            number = _number(value)
            if number is None:
                near = get_close_matches(key, APPLY_KEYS, 1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                self._error(key, f"expected a number (the score of a symbol){hint}")
            elif key.lower() in APPLY_KEYS:
                self._error(key, f"write `{key.lower()}` in lower case")
            else:
                yield key, number

    def _enabled(self, scores: dict[str, float]) -> frozenset[str] | None:
        value = self.body.get("symbols_enabled")
        if isinstance(value, dict):  # a map also gives scores
            scores.update(self._numbers("symbols_enabled"))
            return frozenset(value)
        return self._set("symbols_enabled")

    def _set(self, key: str) -> frozenset[str] | None:
        return frozenset(self._strings(key)) if key in self.body else None

    def _strings(self, key: str) -> list[str]:
        value = self.body.get(key)
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not isinstance(item, str):
                self._error(key, f"expected a list of names, found `{item}`")
        return [item for item in items if isinstance(item, str)]

    def _numbers(self, key: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in self._object(key).items():
            number = _number(value)
            if number is None:
                self._error(key, f"{name}: expected a number, found `{value}`")
            else:
                found[name] = number
        return found

    def _actions(self) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for name, value in self._object("actions").items():
            if isinstance(value, dict):
                value = value.get("score", value.get("threshold"))
            number = _number(value)
            if value is not None and number is None:
                self._error("actions", f"{name}: expected a number or null, found `{value}`")
                continue
            found[action_name(name)] = number
        return found

    def _inserted(self, scores: dict[str, float]) -> Iterable[InsertedSymbol]:
        value = self.body.get("symbols")
        if value is None:
            return
        if not isinstance(value, dict):
            for name in self._strings("symbols"):
                yield InsertedSymbol(name)
            return
        for name, entry in value.items():
            weight = entry
            options: tuple[str, ...] = ()
            if isinstance(entry, dict):
                weight = entry.get("score", entry.get("weight", 1.0))
                given = entry.get("options") or ()
                options = tuple(str(o) for o in (given if isinstance(given, list) else (given,)))
            number = _number(weight)
            if number is None:
                self._error("symbols", f"{name}: expected a weight, found `{weight}`")
            else:
                yield InsertedSymbol(name, number, options)

    def _removed_headers(self) -> dict[str, object]:
        value = self.body.get("remove_headers")
        if isinstance(value, dict):
            return self._plain("remove_headers")
        return dict.fromkeys(self._strings("remove_headers"), 0)

    def _policy(self) -> Policy:
        value = self.body.get("policy", "default")
        if value not in ("default", "implicit_deny", "implicit_allow"):
            self._error(
                "policy", f"expected default, implicit_deny or implicit_allow, not `{value}`"
            )
            return "default"
        return cast(Policy, value)

    def _object(self, key: str) -> Mapping[str, Value]:
        value = self.body.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._error(key, f"expected an object {{ … }}, found `{value}`")
            return {}
        return value

    def _plain(self, key: str) -> dict[str, Any]:
        value = self._object(key)
        return to_plain(value) if isinstance(value, Object) else dict(value)

    def _error(self, key: str, message: str) -> None:
        self.problems.error(self.body.place(key), f"{self.path}.{key}: {message}")


def merge(layers: Sequence[tuple[int, Applied]], registry: SymbolRegistry) -> Applied:
    """Merges settings of several layers, given lowest first; a later one wins per key."""
    if len(layers) == 1:
        return layers[0][1]
    merged = Applied(
        names=tuple(name for _, part in layers for name in part.names),
        id=next((part.id for _, part in reversed(layers) if part.id), ""),
        switches=_merged_switches(layers, registry),
    )
    symbols: dict[str, InsertedSymbol] = {}
    for _, part in layers:
        merged.scores = {**merged.scores, **part.scores}
        merged.actions = {**merged.actions, **part.actions}
        merged.variables = {**merged.variables, **part.variables}
        merged.add_headers = {**merged.add_headers, **part.add_headers}
        merged.remove_headers = {**merged.remove_headers, **part.remove_headers}
        merged.messages = {**merged.messages, **part.messages}
        merged.subject = part.subject if part.subject is not None else merged.subject
        merged.flags |= part.flags
        merged.whitelist = merged.whitelist or part.whitelist
        symbols.update((symbol.name, symbol) for symbol in part.symbols)
    merged.symbols = tuple(symbols.values())
    return merged


def _merged_switches(layers: Sequence[tuple[int, Applied]], registry: SymbolRegistry) -> Switches:
    """Each symbol by itself: named beats group, then the higher layer, then disabled."""
    parts = [(layer, part.switches) for layer, part in layers if part.switches != NO_SWITCHES]
    if not parts:
        return NO_SWITCHES
    if len(parts) == 1:
        return parts[0][1]
    votes: dict[str, tuple[bool, int, bool]] = {}

    def vote(names: Iterable[str], named: bool, layer: int, disabled: bool) -> None:
        for name in names:
            mine = (named, layer, disabled)
            votes[name] = max(votes.get(name, mine), mine)

    for layer, switches in parts:
        vote(_members(switches.groups_enabled, registry), False, layer, False)
        vote(_members(switches.groups_disabled, registry), False, layer, True)
        vote(switches.symbols_enabled or (), True, layer, False)
        vote(switches.symbols_disabled, True, layer, True)
    restricts = any(switches.restricts for _, switches in parts)
    enabled = frozenset(name for name, (_, _, disabled) in votes.items() if not disabled)
    return Switches(
        symbols_enabled=enabled if restricts else None,
        symbols_disabled=frozenset(name for name, vote in votes.items() if vote[2]),
        by_id=all(switches.by_id for _, switches in parts),
    )


def _members(groups: Iterable[str] | None, registry: SymbolRegistry) -> Iterable[str]:
    for name in groups or ():
        group = registry.groups.get(name)
        yield from group.members if group is not None else ()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None
