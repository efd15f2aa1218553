# SPDX-License-Identifier: Apache-2.0
"""The vectors of Rspamd's own test suite (direction-modules reference §0.4)."""

import pytest

from gatepost.scan.zbase32 import hashed, zbase32


@pytest.mark.parametrize(
    "text, key",
    [
        ("emailbl.com", "4eikheqjb4rb3y4oxgnfxek9wrwnyii4"),
        ("example.com", "rciuosbadgpq6b5wt436nhgnwzmfh9w9"),
    ],
)
def test_hashed_names_are_those_that_rspamd_asks_for(text: str, key: str) -> None:
    assert hashed(text)[:32] == hashed(text, 32) == key
    assert len(hashed(text)) == 103


@pytest.mark.parametrize("data, text", [(b"test123", "wm3g84fg13cy"), (b"", "")])
def test_least_significant_bits_come_first(data: bytes, text: str) -> None:
    assert zbase32(data) == text


@pytest.mark.parametrize(
    "text, data", [("caf\u00e9", b"caf\xc3\xa9"), ("\udcff", b"\xff"), ("\ud800", b"\xed\xa0\x80")]
)
def test_text_from_mail_is_hashed_as_the_bytes_it_was(text: str, data: bytes) -> None:
    assert hashed(text) == hashed(data)
