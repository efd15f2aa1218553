# SPDX-License-Identifier: Apache-2.0
"""Hashes, bit for bit as the lists have them."""

from __future__ import annotations

import hashlib

import pytest

from gatepost.modules.rbl.hashing import Hashing, hashing_of
from gatepost.modules.rbl.options import RuleOptions


@pytest.mark.parametrize(
    ("hashing", "text", "written"),
    [
        # Vectors of Rspamd's test suite (reference §0.4).
        (Hashing("blake2", "base32", 32), "emailbl.com", "4eikheqjb4rb3y4oxgnfxek9wrwnyii4"),
        (Hashing("blake2", "base32", 32), "example.com", "rciuosbadgpq6b5wt436nhgnwzmfh9w9"),
        (Hashing("sha1", "hex", None), "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hashing("md5", "hex", 32), "abc", "900150983cd24fb0d6963f7d28e17f72"),
        (Hashing("md5", "hex", 8), "abc", "90015098"),
        (Hashing("md5", "base64", None), "abc", "kAFQmDzST7DWlj99KOF/cg==".lower()),
        (Hashing("sha256", "hex", 16), "abc", "ba7816bf8f01cfea"),
        (Hashing("blake2", "hex", 16), "abc", "ba80a53f981c4d0d"),
        (Hashing("sha384", "hex", 16), "abc", "cb00753f45a35e8b"),
        (Hashing("sha512", "hex", 16), "abc", "ddaf35a193617aba"),
    ],
)
def test_hashes_are_those_of_the_lists(hashing: Hashing, text: str, written: str) -> None:
    assert hashing.of(text) == written


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512", "blake2"])
def test_base32_is_rspamds_and_as_long_as_the_hash(algorithm: str) -> None:
    name = "blake2b" if algorithm == "blake2" else algorithm
    bits = hashlib.new(name, usedforsecurity=False).digest_size * 8
    written = Hashing(algorithm, "base32", None).of("x")
    assert len(written) == -(-bits // 5)
    assert set(written) <= set("ybndrfg8ejkmcpqxot1uwisza345h769")
    assert Hashing(algorithm, "base32", 20).of("x") == written[:20]


def test_text_that_no_charset_knows_is_hashed_too() -> None:
    assert Hashing("md5", "hex", None).of("\udcff") == hashlib.md5(b"\xff").hexdigest()


def test_a_rule_without_a_hash_has_none() -> None:
    assert hashing_of(RuleOptions(rbl="bl.test")) is None
    assert hashing_of(RuleOptions(rbl="bl.test", hash="sha1")) == Hashing("sha1", "hex", None)
