# SPDX-License-Identifier: Apache-2.0
"""Lua's patterns, as return codes use them, and what is no pattern."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.rbl.lua_pattern import lua_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("127.0.%d+.1", ("127.0.5.1", "127.0.15.1", "127a0b5c1"), ("127.0..1", "127.0.5.12")),
        ("127%.0%.4%.%d", ("127.0.4.7",), ("127.0.4.17", "127x0.4.7")),
        ("^127.0.0.2$", ("127.0.0.2",), ("127.0.0.22",)),
        ("127%.0%.[02-9]%d%.3", ("127.0.20.3", "127.0.05.3"), ("127.0.10.3", "127.0.2.3")),
        ("127%.0%.0%.[^12]", ("127.0.0.3",), ("127.0.0.1", "127.0.0.2")),
        ("127%.0%.0%.%d-", ("127.0.0.", "127.0.0.12"), ("127.0.0.x",)),
        ("127%.0%.0%.1?2", ("127.0.0.2", "127.0.0.12"), ("127.0.0.22",)),
        ("(127)%.0%.0%.%x*", ("127.0.0.", "127.0.0.ff"), ("127.0.0.g",)),
        ("[%d%.]+", ("127.0.0.1",), ("127:0",)),
        ("[]x]", ("]", "x"), ("y",)),
        ("%D+", ("abc",), ("a1",)),
        ("a-b", ("b", "aaab"), ("a-b",)),
        ("-5", ("-5",), ("5",)),
        ("%$%%", ("$%",), ("$",)),
        ("%a%l%u%s%w%p%c%g", ("xxY 1.\x01!",), ("xXY 1.\x01!",)),
    ],
)
def test_patterns_match_as_in_lua(
    pattern: str, matching: tuple[str, ...], other: tuple[str, ...]
) -> None:
    compiled = lua_pattern(pattern)
    assert [text for text in matching if not compiled.match(text)] == []
    assert [text for text in other if compiled.match(text)] == []


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("127.0.0.%", "`%` without"),
        ("127.0.0.[12", "`[` without"),
        ("%b()", "`%b` is not supported"),
        ("%1", "`%1` is not supported"),
        ("[%D]", "in a set is not supported"),
        ("(127", "unterminated subpattern"),
        ("1" * 600, "longer than 512"),
    ],
)
def test_what_is_no_pattern_is_named(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        lua_pattern(pattern)


@settings(max_examples=200)
@given(st.text("%d.+-*?[]()^$azb1 \\|{}", max_size=30), st.text("127.0ab%", max_size=15))
def test_any_text_is_a_pattern_or_a_mistake(pattern: str, text: str) -> None:
    try:
        compiled = lua_pattern(pattern)
    except ValueError:
        return
    compiled.match(text)
