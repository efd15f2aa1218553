# SPDX-License-Identifier: Apache-2.0
"""Which settings are in force for this message?

Rules from the configuration are kept by priority; the id, the ``Settings`` header or a
``MaxScore`` header of the request compete with them. A message for which nobody sent
anything and no rule is loaded costs two look-ups.

Source: core reference §5.3 (selection), §5.5 (layers), §5.6 (ids).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from gatepost.config import Problems
from gatepost.scan.applied import NOTHING_APPLIED, Applied, SettingsMatch
from gatepost.scan.settings_apply import merge, read_apply
from gatepost.scan.settings_rules import SettingsRule
from gatepost.scan.symbol import SymbolRegistry
from gatepost.scan.task import Task
from gatepost.ucl import Object, UclError, parse

log = logging.getLogger("gatepost.settings")

RULE_LAYER, HTTP_LAYER = 2, 4
MAX_SETTINGS_HEADER = 65_536  # characters
MAX_MERGED = 512


@dataclass(frozen=True)
class Query:
    """What the request itself asks for; ``rule`` is the one of its Settings-ID."""

    applied: Applied | None = None
    rule: SettingsRule | None = None


NO_QUERY = Query()


class Settings:
    """All settings rules of one configuration."""

    def __init__(self, rules: Iterable[SettingsRule], registry: SymbolRegistry) -> None:
        self.registry = registry
        self.rules = sorted(rules, key=lambda rule: (-rule.priority, rule.name))
        self.by_id = {rule.id: rule for rule in self.rules if rule.id is not None}
        self._levels = _levels(rule for rule in self.rules if rule.matches_by_itself)
        self._upper = [level for level in self._levels if level[0].priority >= 2]
        self._merged: dict[tuple[str, ...], Applied] = {}

    def choose(self, task: Task) -> Applied:
        """The settings in force for ``task``; ``NOTHING_APPLIED`` when there are none."""
        headers = task.envelope.headers
        query = NO_QUERY
        if "settings-id" in headers or "settings" in headers or "maxscore" in headers:
            query = self._query(task)
        asked = query.applied is not None
        for level in self._upper if asked else self._levels:
            matching = [rule for rule in level if rule.matches(task)]
            if matching:
                return self._of_rules(matching)
        return query.applied if query.applied is not None else NOTHING_APPLIED

    def explain(self, task: Task) -> list[SettingsMatch]:
        """For each rule, highest priority first: did it match, and why (not)."""
        chosen = self.choose(task)
        query = self._query(task)
        by_id = query.rule.name if query.rule is not None else None
        found: list[SettingsMatch] = []
        for rule in self.rules:
            holds, why = rule.explain(task)
            if rule.name in chosen.names and (holds or rule.name == by_id):
                why = why if holds else f"the request's Settings-ID is `{rule.id}`"
                found.append(SettingsMatch(rule.name, rule.id, True, why))
            elif holds:
                why = f"{why}, but settings of a higher priority matched"
                found.append(SettingsMatch(rule.name, rule.id, False, why))
            elif rule.name == by_id:
                why = "asked for by Settings-ID, but a rule of priority 2 or more matched"
                found.append(SettingsMatch(rule.name, rule.id, False, why))
            else:
                found.append(SettingsMatch(rule.name, rule.id, False, why))
        if chosen.names == ("Settings",):
            found.insert(0, SettingsMatch("Settings", None, True, "the request's Settings header"))
        return found

    def _of_rules(self, rules: Sequence[SettingsRule]) -> Applied:
        names = tuple(rule.name for rule in rules)
        found = self._merged.get(names)
        if found is None:
            found = merge([(RULE_LAYER, rule.applied) for rule in rules], self.registry)
            if len(self._merged) < MAX_MERGED:
                self._merged[names] = found
        return found

    def _query(self, task: Task) -> Query:
        envelope = task.envelope
        rule = self._rule_of_id(envelope.header("Settings-ID"))
        text = envelope.header("Settings")
        if text:
            own = parse_settings_header(text)
            if own is not None:
                return Query(self._with_id(own, rule), rule)
        limits = _max_score(envelope.header("MaxScore"), envelope.header("SoftScore"))
        if limits:
            return Query(_with_limits(limits, rule), rule)
        return Query(rule.applied, rule) if rule is not None else NO_QUERY

    def _rule_of_id(self, name: str | None) -> SettingsRule | None:
        if not name:
            return None
        rule = self.by_id.get(name.strip())
        if rule is None:
            log.warning("unknown settings id %r in the request: no settings from it", name[:64])
        return rule

    def _with_id(self, own: Applied, rule: SettingsRule | None) -> Applied:
        """The header's settings; of the id only what runs is kept (§5.3 number 5)."""
        if rule is None:
            return own
        only_switches = Applied(
            names=rule.applied.names, id=rule.applied.id, switches=rule.applied.switches
        )
        return merge([(RULE_LAYER, only_switches), (HTTP_LAYER, own)], self.registry)


@lru_cache(maxsize=256)
def parse_settings_header(text: str) -> Applied | None:
    """The ``Settings`` request header; ``None``, and a line in the log, when it is unreadable."""
    if len(text) > MAX_SETTINGS_HEADER:
        log.error("Settings header of the request is longer than %d", MAX_SETTINGS_HEADER)
        return None
    try:
        body = parse(text, "Settings header", safe=True)
    except UclError as error:
        log.error("bad Settings header, ignored: %s", error)
        return None
    if not isinstance(body, Object):
        log.error("bad Settings header, ignored: expected an object")
        return None
    problems = Problems()
    applied = read_apply(body, "Settings", problems, by_id=False)
    for problem in problems.errors:
        log.error("bad Settings header: %s", problem)
    return msgspec.structs.replace(applied, names=("Settings",))


def _levels(rules: Iterable[SettingsRule]) -> list[list[SettingsRule]]:
    levels: dict[int, list[SettingsRule]] = {}
    for rule in rules:
        levels.setdefault(rule.priority, []).append(rule)
    return list(levels.values())


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
