# SPDX-License-Identifier: Apache-2.0
"""Which settings are in force for this message?

Rules from the configuration are kept by priority; the id, the ``Settings`` header or a
``MaxScore`` header of the request compete with them. A message for which nobody sent
anything and no rule is loaded costs three look-ups, one with an id a few more.

What a request sends is anybody's: it is bounded in length, in the number of names, and in
how much of it is remembered.

Source: core reference §5.3 (selection), §5.5 (layers), §5.6 (ids).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from gatepost.config import Problems
from gatepost.scan.applied import NOTHING_APPLIED, Applied, SettingsMatch
from gatepost.scan.settings_apply import read_apply
from gatepost.scan.settings_merge import merge
from gatepost.scan.settings_rules import SettingsRule
from gatepost.scan.symbol import SymbolRegistry
from gatepost.scan.task import Task
from gatepost.ucl import Object, UclError, parse

log = logging.getLogger("gatepost.settings")

RULE_LAYER, HTTP_LAYER = 2, 4
MAX_SETTINGS_HEADER = 65_536  # characters
MAX_REMEMBERED = 256  # merged settings, and headers that were read
MAX_REMEMBERED_HEADER = 4096  # characters; with MAX_REMEMBERED a few MiB at the worst
MAX_COMPLAINTS = 3  # lines in the log for one bad header


@dataclass(frozen=True)
class Query:
    """What the request itself asks for; ``rule`` is the one of its Settings-ID.

    ``source`` is the header that gave more than an id; ``complaints`` are for the log.
    """

    applied: Applied | None = None
    rule: SettingsRule | None = None
    source: Literal["", "Settings", "MaxScore"] = ""
    complaints: tuple[str, ...] = ()


NO_QUERY = Query()


class Settings:
    """All settings rules of one configuration."""

    def __init__(self, rules: Iterable[SettingsRule], registry: SymbolRegistry) -> None:
        self.registry = registry
        self.rules = sorted(rules, key=lambda rule: (-rule.priority, rule.name))
        self._levels = _levels(rule for rule in self.rules if rule.matches_by_itself)
        self._upper = [level for level in self._levels if level[0].priority >= 2]
        self._merged: dict[tuple[str, ...], Applied] = {}
        self._headers: dict[tuple[str, str], Query] = {}
        self._by_id = {
            rule.id: Query(rule.applied, rule) for rule in self.rules if rule.id is not None
        }

    def choose(self, task: Task) -> Applied:
        """The settings in force for ``task``; ``NOTHING_APPLIED`` when there are none."""
        headers = task.envelope.headers
        query = NO_QUERY
        if "settings-id" in headers or "settings" in headers or "maxscore" in headers:
            query = self._query(task)
            for complaint in query.complaints:
                task.log(logging.WARNING, "%s", complaint)
        return self._chosen(query, task)

    def explain(self, task: Task) -> list[SettingsMatch]:
        """For each rule, highest priority first: did it match, and why (not)."""
        query = self._query(task)
        chosen = self._chosen(query, task)
        asked = query.applied is not None and chosen is query.applied
        found: list[SettingsMatch] = []
        if query.source:
            why = f"the request's {query.source} header"
            if not asked:
                why += ", but a rule of priority 2 or more matched"
            found.append(SettingsMatch(query.source, None, asked, why))
        for rule in self.rules:
            matched, why = rule.explain(task)
            if asked and rule is query.rule:
                matched, why = True, _why_by_id(query)
            elif rule is query.rule:
                if not matched:
                    why = "asked for by Settings-ID, but a rule of priority 2 or more matched"
            elif matched and asked:
                matched, why = False, f"{why}, but what the request asks for goes first"
            elif matched and rule.name not in chosen.names:
                matched, why = False, f"{why}, but settings of a higher priority matched"
            found.append(SettingsMatch(rule.name, rule.id, matched, why))
        return found

    def _chosen(self, query: Query, task: Task) -> Applied:
        for level in self._levels if query.applied is None else self._upper:
            matching = [rule for rule in level if rule.matches(task)]
            if matching:
                return self._of_rules(matching)
        return query.applied if query.applied is not None else NOTHING_APPLIED

    def _of_rules(self, rules: Sequence[SettingsRule]) -> Applied:
        if len(rules) == 1:
            return rules[0].applied
        names = tuple(rule.name for rule in rules)
        found = self._merged.get(names)
        if found is None:
            if len(self._merged) >= MAX_REMEMBERED:
                self._merged.clear()
            found = merge([(RULE_LAYER, rule.applied) for rule in rules], self.registry)
            self._merged[names] = found
        return found

    def _query(self, task: Task) -> Query:
        envelope = task.envelope
        name = (envelope.header("Settings-ID") or "").strip()
        query = self._by_id.get(name, NO_QUERY)
        if name and query is NO_QUERY:
            complaint = f"unknown settings id {name[:64]!r} in the request: no settings from it"
            query = Query(complaints=(complaint,))
        text = envelope.header("Settings")
        if text:
            own = self._read_header(text, query.rule)
            complaints = query.complaints + own.complaints
            if own.applied is not None:
                return replace(own, complaints=complaints)
            query = replace(query, complaints=complaints)
        limits = _max_score(envelope.header("MaxScore"), envelope.header("SoftScore"))
        if limits:
            applied = _with_limits(limits, query.rule)
            return Query(applied, query.rule, "MaxScore", query.complaints)
        return query

    def _read_header(self, text: str, rule: SettingsRule | None) -> Query:
        """The ``Settings`` header beside that rule; ``applied`` None when it is unreadable."""
        key = (text, rule.name if rule is not None else "")
        found = self._headers.get(key)
        if found is None:
            applied, complaints = parse_settings_header(text)
            if applied is not None and rule is not None:
                applied = self._beside(rule, applied)
            found = Query(applied, rule, "Settings", complaints)
            if len(text) <= MAX_REMEMBERED_HEADER:
                if len(self._headers) >= MAX_REMEMBERED:
                    self._headers.clear()
                self._headers[key] = found
        return found

    def _beside(self, rule: SettingsRule, own: Applied) -> Applied:
        """The header's settings; of the id only what runs is kept (§5.3 number 5)."""
        of_id = rule.applied
        only_switches = Applied(names=of_id.names, id=of_id.id, switches=of_id.switches)
        return merge([(RULE_LAYER, only_switches), (HTTP_LAYER, own)], self.registry)


def parse_settings_header(text: str) -> tuple[Applied | None, tuple[str, ...]]:
    """The ``Settings`` request header, and what is wrong with it; ``None``: it is unreadable.

    UCL or JSON, at most ``MAX_SETTINGS_HEADER`` characters, without macros and variables.
    """
    if len(text) > MAX_SETTINGS_HEADER:
        return None, (f"Settings header ignored: longer than {MAX_SETTINGS_HEADER} characters",)
    try:
        body = parse(text, "Settings header", safe=True)
    except UclError as error:
        return None, (f"bad Settings header, ignored: {error}",)
    if not isinstance(body, Object):
        return None, ("bad Settings header, ignored: expected an object",)
    problems = Problems()
    applied = read_apply(body, "Settings", problems, by_id=False)
    complaints = tuple(f"bad Settings header: {one.message}" for one in problems.all)
    if len(complaints) > MAX_COMPLAINTS:
        more = f"bad Settings header: {len(complaints) - MAX_COMPLAINTS} more mistakes"
        complaints = (*complaints[:MAX_COMPLAINTS], more)
    return msgspec.structs.replace(applied, names=("Settings",)), complaints


def _levels(rules: Iterable[SettingsRule]) -> list[list[SettingsRule]]:
    levels: dict[int, list[SettingsRule]] = {}
    for rule in rules:
        levels.setdefault(rule.priority, []).append(rule)
    return list(levels.values())


def _why_by_id(query: Query) -> str:
    rule = query.rule
    why = f"the request's Settings-ID is `{rule.id if rule is not None else ''}`"
    if query.source == "Settings":
        why += "; beside the Settings header it only decides what runs"
    return why


def _max_score(reject: str | None, soft: str | None) -> dict[str, float | None]:
    limits: dict[str, float | None] = {}
    for name, text in (("reject", reject), ("add header", soft)):
        try:
            number = float(text) if text else math.nan
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            limits[name] = number
    return limits if "reject" in limits else {}


def _with_limits(limits: dict[str, float | None], rule: SettingsRule | None) -> Applied:
    """Thresholds of the request, under those that the id's rule sets itself."""
    if rule is None:
        return Applied(names=("MaxScore",), actions=limits)
    return msgspec.structs.replace(rule.applied, actions={**limits, **rule.applied.actions})
