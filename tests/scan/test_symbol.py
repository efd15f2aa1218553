# SPDX-License-Identifier: Apache-2.0
"""Symbols as declared, and what the registry makes of them under a configuration."""

from __future__ import annotations

from math import inf

import pytest

from gatepost.scan.errors import DeclarationError
from gatepost.scan.symbol import Group, Symbol, SymbolConfig, SymbolRegistry


def test_calling_a_symbol_makes_a_hit() -> None:
    hit = Symbol("X", 2.0)("a", "b", weight=0.5)
    assert (hit.name, hit.options, hit.weight) == ("X", ("a", "b"), 0.5)
    assert repr(hit) == "Hit('X', ('a', 'b'), weight=0.5)"


@pytest.mark.parametrize("name, there", [("Y", True), ("", False), (None, False)])
def test_an_option_set_to_nothing_switches_a_symbol_off(name: str | None, there: bool) -> None:
    assert bool(Symbol("X", option="symbol").renamed(name)) is there


def test_a_symbol_is_in_its_own_its_modules_and_its_configured_groups() -> None:
    registry = SymbolRegistry(configured={"A": SymbolConfig(groups=("mine", "mod"))})
    plain = registry.add(Symbol("A"), check="C", group="mod")
    own = registry.add(Symbol("B", group="own", groups=("more",)), check="C", group="mod")
    assert [group.name for group in plain.groups] == ["mod", "mine"]
    assert [group.name for group in own.groups] == ["own", "more"]
    assert registry.groups["mine"].members == {"A"}
    assert registry.groups["own"].members == {"B"}


@pytest.mark.parametrize(
    "config, description, enabled",
    [
        (SymbolConfig(), "declared", True),
        (SymbolConfig(description="mine"), "mine", True),
        (SymbolConfig(description=""), "", True),
        (SymbolConfig(enabled=False), "declared", False),
    ],
)
def test_what_the_configuration_says_of_a_symbol(
    config: SymbolConfig, description: str, enabled: bool
) -> None:
    registry = SymbolRegistry(configured={"X": config})
    found = registry.add(Symbol("X", 1.0, "declared"), check="C", group="mod")
    assert (found.description, found.enabled) == (description, enabled)


def test_a_disabled_group_disables_its_symbols() -> None:
    registry = SymbolRegistry(groups=[Group("mod", enabled=False)])
    assert not registry.add(Symbol("X"), check="C", group="mod").enabled
    assert registry.add(Symbol("Y", group="other"), check="C", group="mod").enabled


@pytest.mark.parametrize(
    "symbol, config, fine",
    [
        (Symbol("X", 1.0), SymbolConfig(), False),
        (Symbol("X", -1.0), SymbolConfig(), True),
        (Symbol("X", 1.0, fine=True), SymbolConfig(), True),
        (Symbol("X", 1.0), SymbolConfig(score=-1.0), True),
    ],
)
def test_what_speaks_for_a_letter_is_fine(symbol: Symbol, config: SymbolConfig, fine: bool) -> None:
    registry = SymbolRegistry(configured={"X": config})
    assert registry.add(symbol, check="C", group="mod").fine is fine


def test_two_checks_cannot_own_one_symbol() -> None:
    registry = SymbolRegistry()
    registry.add(Symbol("X"), check="A", group="mod")
    registry.add(Symbol("X", 2.0), check="A", group="mod")
    with pytest.raises(DeclarationError, match="symbol X is declared by A and by B"):
        registry.add(Symbol("X"), check="B", group="mod")


def test_an_unknown_symbol_has_the_unknown_weight_and_is_not_kept() -> None:
    registry = SymbolRegistry(unknown_weight=0.5)
    found = registry.get("NEW")
    assert (found.score, found.groups, found.shots) == (0.5, (), 100)
    assert "NEW" not in registry.symbols


def test_a_configured_symbol_that_nobody_declares_has_score_and_groups() -> None:
    config = SymbolConfig(score=3.0, groups=("mine",), description="by hand", enabled=False)
    registry = SymbolRegistry(configured={"NEW": config})
    found = registry.get("NEW")
    assert (found.score, [g.name for g in found.groups], found.description, found.enabled) == (
        3.0,
        ["mine"],
        "by hand",
        False,
    )


@pytest.mark.parametrize(
    "group, capped",
    [
        (Group("g"), False),
        (Group("g", max_score=5.0), True),
        (Group("g", min_score=-5.0), True),
        (Group("g", max_score=inf, min_score=-inf), False),
    ],
)
def test_only_a_capped_group_keeps_a_sum(group: Group, capped: bool) -> None:
    registry = SymbolRegistry(groups=[group])
    assert bool(registry.add(Symbol("X"), check="C", group="g").capped) is capped


@pytest.mark.parametrize(
    "name, known", [("DECLARED", True), ("SCORED", True), ("GROUPED", False), ("NOBODYS", False)]
)
def test_who_knows_a_symbol(name: str, known: bool) -> None:
    configured = {"SCORED": SymbolConfig(score=0.0), "GROUPED": SymbolConfig(groups=("g",))}
    registry = SymbolRegistry(configured=configured)
    registry.add(Symbol("DECLARED"), check="C", group="mod")
    assert registry.is_known(name) is known
