# SPDX-License-Identifier: Apache-2.0
"""How do a key, a hash and a span of time look to a backend?

Keys may come from mail, so text that was decoded with ``surrogateescape`` goes back to the
bytes it was, and no text at all makes a store raise.
"""

import math

Fields = dict[bytes, bytes]
"""A stored hash: field name to value, as Redis would hold them."""

NEVER = 2**63 - 1
"""The expiry of what does not expire, in milliseconds since the epoch."""

LONGEST = 100 * 365 * 86_400_000
"""A hundred years in milliseconds: Redis refuses what overflows its clock."""

SKEW = 300_000
"""Milliseconds that the clocks of two nodes may differ; what is from further ahead than this was
written by a clock that was wrong."""

HIGHEST = 1e15
"""Beyond the milliseconds of any clock and what any bucket or average holds: below it the
arithmetic stays finite."""


def to_bytes(name: str) -> bytes:
    """UTF-8, whatever surrogates ``name`` has."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        try:
            return name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return name.encode("utf-8", "surrogatepass")


def to_text(name: bytes) -> str:
    """Back from bytes; what is not UTF-8 becomes surrogates, which `to_bytes` turns back."""
    return name.decode("utf-8", "surrogateescape")


def to_milliseconds(seconds: float) -> int:
    """A span as whole milliseconds, at least one and at most a hundred years.

    Raises ``ValueError`` for what is not a number.
    """
    if seconds >= LONGEST / 1000:
        return LONGEST
    return max(1, math.ceil(seconds * 1000))


def to_moment(now: float) -> int:
    """A time since the epoch as whole milliseconds, the only form buckets reckon in."""
    return int(now * 1000)
