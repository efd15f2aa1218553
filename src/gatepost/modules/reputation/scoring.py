# SPDX-License-Identifier: Apache-2.0
"""What does it say of a letter that earlier ones of its kind had these scores?

Source: direction-modules reference §20, Score; the numbers are Rspamd's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

SLOPE = 1.83178  # atanh(0.95): letters that are all refused
NEUTRAL = 0.5493  # atanh(0.5): letters of no score speak for their sender
USUAL_REJECT = 10.0
LEAST = 1e-3
"""A weight that is not above this is not worth a symbol."""
HIGHEST = 1e15
MAX_TEXT = 4096  # bytes of a TXT record that are read


class Standing(NamedTuple):
    """How many letters there were, and the averages of their scores, one for each bucket."""

    letters: float
    averages: tuple[float, ...]


def weigh(standing: Standing, *, lower_bound: float, required: float) -> float:
    """From -1 (good) to 1 (bad); 0 of too few letters.

    ``required`` is the score that refuses a letter: an average of 0 is -0.5, one of 0.3 of
    ``required`` 0, one of all of it 0.86.
    """
    if not standing.averages or not standing.letters >= lower_bound:
        return 0.0
    if not 0 < required < math.inf:
        required = USUAL_REJECT
    average = sum(standing.averages) / len(standing.averages)
    return math.tanh(average / required * SLOPE - NEUTRAL)


def standing_of(fields: Sequence[bytes | None], multipliers: Sequence[float]) -> Standing:
    """What the store has: the count, then an average for each multiplier.

    As rspamd, an average is multiplied once more when it is read. One that is missing, because
    its bucket is new in the configuration, does not count.
    """
    count = number(fields[0]) if fields else None
    found: list[float] = []
    for text, mult in zip(fields[1:], multipliers, strict=True):
        value = number(text)
        if value is not None:
            found.append(value * mult)
    return Standing(count or 0.0, tuple(found))


def parse_standing(text: bytes) -> Standing | None:
    """``COUNT;AVERAGE[;AVERAGE…]`` as a zone has it; ``None`` if it is anything else."""
    count, *averages = [number(part) for part in text[:MAX_TEXT].split(b";")]
    found = tuple(value for value in averages if value is not None)
    return Standing(count, found) if count is not None and found else None


def number(text: bytes | None) -> float | None:
    """A number that can be reckoned with, or ``None``."""
    try:
        value = float(text or b"")
    except ValueError:
        return None
    return value if -HIGHEST < value < HIGHEST else None


def shown(weight: float) -> str:
    """A weight as Rspamd's options show it."""
    return f"{weight:.14g}"
