# SPDX-License-Identifier: Apache-2.0
"""What is off when nothing says that it is on."""

import pytest

from gatepost.scan.applied import NOTHING_APPLIED, Applied, Switches


@pytest.mark.parametrize(
    ("switches", "restricts"),
    [
        (Switches(), False),
        (Switches(symbols_disabled=frozenset({"A"})), False),
        (Switches(symbols_enabled=frozenset({"A"})), True),
        (Switches(groups_enabled=frozenset({"g"})), True),
        (Switches(symbols_enabled=frozenset()), True),  # nothing at all runs
        (Switches(policy="implicit_deny"), True),
        (Switches(symbols_enabled=frozenset({"A"}), policy="implicit_allow"), False),
    ],
)
def test_switches_restrict(switches, restricts):
    assert switches.restricts is restricts


def test_the_default_changes_nothing_and_is_shared_by_nobody():
    changed = Applied()
    changed.scores["A"] = 1.0
    changed.actions["reject"] = 2.0
    assert (Applied(), NOTHING_APPLIED.scores, NOTHING_APPLIED.actions) == (NOTHING_APPLIED, {}, {})
