# SPDX-License-Identifier: Apache-2.0
"""Digests as Rspamd writes them: its hashes, its keyed BLAKE2b, its three kinds of base32.

Keys of hashed lists and of shared Redis data depend on every bit of these. Source: content
reference §1.2 and §5.4; direction-modules reference §0.4.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from gatepost.scan.zbase32 import zbase32

BLAKE2_KEY = hashlib.blake2b(b"rspamd").digest()
"""With it a selector's digest of a file is the one that ``Part.digest`` has."""

RFC_BASE_32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TO_BLEACH = str.maketrans(RFC_BASE_32, "qpzry9x8gf2tvdw0s3jn54khce6mua7l")

HASHES = ("blake2", "md5", "sha1", "sha256", "sha512")


def hash_of(data: bytes, algorithm: str, *, key: bytes = BLAKE2_KEY) -> bytes:
    """The digest of ``data``: ``algorithm`` is one of ``HASHES``, or another of ``hashlib``.

    ``key`` is that of BLAKE2b, where Rspamd uses one in selectors and none elsewhere.
    """
    if algorithm == "blake2":
        return hashlib.blake2b(data, key=key).digest()
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def encode(data: bytes, encoding: str) -> str:
    """``data`` as text; ``encoding`` is one of ``ENCODINGS``."""
    return ENCODINGS[encoding](data)


def to_rfc_base_32(data: bytes) -> str:
    """RFC 4648 6, without padding."""
    return base64.b32encode(data).decode("ascii").rstrip("=")


ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base32": zbase32,
    "bleach32": lambda data: to_rfc_base_32(data).translate(TO_BLEACH),
    "rbase32": to_rfc_base_32,
    "base64": lambda data: base64.b64encode(data).decode("ascii"),
}
