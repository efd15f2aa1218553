# SPDX-License-Identifier: Apache-2.0
"""The keys that Rspamd gives to correspondents."""

from __future__ import annotations

import pytest

from gatepost.scan.correspondents import CorrespondentOptions, address_key, everybody_key
from gatepost.scan.zbase32 import hashed


@pytest.mark.parametrize(
    "address, key",
    [
        ("Ann@B.org", "cq6af54q"),  # written by Debian's rspamd 3.4
        ("ÄNN@B.org", hashed("Änn@b.org", 8)),
        ("caf\udce9@b.org", hashed(b"caf\xe9@b.org", 8)),
    ],
)
def test_an_address_is_hashed_in_the_lower_case_of_ascii(address: str, key: str) -> None:
    assert address_key(address) == key


def test_the_set_of_everybody_has_a_name_with_a_prefix() -> None:
    assert everybody_key(CorrespondentOptions()) == "rsrk" + hashed("verified_senders")[:20]
    own = CorrespondentOptions(sender_key_global="all", sender_prefix="y", sender_key_size=5)
    assert everybody_key(own) == "y" + hashed("all")[:5]
