# SPDX-License-Identifier: Apache-2.0
"""Bytes become text by the rules that readers' programs follow, not by the label alone."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.charset import CODECS, decode_text, find_codec

RUSSIAN = "Добрый день, это письмо написано по-русски. Мы пишем вам о вашем заказе. " * 4


@pytest.mark.parametrize(
    "label, codec",
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("us-ascii", "ascii"),
        ("ISO-8859-1", "cp1252"),
        ("iso_8859-5", "iso8859_5"),
        ("ISO-8859-15", "iso8859_15"),
        ("iso-8859-8-i", "iso8859_8"),
        ("Windows-1251", "cp1251"),
        ("cp-1250", "cp1250"),
        ("win1251", "cp1251"),
        ("gb2312", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("Shift_JIS", "cp932"),
        ('"koi8-r"', "koi8_r"),
        ("utf-7", "utf_7"),
        ("iso-8859-12", None),
        ("rot13", None),
        ("zlib", None),
        ("idna", None),
        ("unicode_escape", None),
        ("", None),
    ],
)
def test_labels_name_text_codecs_only(label: str, codec: str | None) -> None:
    assert find_codec(label) == codec


def test_every_codec_of_the_table_exists() -> None:
    for codec in CODECS.values():
        assert codecs.lookup(codec)


@pytest.mark.parametrize(
    "data, declared, text, charset",
    [
        (b"plain", "", "plain", "utf-8"),
        ("ü".encode(), "", "ü", "utf-8"),
        ("ü".encode(), "us-ascii", "ü", "utf-8"),
        ("ü".encode(), "ansi", "ü", "utf-8"),
        (b"caf\xe9", "iso-8859-1", "café", "cp1252"),
        (b"\x93hi\x94", "iso-8859-1", "“hi”", "cp1252"),
        (b"\x1b$BF|K\\\x1b(B", "iso-2022-jp", "日本", "iso2022_jp_ext"),
        ("日本".encode("shift_jis"), "x-sjis", "日本", "cp932"),
        ("hi".encode("utf-16"), "utf-16", "hi", "utf_16"),
        (b"+APw-", "utf-7", "ü", "utf_7"),
        (b"plain", "no-such-charset", "plain", "utf-8"),
        (RUSSIAN.encode("cp1251"), "utf-8", RUSSIAN, "cp1251"),
        (RUSSIAN.encode("cp1251"), "", RUSSIAN, "cp1251"),
        (RUSSIAN.encode("cp1251") * 20, "unknown", RUSSIAN * 20, "cp1251"),
        ("Grüße von mir".encode("utf-16-le"), "none", "Grüße von mir", "utf_16_le"),
        (b"", "", "", "utf-8"),
    ],
)
def test_text_is_decoded(data: bytes, declared: str, text: str, charset: str) -> None:
    decoded = decode_text(data, declared)
    assert decoded.text == text
    assert decoded.charset == charset


def test_ascii_bytes_with_zeros_between_are_valid_utf8() -> None:
    assert decode_text(b"a\0b", "").text == "a\0b"


def test_binary_is_no_text() -> None:
    assert decode_text(bytes(range(128, 256)) + bytes(range(32)) * 8, "").text is None


def test_bytes_without_meaning_are_replaced_and_marked() -> None:
    assert decode_text(b"a\xff\xffb", "euc-jp") == ("a\ufffd\ufffdb", "euc_jp", True)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([*CODECS, "", "utf-8", "x", "iso-8859-7", "cp737"]))
def test_any_bytes_under_any_label_never_raise(data: bytes, label: str) -> None:
    decode_text(data, label)
