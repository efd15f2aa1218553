# SPDX-License-Identifier: Apache-2.0
"""Under which keys does the store hold who has answered whom?

``replies`` writes these sets and ``known_senders`` reads them. The keys are Rspamd's, so that
both programs can share a Redis: direction-modules reference §17.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gatepost.scan.module import ModuleOptions, Raw
from gatepost.scan.zbase32 import HASH_LENGTH, hashed, to_bytes

ADDRESS_LENGTH = 8

KeyLength = Annotated[int, Meta(ge=1, le=HASH_LENGTH)]


class CorrespondentOptions(ModuleOptions, frozen=True):
    """The options that both modules have: they have to say the same in both."""

    sender_prefix: str = "rsrk"
    """What the key of the set of all who were answered begins with."""
    sender_key_global: str = "verified_senders"
    """The name of that set."""
    sender_key_size: KeyLength = 20
    """How many characters of its hash name that set."""
    reply_sender_privacy: bool = False
    """Taken and ignored, with its three options, as in Rspamd: the keys are hashes anyway."""
    reply_sender_privacy_alg: Raw = None
    """See `reply_sender_privacy`."""
    reply_sender_privacy_prefix: Raw = None
    """See `reply_sender_privacy`."""
    reply_sender_privacy_length: Raw = None
    """See `reply_sender_privacy`."""


def address_key(address: str) -> str:
    """An address as eight characters, in lower case as C has it: letters of ASCII only.

    For the sender of an answer it is the key of the ranked set of those he has answered.
    """
    return hashed(to_bytes(address).lower(), ADDRESS_LENGTH)


def everybody_key(options: CorrespondentOptions) -> str:
    """The key of the ranked set of all of our people who were answered."""
    name = hashed(options.sender_key_global, options.sender_key_size)
    return options.sender_prefix + name
