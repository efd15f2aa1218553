# SPDX-License-Identifier: Apache-2.0
"""What wins where several settings in force contradict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.scan.applied import Applied, InsertedSymbol, Switches
from gatepost.scan.settings_merge import merge
from gatepost.scan.symbol import Symbol, SymbolRegistry

REGISTRY = SymbolRegistry()
for name, groups in {"A": ("g",), "B": ("g", "h"), "C": ("h",), "D": ()}.items():
    REGISTRY.add(Symbol(name, groups=groups), check=name, group="other")


def names(text):
    return frozenset(text.split())


def off(text="", groups=""):
    return Switches(symbols_disabled=names(text), groups_disabled=names(groups))


def on(text=None, groups=None):
    return Switches(
        symbols_enabled=None if text is None else names(text),
        groups_enabled=None if groups is None else names(groups),
    )


def runs(switches, *, layers=None):
    """The symbols among A to D that may be inserted under these switches, merged."""
    layers = layers or [2] * len(switches)
    parts = [(n, Applied(switches=one)) for n, one in zip(layers, switches, strict=True)]
    merged = merge(parts, REGISTRY).switches
    groups = {name: group.members for name, group in REGISTRY.groups.items()}
    found = set("ABCD")
    if merged.restricts:
        found = set(merged.symbols_enabled or ())
        found.update(*(groups[name] for name in merged.groups_enabled or () if name in groups))
    found -= merged.symbols_disabled
    found.difference_update(*(groups[name] for name in merged.groups_disabled if name in groups))
    return "".join(sorted(found & set("ABCD")))


@pytest.mark.parametrize(
    ("switches", "left"),
    [
        ([off("A"), off("B")], "CD"),
        ([off("A"), off(groups="h")], "D"),
        ([on("A"), on("B")], "AB"),
        ([on("A"), on(groups="h")], "ABC"),
        ([on(groups="g"), off("A")], "B"),
        ([on("A B"), off("A")], "B"),  # of equals the one that disables
        ([off("A"), on("A B")], "B"),
        ([on("A D"), off(groups="g")], "AD"),  # named itself beats its group
        ([on(groups="g"), off(groups="h")], "A"),
        ([on(), off("A")], "BCD"),
        ([on(""), off("A")], ""),
        ([on("A"), Switches(policy="implicit_allow")], "A"),
        ([Switches(policy="implicit_deny"), on("A")], "A"),
    ],
)
def test_switches_of_one_layer(switches, left):
    assert runs(switches) == left
    assert runs(switches[::-1]) == left


@pytest.mark.parametrize(
    ("lower", "higher", "left"),
    [
        (off("A"), on("A"), "A"),
        (on("A"), off("A"), ""),
        (on(groups="g"), off(groups="g"), ""),
        (off(groups="g"), on(groups="g"), "AB"),
        (off(groups="h"), on(groups="g"), "AB"),  # B is in both
        (on(groups="g"), off(groups="h"), "A"),
        (off("A"), on(groups="g"), "B"),  # named below beats a group above
        (on("A"), off(groups="g"), "A"),
    ],
)
def test_switches_of_two_layers(lower, higher, left):
    assert runs([lower, higher], layers=[2, 4]) == left


def test_a_group_that_stays_on_is_kept_for_checks_without_a_symbol():
    merged = merge(
        [(2, Applied(switches=on(groups="g ratelimit"))), (2, Applied(switches=off(groups="h")))],
        REGISTRY,
    ).switches
    assert merged.groups_enabled == {"g", "ratelimit"}
    assert merged.groups_disabled == {"h"}
    assert merged.symbols_disabled == {"B", "C"}


def test_a_group_of_which_something_stays_on_is_switched_off_symbol_by_symbol():
    merged = merge(
        [(2, Applied(switches=on("C"))), (2, Applied(switches=off(groups="h")))], REGISTRY
    ).switches
    assert merged.groups_disabled == frozenset()
    assert merged.symbols_disabled == {"B"}


def test_a_group_nobody_has_a_symbol_in_is_switched_off_too():
    merged = merge(
        [(2, Applied(switches=off(groups="rbl"))), (2, Applied(switches=off("A")))], REGISTRY
    ).switches
    assert merged.groups_disabled == {"rbl"}


def test_one_that_is_enabled_explicitly_stays_so_where_nothing_restricts():
    allow = Switches(symbols_enabled=names("D"), policy="implicit_allow")
    merged = merge([(2, Applied(switches=allow)), (2, Applied(switches=off("A")))], REGISTRY)
    assert not merged.switches.restricts
    assert merged.switches.symbols_enabled == {"D"}


@pytest.mark.parametrize(
    ("parts", "merged"),
    [
        (
            [Applied(scores={"A": 1.0, "B": 1.0}), Applied(scores={"B": 2.0})],
            Applied(scores={"A": 1.0, "B": 2.0}),
        ),
        (
            [Applied(actions={"reject": 1.0, "greylist": None}), Applied(actions={"reject": 2.0})],
            Applied(actions={"reject": 2.0, "greylist": None}),
        ),
        (  # a number in a higher layer enables again what a lower one disabled
            [Applied(actions={"greylist": None}), Applied(actions={"greylist": 2.0})],
            Applied(actions={"greylist": 2.0}),
        ),
        (
            [Applied(variables={"a": "1"}), Applied(variables={"a": "2", "b": "3"})],
            Applied(variables={"a": "2", "b": "3"}),
        ),
        (
            [Applied(add_headers={"X": "1"}), Applied(add_headers={"Y": "2"})],
            Applied(add_headers={"X": "1", "Y": "2"}),
        ),
        (
            [Applied(remove_headers={"X": 0}), Applied(remove_headers={"Y": 1})],
            Applied(remove_headers={"X": 0, "Y": 1}),
        ),
        (
            [Applied(messages={"a": "1"}), Applied(messages={"a": "2"})],
            Applied(messages={"a": "2"}),
        ),
        ([Applied(subject="a"), Applied(subject="b"), Applied()], Applied(subject="b")),
        (
            [Applied(flags=names("no_log")), Applied(flags=names("no_stat"))],
            Applied(flags=names("no_log no_stat")),
        ),
        ([Applied(whitelist=True), Applied()], Applied(whitelist=True)),
        (
            [
                Applied(symbols=(InsertedSymbol("A"), InsertedSymbol("B"))),
                Applied(symbols=(InsertedSymbol("A", 2.0),)),
            ],
            Applied(symbols=(InsertedSymbol("A", 2.0), InsertedSymbol("B"))),
        ),
        (
            [Applied(plugins={"a": {"x": 1}}), Applied(plugins={"b": {"y": 1}})],
            Applied(plugins={"a": {"x": 1}, "b": {"y": 1}}),
        ),
        (
            [Applied(names=("one",), id="one"), Applied(names=("two",))],
            Applied(names=("one", "two"), id="one"),
        ),
        (
            [Applied(names=("one",), id="one"), Applied(names=("two",), id="two")],
            Applied(names=("one", "two"), id="two"),
        ),
    ],
)
def test_everything_else(parts, merged):
    before = repr(parts)
    assert merge([(2, part) for part in parts], REGISTRY) == merged
    assert repr(parts) == before  # merging leaves what it merges alone


def test_one_alone_is_itself():
    alone = Applied(scores={"A": 1.0})
    assert merge([(2, alone)], REGISTRY) is alone


NAMES = st.frozensets(st.sampled_from("ABCD"))
GROUPS = st.frozensets(st.sampled_from("gh"))
SWITCHES = st.builds(
    Switches,
    symbols_enabled=st.none() | NAMES,
    groups_enabled=st.none() | GROUPS,
    symbols_disabled=NAMES,
    groups_disabled=GROUPS,
)


@given(st.lists(SWITCHES, min_size=2, max_size=4))
def test_what_any_layer_disables_by_name_and_none_enables_by_name_is_off(switches):
    left = runs(switches)
    disabled = frozenset().union(*(one.symbols_disabled for one in switches))
    assert not disabled & set(left)  # of one layer, disabled wins
