# SPDX-License-Identifier: Apache-2.0
"""How a mistake of the configuration reads."""

from __future__ import annotations

import pytest

from gatepost.config import ConfigError, Problem
from gatepost.errors import GatepostError
from gatepost.ucl import Where


@pytest.mark.parametrize(
    "problem, text",
    [
        (Problem("error", Where("/etc/x.conf", 7), "wrong"), "/etc/x.conf:7: error: wrong"),
        (Problem("warning", Where("/etc/x.conf", 0), "odd"), "/etc/x.conf: warning: odd"),
        (Problem("error", Where("", 0), "wrong"), "error: wrong"),
        (Problem("error", None, "wrong"), "error: wrong"),
    ],
)
def test_a_problem_names_its_place(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_the_error_says_everything() -> None:
    error = ConfigError([Problem("error", None, "one"), Problem("error", None, "two")])
    assert str(error) == "error: one\nerror: two"
    assert len(error.problems) == 2
    assert isinstance(error, GatepostError)
