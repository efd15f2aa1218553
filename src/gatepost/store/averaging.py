# SPDX-License-Identifier: Apache-2.0
"""What are numbers on average, when the latest count most?

Pure arithmetic on the fields of a stored hash. ``scripts/average.lua`` does the same in Redis,
in the same order. A change here is a change there.

The fields are Rspamd's (direction-modules reference §20): ``n`` how many numbers there
were, ``l`` the time of the last one in milliseconds, and for each window ``v`` and its name:
an exponential moving average, in which what is as old as the window has 1/e of its weight.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gatepost.store.names import HIGHEST, SKEW, Fields


class Window(NamedTuple):
    """One average: its name, how far back it looks in seconds, and by what it is multiplied.

    ``mult`` multiplies the average each time that a number comes in, as in Rspamd.
    """

    name: str
    seconds: float
    mult: float = 1.0


def take_in(
    fields: Fields, value: float, windows: Sequence[tuple[bytes, Window]], now: int
) -> None:
    """Moves each average towards ``value``; the first number is the average.

    ``windows`` come with their names in bytes, ``now`` is in milliseconds. The count ``n`` is
    somebody else's: it has to be a whole number.
    """
    last = parsed(fields.get(b"l"))
    elapsed = 0.0 if last is None else max(0.0, now - last)
    for name, window in windows:
        old = None if last is None else parsed(fields.get(b"v" + name))
        average = value
        if old is not None:
            share = 1.0 - math.exp(-elapsed / (1000.0 * window.seconds))
            average = share * value + (1.0 - share) * old
        fields[b"v" + name] = b"%.17g" % (average * window.mult)
    # a clock that is a little behind does not turn back
    keeps = last is not None and now < last <= now + SKEW
    fields[b"l"] = b"%d" % (last if keeps and last is not None else now)


def parsed(text: bytes | None) -> float | None:
    """A number that can be reckoned with; ``None`` for everything else that may stand there."""
    try:
        value = float(text or b"")
    except ValueError:
        return None
    return value if -HIGHEST < value < HIGHEST else None
