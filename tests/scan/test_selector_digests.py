# SPDX-License-Identifier: Apache-2.0
"""Digests that other machines must find again, bit by bit."""

import hashlib

import pytest

from gatepost.mail import Message
from gatepost.scan.selector_digests import ENCODINGS, encode, hash_of


@pytest.mark.parametrize(
    ("data", "length", "text"),
    [  # direction-modules reference §0.4
        (hashlib.blake2b(b"emailbl.com").digest(), 32, "4eikheqjb4rb3y4oxgnfxek9wrwnyii4"),
        (hashlib.blake2b(b"example.com").digest(), 32, "rciuosbadgpq6b5wt436nhgnwzmfh9w9"),
        (b"test123", None, "wm3g84fg13cy"),
        (b"", None, ""),
    ],
)
def test_base32_is_rspamds(data, length, text):
    assert encode(data, "base32")[:length] == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("hex", "666f6f62"),
        ("rbase32", "MZXW6YQ"),  # RFC 4648 10, without the padding
        ("bleach32", "vehk7cs"),
        ("base64", "Zm9vYg=="),
    ],
)
def test_encodings(encoding, text):
    assert encode(b"foob", encoding) == text


@pytest.mark.parametrize(
    ("algorithm", "start"),
    [
        ("md5", "900150983cd24fb0"),
        ("sha1", "a9993e364706816a"),
        ("sha256", "ba7816bf8f01cfea"),
        ("sha512", "ddaf35a193617aba"),
    ],
)
def test_hashes(algorithm, start):
    assert hash_of(b"abc", algorithm).hex().startswith(start)


def test_blake2_of_a_file_is_its_fuzzy_hash():
    part = Message(b"Subject: x\n\nhello").root
    assert hash_of(b"hello", "blake2") == part.digest


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_different_digests_have_different_texts(encoding):
    texts = {encode(bytes((a, b)), encoding) for a in range(256) for b in range(16)}
    assert len(texts) == 4096
