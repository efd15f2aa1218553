# SPDX-License-Identifier: Apache-2.0
"""One bucket of a rate: what may be written of it, its numbers, and how its keys begin.

Source: direction-modules reference §15.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container
from typing import Annotated

import msgspec
from msgspec import Meta

Factor = Annotated[float, Meta(gt=0)]

SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]b?)?\s*", re.IGNORECASE)
PERIOD = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhd])?", re.IGNORECASE)
SIZES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
PERIODS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class BucketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``bucket { … }``. ``burst`` in messages, ``rate`` in messages a second or ``"N / T"``.

    Both are needed; who reads them says so, with an example of each.
    """

    burst: float | str | None = None
    rate: float | str | None = None
    symbol: str | None = None
    message: str | None = None
    skip_recipients: bool = False
    skip_soft_reject: bool = False
    ham_factor_rate: Factor | None = None
    spam_factor_rate: Factor | None = None
    ham_factor_burst: Factor | None = None
    spam_factor_burst: Factor | None = None
    max_rate_mult: Factor | None = None
    max_bucket_mult: Factor | None = None


class Factors(msgspec.Struct, frozen=True):
    """How a verdict changes a dynamic bucket, and between which bounds."""

    ham_rate: float = 1.0
    spam_rate: float = 1.0
    ham_burst: float = 1.0
    spam_burst: float = 1.0
    max_rate: float = 5.0
    max_burst: float = 10.0


class Limit(msgspec.Struct, frozen=True):
    """One bucket of a rate. ``prefix`` begins its key; ``rate`` in messages a second."""

    burst: float
    rate: float
    prefix: str
    options: BucketOptions
    dynamic: bool = False
    factors: Factors = Factors()


def key_prefix(burst: float, rate: float, taken: Container[str] = (), *, with_rate: bool) -> str:
    """How the keys of a bucket begin; with the rate where a selector gives them, as in Rspamd.

    Rspamd lets two buckets of one burst share a key; ours stay apart by ``taken``.
    """
    prefix = f"{math.floor(100_000 / burst + 0.5)}:"
    return f"{prefix}{rate:.14g}:" if with_rate or prefix in taken else prefix


def parse_burst(value: float | str | None) -> float | None:
    """Messages: a number above 0, or text with k, m, g (thousands) or kb, mb, gb (1024s)."""
    if isinstance(value, str):
        found = SIZE.fullmatch(value)
        if found is None:
            return None
        value = float(found[1]) * SIZES[(found[2] or "").lower()]
    return float(value) if value is not None and 0 < value < math.inf else None


def parse_rate(value: float | str | None) -> float | None:
    """Messages a second: a number, or ``"N / T"`` with T in seconds or with s, m, h, d behind.

    What follows the unit is ignored, as Rspamd does: ``10 / 1min`` is ten a minute.
    """
    if not isinstance(value, str):
        return float(value) if value is not None and 0 < value < math.inf else None
    count_text, slash, period_text = value.partition("/")
    count = parse_burst(count_text)
    period = PERIOD.match(period_text) if slash else None
    if count is None:
        return None
    if not slash:
        return count
    if period is None:
        return None
    seconds = float(period[1]) * PERIODS[(period[2] or "").lower()]
    return count / seconds if seconds > 0 and count / seconds > 0 else None
