# SPDX-License-Identifier: Apache-2.0
"""Which rules look and learn for whose mail: each direction, and the options of a selector."""

from __future__ import annotations

import pytest

from gatepost.modules.reputation import Reputation
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.testing import build_app
from reputation_kit import CORE, IP, LOCAL, PUBLIC, USER, bench, teach

# --- directions ---------------------------------------------------------------------------

DIRECTIONS = {
    "inbound": {"ip": PUBLIC},
    "local": {"ip": LOCAL},
    "authenticated": {"ip": PUBLIC, "user": "anna"},
    "both": {"ip": LOCAL, "user": "anna"},
    "no ip": {"ip": None},
    "no ip, authenticated": {"ip": None, "user": "anna"},
}
# By hand, from §20: inbound alone wants neither a user nor a local address, outbound alone wants
# one of them; neither means both, as in Rspamd.
EXPECTED = {
    ("true", "false"): {"inbound", "no ip"},
    ("false", "true"): {"local", "authenticated", "both", "no ip, authenticated"},
    ("true", "true"): set(DIRECTIONS),
    ("false", "false"): set(DIRECTIONS),
}


@pytest.mark.parametrize("kind", DIRECTIONS)
@pytest.mark.parametrize("switches", EXPECTED)
async def test_a_rule_runs_for_the_mail_that_its_selector_names(switches, kind) -> None:
    inbound, outbound = switches
    rule = f"""R {{ selector "generic" {{ selector = "id('x')"; lower_bound = 1;
               inbound = {inbound}; outbound = {outbound}; }} backend "redis" {{ }} }}"""
    provoking = DIRECTIONS["inbound" if inbound == "true" else "authenticated"]
    async with bench(rule) as one:
        await teach(one, 1, 15, **provoking)
        assert "R" in (await teach(one, 1, 15, **provoking)).hits or switches == ("false", "false")
        found = await teach(one, 1, 15, **DIRECTIONS[kind])
        learnt = await one.store.hash_get("RR:x", ["n"])
    runs = kind in EXPECTED[switches]
    assert ("R" in found.hits) is runs
    assert learnt == [b"3" if runs else b"2"]


@pytest.mark.parametrize(
    "selector, kinds",
    [
        ("ip", {"inbound"}),  # the only one that is for inbound mail unless it is told more
        ("sender", {"inbound"}),
        ("spf", set(ALL_DIRECTIONS)),
        ("dkim", set(ALL_DIRECTIONS)),
        ("url", set(ALL_DIRECTIONS)),
        ("generic", set(ALL_DIRECTIONS)),
    ],
)
@pytest.mark.parametrize("kind", ALL_DIRECTIONS)
async def test_what_selectors_look_at_unless_told_otherwise(selector, kinds, kind) -> None:
    extra = 'selector = "ip";' if selector == "generic" else ""
    rule = f'R {{ selector "{selector}" {{ {extra} }} backend "redis" {{ }} symbol = "R"; }}'
    async with bench(rule) as one:
        found = await teach(one, 1, 0, **DIRECTIONS[kind])
    names = ["R", "R_IDEMPOTENT", *(["R_POST"] if selector == "dkim" else [])]
    outcomes = {name: found.outcomes[name].outcome for name in names}
    assert outcomes == dict.fromkeys(names, "ran" if kind in kinds else "skipped")


@pytest.mark.parametrize(
    "kind, rule, reason, option",
    [
        ("local", IP % "", "local", "reputation.rules.IP_REP.selector.ip.outbound"),
        ("authenticated", IP % "", "authenticated", "reputation.rules.IP_REP.selector.ip.outbound"),
        ("both", IP % "", "authenticated", "reputation.rules.IP_REP.selector.ip.outbound"),
        (
            "inbound",
            USER % "inbound = false;",
            "inbound",
            "reputation.rules.USER_REP.selector.generic.inbound",
        ),
    ],
)
async def test_explain_names_the_option_of_the_rule(kind, rule, reason, option) -> None:
    name = rule.partition(" ")[0]
    async with bench(rule) as one:
        found = await teach(one, 1, 0, **DIRECTIONS[kind])
    for check in (name, f"{name}_IDEMPOTENT"):
        outcome = found.outcomes[check]
        assert (outcome.outcome, outcome.reason, outcome.option) == ("skipped", reason, option)


# The row of the contract, and what becomes of it by the rules that are configured.
@pytest.mark.parametrize(
    "rules, row",
    [
        ("", ["run", "adapt", "adapt", "adapt"]),
        (IP % "", ["run", "adapt", "adapt", "adapt"]),
        (IP % "" + USER % "", ["run", "adapt", "adapt", "adapt"]),
        (IP % "" + USER % "inbound = false;", ["adapt", "adapt", "adapt", "adapt"]),
        (USER % "inbound = false;", ["adapt", "run", "run", "run"]),
        (USER % "", ["run", "run", "run", "run"]),
        (IP % "outbound = true;", ["run", "run", "run", "run"]),
    ],
)
def test_directions_say_what_rules_do(rules, row) -> None:
    app = build_app((Reputation,), config=f"{CORE}reputation {{ rules {{ {rules} }} }}")
    (loaded,) = app.modules
    assert loaded.enabled is bool(rules)
    assert [loaded.module.ruling(one).effect for one in ALL_DIRECTIONS.values()] == row
    assert loaded.module.outbound.override == ("inbound", "outbound")
