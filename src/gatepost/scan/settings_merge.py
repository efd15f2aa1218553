# SPDX-License-Identifier: Apache-2.0
"""Several settings in force at once: what wins where they contradict each other?

Source: core reference §5.5. Where Rspamd drops what it cannot merge (``plugins``, symbols given
as a list), it is kept here, the later one of a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatepost.scan.applied import NO_SWITCHES, Applied, InsertedSymbol, Policy, Switches
from gatepost.scan.symbol import SymbolRegistry

Vote = tuple[bool, int, bool]  # named itself rather than its group, layer, disabled


def merge(layers: Sequence[tuple[int, Applied]], registry: SymbolRegistry) -> Applied:
    """Merges settings of several layers, given lowest first; a later one wins per key."""
    if len(layers) == 1:
        return layers[0][1]
    merged = Applied(
        names=tuple(name for _, part in layers for name in part.names),
        id=next((part.id for _, part in reversed(layers) if part.id), ""),
        switches=_merged_switches(layers, registry),
    )
    symbols: dict[str, InsertedSymbol] = {}
    for _, part in layers:
        merged.scores = {**merged.scores, **part.scores}
        merged.actions = {**merged.actions, **part.actions}
        merged.variables = {**merged.variables, **part.variables}
        merged.add_headers = {**merged.add_headers, **part.add_headers}
        merged.remove_headers = {**merged.remove_headers, **part.remove_headers}
        merged.messages = {**merged.messages, **part.messages}
        merged.plugins = {**merged.plugins, **part.plugins}
        merged.subject = part.subject if part.subject is not None else merged.subject
        merged.flags |= part.flags
        merged.whitelist = merged.whitelist or part.whitelist
        symbols.update((symbol.name, symbol) for symbol in part.symbols)
    merged.symbols = tuple(symbols.values())
    return merged


def _merged_switches(layers: Sequence[tuple[int, Applied]], registry: SymbolRegistry) -> Switches:
    """Each symbol by itself: named beats group, then the higher layer, then disabled.

    The groups are kept beside the symbols, for checks that have no symbol registered; a
    disabled one only while nothing in it was enabled after all.
    """
    parts = [(layer, part.switches) for layer, part in layers if part.switches != NO_SWITCHES]
    if len(parts) < 2:
        return parts[0][1] if parts else NO_SWITCHES
    groups: dict[str, Vote] = {}
    symbols: dict[str, Vote] = {}
    for layer, switches in parts:
        for disabled, names in (
            (False, switches.groups_enabled or ()),
            (True, switches.groups_disabled),
        ):
            _vote(groups, names, (False, layer, disabled))
            _vote(symbols, _members(names, registry), (False, layer, disabled))
        _vote(symbols, switches.symbols_enabled or (), (True, layer, False))
        _vote(symbols, switches.symbols_disabled, (True, layer, True))
    policy: Policy = "default"
    if not any(switches.restricts for _, switches in parts):
        policy = "implicit_allow"  # lists of what is enabled take nothing away from the rest
    enabled = frozenset(name for name, vote in symbols.items() if not vote[2])
    groups_off = {name for name, vote in groups.items() if vote[2]}
    return Switches(
        symbols_enabled=enabled,
        groups_enabled=frozenset(groups.keys() - groups_off),
        symbols_disabled=frozenset(symbols.keys() - enabled),
        groups_disabled=frozenset(
            name for name in groups_off if enabled.isdisjoint(_members([name], registry))
        ),
        policy=policy,
        by_id=all(switches.by_id for _, switches in parts),
    )


def _vote(votes: dict[str, Vote], names: Iterable[str], mine: Vote) -> None:
    for name in names:
        votes[name] = max(votes.get(name, mine), mine)


def _members(groups: Iterable[str] | None, registry: SymbolRegistry) -> Iterable[str]:
    for name in groups or ():
        group = registry.groups.get(name)
        yield from group.members if group is not None else ()
