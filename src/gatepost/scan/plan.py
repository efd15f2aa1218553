# SPDX-License-Identifier: Apache-2.0
"""Which checks run for a message, in which order: compiled once, shared by all alike.

A plan belongs to a set of switches (from settings), a direction, and whether the message
is empty. Everything that follows from these alone is decided here and never again for a
message: what is off and why, which symbols may not be inserted, the order of dependencies,
which checks are plain functions. Plans are kept in a bounded LRU.

Source: core reference §3.1 (order), §5.4 and §5.6 (what settings switch).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import msgspec

from gatepost.scan.applied import Switches
from gatepost.scan.direction import Direction
from gatepost.scan.errors import DeclarationError
from gatepost.scan.module import Check, Stage
from gatepost.scan.symbol import SymbolRegistry

MAX_PLANS = 512  # settings from request headers are anybody's; a plan is a few KB


class LeftOut(msgspec.Struct, frozen=True):
    """Why a check is not in a plan; ``option`` is the one that would let it run.

    ``cascades``: checks that require this one do not run either. A check that settings only
    did not enable does not take others with it (§5.4, end).
    """

    check: Check
    reason: str
    option: str | None = None
    cascades: bool = True


class Step:
    """A check as the engine runs it: everything looked up beforehand."""

    __slots__ = (
        "callback",
        "check",
        "filters",
        "function",
        "needs",
        "survives",
        "timeout",
        "waits",
        "yields",
    )

    def __init__(self, check: Check, needs: frozenset[str]) -> None:
        self.check = check
        self.callback = check.callback
        self.function = check.function
        self.waits = check.waits
        self.yields = check.yields
        self.filters = check.stage is Stage.FILTER
        self.needs = needs
        self.timeout = check.timeout
        # 0: stopped by any decision; 1: survives a pre-result; 2: survives the limit as well
        self.survives = 2 if check.fine else 1 if check.ignore_passthrough else 0


Level = Sequence[Step]


class Plan:
    """The order of work for all messages with the same switches and direction.

    ``prefilters``, ``postfilters`` and ``idempotent`` are levels, one priority each, run one
    after the other. ``filters`` are in dependency order, the ones that wait first.
    ``permits`` says which symbols may be inserted (``None``: all).
    """

    __slots__ = (
        "allowed",
        "blocked",
        "classifiers",
        "filters",
        "idempotent",
        "left_out",
        "permits",
        "postfilters",
        "prefilters",
    )

    def __init__(
        self,
        running: Sequence[Check],
        left_out: Sequence[LeftOut],
        *,
        blocked: frozenset[str],
        allowed: frozenset[str] | None,
    ) -> None:
        by_stage: dict[Stage, list[Check]] = {stage: [] for stage in Stage}
        for check in running:
            by_stage[check.stage].append(check)
        self.prefilters = _levels(by_stage[Stage.PREFILTER], highest_first=True)
        self.filters = _in_dependency_order(by_stage[Stage.FILTER])
        self.classifiers = _in_dependency_order(by_stage[Stage.CLASSIFIER])
        self.postfilters = _levels(by_stage[Stage.POSTFILTER], highest_first=False)
        self.idempotent = _levels(by_stage[Stage.IDEMPOTENT], highest_first=False)
        self.left_out = left_out
        self.blocked = blocked
        self.allowed = allowed
        self.permits = _permits(blocked, allowed)


def _permits(
    blocked: frozenset[str], allowed: frozenset[str] | None
) -> Callable[[str], bool] | None:
    """A test for each hit, or ``None`` when every symbol may be inserted."""
    if allowed is not None:
        return (allowed - blocked).__contains__
    if blocked:
        return lambda name: name not in blocked
    return None


class Planner:
    """Makes plans for one set of checks and keeps them (``MAX_PLANS`` most recently used)."""

    def __init__(self, checks: Iterable[Check], registry: SymbolRegistry) -> None:
        given = _waiting_for_checks(list(checks), registry)
        self.checks = tuple(_fine_if_it_speaks_for_the_letter(c, registry) for c in given)
        self.registry = registry
        self._plans: OrderedDict[tuple[Switches, Direction, bool], Plan] = OrderedDict()
        _refuse_contradictions(self.checks)

    def plan(self, switches: Switches, direction: Direction, *, empty: bool = False) -> Plan:
        """The plan for these switches and this direction, compiled on first use."""
        key = (switches, direction, empty)
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
            return plan
        plan = self._plans[key] = self._compile(switches, direction, empty)
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan

    def _compile(self, switches: Switches, direction: Direction, empty: bool) -> Plan:
        running: list[Check] = []
        left_out: list[LeftOut] = []
        for check in self.checks:
            why = self._why_not(check, switches, direction, empty)
            if why is None:
                running.append(check)
            else:
                left_out.append(why)
        running = _without_dependents(running, left_out)
        return Plan(
            running, left_out, blocked=self._blocked(switches), allowed=self._allowed(switches)
        )

    def _why_not(
        self, check: Check, switches: Switches, direction: Direction, empty: bool
    ) -> LeftOut | None:
        if not self._is_configured(check):
            return LeftOut(check, "disabled")
        if self._is_disabled(check, switches):
            return LeftOut(check, "settings")
        if not self._is_enabled(check, switches):
            return LeftOut(check, "settings", cascades=False)
        if empty and not check.empty and check.stage is not Stage.IDEMPOTENT:
            return LeftOut(check, "no data")
        ruling = check.rule(direction)
        if ruling.effect == "skip" and check.module is not None:
            option = f"{check.module.name}.{ruling.option}" if ruling.option else None
            return LeftOut(check, ruling.because, option)
        return None

    def _is_configured(self, check: Check) -> bool:
        group = self.registry.groups.get(check.group)
        if group is not None and not group.enabled:
            return False
        known = self.registry.symbols.get(check.callback)
        return known is None or known.enabled

    def _is_enabled(self, check: Check, switches: Switches) -> bool:
        if not (check.explicit_enable or (switches.restricts and not check.explicit_disable)):
            return True
        names = _names_of(check)
        wanted = switches.symbols_enabled or frozenset()
        groups = switches.groups_enabled or frozenset()
        return bool(names & wanted or self._groups_of(check, names) & groups)

    def _is_disabled(self, check: Check, switches: Switches) -> bool:
        groups = switches.groups_disabled
        if check.callback in switches.symbols_disabled or check.group in groups:
            return True
        own = self.registry.symbols.get(check.callback) if groups else None
        if own is not None and not groups.isdisjoint(group.name for group in own.groups):
            return True
        # A rule without an id switches the whole check off; an id only blocks the symbol.
        return not switches.by_id and bool(_names_of(check) & switches.symbols_disabled)

    def _groups_of(self, check: Check, names: Iterable[str]) -> set[str]:
        groups = {check.group}
        for name in names:
            registered = self.registry.symbols.get(name)
            if registered is not None:
                groups.update(group.name for group in registered.groups)
        return groups

    def _members(self, groups: Iterable[str]) -> set[str]:
        members: set[str] = set()
        for name in groups:
            if name in self.registry.groups:
                members |= self.registry.groups[name].members
        return members

    def _blocked(self, switches: Switches) -> frozenset[str]:
        unlocked = (switches.symbols_enabled or frozenset()) | self._members(
            switches.groups_enabled or ()
        )
        off = {
            name
            for name, symbol in self.registry.symbols.items()
            if not symbol.enabled or (symbol.explicit_enable and name not in unlocked)
        }
        return frozenset(off | switches.symbols_disabled | self._members(switches.groups_disabled))

    def _allowed(self, switches: Switches) -> frozenset[str] | None:
        if not switches.restricts:
            return None
        enabled = switches.symbols_enabled or frozenset()
        groups = switches.groups_enabled or frozenset()
        allowed = set(enabled) | self._members(groups)
        for check in self.checks:
            if check.callback in enabled or check.group in groups or check.explicit_disable:
                allowed.update(symbol.name for symbol in check.symbols)
        return frozenset(allowed)


def _fine_if_it_speaks_for_the_letter(check: Check, registry: SymbolRegistry) -> Check:
    """As rspamd: a check runs in any case when the symbol of its own name has a negative score."""
    own = registry.symbols.get(check.callback)
    return replace(check, fine=True) if own is not None and own.fine and not check.fine else check


def _waiting_for_checks(checks: Sequence[Check], registry: SymbolRegistry) -> Iterator[Check]:
    """Who waits for a symbol waits for the check that inserts it."""
    callbacks = {check.callback for check in checks}

    def owners(names: Iterable[str], waiting: str) -> tuple[str, ...]:
        found: list[str] = []
        for name in names:
            known = None if name in callbacks else registry.symbols.get(name)
            owner = (known.check if known is not None else "") or name
            if owner == name or owner != waiting:  # its own second symbol is nothing to wait for
                found.append(owner)
        return tuple(dict.fromkeys(found))

    for check in checks:
        after = owners(check.after, check.callback)
        requires = owners(check.requires, check.callback)
        if (after, requires) != (check.after, check.requires):
            check = replace(check, after=after, requires=requires)
        yield check


def _names_of(check: Check) -> set[str]:
    return {check.callback, *(symbol.name for symbol in check.symbols)}


def _refuse_contradictions(checks: Sequence[Check]) -> None:
    """Two checks of one name, or a circle in any stage; parts of what is sound are sound."""
    count = Counter(check.callback for check in checks)
    twice = sorted(name for name, times in count.items() if times > 1)
    if twice:
        raise DeclarationError(f"checks declared twice: {', '.join(twice)}")
    Plan(checks, (), blocked=frozenset(), allowed=None)


def _without_dependents(running: list[Check], left_out: list[LeftOut]) -> list[Check]:
    """Takes out checks that require one that does not run, until nothing changes."""
    missing = {why.check.callback for why in left_out if why.cascades}
    while True:
        dropped = [check for check in running if missing & set(check.requires)]
        if not dropped:
            return running
        for check in dropped:
            left_out.append(LeftOut(check, "dependency"))
            missing.add(check.callback)
        running = [check for check in running if check not in dropped]


def _levels(checks: list[Check], *, highest_first: bool) -> list[Level]:
    ordered = sorted(checks, key=lambda c: -c.priority if highest_first else c.priority)
    return [
        _in_dependency_order(list(level))
        for _, level in groupby(ordered, key=lambda check: check.priority)
    ]


def _in_dependency_order(checks: list[Check]) -> Level:
    """Steps so that each comes after those it waits for; ready ones that wait come first.

    A dependency on a check that is not among ``checks`` has nothing to wait for. Raises
    ``DeclarationError`` for a circle.
    """
    names = {check.callback for check in checks}
    needs = {check.callback: frozenset({*check.after, *check.requires} & names) for check in checks}
    done: set[str] = set()
    ordered: list[Step] = []
    left = checks
    while left:
        ready = [check for check in left if needs[check.callback] <= done]
        if not ready:
            circle = ", ".join(sorted(check.callback for check in left))
            raise DeclarationError(f"these checks wait for each other: {circle}")
        ready.sort(key=lambda check: not check.waits)
        ordered.extend(Step(check, needs[check.callback]) for check in ready)
        done.update(check.callback for check in ready)
        left = [check for check in left if check.callback not in done]
    return ordered
