# SPDX-License-Identifier: Apache-2.0
"""Texts fall into words as ICU would have them, within bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.limits import Limits
from gatepost.mail.words import WordFlag, Words, split_words


def words(text: str) -> list[str]:
    return split_words(text).texts()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Hello, World!", ["hello", "world"]),
        ("it's Ann's 'quoted' dogs'", ["it's", "ann's", "quoted", "dogs"]),
        ("3.14 and 1,000.50 and U.S.A", ["3.14", "and", "1,000.50", "and", "u", "s", "a"]),
        ("a.1 1.a x,y 1,,2", ["a", "1", "1", "a", "x", "y", "1", "2"]),
        ("snake_case __x a-b", ["snake_case", "__x", "a", "b"]),
        ("$100 a$b US$", ["$", "100", "a", "$", "b", "us", "$"]),
        ("abc123 4U", ["abc123", "4u"]),
        ("example.com", ["example", "com"]),
        ("Grüße aus KÖLN", ["grüße", "aus", "köln"]),
        ("l’été 3,14 €5", ["l’été", "3,14", "€", "5"]),
        ("Привет, мир", ["привет", "мир"]),
        ("中文字 test", ["中", "文", "字", "test"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("カタカナ", ["カタカナ"]),
        ("ｆｕｌｌ ﬁne", ["full", "fine"]),
        ("e\u0301te\u0301", ["été"]),
        ("a\xa0b…c", ["a", "b", "c"]),
        ("😀 smile", ["smile"]),
        ("", []),
        ("...!?", []),
        ("x", ["x"]),
        ("'", []),
        ("$", ["$"]),
        ("\ud800 lone", ["lone"]),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("ending", ["", " ñ", " ﬁ"])
def test_all_ways_of_splitting_agree(ending: str) -> None:
    text = "It's $5.50, 3.14; a_b U.S.A x'1 1'2 'q' end$ $$"
    extra = words(ending)
    assert words(text + ending) == words(text) + extra


def test_a_url_is_one_word() -> None:
    text = "see https://www.shop.example.co.uk/x?y now"
    found = split_words(text, urls=[(4, 38, "example.co.uk")])
    assert found.texts() == ["see", "example.co.uk", "now"]
    assert [bool(flag & WordFlag.EXCEPTION) for flag in found.flags] == [False, True, False]


@pytest.mark.parametrize("ending", ["", "é", "ﬁ"])
def test_urls_are_one_word_in_any_text(ending: str) -> None:
    text = f"a\x1fb http://x-y.example/ {ending}"
    found = split_words(text, urls=[(4, 23, "x-y.example"), (23, 23, "")])
    assert found.texts()[:4] == ["a", "b", "x-y.example", "!!ex!!"]
    assert found.flags.tolist()[2:4] == [WordFlag.EXCEPTION] * 2
    assert WordFlag.EXCEPTION not in found.flags.tolist()[:2]


def test_words_that_normalisation_changed_are_flagged() -> None:
    found = split_words("plain ｆｕｌｌ")
    assert [bool(flag & WordFlag.NORMALISED) for flag in found.flags] == [False, True]


def test_arrays_point_into_the_buffer() -> None:
    found = split_words("One TWO")
    assert found.buffer[found.offsets[1] : found.ends[1]] == b"two"
    assert bytes(found.data[found.offsets[0] : found.ends[0]]) == b"one"


def test_after_600_words_only_some_are_kept() -> None:
    text = " ".join(f"w{number}" for number in range(2000))
    found = split_words(text)
    assert found.total == 2000 and 600 < len(found) < 2000
    assert found.texts()[:600] == [f"w{number}" for number in range(600)]
    assert found.texts() == split_words(text).texts()
    assert not found.truncated


def test_decay_keeps_the_share_that_the_rest_leaves_room_for() -> None:
    # 600 words of 6 bytes, then as many bytes again twice: p = floor(10 · 600 / 1201) / 10
    text = "abcde " * 1800
    assert len(split_words(text)) == 600 + 1200 * 4 // 10


def test_without_decay_all_words_are_kept() -> None:
    assert len(split_words("ab " * 5000, Limits(words_decay=0))) == 5000


@pytest.mark.parametrize("char", ["a", "é", "ﬁ"])
def test_words_and_bytes_are_bounded(char: str) -> None:
    limits = Limits(words_decay=0, max_words=10, max_words_bytes=1000)
    found = split_words(f"{char}{char} " * 50, limits)
    assert len(found) == 10 and found.truncated
    limits = Limits(words_decay=0, max_words=1000, max_words_bytes=100)
    found = split_words((char * 10 + " ") * 50, limits)
    assert found.truncated and int(found.lengths.sum()) <= 100


def check(found: Words) -> None:
    assert len(found.offsets) == len(found.lengths) == len(found.flags)
    assert (found.lengths >= 0).all() and (found.ends <= len(found.buffer)).all()
    assert (np.diff(found.offsets) > 0).all()
    found.texts()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab1_$'.,; \n\x1c\x1d\x1e\x1fäＡﬁ中’\u0301€\u200d\ufdfa", max_size=60))
def test_any_text_has_words(text: str) -> None:
    check(split_words(text))
    check(split_words(text, urls=[(1, 3, "a-b.c"), (2, 4, "x"), (5, 9, "")]))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_really_any_text_has_words(text: str) -> None:
    check(split_words(text))
