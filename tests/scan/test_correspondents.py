# SPDX-License-Identifier: Apache-2.0
"""The keys that Rspamd gives to correspondents."""

from __future__ import annotations

import pytest

from gatepost.scan.correspondents import address_key, everybody_key
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
    key = everybody_key("verified_senders", prefix="rsrk", length=20)
    assert key == "rsrk" + hashed("verified_senders")[:20]
