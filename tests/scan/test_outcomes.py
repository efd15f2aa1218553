# SPDX-License-Identifier: Apache-2.0
"""The list of what became of each check."""

from __future__ import annotations

from gatepost.scan.outcomes import Outcome, Trace


def test_the_first_outcome_of_a_check_counts_and_the_order_stays() -> None:
    trace = Trace()
    trace.add(Outcome("B", "mod", "timeout", "deadline"))
    trace.add(Outcome("A", "mod", "ran"))
    trace.add(Outcome("B", "mod", "ran"))
    assert [(o.name, o.outcome) for o in trace.outcomes.values()] == [
        ("B", "timeout"),
        ("A", "ran"),
    ]
