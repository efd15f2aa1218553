# SPDX-License-Identifier: Apache-2.0
"""Which checks run, in which order, under which settings: core reference §3.1, §5.4, §5.6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gatepost.scan.applied import NO_SWITCHES, Policy, Switches
from gatepost.scan.direction import ALL_DIRECTIONS, INBOUND, LOCAL, RUN, Direction, Ruling
from gatepost.scan.errors import DeclarationError
from gatepost.scan.module import Check, Module, RunAlways, Skip, Stage, Symbol, runs
from gatepost.scan.plan import MAX_PLANS, Plan, Planner
from gatepost.scan.symbol import Group, SymbolConfig, SymbolRegistry
from gatepost.testing import build_app
from scan_core import check


def checks_of(plan: Plan) -> list[str]:
    """The names of everything that runs, in order."""
    levels = [
        *plan.prefilters,
        plan.filters,
        plan.classifiers,
        *plan.postfilters,
        *plan.idempotent,
    ]
    return [step.callback for level in levels for step in level]


def planner(*checks: Check, **registry: Any) -> Planner:
    known = SymbolRegistry(**registry)
    for one in checks:
        for symbol in one.symbols:
            known.add(symbol, check=one.callback, group=one.group)
    return Planner(checks, known)


def switches(
    enabled: str | None = None,
    groups: str | None = None,
    *,
    off: str = "",
    groups_off: str = "",
    policy: Policy = "default",
    by_id: bool = False,
) -> Switches:
    """Lists as words in one string; ``None`` is no list, an empty string an empty one."""
    return Switches(
        symbols_enabled=None if enabled is None else frozenset(enabled.split()),
        groups_enabled=None if groups is None else frozenset(groups.split()),
        symbols_disabled=frozenset(off.split()),
        groups_disabled=frozenset(groups_off.split()),
        policy=policy,
        by_id=by_id,
    )


MAIL = (
    check("SPF", symbols=(Symbol("SPF_ALLOW"), Symbol("SPF_FAIL")), group="spf"),
    check("DKIM", symbols=(Symbol("DKIM_ALLOW", groups=("policies",)),), group="dkim"),
    check("BAYES", stage=Stage.CLASSIFIER, group="statistics"),
    check("HEADERS", stage=Stage.IDEMPOTENT, group="milter", explicit_disable=True),
    check("SECRET", symbols=(Symbol("SECRET_HIT"),), group="secret", explicit_enable=True),
)


@pytest.mark.parametrize(
    "asked, running",
    [
        (NO_SWITCHES, "SPF DKIM BAYES HEADERS"),
        # enable lists switch off everything else but what has to be disabled by name
        (switches("SPF"), "SPF HEADERS"),
        (switches("SPF_FAIL"), "SPF HEADERS"),  # a virtual symbol means its parent
        (switches(groups="dkim"), "DKIM HEADERS"),
        (switches(groups="policies"), "DKIM HEADERS"),
        (switches("SPF", "statistics"), "SPF BAYES HEADERS"),
        (switches(""), "HEADERS"),
        (switches(groups=""), "HEADERS"),
        (switches("NOBODY"), "HEADERS"),
        # disabled comes after enabled
        (switches("SPF DKIM", off="SPF"), "DKIM HEADERS"),
        (switches(groups="spf dkim", groups_off="dkim"), "SPF HEADERS"),
        (switches(off="SPF"), "DKIM BAYES HEADERS"),
        (switches(off="HEADERS"), "SPF DKIM BAYES"),
        (switches(groups_off="milter statistics"), "SPF DKIM"),
        # a virtual symbol off by an inline rule takes its check along, by an id it does not
        (switches(off="SPF_FAIL"), "DKIM BAYES HEADERS"),
        (switches(off="SPF_FAIL", by_id=True), "SPF DKIM BAYES HEADERS"),
        (switches(off="SPF", by_id=True), "DKIM BAYES HEADERS"),
        # policies
        (switches(policy="implicit_deny"), "HEADERS"),
        (switches("SPF", policy="implicit_deny"), "SPF HEADERS"),
        (switches("SPF", policy="implicit_allow"), "SPF DKIM BAYES HEADERS"),
        (switches("SECRET", policy="implicit_allow"), "SPF DKIM SECRET BAYES HEADERS"),
        # what must be enabled by name
        (switches("SECRET"), "SECRET HEADERS"),
        (switches("SECRET_HIT"), "SECRET HEADERS"),
        (switches(groups="secret"), "SECRET HEADERS"),
    ],
)
def test_what_settings_switch(asked: Switches, running: str) -> None:
    plan = planner(*MAIL).plan(asked, INBOUND)
    assert checks_of(plan) == running.split()
    assert {left.reason for left in plan.left_out} <= {"settings"}


@pytest.mark.parametrize(
    "asked, permitted, refused",
    [
        (NO_SWITCHES, "SPF_ALLOW DKIM_ALLOW NEW", ""),
        (switches("SPF"), "SPF_ALLOW SPF_FAIL", "DKIM_ALLOW NEW"),
        (switches("SPF_FAIL"), "SPF_FAIL", "SPF_ALLOW DKIM_ALLOW"),
        (switches(groups="spf"), "SPF_ALLOW SPF_FAIL", "DKIM_ALLOW"),
        (switches(off="SPF_FAIL", by_id=True), "SPF_ALLOW NEW", "SPF_FAIL"),
        (switches("SPF", off="SPF_FAIL", by_id=True), "SPF_ALLOW", "SPF_FAIL"),
        (switches(groups_off="policies"), "SPF_ALLOW", "DKIM_ALLOW"),
        (switches("NEW"), "NEW", "SPF_ALLOW"),
    ],
)
def test_which_symbols_may_be_inserted(asked: Switches, permitted: str, refused: str) -> None:
    permits = planner(*MAIL).plan(asked, INBOUND).permits
    assert permits is None or all(map(permits, permitted.split()))
    assert permits is None or not any(map(permits, refused.split()))
    assert (permits is None) is (asked is NO_SWITCHES)


@pytest.mark.parametrize(
    "asked, permitted",
    [
        (NO_SWITCHES, False),
        (switches("RARE"), True),
        (switches(groups="mod"), True),
        (switches("RARE", policy="implicit_allow"), True),
        (switches(policy="implicit_allow"), False),
    ],
)
def test_a_symbol_that_must_be_enabled_by_name(asked: Switches, permitted: bool) -> None:
    one = check("C", symbols=(Symbol("RARE", explicit_enable=True), Symbol("USUAL")), group="mod")
    permits = planner(one).plan(asked, INBOUND).permits
    assert (permits is None or permits("RARE")) is permitted


@pytest.mark.parametrize(
    "registry, left_out",
    [
        ({}, {}),
        ({"groups": [Group("spf", enabled=False)]}, {"SPF": "disabled"}),
        ({"configured": {"SPF": SymbolConfig(enabled=False)}}, {}),
    ],
)
def test_what_the_configuration_switches_off(
    registry: dict[str, Any], left_out: dict[str, str]
) -> None:
    found = planner(MAIL[0], MAIL[1], **registry).plan(NO_SWITCHES, INBOUND).left_out
    assert {left.check.callback: left.reason for left in found} == left_out


def test_a_check_is_off_when_its_own_symbol_is() -> None:
    one = check("RECEIVED", symbols=(Symbol("RECEIVED"),), group="mod")
    found = planner(one, configured={"RECEIVED": SymbolConfig(enabled=False)})
    assert checks_of(found.plan(NO_SWITCHES, INBOUND)) == []


def test_an_empty_message_sees_the_checks_that_can_do_with_it() -> None:
    plan = planner(check("A"), check("B", empty=True), check("SAVE", stage=Stage.IDEMPOTENT)).plan(
        NO_SWITCHES, INBOUND, empty=True
    )
    assert checks_of(plan) == ["B", "SAVE"]
    assert [(left.check.callback, left.reason) for left in plan.left_out] == [("A", "no data")]


CHAIN = (
    check("DKIM"),
    check("DMARC", after=("DKIM",)),
    check("ARC", requires=("DKIM",)),
    check("SEAL", requires=("ARC", "DMARC")),
)


@pytest.mark.parametrize(
    "asked, running",
    [
        (NO_SWITCHES, "DKIM DMARC ARC SEAL"),
        (switches(off="DKIM"), "DMARC"),
        (switches(off="DMARC"), "DKIM ARC"),
        # "disable all, enable some" takes nothing along
        (switches("SEAL DMARC"), "DMARC SEAL"),
    ],
)
def test_what_goes_with_a_disabled_check(asked: Switches, running: str) -> None:
    plan = planner(*CHAIN).plan(asked, INBOUND)
    assert set(checks_of(plan)) == set(running.split())


class LocalOff(Module):
    name = "local_off"
    group = "local_off"
    outbound = Skip(local=True)

    @runs(Stage.FILTER, callback="CHECK")
    def check(self, task: Any) -> None: ...

    @runs(Stage.IDEMPOTENT, callback="SAVE", any_direction=True)
    def save(self, task: Any) -> None: ...

    @runs(Stage.FILTER, callback="NEEDS", any_direction=True, requires=("CHECK",))
    def needs(self, task: Any) -> None: ...


class Always(Module):
    name = "always"
    group = "always"
    outbound = RunAlways()

    @runs(Stage.FILTER, callback="ALWAYS")
    def check(self, task: Any) -> None: ...


@pytest.mark.parametrize(
    "kind, running, left_out",
    [
        ("inbound", "CHECK NEEDS ALWAYS SAVE", {}),
        ("authenticated", "CHECK NEEDS ALWAYS SAVE", {}),
        ("local", "ALWAYS SAVE", {"CHECK": "local", "NEEDS": "dependency"}),
        ("both", "ALWAYS SAVE", {"CHECK": "local", "NEEDS": "dependency"}),
    ],
)
def test_the_direction_is_part_of_the_plan(
    kind: Any, running: str, left_out: dict[str, str]
) -> None:
    found = build_app([LocalOff, Always]).planner
    plan = found.plan(NO_SWITCHES, ALL_DIRECTIONS[kind])
    assert set(checks_of(plan)) == set(running.split())
    assert {left.check.callback: left.reason for left in plan.left_out} == left_out
    options = {left.option for left in plan.left_out if left.reason == "local"}
    assert options <= {"local_off.check_local"}


class EachItsOwn(Module):
    """Two checks that each have a ruling of their own, and one that has none."""

    name = "each"
    group = "each"
    outbound = Skip(local=True)

    @runs(Stage.FILTER, callback="PLAIN")
    def check(self, task: Any) -> None: ...

    def checks(self) -> Sequence[Check]:
        plain = super().checks()[0]
        return [
            plain,
            replace(plain, callback="FREE", ruling=lambda direction: RUN),
            replace(plain, callback="STRICT", ruling=self.strict),
        ]

    def strict(self, direction: Direction) -> Ruling:
        if direction.authenticated:
            return Ruling("skip", "authenticated", "rules.STRICT.exclude_users")
        return RUN


@pytest.mark.parametrize(
    "kind, left_out",
    [
        ("inbound", {}),
        ("local", {"PLAIN": ("local", "each.check_local")}),
        ("authenticated", {"STRICT": ("authenticated", "each.rules.STRICT.exclude_users")}),
        (
            "both",
            {
                "PLAIN": ("local", "each.check_local"),
                "STRICT": ("authenticated", "each.rules.STRICT.exclude_users"),
            },
        ),
    ],
)
def test_a_check_may_have_a_ruling_of_its_own(
    kind: Any, left_out: dict[str, tuple[str, str]]
) -> None:
    plan = build_app([EachItsOwn]).planner.plan(NO_SWITCHES, ALL_DIRECTIONS[kind])
    found = {left.check.callback: (left.reason, left.option) for left in plan.left_out}
    assert found == left_out


def test_a_disabled_group_takes_the_checks_whose_own_symbol_is_in_it() -> None:
    listed = check("LISTED", symbols=(Symbol("LISTED", groups=("surbl",)),), group="rbl")
    other = check("OTHER", symbols=(Symbol("OTHER"), Symbol("PART", groups=("surbl",))))
    plan = planner(listed, other).plan(switches(groups_off="surbl"), INBOUND)
    assert checks_of(plan) == ["OTHER"]


@pytest.mark.parametrize(
    "checks, message",
    [
        ([check("A"), check("A")], "checks declared twice: A"),
        (
            [check("A", after=("B",)), check("B", after=("A",)), check("C")],
            "these checks wait for each other: A, B",
        ),
        ([check("A", after=("A",))], "these checks wait for each other: A"),
        (
            [
                check("A", stage=Stage.PREFILTER, after=("B",)),
                check("B", stage=Stage.PREFILTER, requires=("A",)),
            ],
            "these checks wait for each other: A, B",
        ),
    ],
)
def test_contradictions_are_refused_at_once(checks: Sequence[Check], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        planner(*checks)


def test_checks_that_wait_start_first_and_dependencies_hold() -> None:
    async def waits(task: Any) -> None: ...

    plan = planner(
        check("PLAIN"),
        check("AFTER", waits, after=("PLAIN", "ASKS")),
        check("ASKS", waits),
        check("LAST", after=("AFTER",)),
    ).plan(NO_SWITCHES, INBOUND)
    assert checks_of(plan) == ["ASKS", "PLAIN", "AFTER", "LAST"]


@pytest.mark.parametrize("waits_for", ["ASKS", "FOUND", "FOUND_TOO"])
def test_who_waits_for_a_symbol_waits_for_its_check(waits_for: str) -> None:
    async def waits(task: Any) -> None: ...

    asks = check("ASKS", symbols=(Symbol("FOUND"), Symbol("FOUND_TOO")))
    early = check("EARLY", waits, after=(waits_for,))
    needs = check("NEEDS", requires=(waits_for,))
    both = planner(early, asks, needs)
    assert checks_of(both.plan(NO_SWITCHES, INBOUND))[0] == "ASKS"
    assert checks_of(both.plan(switches(off="ASKS"), INBOUND)) == ["EARLY"]


def test_a_check_does_not_wait_for_its_own_second_symbol() -> None:
    one = check("ONE", symbols=(Symbol("FIRST"), Symbol("SECOND")), after=("SECOND", "GONE"))
    assert checks_of(planner(one).plan(NO_SWITCHES, INBOUND)) == ["ONE"]


def test_plans_are_kept_and_the_least_used_one_goes() -> None:
    found = planner(check("A"))
    first = found.plan(switches(off="X0"), INBOUND)
    assert found.plan(switches(off="X0"), INBOUND) is first
    assert found.plan(switches(off="X0"), LOCAL) is not first
    assert found.plan(switches(off="X0"), INBOUND, empty=True) is not first
    second = found.plan(switches(off="X1"), INBOUND)
    for number in range(2, MAX_PLANS + 10):
        assert found.plan(switches(off="X0"), INBOUND) is first
        found.plan(switches(off=f"X{number}"), INBOUND)
    assert found.plan(switches(off="X1"), INBOUND) is not second
    assert len(found._plans) <= MAX_PLANS


@pytest.mark.parametrize(
    "one, configured, survives",
    [
        (check("GOOD", symbols=(Symbol("GOOD", -1.0),)), {}, True),
        (check("BAD", symbols=(Symbol("BAD", 1.0),)), {}, False),
        (
            check("BAD", symbols=(Symbol("BAD", 1.0),)),
            {"BAD": SymbolConfig(score=-1.0)},
            True,
        ),
        # one that only may insert a good symbol does not
        (check("SPF_CHECK", symbols=(Symbol("SPF_ALLOW", -1.0),)), {}, False),
        (check("SPF_CHECK", symbols=(Symbol("SPF_ALLOW", -1.0),), fine=True), {}, True),
    ],
)
def test_what_speaks_for_a_letter_is_looked_for_in_any_case(
    one: Check, configured: dict[str, SymbolConfig], survives: bool
) -> None:
    plan = planner(one, configured=configured).plan(NO_SWITCHES, INBOUND)
    assert (plan.filters[0].survives == 2) is survives
