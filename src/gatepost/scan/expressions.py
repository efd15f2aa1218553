# SPDX-License-Identifier: Apache-2.0
"""The expression language of composites, settings and forced actions.

Text → ``Expression``: a tree compiled to closures, plus the list of its atoms. What an
atom is, the caller says: he gives a pattern for atoms and later a function that values
one. Values are numbers; zero is false. Every atom is looked at (no short cut), because
composites remove all symbols that took part.

Operators, tightest first: ``!`` · ``* /`` · ``+ -`` · comparisons · ``&`` · ``|``; those of
equal rank group to the right, as Rspamd does: ``A - B - C`` is ``A - (B - C)``. ``-`` is the
operator only when a blank follows; otherwise it belongs to the atom.

Source: core reference §4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from gatepost.scan.errors import ExpressionError

MAX_LENGTH = 65_536  # characters
MAX_DEPTH = 64
MAX_ATOMS = 4096

Value = Callable[[int], float]
Node = Callable[[Value], float]

# Symbols and groups with their prefixes, and an optional list of options behind.
SYMBOL_ATOM = re.compile(r"[-~^]?(?:g[+-]?:)?[A-Za-z_$][\w.:@$-]*(?:\[(?:[^\[\]\\]|\\.)*\])?")

TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\))
    | (?P<not>!(?!=)|not(?=[\s(]))
    | (?P<compare>>=|<=|==|!=|>|<|=)
    | (?P<and>&&?|and(?=[\s(]))
    | (?P<or>\|\|?|or(?=[\s(]))
    | (?P<times>[*/](?=\s))
    | (?P<plus>\+|-(?=\s))
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.:]))
    )""",
    re.VERBOSE | re.IGNORECASE,
)

RANK = {"or": 2, "and": 3, "compare": 4, "plus": 5, "times": 6}


class Atom(NamedTuple):
    """One atom as written, and whether it stands under a ``not``."""

    text: str
    negated: bool


class Expression:
    """A compiled expression. ``atoms`` are numbered in the order written."""

    __slots__ = ("atoms", "node", "text", "triggers")

    def __init__(
        self, text: str, atoms: list[Atom], node: Node, triggers: frozenset[int] | None
    ) -> None:
        self.text = text
        self.atoms = atoms
        self.node = node
        self.triggers = triggers
        """Atoms of which one must hold for the whole to hold; ``None``: it may hold anyway."""

    def evaluate(self, value: Value) -> float:
        """The value of the expression; ``value`` gives that of an atom by its number."""
        return self.node(value)


def parse_expression(text: str, atom: re.Pattern[str] = SYMBOL_ATOM) -> Expression:
    """Reads an expression. Raises ``ExpressionError`` that names what was found and where."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expression is longer than {MAX_LENGTH} characters")
    return _Parser(text, atom).parse()


class _Branch(NamedTuple):
    node: Node
    triggers: frozenset[int] | None


class _Parser:
    def __init__(self, text: str, atom: re.Pattern[str]) -> None:
        self.text = text
        self.atom = atom
        self.at = 0
        self.depth = 0
        self.negations = 0
        self.atoms: list[Atom] = []

    def parse(self) -> Expression:
        branch = self._binary(0)
        if self.text[self.at :].strip():
            raise self._error("an operator")
        return Expression(self.text, self.atoms, branch.node, branch.triggers)

    def _binary(self, lowest: int) -> _Branch:
        left = self._unary()
        while True:
            token = TOKEN.match(self.text, self.at)
            kind = token.lastgroup if token else None
            if token is None or kind not in RANK or RANK[kind] < lowest:
                return left
            self.at = token.end()
            operator = token.group(kind).lower()
            # Same rank again on the right: equal operators group to the right.
            left = _combine(kind, operator, left, self._binary(RANK[kind]))

    def _unary(self) -> _Branch:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"expression is nested deeper than {MAX_DEPTH}")
        try:
            return self._operand()
        finally:
            self.depth -= 1

    def _operand(self) -> _Branch:
        token = TOKEN.match(self.text, self.at)
        kind = token.lastgroup if token else None
        if token is not None and kind == "open":
            self.at = token.end()
            inner = self._binary(0)
            closing = TOKEN.match(self.text, self.at)
            if closing is None or closing.lastgroup != "close":
                raise self._error("`)`")
            self.at = closing.end()
            return inner
        if token is not None and kind == "not":
            self.at = token.end()
            self.negations += 1
            inner = self._unary()
            self.negations -= 1
            return _Branch(_negation(inner.node), None)
        if token is not None and kind == "number":
            self.at = token.end()
            number = float(token.group("number"))
            return _Branch(lambda value: number, None)
        return self._atom()

    def _atom(self) -> _Branch:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        found = self.atom.match(self.text, self.at)
        if found is None or not found.group():
            raise self._error("an atom")
        if len(self.atoms) >= MAX_ATOMS:
            raise ExpressionError(f"expression has more than {MAX_ATOMS} atoms")
        self.at = found.end()
        index = len(self.atoms)
        self.atoms.append(Atom(found.group(), self.negations % 2 == 1))
        return _Branch(lambda value: value(index), frozenset({index}))

    def _error(self, expected: str) -> ExpressionError:
        rest = self.text[self.at : self.at + 20].strip()
        found = f"`{rest}`" if rest else "the end"
        return ExpressionError(
            f"expected {expected} at character {self.at + 1}, found {found} in `{self.text[:200]}`"
        )


def _negation(node: Node) -> Node:
    return lambda value: 0.0 if node(value) else 1.0


def _combine(kind: str, operator: str, left: _Branch, right: _Branch) -> _Branch:
    a, b = left.node, right.node
    if kind == "and":

        def both(value: Value) -> float:
            x, y = a(value), b(value)
            return y if x and y else 0.0

        return _Branch(both, _fewer(left.triggers, right.triggers))
    if kind == "or":

        def either(value: Value) -> float:
            x, y = a(value), b(value)
            return x or y

        return _Branch(either, _all(left.triggers, right.triggers))
    if kind == "compare":
        return _Branch(_comparison(operator, a, b), None)
    return _Branch(_arithmetic(operator, a, b), None)


def _fewer(a: frozenset[int] | None, b: frozenset[int] | None) -> frozenset[int] | None:
    if a is None or b is None:
        return a if b is None else b
    return a if len(a) <= len(b) else b


def _all(a: frozenset[int] | None, b: frozenset[int] | None) -> frozenset[int] | None:
    return None if a is None or b is None else a | b


def _comparison(operator: str, a: Node, b: Node) -> Node:
    if operator == ">":
        return lambda value: float(a(value) > b(value))
    if operator == ">=":
        return lambda value: float(a(value) >= b(value))
    if operator == "<":
        return lambda value: float(a(value) < b(value))
    if operator == "<=":
        return lambda value: float(a(value) <= b(value))
    if operator == "!=":
        return lambda value: float(a(value) != b(value))
    return lambda value: float(a(value) == b(value))


def _arithmetic(operator: str, a: Node, b: Node) -> Node:
    if operator == "+":
        return lambda value: a(value) + b(value)
    if operator == "-":
        return lambda value: a(value) - b(value)
    if operator == "*":
        return lambda value: a(value) * b(value)

    def divide(value: Value) -> float:
        divisor = b(value)
        return a(value) / divisor if divisor else 0.0

    return divide
