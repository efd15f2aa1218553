# SPDX-License-Identifier: Apache-2.0
"""The expression language of composites, settings and forced actions.

Text → ``Expression``: a tree compiled to closures, plus the list of its atoms. What an
atom is, the caller says: it gives a pattern for atoms and later a function that values
one. Values are numbers; zero is false.

Operators, tightest first: ``!`` · ``* /`` · ``+ -`` · comparisons · ``&`` · ``|``; those of
equal rank group to the right, as Rspamd does: ``A - B - C`` is ``A - (B - C)``. ``-`` is the
operator only when a blank follows; otherwise it belongs to the atom.

Source: core reference §4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gatepost.scan.errors import ExpressionError

MAX_LENGTH = 65_536  # characters
MAX_DEPTH = 32  # brackets and negations inside each other; each costs a few frames of Python
MAX_ATOMS = 4096

Value = Callable[[int], float]
Node = Callable[[Value], float]
Step = Callable[[float, float], float]

# Symbols and groups with their prefixes, and an optional list of options behind.
SYMBOL_ATOM = re.compile(
    r"[-~^]*(?:g[+-]?:)?[A-Za-z_$][\w.:@$-]*"
    r"(?:\[\s*(?:(?:/(?:[^/\\\n]|\\.)*/[A-Za-z]*|[^\],/][^\],]*)\s*(?:,\s*|(?=\])))*\])?"
)

TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\))
    | (?P<not>!(?!=)|not(?=[\s(]))
    | (?P<compare>>=|<=|==|!=|>|<|=)
    | (?P<and>&&?|and(?=[\s(]))
    | (?P<or>\|\|?|or(?=[\s(]))
    | (?P<times>[*/](?=\s))
    | (?P<plus>\+|-(?=\s))
    | (?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?![\w.:]))
    )""",
    re.VERBOSE | re.IGNORECASE,
)

LEVELS = ("or", "and", "compare", "plus", "times")


class Atom(NamedTuple):
    """One atom as written, and whether it stands anywhere under a ``not``."""

    text: str
    negated: bool


class Expression:
    """A compiled expression. ``atoms`` are numbered in the order written."""

    __slots__ = ("atoms", "node", "text", "triggers")

    def __init__(
        self, text: str, atoms: list[Atom], node: Node, triggers: Sequence[frozenset[int]]
    ) -> None:
        self.text = text
        self.atoms = atoms
        self.node = node
        self.triggers = triggers
        """Sets of atoms; of each set one must hold for the whole to hold. None: it may anyway."""

    def evaluate(self, value: Value) -> float:
        """The value of the expression; ``value`` gives that of an atom by its number."""
        return self.node(value)


def parse_expression(text: str, atom: re.Pattern[str] = SYMBOL_ATOM) -> Expression:
    """Reads an expression. Raises ``ExpressionError`` that names what was found and where."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expression is longer than {MAX_LENGTH} characters")
    return _Parser(text, atom).parse()


class _Branch(NamedTuple):
    """A part of the tree, the atoms in it, and the sets of atoms of which one must hold."""

    node: Node
    atoms: frozenset[int]
    triggers: tuple[frozenset[int], ...]


class _Parser:
    def __init__(self, text: str, atom: re.Pattern[str]) -> None:
        self.text = text
        self.atom = atom
        self.at = 0
        self.depth = 0
        self.negations = 0
        self.atoms: list[Atom] = []

    def parse(self) -> Expression:
        branch = self._level(0)
        if self.text[self.at :].strip():
            raise self._error("an operator")
        return Expression(self.text, self.atoms, branch.node, branch.triggers)

    def _level(self, level: int) -> _Branch:
        """Operands joined by the operators of one rank, however many: no recursion for them."""
        if level == len(LEVELS):
            return self._unary()
        kind = LEVELS[level]
        operands = [self._level(level + 1)]
        operators: list[str] = []
        while True:
            token = TOKEN.match(self.text, self.at)
            if token is None or token.lastgroup != kind:
                break
            self.at = token.end()
            operators.append(token.group(kind))
            operands.append(self._level(level + 1))
        return operands[0] if not operators else _combine(kind, operators, operands)

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
            inner = self._level(0)
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
            node = inner.node
            return _branch(lambda value: 0.0 if node(value) else 1.0, inner.atoms)
        if token is not None and kind == "number":
            self.at = token.end()
            number = float(token.group("number"))
            return _branch(lambda value: number, frozenset())
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
        self.atoms.append(Atom(found.group(), self.negations > 0))
        return _Branch(lambda value: value(index), frozenset({index}), (frozenset({index}),))

    def _error(self, expected: str) -> ExpressionError:
        rest = self.text[self.at : self.at + 20].strip()
        found = f"`{rest}`" if rest else "the end"
        return ExpressionError(
            f"expected {expected} at character {self.at + 1}, found {found} in `{self.text[:200]}`"
        )


def _branch(node: Node, atoms: frozenset[int]) -> _Branch:
    """A branch that is false while none of its atoms holds waits for one of them."""
    return _Branch(node, atoms, () if node(_nothing_holds) else (atoms,))


def _nothing_holds(index: int) -> float:
    return 0.0


def _combine(kind: str, operators: Sequence[str], operands: Sequence[_Branch]) -> _Branch:
    nodes = tuple(operand.node for operand in operands)
    atoms = frozenset().union(*(operand.atoms for operand in operands))
    if kind == "and":
        return _Branch(_all_of(nodes), atoms, tuple(t for one in operands for t in one.triggers))
    if kind == "or":
        return _Branch(_any_of(nodes), atoms, _triggers_of_any(operands))
    return _branch(_calculation([STEPS[text] for text in operators], nodes), atoms)


def _triggers_of_any(operands: Sequence[_Branch]) -> tuple[frozenset[int], ...]:
    if not all(one.triggers for one in operands):
        return ()
    return (frozenset().union(*(min(one.triggers, key=len) for one in operands)),)


def _all_of(nodes: Sequence[Node]) -> Node:
    """The value of the last operand when all hold."""

    def node(value: Value) -> float:
        found = 0.0
        for one in nodes:
            found = one(value)
            if not found:
                return 0.0
        return found

    return node


def _any_of(nodes: Sequence[Node]) -> Node:
    """The value of the first operand that holds."""

    def node(value: Value) -> float:
        for one in nodes:
            found = one(value)
            if found:
                return found
        return 0.0

    return node


def _calculation(steps: Sequence[Step], nodes: Sequence[Node]) -> Node:
    """Arithmetic and comparisons, worked off from the right."""
    last = nodes[-1]
    rest = tuple(zip(reversed(steps), reversed(nodes[:-1]), strict=True))

    def node(value: Value) -> float:
        found = last(value)
        for step, one in rest:
            found = step(one(value), found)
        return found

    return node


STEPS: dict[str, Step] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else 0.0,
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    "!=": lambda a, b: float(a != b),
    "==": lambda a, b: float(a == b),
    "=": lambda a, b: float(a == b),
}
