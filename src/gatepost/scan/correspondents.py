# SPDX-License-Identifier: Apache-2.0
"""Under which keys does the store hold who has answered whom?

``replies`` writes these sets and ``known_senders`` reads them. The keys are Rspamd's, so that
both programs can share a Redis: direction-modules reference §17.
"""

from __future__ import annotations

from gatepost.scan.zbase32 import hashed, to_bytes

ADDRESS_LENGTH = 8


def address_key(address: str) -> str:
    """An address as eight characters, in lower case as C has it: letters of ASCII only.

    For the sender of an answer it is the key of the ranked set of those he has answered.
    """
    return hashed(to_bytes(address).lower(), ADDRESS_LENGTH)


def everybody_key(name: str, *, prefix: str, length: int) -> str:
    """The key of the ranked set of all of our people who were answered."""
    return prefix + hashed(name, length)
