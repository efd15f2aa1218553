# SPDX-License-Identifier: Apache-2.0
"""Which of the five words is a result worth?"""

from __future__ import annotations

import pytest

from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.result import PreResult, Result
from gatepost.scan.symbol import Symbol
from gatepost.scan.verdicts import rough_verdict
from scan_core import registry

ACTIONS = ActionTable(
    [
        Action("reject", 15.0),
        Action("rewrite subject", 8.0),
        Action("add header", 6.0),
        Action("greylist", 4.0),
        Action("no action", None, ham=True),
    ]
)


def result_of(*scores: float) -> Result:
    """A result with a symbol of each score."""
    symbols = [Symbol(f"S{number}", score) for number, score in enumerate(scores)]
    result = Result(registry(*symbols), ACTIONS)
    for symbol in symbols:
        result.insert(symbol())
    return result


@pytest.mark.parametrize(
    "scores, verdict",
    [
        # reject: sure when more than one symbol says so
        ([10, 10], "spam"),
        ([20], "uncertain"),
        ([20, 0], "uncertain"),
        ([20, -1], "uncertain"),
        ([20, 1, -5], "spam"),
        # add header and rewrite subject: more than two
        ([3, 2, 1], "junk"),
        ([6, 2, 1], "junk"),
        ([6, 1], "uncertain"),
        ([9, 1, -2], "uncertain"),
        # no action: below zero, or many that speak for it
        ([-0.1], "ham"),
        ([5, -6], "ham"),
        ([5, -1, -1, -1, -1], "ham"),
        ([5, -1, -1, -1], "uncertain"),
        ([1, 1, 1], "uncertain"),
        ([0], "uncertain"),
        ([], "uncertain"),
        # greylist is none of these
        ([2, 2, 1], "uncertain"),
    ],
)
def test_action_and_symbols_make_the_verdict(scores: list[float], verdict: str) -> None:
    assert rough_verdict(result_of(*scores)) == verdict


@pytest.mark.parametrize("action", ["reject", "no action", "add header"])
@pytest.mark.parametrize("least", [True, False])
@pytest.mark.parametrize("scores", [[10, 10], [-1], []])
def test_what_a_module_decided_teaches_nothing(
    action: str, least: bool, scores: list[float]
) -> None:
    result = result_of(*scores)
    result.set_pre_result(PreResult(action, "", "module", least=least))
    assert rough_verdict(result) == "passthrough"


def test_a_symbol_that_a_composite_took_out_does_not_count() -> None:
    result = result_of(10, 10)
    result.found["S0"].removed = "symbol"
    assert rough_verdict(result) == "uncertain"
