# SPDX-License-Identifier: Apache-2.0
"""Rspamd's base32 and its general hash: what keys of state and hashed DNS queries are made of.

Source: direction-modules reference §0.4. Other people's data depend on both, bit for bit.
"""

from __future__ import annotations

from hashlib import blake2b

ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
PAIRS = [low + high for high in ALPHABET for low in ALPHABET]  # by ten bits
HASH_LENGTH = 103  # characters of 64 bytes


def zbase32(data: bytes) -> str:
    """``data`` as one little-endian integer, five bits a character from the low end."""
    number = int.from_bytes(data, "little")
    length = (len(data) * 8 + 4) // 5
    pairs = [PAIRS[(number >> at) & 1023] for at in range(0, 5 * length, 10)]
    return "".join(pairs)[:length]


def hashed(text: str | bytes, length: int = HASH_LENGTH) -> str:
    """The first ``length`` characters of the BLAKE2b (64 bytes) of the text in ``zbase32``."""
    digest = blake2b(to_bytes(text) if isinstance(text, str) else text).digest()
    return zbase32(digest[: (length * 5 + 7) // 8])[:length]


def to_bytes(text: str) -> bytes:
    """The bytes that ``text`` was read from, whatever surrogates it has."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
