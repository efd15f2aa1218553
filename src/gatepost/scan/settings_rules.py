# SPDX-License-Identifier: Apache-2.0
"""One settings rule: its conditions, how they combine, and what it applies.

``read_rules`` reads the whole ``settings`` section and settles the ids. Source: core
reference §5.2 (rules, ``inverse``, ``expression``) and §5.6 (ids).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import xxhash

from gatepost.config import Problems, did_you_mean
from gatepost.scan.applied import Applied, InsertedSymbol
from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.maps import MapLibrary
from gatepost.scan.settings_apply import read_apply
from gatepost.scan.settings_matchers import MATCHER_KEYS, Matcher, MatcherReader, is_truthy
from gatepost.ucl import Array, Object, Value

PRIORITIES = {"high": 3, "medium": 2, "low": 1}
OTHER_KEYS = (
    "apply",
    "delimiter",
    "disabled",
    "expression",
    "external_map",
    "id",
    "inverse",
    "priority",
    "register_symbols",
    "symbols",
    "want_spam",
    "whitelist",
)
ATOM = re.compile(r"[A-Za-z_][\w.\-]*(?::(?:[^\s()&|!<>]|\([^()]*\))+)?(?:\[[^\]]*\]\w*)*")


class SettingsRule:
    """One rule. ``matches_by_itself`` is false for a rule that only its id can choose."""

    __slots__ = ("_holds", "applied", "expression", "id", "inverse", "matchers", "name", "priority")

    def __init__(
        self,
        name: str,
        *,
        id: str | None,
        priority: int,
        applied: Applied,
        matchers: list[Matcher],
        inverse: bool = False,
        expression: Expression | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.priority = priority
        self.applied = applied
        self.matchers = matchers
        self.inverse = inverse
        self.expression = expression
        self._holds = self._combination()

    @property
    def matches_by_itself(self) -> bool:
        """True when the rule has a condition, so that a message alone can choose it."""
        return bool(self.matchers)

    def matches(self, task: Any) -> bool:
        """True when the rule's conditions hold for ``task``."""
        return self._holds(task)

    def explain(self, task: Any) -> tuple[bool, str]:
        """Whether the rule holds, and which of its conditions hold or do not."""
        if not self.matchers:
            how = f"only by Settings-ID `{self.id}`" if self.id else "it has no condition"
            return False, how
        yes = [m.name for m in self.matchers if m.test(task)]
        no = [m.name for m in self.matchers if m.name not in yes]
        holds = self._holds(task)
        if self.expression is not None:
            return holds, f"expression `{self.expression.text}` with {', '.join(yes) or 'nothing'}"
        if self.inverse:
            return holds, f"inverse: {', '.join(yes)} matched" if yes else "inverse: none matched"
        return holds, ", ".join(yes) if holds else f"no match: {', '.join(no)}"

    def _combination(self) -> Callable[[Any], bool]:
        tests = [matcher.test for matcher in self.matchers]
        if self.expression is not None:
            expression, slots = self.expression, self._slots(self.expression)
            return lambda task: bool(expression.evaluate(lambda i: float(slots[i](task))))
        if not tests:
            return lambda task: False
        if self.inverse:  # none may match; it is not the negation of "all"
            return lambda task: not any(test(task) for test in tests)
        if len(tests) == 1:
            return tests[0]
        return lambda task: all(test(task) for test in tests)

    def _slots(self, expression: Expression) -> list[Callable[[Any], bool]]:
        return [self._named(atom.text) for atom in expression.atoms]

    def _named(self, atom: str) -> Callable[[Any], bool]:
        kind, _, number = atom.partition(":")
        of_kind = [matcher for matcher in self.matchers if matcher.kind == kind]
        if number.isdigit() and 0 < int(number) <= len(of_kind):
            return of_kind[int(number) - 1].test
        for matcher in self.matchers:
            if matcher.answers_to(atom):
                return matcher.test
        raise ExpressionError(
            f"`{atom}` is no condition of this rule "
            f"(it has: {', '.join(matcher.name for matcher in self.matchers) or 'none'})"
        )


def numeric_id(name: str) -> int:
    """Rspamd's number for a settings id: the low 32 bits of its XXH64 (§5.6)."""
    return xxhash.xxh64_intdigest(name.encode()) & 0xFFFFFFFF


def read_rules(section: Object, maps: MapLibrary, problems: Problems) -> list[SettingsRule]:
    """All rules of the ``settings`` section; rules that cannot be used are reported."""
    rules: list[SettingsRule] = []
    for name, body in section.items():
        if name in ("enabled", "disabled"):
            continue
        message = _why_no_rule(name, body)
        if message or not isinstance(body, Object):
            problems.error(section.place(name), f"settings.{name}: {message}")
            continue
        rule = _Reader(name, body, maps, problems).read()
        if rule is not None:
            rules.append(rule)
    return _with_ids(rules, section, problems)


def _why_no_rule(name: str, body: Value) -> str:
    if isinstance(body, Array) and body.implicit:
        return "there are two rules of this name"
    if not isinstance(body, Object):
        return "expected a rule { … }"
    if name == "settings" and body.keys().isdisjoint((*MATCHER_KEYS, *OTHER_KEYS)):
        return "the file holds the body of the section already, leave out `settings { }`"
    return ""


class _Reader:
    def __init__(self, name: str, body: Object, maps: MapLibrary, problems: Problems) -> None:
        self.name = name
        self.body = body
        self.maps = maps
        self.problems = problems
        self.path = f"settings.{name}"

    def read(self) -> SettingsRule | None:
        self._refuse_unknown_keys()
        if "external_map" in self.body:
            self.problems.warning(
                self.body.place("external_map"),
                f"{self.path}.external_map: external maps are not available yet, rule ignored",
            )
            return None
        applied = self._applied()
        if applied is None:
            return None
        matchers = MatcherReader(self.body, self.path, self.maps, self.problems).read()
        expression = self._expression()
        try:
            return SettingsRule(
                self.name,
                id=self._id(),
                priority=self._priority(self.body.get("priority")),
                applied=applied,
                matchers=matchers,
                inverse=is_truthy(self.body.get("inverse")),
                expression=expression,
            )
        except ExpressionError as error:
            self._error("expression", str(error))
            return None

    def _applied(self) -> Applied | None:
        body = self.body.get("apply")
        whitelist = any(is_truthy(self.body.get(key)) for key in ("whitelist", "want_spam"))
        inserted = tuple(InsertedSymbol(name) for name in self._symbols())
        if not isinstance(body, Object):
            if body is None and (whitelist or inserted):
                applied = Applied()
            else:
                self._error("apply", "expected what to apply: apply { … } (or `whitelist = yes`)")
                return None
        else:
            applied = read_apply(body, f"{self.path}.apply", self.problems, by_id=True)
        return msgspec.structs.replace(
            applied,
            names=(self.name,),
            symbols=inserted + applied.symbols,
            whitelist=applied.whitelist or whitelist,
        )

    def _symbols(self) -> list[str]:
        value = self.body.get("symbols")
        items = value if isinstance(value, list) else [] if value is None else [value]
        return [item for item in items if isinstance(item, str)]

    def _expression(self) -> Expression | None:
        text = self.body.get("expression")
        if text is None:
            return None
        try:
            return parse_expression(str(text), ATOM)
        except ExpressionError as error:
            self._error("expression", str(error))
            return None

    def _priority(self, value: Value) -> int:
        if value is None:
            return 1
        word = str(value).lower()
        try:
            return PRIORITIES[word] if word in PRIORITIES else int(float(word))
        except (ValueError, OverflowError):
            self.problems.warning(
                self.body.place("priority"),
                f"{self.path}.priority: expected high, medium, low or a number, "
                f"found `{value}`, taken as low",
            )
            return 1

    def _id(self) -> str | None:
        value = self.body.get("id")
        return None if value is None else str(value)

    def _refuse_unknown_keys(self) -> None:
        known = (*MATCHER_KEYS, *OTHER_KEYS)
        for key in self.body:
            if key not in known:
                self._error(key, f"unknown key of a settings rule{did_you_mean(key, known)}")

    def _error(self, key: str, message: str) -> None:
        self.problems.error(self.body.place(key), f"{self.path}.{key}: {message}")


def _with_ids(rules: list[SettingsRule], section: Object, problems: Problems) -> list[SettingsRule]:
    """Gives each rule its id: the explicit one, else its name; an explicit one wins."""
    taken: dict[str, SettingsRule] = {}
    for rule in rules:
        if rule.id is not None:
            if rule.id in taken:
                problems.error(
                    section.place(rule.name),
                    f"settings.{rule.name}: id `{rule.id}` is already that of "
                    f"settings.{taken[rule.id].name}",
                )
            taken[rule.id] = rule
    for rule in rules:
        if rule.id is None:
            if rule.name in taken:
                problems.warning(
                    section.place(rule.name),
                    f"settings.{rule.name}: the id `{rule.name}` belongs to "
                    f"settings.{taken[rule.name].name}, which names it; this rule has no id",
                )
                continue
            rule.id = rule.name
            taken[rule.name] = rule
    numbers: dict[int, str] = {}
    for name, rule in taken.items():
        rule.applied.id = name
        other = numbers.setdefault(numeric_id(name), name)
        if other != name:
            problems.error(
                section.place(rule.name), f"settings ids `{name}` and `{other}` have one number"
            )
    return rules
