# SPDX-License-Identifier: Apache-2.0
"""What cookies say, those of Rspamd's own tool among them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.replies.cookie import Cookie, CookieReader

KEY = "0123456789abcdef0123456789abcdef"
HELLO = "HmzWuB+wb1zU6RbU8pIIazwkjD/s6kERnnsnUCUDxfc="  # rspamadm cookie -k KEY hello
SENT = 1795724018


@pytest.mark.parametrize(
    "header",
    [HELLO, f"<{HELLO}@example.org>", f"{HELLO}@example.org", f"<{HELLO}@a> <other@b>"],
)
@pytest.mark.parametrize("key", [KEY, KEY.upper()])
def test_what_rspamadm_made_is_read(key: str, header: str) -> None:
    assert CookieReader(key).read(header) == Cookie(b"hello", SENT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<>",
        "<letter@example.org>",
        HELLO[:-4],
        HELLO[:-1],
        HELLO + "AAAA",
        "!" + HELLO[1:],
        "é" + HELLO[1:],
        f"@{HELLO}",
        base64.b64encode(bytes(31)).decode(),
        f"<{HELLO}" + "x" * 10_000 + "@example.org>",
    ],
)
def test_other_ids_are_no_cookies(header: str) -> None:
    assert CookieReader(KEY).read(header) is None


def test_with_another_key_the_text_is_another() -> None:
    cookie = CookieReader("f" * 32).read(HELLO)
    assert cookie is None or cookie.text != b"hello"


@pytest.mark.parametrize("key", ["", "short", "g" * 32, KEY + "\n", KEY + "0"])
def test_a_key_is_32_hexadecimal_digits(key: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        CookieReader(key)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=60), st.binary(min_size=32, max_size=32)))
def test_any_header_can_be_read(header: str | bytes) -> None:
    text = base64.b64encode(header).decode() if isinstance(header, bytes) else header
    cookie = CookieReader(KEY).read(text)
    assert cookie is None or (len(cookie.text) < 16 and cookie.sent < 2**32)
