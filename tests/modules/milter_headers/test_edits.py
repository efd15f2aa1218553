# SPDX-License-Identifier: Apache-2.0
"""A header stays one field, whatever its value holds; removals add up."""

import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.milter_headers.edits import MAX_VALUE, Edits, fold


@pytest.mark.parametrize(
    "asked, result",
    [
        ([0], 0),
        ([2], 2),
        ([-1], -1),
        ([None], None),
        ([[]], None),
        ([[1, 3]], [1, 3]),
        ([[1, 0]], 0),
        ([1, 1], 1),
        ([1, [2, 1]], [1, 2]),
        ([1, 0], 0),
        ([0, 1], 0),
        ([2, None], 2),
    ],
)
def test_removals_of_one_header_add_up(asked, result):
    edits = Edits()
    for which in asked:
        edits.remove("X-Spam", which)
    assert edits.removed.get("X-Spam") == result


@pytest.mark.parametrize(
    "pieces, value",
    [
        (["one"], "one"),
        (["one;", "two"], "one;\n\ttwo"),
        (["a\r\nX-Evil: 1\r\n\r\nbody"], "a X-Evil: 1 body"),
        (["a\0b\x85c"], "a b c"),
        (["a," * 50], "a," * 39 + "\n\t" + "a," * 11),
        (["Grüße"], "=?utf-8?q?Gr=C3=BC=C3=9Fe?="),
    ],
)
def test_one_field_of_readable_lines(pieces, value):
    assert fold(pieces, "\n") == value


def test_characters_that_a_routine_names_are_places_to_break():
    line = "/".join(["abcdefgh"] * 12)
    assert "\n" not in fold([line], "\n")
    assert fold([line], "\n", "/").count("\n") == 1


def test_what_is_too_much_is_left_out():
    value = fold((f"SYMBOL_{number}(0.00)[{'x' * 900}];" for number in range(10_000)), "\r\n")
    assert value.endswith("...")
    assert len(value) < MAX_VALUE * 1.1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=400), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_any_text_becomes_a_field_of_short_ascii_lines(pieces, newline):
    value = fold(pieces, newline)
    assert value.isascii()
    for line in value.split(newline + "\t"):
        assert len(line) <= 998
        assert re.fullmatch(r"[ -~]*", line), line


def test_encoded_values_can_be_read_again():
    text = "SYMBOL(1.00)[" + "żółć," * 60 + "]"
    value = fold([text], "\r\n").replace("\r\n\t", " ")
    assert str(make_header(decode_header(value))) == text
