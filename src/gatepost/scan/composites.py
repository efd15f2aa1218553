# SPDX-License-Identifier: Apache-2.0
"""Symbols made of symbols: which combinations were found, and what they take away.

A composite holds when its expression does; it inserts its own symbol and, by its policy
and the prefixes of its atoms, removes what it was made of from the reply, the score, or
both. Removals are collected first and done when all composites of a pass were looked at.
Only composites that some found symbol can make true are evaluated.

Source: core reference §4.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.regexps import Regexp, RegexpError, parse_regexp
from gatepost.scan.result import FoundSymbol, Removed, Result
from gatepost.scan.symbol import Hit, SymbolRegistry

CompositePolicy = Literal[
    "default", "remove_all", "remove_symbol", "remove_weight", "leave", "remove_none"
]
Permits = Callable[[str], bool]

# A symbol without score still has to be true in an expression that adds scores up.
TINY = 16e-5
KEEPS_SYMBOL = {"remove_weight", "leave", "remove_none"}
KEEPS_WEIGHT = {"remove_symbol", "leave", "remove_none"}
ATOM = re.compile(
    r"(?P<prefix>[-~^]*)(?:(?P<group>g[+-]?):)?(?P<name>(?!g[+-]?:)[^\[]+)(?P<options>\[.*)?"
)
OPTION = re.compile(r"\s*(/(?:[^/\\]|\\.)*/[a-zA-Z]*|[^,]+)\s*(?:,|$)")


class CompositeAtom:
    """One atom: a symbol (with options it must have) or a group, and what it loses.

    Of several prefixes each has its effect. Raises ``ExpressionError``.
    """

    __slots__ = ("forced", "group", "keeps_symbol", "keeps_weight", "name", "negated", "options")

    def __init__(self, text: str, *, negated: bool, policy: CompositePolicy) -> None:
        found = ATOM.fullmatch(text)
        if found is None:
            raise ExpressionError(f"`{text[:200]}` is no symbol and no group")
        prefix = found["prefix"]
        self.name = found["name"]
        self.group = found["group"] or ""
        self.options = _option_tests((found["options"] or "")[1:-1])
        self.negated = negated
        self.forced = "^" in prefix
        self.keeps_symbol = "-" in prefix or "~" in prefix or policy in KEEPS_SYMBOL
        self.keeps_weight = "-" in prefix or policy in KEEPS_WEIGHT

    def symbols(self, registry: SymbolRegistry) -> frozenset[str]:
        """The symbols that can make this atom true."""
        if not self.group:
            return frozenset({self.name})
        group = registry.groups.get(self.name)
        members = group.members if group is not None else set()
        if self.group == "g":
            return frozenset(members)
        sign = 1 if self.group == "g+" else -1
        return frozenset(name for name in members if registry.get(name).score * sign > 0)

    def matches(self, found: FoundSymbol) -> bool:
        """True when the symbol has all the options that the atom asks for."""
        return all(any(test(option) for option in found.options) for test in self.options)

    def value(self, hits: Sequence[FoundSymbol]) -> float:
        """The score of the symbol, or the largest one of the group, whatever its sign."""
        if not hits:
            return 0.0
        if not self.group:
            return hits[0].score or TINY
        return max(abs(found.score) or TINY for found in hits)


class Composite:
    """One composite, ready to be looked for. ``depends_on`` names composites to do before it."""

    __slots__ = ("atoms", "depends_on", "expression", "late", "members", "name", "triggers")

    def __init__(
        self,
        name: str,
        expression: str,
        policy: CompositePolicy = "default",
        depends_on: Iterable[str] = (),
    ) -> None:
        """Raises ``ExpressionError`` when ``expression`` cannot be read."""
        self.name = name
        self.expression: Expression = parse_expression(expression)
        self.atoms = [
            CompositeAtom(atom.text, negated=atom.negated, policy=policy)
            for atom in self.expression.atoms
        ]
        self.depends_on = frozenset(depends_on)
        self.members: list[frozenset[str]] = []
        self.triggers: frozenset[str] | None = None
        self.late = False

    def bind(self, registry: SymbolRegistry) -> None:
        """Resolves groups to symbols, once all symbols are known.

        Of several sets of symbols that it needs one of, the one with the fewest registered
        symbols decides when it is looked at: what nobody can insert costs nothing.
        """
        self.members = [atom.symbols(registry) for atom in self.atoms]
        choices = [
            frozenset[str]().union(*(self.members[index] for index in triggers))
            for triggers in self.expression.triggers
        ]
        known = registry.symbols.keys()
        self.triggers = min(choices, key=lambda names: len(names & known), default=None)

    def matched(self, result: Result) -> list[list[FoundSymbol]] | None:
        """For each atom the symbols that made it true; ``None`` when the whole is false."""
        found = result.found
        hits: list[list[FoundSymbol]] = []
        for atom, members in zip(self.atoms, self.members, strict=True):
            names = members if len(members) < len(found) else found.keys() & members
            symbols = [found[name] for name in names if name in found]
            hits.append([s for s in symbols if atom.matches(s)] if atom.options else symbols)
        atoms = self.atoms
        return hits if self.expression.evaluate(lambda i: atoms[i].value(hits[i])) else None


class Composites:
    """All composites of one configuration, in the order in which they depend on each other."""

    def __init__(
        self,
        composites: Iterable[Composite],
        registry: SymbolRegistry,
        late_symbols: Iterable[str] = (),
    ) -> None:
        """``late_symbols`` are those of postfilters: composites on them are for the second pass.

        Symbols that a composite with a negative score is made of become ``fine`` in
        ``registry``: what pleads for a message is looked for even when it seems lost.
        """
        bound = list(composites)
        for composite in bound:
            composite.bind(registry)
            if registry.get(composite.name).score < 0:
                _mark_fine(composite, registry)
        ordered = _in_dependency_order(bound)
        late = set(late_symbols)
        for composite in ordered:
            if composite.depends_on & late or any(names & late for names in composite.members):
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
        self.always = [i for i, c in enumerate(composites) if c.triggers is None]
        self.by_symbol: dict[str, list[int]] = {}
        for index, composite in enumerate(composites):
            for name in composite.triggers or ():
                self.by_symbol.setdefault(name, []).append(index)

    def apply(self, result: Result, permits: Permits | None) -> None:
        by_symbol = self.by_symbol
        candidates = set(self.always)
        for name in result.found.keys() & by_symbol.keys():
            candidates.update(by_symbol[name])
        if not candidates or result.skipped:
            return
        removals = _Removals()
        waiting = sorted(candidates)
        while waiting:
            index = heapq.heappop(waiting)
            composite = self.composites[index]
            if composite.name in result.found:
                continue
            if permits is not None and not permits(composite.name):
                continue
            hits = composite.matched(result)
            if hits is None:
                continue
            result.insert(Hit(composite.name))
            for atom, found in zip(composite.atoms, hits, strict=True):
                if not atom.negated:
                    removals.add(atom, found)
            for following in by_symbol.get(composite.name, ()):
                if following > index and following not in candidates:
                    candidates.add(following)
                    heapq.heappush(waiting, following)
        removals.carry_out(result)


class _Removals:
    """What all matching composites want gone; one that wants to keep wins, ``^`` wins over it."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bool, bool]] = {}
        self.forced: set[str] = set()

    def add(self, atom: CompositeAtom, found: Iterable[FoundSymbol]) -> None:
        for symbol in found:
            name = symbol.name
            if atom.forced:
                self.forced.add(name)
            keep_symbol, keep_weight = self.kept.get(name, (False, False))
            self.kept[name] = keep_symbol or atom.keeps_symbol, keep_weight or atom.keeps_weight

    def carry_out(self, result: Result) -> None:
        for name, (keep_symbol, keep_weight) in self.kept.items():
            if name in self.forced:
                keep_symbol = keep_weight = False
            what: Removed = "both"
            if keep_symbol:
                what = "" if keep_weight else "weight"
            elif keep_weight:
                what = "symbol"
            if what:
                result.remove(name, what)


def _mark_fine(composite: Composite, registry: SymbolRegistry) -> None:
    for atom, members in zip(composite.atoms, composite.members, strict=True):
        if not atom.negated:
            for name in members & registry.symbols.keys():
                registry.symbols[name].fine = True


def _in_dependency_order(composites: list[Composite]) -> list[Composite]:
    """Composites after those they refer to; circles are cut where they were written."""
    by_name = {composite.name: composite for composite in composites}
    ordered: dict[str, Composite] = {}
    begun: set[str] = set()
    stack = [composite.name for composite in reversed(composites)]
    while stack:
        composite = by_name[stack[-1]]
        if composite.name in begun:  # the second time, or a circle: what it needs is done
            ordered.setdefault(stack.pop(), composite)
            continue
        begun.add(composite.name)
        needs = composite.depends_on.union(*composite.members) & by_name.keys()
        stack.extend(sorted(needs - begun, reverse=True))
    return list(ordered.values())


def _option_tests(text: str) -> tuple[Callable[[str], bool], ...]:
    options = (option.strip() for option in OPTION.findall(text))
    return tuple(
        _regexp_test(option) if option.startswith("/") else option.__eq__
        for option in options
        if option
    )


def _regexp_test(text: str) -> Callable[[str], bool]:
    try:
        regexp: Regexp = parse_regexp(text)
    except RegexpError as error:
        raise ExpressionError(f"option {text} is not a regular expression: {error}") from error
    return regexp.test
