# SPDX-License-Identifier: Apache-2.0
"""What averages mean, and which texts are averages at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.reputation.scoring import (
    Standing,
    number,
    parse_standing,
    shown,
    standing_of,
    weigh,
)


# The numbers are those of the reference, §20: Score.
@pytest.mark.parametrize(
    "average, weight",
    [(0, -0.5), (4.5, 0.0), (15, 0.86), (-15, -0.98), (150, 1.0), (-150, -1.0)],
)
def test_an_average_speaks_for_or_against(average: float, weight: float) -> None:
    standing = Standing(10, (average,))
    assert weigh(standing, lower_bound=10, required=15) == pytest.approx(weight, abs=0.01)


@pytest.mark.parametrize(
    "letters, bound, speaks",
    [(9, 10, False), (10, 10, True), (0, 0, True), (3, 3.5, False), (math.nan, 0, False)],
)
def test_few_letters_say_nothing(letters: float, bound: float, speaks: bool) -> None:
    found = weigh(Standing(letters, (20.0,)), lower_bound=bound, required=15)
    assert bool(found) is speaks


def test_all_buckets_count_alike() -> None:
    both = weigh(Standing(10, (2.0, 10.0)), lower_bound=1, required=15)
    assert both == weigh(Standing(10, (6.0,)), lower_bound=1, required=15)
    assert weigh(Standing(10, ()), lower_bound=1, required=15) == 0


@pytest.mark.parametrize("required", [math.nan, 0, -5, math.inf])
def test_without_a_threshold_ten_is_one(required: float) -> None:
    standing = Standing(10, (8.0,))
    usual = weigh(standing, lower_bound=1, required=10)
    assert weigh(standing, lower_bound=1, required=required) == usual > 0


@pytest.mark.parametrize(
    "fields, expected",
    [
        ([b"12", b"1.5", b"-3"], Standing(12, (1.5, -6.0))),
        ([b"12", None, b"-3"], Standing(12, (-6.0,))),  # a bucket that is new
        ([b"12", b"nan", b"x"], Standing(12, ())),
        ([None, None, None], Standing(0, ())),
        ([b"many", b"1", b"1"], Standing(0, (1.0, 2.0))),
    ],
)
def test_what_the_store_has(fields: list[bytes | None], expected: Standing) -> None:
    assert standing_of(fields, [1.0, 2.0]) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"20;1.5", Standing(20, (1.5,))),
        (b"20;1.5;-3;4e0", Standing(20, (1.5, -3.0, 4.0))),
        (b" 20 ; 1.5 ", Standing(20, (1.5,))),
        (b"20;bad;2", Standing(20, (2.0,))),
        (b"20", None),
        (b"20;", None),
        (b"bad;2", None),
        (b"20;inf", None),
        (b"20;1e300", None),
        (b"", None),
        (b"v=spf1 -all", None),
    ],
)
def test_what_a_zone_has(text: bytes, expected: Standing | None) -> None:
    assert parse_standing(text) == expected


@given(st.binary(max_size=200) | st.from_regex(rb"[0-9;.e+\-]{0,200}", fullmatch=True))
@settings(max_examples=150)
def test_no_record_makes_a_weight_beyond_one(text: bytes) -> None:
    standing = parse_standing(text)
    if standing is not None:
        assert abs(weigh(standing, lower_bound=0, required=15)) <= 1
    assert standing_of([text, text], [2.0]) is not None


@pytest.mark.parametrize("text", [b"\xff", None, b"", b"-inf", b"0x1p9", b"1e15"])
def test_what_is_no_number_is_none(text: bytes | None) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    "weight, text", [(0.0, "0"), (1.0, "1"), (-0.5, "-0.5"), (1 / 3, "0.33333333333333")]
)
def test_weights_are_shown_as_lua_does(weight: float, text: str) -> None:
    assert shown(weight) == text
