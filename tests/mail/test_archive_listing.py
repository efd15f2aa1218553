# SPDX-License-Identifier: Apache-2.0
"""Names of members are text, and those that hide something are told."""

from __future__ import annotations

import pytest

from gatepost.mail.archive_listing import Listing, decode_name


@pytest.mark.parametrize(
    "raw, utf8, name, clean",
    [
        (b"plain.txt", False, "plain.txt", True),
        ("ünï.txt".encode(), False, "ünï.txt", True),
        (b"Pr\x81f.exe", False, "Prüf.exe", True),
        (b"Pr\x81f.exe", True, "Pr\ufffdf.exe", False),
        (b"", False, "", True),
    ],
)
def test_charset_of_names(raw: bytes, utf8: bool, name: str, clean: bool) -> None:
    assert decode_name(raw, utf8=utf8) == (name, clean)


@pytest.mark.parametrize(
    "name, obfuscated",
    [
        ("a.txt", False),
        ("a\u202etxt.exe", True),
        ("a\0.txt", True),
        ("\ufeffa", True),
        ("é", False),
    ],
)
def test_hidden_characters_are_obfuscation(name: str, obfuscated: bool) -> None:
    listing = Listing("zip", 10)
    listing.add(name)
    assert listing.finish().obfuscated is obfuscated


def test_names_are_bounded() -> None:
    listing = Listing("zip", 10)
    listing.add(b"x" * 100_000)
    assert len(listing.finish().files[0].name) <= 4096
