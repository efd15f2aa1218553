# SPDX-License-Identifier: Apache-2.0
"""Which key may check a signature, when a name has none, several, or the wrong ones."""

import pytest

from authn_dkim import ED25519, RSA, Zone, record_of
from gatepost.authn import KeyMemory, KeyProblem, Reason
from gatepost.authn.dkim_key_lookup import choose_keys, find_keys

GOOD = record_of(RSA)


@pytest.mark.parametrize(
    "records, reason",
    [
        (None, Reason.KEY_MISSING),
        ("nxdomain", Reason.KEY_MISSING),
        ("norec", Reason.KEY_MISSING),
        ("badname", Reason.KEY_MISSING),
        ("servfail", Reason.KEY_UNAVAILABLE),
        ("timeout", Reason.KEY_UNAVAILABLE),
        ("limit", Reason.KEY_UNAVAILABLE),
    ],
)
async def test_no_records(records, reason):
    found = await find_keys("k", Zone({"k": records}), cache=None, now=0)
    assert isinstance(found, KeyProblem) and found.reason is reason


@pytest.mark.parametrize(
    "records, hash_name, strict_fails, outcome",
    [
        ([GOOD], "sha256", False, 1),
        ([GOOD, GOOD], "sha256", False, 2),
        ([b"some text", GOOD], "sha256", False, 1),
        ([b"some text", b"v=DKIM1; p="], "sha256", False, Reason.KEY_SYNTAX),
        ([record_of(ED25519)], "sha256", False, Reason.KEY_ALGORITHM),
        ([record_of(RSA, "h=sha1; ")], "sha256", False, Reason.KEY_HASH),
        ([record_of(RSA, "h=sha1; ")], "sha1", False, 1),
        ([record_of(RSA, "t=s; ")], "sha256", True, Reason.DOMAIN_MISMATCH),
        ([record_of(RSA, "t=s; ")], "sha256", False, 1),
        ([b"some text"] * 4 + [GOOD], "sha256", False, Reason.KEY_SYNTAX),  # looked at four
    ],
)
async def test_the_keys_that_fit(records, hash_name, strict_fails, outcome):
    found = await find_keys("k", Zone({"k": records}), cache=None, now=0)
    keys = choose_keys(found, kind="rsa", hash_name=hash_name, strict_fails=strict_fails)
    assert (keys.reason if isinstance(keys, KeyProblem) else len(keys)) == outcome


async def test_a_known_key_is_not_asked_for_until_its_ttl_is_over():
    zone, memory = Zone({"k": GOOD, "gone": "servfail"}), KeyMemory()
    for now in (0, 299, 301):
        await find_keys("k", zone, cache=memory, now=now)
        await find_keys("gone", zone, cache=memory, now=now)
    assert zone.asked.count("k") == 2 and zone.asked.count("gone") == 3
