# SPDX-License-Identifier: Apache-2.0
"""What does a rate limit look like to whoever asks the store to keep to it?"""

import math

import msgspec


class Bucket(msgspec.Struct, frozen=True):
    """A leaking bucket: ``burst`` messages fit in, ``rate`` messages leak out a second.

    ``key`` is the name it is stored under, ``amount`` what the present message adds
    (its recipients, usually). With ``dynamic`` the stored factors of this bucket multiply
    burst and rate.
    """

    key: str
    burst: float
    rate: float
    amount: float = 1.0
    dynamic: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.rate < math.inf and 0 <= self.amount < math.inf and self.burst >= 0):
            raise ValueError(f"no bucket can have {self!r}")


class BucketState(msgspec.Struct, frozen=True):
    """What `Store.reserve` found: all in messages, the two ``dynamic_`` are factors.

    ``level`` is what is in the bucket after it leaked and before this message, ``pending``
    what other messages have reserved, ``leaked`` what left it just now.
    """

    limited: bool
    level: float
    dynamic_rate: float
    dynamic_burst: float
    leaked: float
    pending: float = 0.0


class Settlement(msgspec.Struct, frozen=True):
    """How a message ended for one bucket: ``counted`` if it was sent, else only released.

    The factors multiply the bucket's dynamic rate and burst, within ``1/max`` and ``max``;
    a bucket that is not dynamic ignores them. What is reserved is settled once, however
    often that is asked for. ``reserved`` is false for a bucket that was limited but did not
    stop the message: nothing was reserved there, so it is counted each time it is asked for.
    """

    bucket: Bucket
    counted: bool
    rate_factor: float = 1.0
    burst_factor: float = 1.0
    max_rate_mult: float = 5.0
    max_burst_mult: float = 10.0
    reserved: bool = True

    def __post_init__(self) -> None:
        factors = (self.rate_factor, self.burst_factor, self.max_rate_mult, self.max_burst_mult)
        if not all(0 < factor < math.inf for factor in factors):
            raise ValueError(f"no bucket can be settled by {self!r}")
