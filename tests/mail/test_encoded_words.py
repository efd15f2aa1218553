# SPDX-License-Identifier: Apache-2.0
"""Header values say what their encoded words mean."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.encoded_words import decode_extended, decode_value


@pytest.mark.parametrize(
    "raw, text",
    [
        (b"plain", "plain"),
        (b"=?utf-8?B?0J/RgNC40LLQtdGC?=", "Привет"),
        (b"=?UTF-8?q?J=C3=BCrgen_M?= <a@b>", "Jürgen M <a@b>"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        (b"=?utf-8?B?0J8=?=\t=?koi8-r?B?8A==?=", "ПП"),
        # one character in two words
        (b"=?utf-8?B?0A==?= =?utf-8?B?nw==?=", "П"),
        (b"=?utf-8?q?=D0?= =?utf-8?q?=9F?=", "П"),
        (b"=?utf-8??B???0J8=??=", "П"),
        (b"=?utf-8*ru?q?=D0=9F?=", "П"),
        (b"=?iso-8859-1?q?caf=E9?=", "café"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?windows-1251?B?z/Do4uXy?=", "Привет"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?us-ascii?q?=D0=9F?=", "П"),
        ("Grüße".encode(), "Grüße"),
        (b"a\tb\x01c\x7f", "a b?c?"),
        (b"=?utf-8?q?a=00b=0Ac?=", "ab c"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        (b"=?utf-8?B?0J/RgNC4?=junk", "Приjunk"),
        (b"=?utf-8?B?SGVsbG8?=", "Hello"),
    ],
)
def test_value_is_decoded(raw: bytes, text: str) -> None:
    assert decode_value(raw) == (text, False)


@pytest.mark.parametrize(
    "raw, text",
    [
        (b"a =?no-such-charset?q?secret?= b", "a  b"),
        (b"caf\xe9", "caf\ufffd"),
        (b"=?utf-8?q?caf=E9?=", "caf\ufffd"),
        (b"=?utf-8?B?0A==?=", "\ufffd"),
        (b"=?rot13?q?uryyb?=", ""),
    ],
)
def test_what_cannot_be_decoded_is_marked_broken(raw: bytes, text: str) -> None:
    assert decode_value(raw) == (text, True)


def test_extended_values_use_their_charset() -> None:
    assert decode_extended("koi8-r", b"\xf0") == ("П", False)
    assert decode_extended("", "ü".encode()) == ("ü", False)
    assert decode_extended("no-such", b"x") == ("x", True)


def test_many_beginnings_of_words_cost_no_time() -> None:
    raw = b"=?a?Q?" * 100_000
    assert decode_value(raw).text == raw.decode()


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | st.from_regex(rb"(=\?[a-z0-9-]{1,12}\?[bq]\?[^?]{0,20}\?= ?){1,4}")
)
def test_any_bytes_give_valid_unicode(raw: bytes) -> None:
    decode_value(raw).text.encode("utf-8")
