# SPDX-License-Identifier: Apache-2.0
"""Tables and pattern say the same of each character."""

from __future__ import annotations

import pytest

from gatepost.mail.word_classes import (
    ASCII,
    CONNECTOR,
    CURRENCY,
    DIGIT,
    IDEOGRAPH,
    LETTER,
    WIDE,
    WORD,
    wide_table,
)


def test_the_wide_table_begins_as_the_ascii_table() -> None:
    assert wide_table(with_domains=False)[:128].tolist() == ASCII[:128].tolist()


@pytest.mark.parametrize(
    "char, kind",
    [
        *(("é", LETTER), ("я", LETTER), ("٣", DIGIT), ("_", CONNECTOR), ("€", CURRENCY)),
        *(("中", IDEOGRAPH), ("ひ", IDEOGRAPH), ("カ", LETTER), ("\u0301", LETTER), ("–", 0)),
        *(("\u200d", LETTER), ("\xa0", 0), ("😀", 0)),
    ],
)
def test_class_of_a_character(char: str, kind: int) -> None:
    assert wide_table(with_domains=False)[ord(char)] == kind


def test_rare_ideographs_have_the_last_class() -> None:
    assert wide_table(with_domains=False)[WIDE] == IDEOGRAPH


def test_the_pattern_finds_words() -> None:
    assert WORD.findall("l’été 1.5 中文 $x") == ["l’été", "1.5", "中", "文", "$", "x"]
