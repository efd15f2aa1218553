# SPDX-License-Identifier: Apache-2.0
"""What does an unquoted word mean: a number, a time, a boolean, null, or just itself?

Source: core reference 1.1, the table of number suffixes included.
"""

import math
import re

from gatepost.ucl.values import Scalar

LONGEST_NUMBER = 127  # characters; as rspamd: anything longer is a string

_NUMBER = re.compile(
    r"(-?)(?:0[xX]([0-9a-fA-F]++)|([0-9]++)(\.[0-9]*+)?([eE][+-]?[0-9]+)?)"
    r"(|[kKmMgG][bB]?|[mM][sS]|[sS]|[mM][iI][nN]|[hHdDwWyY])"
)
_MULTIPLIERS = {
    "k": 1000,
    "m": 1000**2,
    "g": 1000**3,
    "kb": 1024,
    "mb": 1024**2,
    "gb": 1024**3,
}
_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_536_000.0,
}
_WORDS: dict[str, Scalar] = {
    spelling: value
    for word, value in (
        ("true", True),
        ("yes", True),
        ("on", True),
        ("false", False),
        ("no", False),
        ("off", False),
    )
    for spelling in (word, word.capitalize(), word.upper())
}
_WORDS.update({"null": None, "nan": math.nan, "inf": math.inf, "-inf": -math.inf})
_BOOLEANS = re.compile("true|yes|on|false|no|off", re.IGNORECASE | re.ASCII)
_MISSING = object()


def parse_word(word: str, *, times: bool = True) -> Scalar:
    """The value of an unquoted word; ``times`` allows suffixes of time (floats of seconds).

    Raises ``OverflowError`` for an integer beyond 64 bits or a float beyond double precision.
    """
    known = _WORDS.get(word, _MISSING)
    if known is not _MISSING:
        return known  # type: ignore[return-value]  # the sentinel is excluded above
    first = word[:1]
    if first.isdigit() or first == "-":
        return _parse_number(word, times)
    if len(word) < 6 and _BOOLEANS.fullmatch(word):
        return _WORDS[word.lower()]
    return word


def _parse_number(word: str, times: bool) -> Scalar:
    if len(word) > LONGEST_NUMBER:
        return word
    found = _NUMBER.fullmatch(word)
    if found is None:
        return word
    sign, hexadecimal, digits, fraction, exponent, suffix = found.groups()
    suffix = suffix.lower()
    if suffix in _SECONDS and (hexadecimal or not times):
        return word
    number: int | float
    if hexadecimal:
        number = int(sign + hexadecimal, 16)
    elif fraction or exponent:
        number = float(sign + digits + (fraction or "") + (exponent or ""))
    else:
        number = int(sign + digits)
    return _bounded(_scaled(number, suffix))


def _scaled(number: int | float, suffix: str) -> int | float:
    if not suffix:
        return number
    if suffix == "ms":
        return number / 1000.0
    if suffix in _SECONDS:
        return number * _SECONDS[suffix]
    if suffix.endswith("b"):
        return int(number) * _MULTIPLIERS[suffix]  # as rspamd: the fraction is cut first
    return number * _MULTIPLIERS[suffix]


def _bounded(number: int | float) -> int | float:
    if isinstance(number, int):
        if not -(2**63) <= number < 2**63:
            raise OverflowError("numeric value out of range")
    elif math.isinf(number):
        raise OverflowError("numeric value out of range")
    return number
