# SPDX-License-Identifier: Apache-2.0
"""Mistakes are collected, each once, and raised together."""

from __future__ import annotations

import pytest

from gatepost.config import ConfigError, Problems, did_you_mean
from gatepost.config.problems import MAX_PROBLEMS
from gatepost.ucl import Where


def test_mistakes_are_kept_in_order_and_once() -> None:
    problems = Problems()
    problems.error(Where("a.conf", 3), "first")
    problems.warning(None, "second")
    problems.error(Where("a.conf", 3), "first")
    problems.error(Where("a.conf", 4), "first")
    assert [str(problem) for problem in problems.all] == [
        "a.conf:3: error: first",
        "warning: second",
        "a.conf:4: error: first",
    ]
    assert (len(problems.errors), len(problems.warnings)) == (2, 1)


def test_warnings_alone_stop_nothing() -> None:
    problems = Problems()
    problems.warning(None, "odd")
    problems.raise_errors()


def test_everything_is_raised_at_once() -> None:
    problems = Problems()
    problems.warning(Where("a.conf", 1), "odd")
    problems.error(Where("a.conf", 2), "wrong")
    with pytest.raises(ConfigError, match=r"(?s)a.conf:1: warning: odd.*a.conf:2: error: wrong"):
        problems.raise_errors()


def test_a_folder_of_the_wrong_kind_does_not_fill_the_terminal() -> None:
    problems = Problems()
    for line in range(MAX_PROBLEMS * 2):
        problems.error(Where("a.conf", line), "wrong")
    assert len(problems.all) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "name, hint",
    [
        ("grey_list", "; did you mean `greylist`?"),
        ("sfp", "; did you mean `spf`?"),
        ("something else", ""),
        ("", ""),
    ],
)
def test_the_nearest_name(name: str, hint: str) -> None:
    assert did_you_mean(name, ["greylist", "spf", "dkim"]) == hint
