# SPDX-License-Identifier: Apache-2.0
"""Which letters does a rule leave alone? A map, or an expression of several maps.

An expression is Rspamd's: ``{ rules { NAME { selector = "…"; map = …; } … } expression = "…"; }``,
where a name holds when any value of its selector is in its map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gatepost.scan.envelope import IPAddress
from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.maps import Map
from gatepost.scan.selectors import Selector, parse_selector
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task
from gatepost.ucl import Object, Value, Where

Exempts = Callable[[Task], bool]
GUESSES = (("ip", "radix"), ("regexp", "regexp"), ("re_", "regexp"), ("glob", "glob"))
"""As rspamd: what the name of an element says of its map, where `type` says nothing."""


class Element(NamedTuple):
    """One name of an expression."""

    selector: Selector
    map: Map

    def holds(self, task: Task) -> bool:
        return any(value in self.map for value in self.selector.values(task))


class MapExpression:
    """A compiled expression; ``elements`` in the order of its atoms."""

    def __init__(self, expression: Expression, elements: dict[str, Element]) -> None:
        self.expression = expression
        self.elements = [elements[atom.text] for atom in expression.atoms]

    def __call__(self, task: Task) -> bool:
        """Whether it holds for the letter; an element that is not needed is not looked at."""
        holds = self.expression.evaluate(lambda at: float(self.elements[at].holds(task)))
        return holds > 0


def read_whitelist(
    value: Value,
    setup: Setup,
    *,
    owners: Callable[[Task], Iterable[str | IPAddress]],
    kind: str,
    where: Where,
    path: str,
) -> Exempts | None:
    """What ``value`` means; ``None`` without one. Mistakes go to the problems of ``setup``.

    A plain map of the given kind is asked for each of ``owners`` of a letter.
    """
    if value is None:
        return None
    if isinstance(value, Object) and "expression" in value and "rules" in value:
        return _read_expression(value, setup, path)
    found = setup.maps.open(value, kind=kind, where=where, name=path)
    if found is None:
        return None
    return lambda task: any(owner in found for owner in owners(task))


def _read_expression(value: Object, setup: Setup, path: str) -> Exempts | None:
    rules, text = value["rules"], value["expression"]
    if not isinstance(rules, Object) or not isinstance(text, str):
        message = f'{path}: expected rules {{ NAME {{ selector; map; }} }} and expression = "…"'
        setup.problems.error(value.where, message)
        return None
    elements: dict[str, Element] = {}
    for name, rule in rules.items():
        element = _read_element(name, rule, setup, rules.place(name), f"{path}.rules.{name}")
        if element is not None:
            elements[name] = element
    try:
        expression = parse_expression(text)
    except ExpressionError as error:
        setup.problems.error(value.place("expression"), f"{path}.expression: {error}")
        return None
    unknown = [atom.text for atom in expression.atoms if atom.text not in rules]
    for name in unknown:
        known = ", ".join(rules)
        message = f"{path}.expression: there is no `{name}` among the rules; expected {known}"
        setup.problems.error(value.place("expression"), message)
    complete = all(atom.text in elements for atom in expression.atoms)
    return MapExpression(expression, elements) if complete else None


def _read_element(name: str, rule: Value, setup: Setup, where: Where, path: str) -> Element | None:
    text = rule.get("selector") if isinstance(rule, Object) else None
    if not isinstance(rule, Object) or not isinstance(text, str) or rule.get("map") is None:
        setup.problems.error(where, f"{path}: expected a section with `selector` and `map`")
        return None
    try:
        selector = parse_selector(text, maps=setup.maps)
    except ExpressionError as error:
        setup.problems.error(rule.place("selector"), f"{path}.selector: {error}")
        return None
    guessed = next((kind for word, kind in GUESSES if word in name), "set")
    kind, place = str(rule.get("type", guessed)), rule.place("map")
    found = setup.maps.open(rule["map"], kind=kind, where=place, name=f"{path}.map")
    return None if found is None else Element(selector, found)
