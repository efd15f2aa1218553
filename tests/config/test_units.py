# SPDX-License-Identifier: Apache-2.0
"""What each type of option takes, and what it says it expected."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gatepost.config import Bytes, Count, Fraction, Names, Problems, Score, Seconds, bind
from gatepost.ucl import Object, parse


class Units(msgspec.Struct, frozen=True, kw_only=True):
    time: Seconds = 1.0
    size: Bytes = 1
    count: Count = 1
    share: Fraction = 0.5
    score: Score = 0.0
    names: Names = []


def read(text: str) -> tuple[Units, list[str]]:
    problems = Problems()
    section = parse(text)
    assert isinstance(section, Object)
    found = bind(Units, section, "s", problems)
    return found, [problem.message for problem in problems.all]


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("time = 90", "time", 90.0),
        ("time = 1.5min", "time", 90.0),
        ("time = 1d", "time", 86_400.0),
        ("time = 500ms", "time", 0.5),
        ('time = "1h"', "time", 3600.0),
        ("size = 64kb", "size", 65_536),
        ("size = 10m", "size", 10_000_000),
        ('size = "1gb"', "size", 1 << 30),
        ("count = 0", "count", 0),
        ("count = 3.0", "count", 3),
        ("share = 1", "share", 1.0),
        ("share = 0.25", "share", 0.25),
        ("score = -7.5", "score", -7.5),
        ("score = 5", "score", 5.0),
        ("names = [a, b]", "names", ["a", "b"]),
        ('names = "a, b;c  d"', "names", ["a", "b", "c", "d"]),
        ("names = a", "names", ["a"]),
        ("names = null", "names", []),
        ('names = ""', "names", []),
    ],
)
def test_what_a_unit_takes(text: str, name: str, value: Any) -> None:
    found, problems = read(text)
    assert (getattr(found, name), problems) == (value, [])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("time = soon", "a number of seconds, such as 30s or 1h (0 or more), found `soon`"),
        ("time = -1", "a number of seconds, such as 30s or 1h (0 or more), found `-1`"),
        ("time = nan", "a number of seconds, such as 30s or 1h (0 or more), found `nan`"),
        ("size = 1.5", "a whole number of bytes, such as 64kb (0 or more), found `1.5`"),
        ("size = inf", "a whole number of bytes, such as 64kb (0 or more), found `inf`"),
        ("count = -1", "a whole number (0 or more), found `-1`"),
        ("count = yes", "a whole number (0 or more), found `true`"),
        ("share = 1.1", "a number (0 or more and at most 1), found `1.1`"),
        ("score = [1]", "a number, found a list [ … ]"),
        ("score = 1; score = 2", "a number, found 2 values for one key"),
        ("names = { a = 1 }", "a list of: text, found a section { … }"),
        ('time = "9" ; size = "99999999999999999999999999"', "a whole number of bytes"),
    ],
)
def test_what_it_refuses_and_how(text: str, expected: str) -> None:
    found, problems = read(text)
    assert len(problems) == 1
    assert f": expected {expected}" in problems[0]
    assert found.count == 1  # the default stands in
