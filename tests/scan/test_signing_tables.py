# SPDX-License-Identifier: Apache-2.0
"""OpenDKIM's tables say who signs, and with what."""

import pytest

from gatepost.testing import mail
from signing_kit import ME, SEED, signed, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    "author, table, entries, expected",
    [
        (ME, "*@example.org short", "short example.org:sel:KEYS/rsa.key", ["example.org:s=sel"]),
        (ME, "*@example.org short", "short example.org:KEYS/rsa.key", ["example.org:s=dkim"]),
        (ME, "anna@example.org %", "example.org %:s:KEYS/%.dkim.key", ["example.org:s=s"]),
        ("A@X.example.org", "a@x.example.org k", "k %:s:KEYS/rsa.key", ["x.example.org:s=s"]),
        (ME, "* any", "any big.example:s:KEYS/rsa.key", ["big.example:s=s"]),
        (ME, "* any", "any example.org:s:SEED", ["example.org:s=s"]),
        (ME, "*@other.example any", "any example.org:s:KEYS/rsa.key", []),
        (ME, "* any", "other example.org:s:KEYS/rsa.key", []),
        (ME, "* any", "any example.org", []),
        (ME, "* any", "any ::", []),
    ],
)
async def test_tables_of_opendkim(keys, author, table, entries, expected):
    entries = entries.replace("KEYS", str(keys)).replace("SEED", SEED.private_text.strip())
    config = f'signing_table = ["{table}"]; key_table = ["{entries}"];'
    letter = mail(user="somebody@else.example", sender="x@y.example", headers={"From": author})
    assert await signed(letter, keys, config) == expected
    inbound = mail(sender=ME, headers={"From": author})
    assert await signed(inbound, keys, config + "sign_inbound = yes;") == []
