# SPDX-License-Identifier: Apache-2.0
"""How full is a bucket, and does one more message fit?

Pure arithmetic on the fields of a stored hash. ``scripts/reserve.lua`` and
``scripts/settle.lua`` do the same in Redis: the same operations in the same order, so that
both come to the same bits. A change here is a change there.

The fields are Rspamd's (direction-modules reference §15): ``l`` time of the last
change in milliseconds, ``b`` level, ``p`` pending, ``dr`` and ``db`` dynamic factors times
10000. Each reservation is a field of ours, ``r:TOKEN`` = ``AMOUNT:EXPIRES``. ``p`` is the
sum of these, written for Rspamd's tools and never read: what Rspamd left pending has no
expiry, and would count for ever.
"""

import math

from gatepost.store.bucket import Bucket, BucketState, Settlement
from gatepost.store.names import HIGHEST, SKEW, Fields

UNIT = 10000.0
# what leaks in many small steps must not be less than what leaks in one
TOLERANCE = 1e-9


def reserve(fields: Fields, bucket: Bucket, token: bytes, now: int, until: int) -> BucketState:
    """Leaks ``fields`` and reserves in them if there is room, times in milliseconds.

    An empty bucket that is limited stays empty, there is nothing to remember.
    """
    existed = bool(fields)
    level, rate, burst, leaked = leak(fields, bucket, now)
    own = b"r:" + token
    pending = sweep(fields, own, now)
    limited = level + pending + bucket.amount > bucket.burst * burst + TOLERANCE
    if limited:
        if existed:
            fields.pop(own, None)
            write(fields, level, pending, now)
    else:
        write(fields, level, pending + bucket.amount, now)
        if bucket.amount > 0:
            fields[own] = b"%.17g:%d" % (bucket.amount, until)
        fields.setdefault(b"dr", b"10000")
        fields.setdefault(b"db", b"10000")
    return BucketState(limited, level, rate, burst, leaked, pending)


def settle(fields: Fields, settlement: Settlement, token: bytes, now: int) -> bool:
    """Counts or releases what ``token`` reserved; false if ``fields`` stay as they are."""
    bucket = settlement.bucket
    own = b"r:" + token
    if own not in fields and (settlement.reserved or not settlement.counted):
        return False
    level = leak(fields, bucket, now)[0]
    pending = sweep(fields, own, now)
    fields.pop(own, None)
    rate = number(fields, b"dr", UNIT)
    burst = number(fields, b"db", UNIT)
    if settlement.counted:
        level += bucket.amount
        if bucket.dynamic:
            rate = scaled(rate, settlement.rate_factor, settlement.max_rate_mult)
            burst = scaled(burst, settlement.burst_factor, settlement.max_burst_mult)
    write(fields, level, pending, now)
    fields[b"dr"] = b"%d" % rate
    fields[b"db"] = b"%d" % burst
    return True


def leak(fields: Fields, bucket: Bucket, now: int) -> tuple[float, float, float, float]:
    """Level after leaking, rate factor, burst factor, what leaked."""
    level = number(fields, b"b", 0.0)
    rate = number(fields, b"dr", UNIT) / UNIT if bucket.dynamic else 1.0
    burst = number(fields, b"db", UNIT) / UNIT if bucket.dynamic else 1.0
    elapsed = now - number(fields, b"l", float(now))
    leaked = 0.0
    if elapsed > 0 and level > 0:
        leaked = min(level, elapsed * bucket.rate * rate / 1000.0)
    return level - leaked, rate, burst, leaked


def sweep(fields: Fields, own: bytes, now: int) -> float:
    """Drops the reservations that expired, except ``own``; the sum of the live ones of others."""
    pending = 0.0
    expired = []
    for name, value in fields.items():
        if not name.startswith(b"r:") or name == own:
            continue
        amount, _, until = value.partition(b":")
        if parsed(until) > now:
            pending += parsed(amount)
        else:
            expired.append(name)
    for name in expired:
        del fields[name]
    return pending


def write(fields: Fields, level: float, pending: float, now: int) -> None:
    """Puts level and pending at ``now``; a clock that is a little behind does not turn back."""
    last = number(fields, b"l", 0.0)
    fields[b"l"] = b"%d" % (last if now < last <= now + SKEW else now)
    fields[b"b"] = b"%.17g" % level
    fields[b"p"] = b"%.17g" % pending


def scaled(stored: float, factor: float, bound: float) -> float:
    """A stored dynamic factor after one verdict, within ``1/bound`` and ``bound``."""
    if bound <= 1 or factor == 1:
        return stored
    if factor > 1:
        # at least one up, or a small factor would never recover from rounding down
        raised = max(stored + 1, math.floor(stored * factor))
        return max(stored, min(raised, math.floor(bound * UNIT)))
    lowest = max(1, math.ceil(UNIT / bound))
    return min(stored, max(lowest, math.floor(stored * factor)))


def number(fields: Fields, name: bytes, default: float) -> float:
    """A field; what is no positive number counts as ``default``."""
    return parsed(fields.get(name, b"")) or default


def parsed(text: bytes) -> float:
    """A number above 0 and below `HIGHEST`, or 0 for everything else that may stand there."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value < HIGHEST else 0.0
