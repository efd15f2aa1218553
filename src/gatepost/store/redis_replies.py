# SPDX-License-Identifier: Apache-2.0
"""What does a reply of Redis say, in the types of the store?

Raises `StoreError` for what the server refused, and for what no Redis replies.
"""

from gatepost.store.bucket import BucketState
from gatepost.store.errors import StoreError
from gatepost.store.redis_link import Reply


def checked(reply: Reply) -> Reply:
    """Raises what the server refused."""
    if isinstance(reply, StoreError):
        raise reply
    return reply


def without_other_types(reply: Reply) -> Reply:
    """As MGET has it: there is no value at a key of another type."""
    if isinstance(reply, StoreError) and "WRONGTYPE" in str(reply):
        return None
    return checked(reply)


def strange(reply: Reply) -> StoreError:
    """For a reply that no Redis gives to what was asked."""
    return StoreError(f"redis: an unexpected reply, {str(reply)[:60]}")


def to_integer(reply: Reply) -> int:
    """A number, which scripts may give as text."""
    if not isinstance(reply, int | bytes):
        raise strange(reply)
    try:
        return int(reply)
    except ValueError as error:
        raise strange(reply) from error


def to_score(reply: Reply) -> float:
    """A score, which comes as text."""
    try:
        return float(reply if isinstance(reply, bytes) else b"")
    except ValueError as error:
        raise strange(reply) from error


def to_value(reply: Reply) -> bytes | None:
    """What is stored, if anything is."""
    if not isinstance(reply, bytes | None):
        raise strange(reply)
    return reply


def to_values(reply: Reply) -> list[bytes | None]:
    """What is stored in several places."""
    if not isinstance(reply, list):
        raise strange(reply)
    return [to_value(item) for item in reply]


def to_list(reply: Reply) -> list[bytes]:
    """Members, or fields and values by turns."""
    if not isinstance(reply, list):
        raise strange(reply)
    return [item for item in reply if isinstance(item, bytes)]


def to_state(reply: Reply) -> BucketState:
    """What ``reserve.lua`` gives."""
    if not isinstance(reply, list):
        raise strange(reply)
    try:
        limited, *numbers = [float(item) for item in reply if isinstance(item, bytes | int)]
        level, rate, burst, leaked, pending = numbers
    except ValueError as error:
        raise strange(reply) from error
    return BucketState(limited == 1, level, rate, burst, leaked, pending)
