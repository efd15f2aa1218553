# SPDX-License-Identifier: Apache-2.0
"""Values keep within their bounds and become the texts that keys and logs show."""

import pytest

from gatepost.scan.selector_values import (
    MAX_LIST_TEXT,
    MAX_TEXT,
    MAX_VALUES,
    bounded,
    map_texts,
    plain,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        (3, "3"),
        (2.0, "2"),
        (0.1, "0.1"),
        (1e15, "1e+15"),
        (True, "true"),
        (False, "false"),
        (b"a\xff", "a\udcff"),
        ([1, None, "x", False], ["1", "x", "false"]),
        (frozenset(("b", "a")), ["a", "b"]),
        ([], []),
    ],
)
def test_fields_become_text(value, text):
    assert plain(value) == text


def test_one_string_is_cut():
    assert bounded("x" * (MAX_TEXT + 1)) == "x" * MAX_TEXT


def test_a_list_is_cut_in_count_and_in_characters():
    assert len(bounded(["x"] * (MAX_VALUES + 1))) == MAX_VALUES
    long = bounded(["x" * (MAX_TEXT + 1)] * 100)
    assert sum(map(len, long)) == MAX_LIST_TEXT
    assert len(long[0]) == MAX_TEXT


def test_an_empty_list_is_no_value_but_an_empty_string_is():
    assert bounded([]) is None
    assert bounded("") == ""


def test_a_conversion_stops_at_the_bound():
    seen = []
    map_texts(lambda text: seen.append(text) or [text] * 1000, "string")(["x"] * 1000)
    assert len(seen) <= MAX_VALUES / 1000 + 1
