# SPDX-License-Identifier: Apache-2.0
"""How a list wants things named that it must not read: hashed, and the hash written out.

Source: direction-modules reference §0.4 and §16 (hash, hash_format, hash_len).
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.modules.rbl.options import RuleOptions
from gatepost.scan.selector_digests import encode, hash_of
from gatepost.scan.zbase32 import hashed, to_bytes


class Hashing(NamedTuple):
    """A hash, its form, and how many characters of it are asked for (``None``: all)."""

    algorithm: str
    form: str
    length: int | None

    def of(self, text: str) -> str:
        """The text hashed; BLAKE2b is Rspamd's, without a key and of 64 bytes."""
        if self.algorithm == "blake2" and self.form == "base32":
            return hashed(text) if self.length is None else hashed(text, self.length)
        written = encode(hash_of(to_bytes(text), self.algorithm, key=b""), self.form)
        return written[: self.length].lower()  # the DNS does not tell letters apart


def hashing_of(options: RuleOptions) -> Hashing | None:
    """How a rule hashes; ``None``: not at all."""
    if options.hash is None:
        return None
    return Hashing(options.hash, options.hash_format, options.hash_len)
