# SPDX-License-Identifier: Apache-2.0
"""Symbols made of symbols: which combinations were found, and what they take away.

A composite holds when its expression does; it inserts its own symbol and, by its policy
and the prefixes of its atoms, removes what it was made of from the reply, the score, or
both. Removals are collected first and done when all composites of a pass were looked at.
Only composites that some found symbol can make true are evaluated.

Source: core reference §4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.regexps import Regexp, RegexpError, parse_regexp
from gatepost.scan.result import FoundSymbol, Removed, Result
from gatepost.scan.symbol import Hit, SymbolRegistry

Policy = Literal["default", "remove_all", "remove_symbol", "remove_weight", "leave", "remove_none"]
Permits = Callable[[str], bool]

# A symbol without score still has to be true in an expression that adds scores up.
TINY = 16e-5
KEEPS_SYMBOL = {"remove_weight", "leave", "remove_none"}
KEEPS_WEIGHT = {"remove_symbol", "leave", "remove_none"}


class CompositeAtom:
    """One atom: a symbol (with options it must have) or a group, and what it loses."""

    __slots__ = ("forced", "group", "keeps_symbol", "keeps_weight", "name", "negated", "options")

    def __init__(self, text: str, *, negated: bool, policy: str) -> None:
        prefix = text[0] if text[0] in "-~^" else ""
        name, bracket, options = text[len(prefix) :].partition("[")
        self.name = name
        self.group = ""
        if name.startswith(("g:", "g+:", "g-:")):
            self.group, _, self.name = name.partition(":")
        self.options = _option_tests(options.removesuffix("]")) if bracket else ()
        self.negated = negated
        self.forced = prefix == "^"
        self.keeps_symbol = prefix in ("-", "~") or (policy in KEEPS_SYMBOL and not self.forced)
        self.keeps_weight = prefix == "-" or (policy in KEEPS_WEIGHT and not self.forced)

    def symbols(self, registry: SymbolRegistry) -> frozenset[str]:
        """The symbols that can make this atom true."""
        if not self.group:
            return frozenset({self.name})
        group = registry.groups.get(self.name)
        members = group.members if group is not None else set()
        if self.group == "g":
            return frozenset(members)
        wanted = 1 if self.group == "g+" else -1
        return frozenset(name for name in members if registry.symbols[name].score * wanted > 0)

    def matches(self, found: FoundSymbol) -> bool:
        """True when the symbol has all the options that the atom asks for."""
        return all(any(test(option) for option in found.options) for test in self.options)


class Composite:
    """One composite, ready to be looked for."""

    __slots__ = ("atoms", "expression", "late", "members", "name", "triggers")

    def __init__(self, name: str, expression: str, policy: str = "default") -> None:
        """Raises ``ExpressionError`` when ``expression`` cannot be read."""
        self.name = name
        self.expression: Expression = parse_expression(expression)
        self.atoms = [
            CompositeAtom(atom.text, negated=atom.negated, policy=policy)
            for atom in self.expression.atoms
        ]
        self.members: list[frozenset[str]] = []
        self.triggers: frozenset[str] | None = None
        self.late = False

    def bind(self, registry: SymbolRegistry) -> None:
        """Resolves groups to symbols, once all symbols are known."""
        self.members = [atom.symbols(registry) for atom in self.atoms]
        triggers = self.expression.triggers
        if triggers is not None:
            self.triggers = frozenset().union(*(self.members[index] for index in triggers))

    def matched(self, result: Result) -> list[list[FoundSymbol]] | None:
        """For each atom the symbols that made it true; ``None`` when the whole is false."""
        hits: list[list[FoundSymbol]] = []
        for atom, members in zip(self.atoms, self.members, strict=True):
            names = members if len(members) <= len(result.found) else result.found.keys() & members
            hits.append(
                [
                    found
                    for name in names
                    if (found := result.found.get(name)) is not None and atom.matches(found)
                ]
            )

        def value(index: int) -> float:
            return max((abs(found.score) or TINY for found in hits[index]), default=0.0)

        return hits if self.expression.evaluate(value) else None


class Composites:
    """All composites of one configuration, in the order in which they depend on each other."""

    def __init__(
        self,
        composites: Iterable[Composite],
        registry: SymbolRegistry,
        late_symbols: Iterable[str] = (),
    ) -> None:
        """``late_symbols`` are those of postfilters: composites on them are for the second pass."""
        bound = list(composites)
        for composite in bound:
            composite.bind(registry)
        ordered = _in_dependency_order(bound)
        late = set(late_symbols)
        for composite in ordered:
            if any(members & late for members in composite.members):
                composite.late = True
                late.add(composite.name)
        self.early = _Pass([composite for composite in ordered if not composite.late])
        self.late = _Pass([composite for composite in ordered if composite.late])

    def apply(self, result: Result, permits: Permits | None) -> None:
        """The first pass, after the filters. ``permits`` says which symbols may be inserted."""
        self.early.apply(result, permits)

    def apply_late(self, result: Result, permits: Permits | None) -> None:
        """The second pass, after the postfilters."""
        self.late.apply(result, permits)


class _Pass:
    def __init__(self, composites: list[Composite]) -> None:
        self.composites = composites
        self.always = {i for i, c in enumerate(composites) if c.triggers is None}
        self.by_symbol: dict[str, list[int]] = {}
        for index, composite in enumerate(composites):
            for name in composite.triggers or ():
                self.by_symbol.setdefault(name, []).append(index)

    def apply(self, result: Result, permits: Permits | None) -> None:
        candidates = set(self.always)
        by_symbol = self.by_symbol
        for name in result.found:
            if name in by_symbol:
                candidates.update(by_symbol[name])
        if not candidates:
            return
        removals = _Removals()
        for index, composite in enumerate(self.composites):
            if index not in candidates or (permits is not None and not permits(composite.name)):
                continue
            hits = composite.matched(result)
            if hits is None:
                continue
            result.insert(Hit(composite.name))
            candidates.update(by_symbol.get(composite.name, ()))
            for atom, found in zip(composite.atoms, hits, strict=True):
                if not atom.negated:
                    removals.add(atom, found)
        removals.carry_out(result)


class _Removals:
    """What all matching composites want gone; one that wants to keep wins, ``^`` wins over it."""

    def __init__(self) -> None:
        self.wanted: dict[str, tuple[bool, bool]] = {}
        self.forced: set[str] = set()

    def add(self, atom: CompositeAtom, found: Iterable[FoundSymbol]) -> None:
        for symbol in found:
            name = symbol.name
            if atom.forced:
                self.forced.add(name)
            keep_symbol, keep_weight = self.wanted.get(name, (False, False))
            self.wanted[name] = (
                keep_symbol or atom.keeps_symbol,
                keep_weight or atom.keeps_weight,
            )

    def carry_out(self, result: Result) -> None:
        for name, (keep_symbol, keep_weight) in self.wanted.items():
            if name in self.forced:
                keep_symbol = keep_weight = False
            what: Removed = "both"
            if keep_symbol:
                what = "" if keep_weight else "weight"
            elif keep_weight:
                what = "symbol"
            if what:
                result.remove(name, what)


def _in_dependency_order(composites: list[Composite]) -> list[Composite]:
    """Composites after those they refer to; circles are cut where they were written."""
    by_name = {composite.name: composite for composite in composites}
    ordered: dict[str, Composite] = {}

    def visit(composite: Composite, above: frozenset[str]) -> None:
        if composite.name in ordered or composite.name in above or len(above) > 100:
            return
        for members in composite.members:
            for name in sorted(members & by_name.keys()):
                visit(by_name[name], above | {composite.name})
        ordered.setdefault(composite.name, composite)

    for composite in composites:
        visit(composite, frozenset())
    return list(ordered.values())


OPTION = re.compile(r"\s*(/(?:[^/\\]|\\.)*/[a-zA-Z]*|[^,]+)\s*(?:,|$)")


def _option_tests(text: str) -> tuple[Callable[[str], bool], ...]:
    tests: list[Callable[[str], bool]] = []
    for option in OPTION.findall(text):
        option = option.strip()
        tests.append(_regexp_test(option) if option.startswith("/") else option.__eq__)
    return tuple(tests)


def _regexp_test(text: str) -> Callable[[str], bool]:
    try:
        regexp: Regexp = parse_regexp(text)
    except RegexpError as error:
        raise ExpressionError(f"option {text} is not a regular expression: {error}") from error
    return lambda option: bool(regexp.search(option))
