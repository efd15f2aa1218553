# SPDX-License-Identifier: Apache-2.0
"""Keys that come with the request, and what a function of the operator's decides."""

import pytest

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.testing import NOW, mail, scan
from signing_kit import ME, SEED, SIGNED, Before, signed, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


ASKED = {
    "PerformDkimSign": "Yes",
    "DkimDomain": "cust.example",
    "DkimSelector": "s",
    "DkimPrivateKey": SEED.private_text.strip(),
}


@pytest.mark.parametrize(
    "change, config, expected",
    [
        ({}, "", ["cust.example:s=s"]),
        ({"PerformDkimSign": "no"}, "", ["cust.example:s=s"]),  # as rspamd: presence counts
        ({"PerformDkimSign": None}, "", []),
        ({"DkimDomain": None}, "", []),
        ({"DkimSelector": ""}, "", []),
        ({"DkimPrivateKey": None}, "", []),
        ({"DkimPrivateKey": None}, "allow_headers_fallback = true; sign_inbound = true;", SIGNED),
        ({"DkimPrivateKey": "/etc/passwd"}, "", []),
        ({"DkimDomain": "a b"}, "", []),
        ({"DkimSelector": "s; d=x"}, "", []),
        ({"Found": "1"}, "", []),
        ({"Found": "1", "SignOnAuthFailed": "1"}, "", ["cust.example:s=s"]),
        ({"Found": "1", "SignOnAuthFailed": "false"}, "", []),
    ],
)
async def test_request_headers(keys, change, config, expected):
    request = {name: value for name, value in {**ASKED, **change}.items() if value is not None}
    letter = mail(sender=ME, request=request)
    modules = (DkimSigning, Before)
    config = "use_http_headers = true; " + config
    assert await signed(letter, keys, config, modules=modules) == expected


async def test_request_headers_mean_nothing_unless_they_are_switched_on(keys):
    assert await signed(mail(sender=ME, request=ASKED), keys, "sign_inbound = yes;") == SIGNED


@pytest.mark.parametrize(
    "function, subject, expected",
    [
        ("condition", "one", ["cond.example:s=c"]),
        ("condition", "two", ["cond.example:s=c", "cond.example:s=d"]),
        ("condition", "no", []),
        ("condition", "wrong", []),
        ("slow_condition", "", ["cond.example:s=raw"]),
    ],
)
async def test_a_condition_decides_alone(keys, function, subject, expected):
    letter = mail(headers={"Subject": subject})
    config = f'sign_condition = "{keys}/rules.py:{function}";'
    assert await signed(letter, keys, config) == expected


async def test_expire_of_a_condition_is_the_end_of_the_signature(keys):
    config = f'dkim_signing {{ sign_condition = "{keys}/rules.py:condition"; }}'
    found = await scan(DkimSigning, mail(headers={"Subject": "two"}), config=config)
    first, second = found.task.dkim_signatures
    assert "x=" not in first and f"x={int(NOW) + 3600};" in second and "l=" not in second
