# SPDX-License-Identifier: Apache-2.0
"""Does what the postmaster asked for hold for this letter? Rspamd's expressions over maps.

``munge_map_condition { rules { A { selector = "…"; map = …; } … } expression = "A & !B"; }``
A rule holds when one of the selector's values is in the map.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.maps import Map
from gatepost.scan.selectors import Selector
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task
from gatepost.ucl import Object, Value

NAME = re.compile(r"[A-Za-z_][\w-]*")


class Rule(NamedTuple):
    """A selector, and the map that has to have one of its values."""

    selector: Selector
    map: Map

    def holds(self, task: Task) -> bool:
        return any(value in self.map for value in self.selector.flat_values(task))


class Condition(NamedTuple):
    """An expression and the rule of each of its atoms."""

    expression: Expression
    rules: list[Rule]

    def holds(self, task: Task) -> bool:
        """Evaluates no more rules than the expression needs."""
        return bool(self.expression.evaluate(lambda atom: float(self.rules[atom].holds(task))))


def read_condition(given: Value, setup: Setup, option: str) -> Condition | None:
    """Reads ``given``; ``None`` without one, or when it is wrong, which ``setup`` is told."""
    if given is None:
        return None
    if not isinstance(given, Object) or not isinstance(given.get("expression"), str):
        setup.problem(option, "expected a section with `rules` and `expression`")
        return None
    rules = read_rules(given.get("rules"), setup, option)
    try:
        expression = parse_expression(str(given["expression"]), NAME)
    except ExpressionError as error:
        setup.problem(option, str(error))
        return None
    unknown = [atom.text for atom in expression.atoms if atom.text not in rules]
    if unknown:
        setup.problem(option, f"`rules` has no {', '.join(unknown)} that can be used")
        return None
    return Condition(expression, [rules[atom.text] for atom in expression.atoms])


def read_rules(given: Value, setup: Setup, option: str) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    if not isinstance(given, Object):
        setup.problem(option, "expected one section `rules`")
        return found
    for name, rule in given.items():
        if not isinstance(rule, Object) or not isinstance(rule.get("selector"), str):
            setup.problem(option, f"rule {name}: expected a section with `selector` and `map`")
            continue
        selector = setup.selector(str(rule["selector"]), option=option)
        kind = str(rule.get("type", "set"))
        opened = setup.map(rule.get("map"), kind=kind, option=option)
        if opened is None:
            setup.problem(option, f"rule {name}: there is no map")
        elif selector is not None:
            found[name] = Rule(selector, opened)
    return found
