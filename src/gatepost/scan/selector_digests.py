# SPDX-License-Identifier: Apache-2.0
"""Digests as Rspamd writes them: its hashes, its keyed BLAKE2b, its three kinds of base32.

Keys of hashed lists and of shared Redis data depend on every bit of these. Source: content
reference §1.2 and §5.4; direction-modules reference §0.4.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

BLAKE2_KEY = hashlib.blake2b(b"rspamd").digest()
"""With it a selector's digest of a file is the one that ``Part.digest`` has."""

Z_BASE_32 = "ybndrfg8ejkmcpqxot1uwisza345h769"
RFC_BASE_32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TO_BLEACH = str.maketrans(RFC_BASE_32, "qpzry9x8gf2tvdw0s3jn54khce6mua7l")

HASHES = ("blake2", "md5", "sha1", "sha256", "sha512")


def hash_of(data: bytes, algorithm: str) -> bytes:
    """The digest of ``data``; ``algorithm`` is one of ``HASHES``."""
    if algorithm == "blake2":
        return hashlib.blake2b(data, key=BLAKE2_KEY).digest()
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def encode(data: bytes, encoding: str) -> str:
    """``data`` as text; ``encoding`` is one of ``ENCODINGS``."""
    return ENCODINGS[encoding](data)


def to_z_base_32(data: bytes) -> str:
    """Rspamd's z-base-32: the lowest five bits first, and as many characters as there are bits."""
    bits = int.from_bytes(data, "little")
    return "".join(Z_BASE_32[bits >> at & 31] for at in range(0, 8 * len(data), 5))


def to_rfc_base_32(data: bytes) -> str:
    """RFC 4648 6, without padding."""
    return base64.b32encode(data).decode("ascii").rstrip("=")


ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base32": to_z_base_32,
    "bleach32": lambda data: to_rfc_base_32(data).translate(TO_BLEACH),
    "rbase32": to_rfc_base_32,
    "base64": lambda data: base64.b64encode(data).decode("ascii"),
}
