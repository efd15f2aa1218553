# SPDX-License-Identifier: Apache-2.0
"""For which directions, pre-results and senders is a letter signed at all?"""

import pytest

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.testing import Bench, explain, mail, scan
from signing_kit import ANNA, ME, SIGNED, Before, signed, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    "config, expected",
    [
        # inbound, local, authenticated, both
        ("", "-LAB"),
        ("sign_local = false;", "--AB"),
        ("sign_authenticated = false;", "-L-B"),
        ("sign_authenticated = false; sign_local = false;", "----"),
        ("sign_inbound = true;", "ILAB"),
        ("sign_inbound = true; sign_local = false; sign_authenticated = false;", "I---"),
        ('sign_networks = ["203.0.113.0/24"];', "ILAB"),
        ('sign_networks = ["203.0.113.0/24"]; sign_authenticated = false;', "ILAB"),
        ('sign_networks = ["198.51.100.1"]; sign_authenticated = false;', "-L-B"),
        ('sign_networks = ["10.0.0.0/8"]; sign_local = false;', "-LAB"),
    ],
)
async def test_each_direction_under_each_option(keys, config, expected):
    found = ""
    for letter, ip, user in (
        ("I", "203.0.113.7", None),
        ("L", "10.0.0.7", None),
        ("A", "203.0.113.7", ME),
        ("B", "10.0.0.7", ME),
    ):
        options = f'options {{ local_addrs = ["10.0.0.0/8"]; }} dkim_signing {{ {config}'
        options += f' path = "{keys}/rsa.key"; }}'
        letters = mail(ip=ip, user=user, sender=ME)
        hits = (await scan(DkimSigning, letters, config=options)).hits
        found += letter if "DKIM_SIGNED" in hits else "-"
    assert found == expected


@pytest.mark.parametrize(
    "config, rulings",
    [
        ("", "skip adapt adapt adapt"),
        ("sign_inbound = true;", "run adapt adapt adapt"),
        ('sign_networks = ["192.0.2.1"];', "run adapt adapt adapt"),
        ("use_http_headers = true;", "run adapt adapt adapt"),
        ('sign_networks = ["192.0.2.1"]; sign_local = false;', "run adapt adapt adapt"),
        ("sign_local = false;", "skip skip adapt adapt"),
        ("sign_authenticated = false;", "skip adapt skip adapt"),
        ("sign_local = false; sign_authenticated = false;", "skip skip skip skip"),
    ],
)
async def test_directions_tell_what_the_options_make_of_them(config, rulings):
    from gatepost.scan.direction import ALL_DIRECTIONS

    async with Bench([DkimSigning], config=f"dkim_signing {{ {config} }}") as bench:
        module = bench.app.modules[0].module
        found = [module.ruling(direction).effect for direction in ALL_DIRECTIONS.values()]
    assert " ".join(found) == rulings


@pytest.mark.parametrize(
    "letter, config, reason, option",
    [
        (mail(), "", "inbound", "dkim_signing.sign_inbound"),
        (mail(ip="127.0.0.1"), "sign_local = no;", "local", "dkim_signing.sign_local"),
        (
            mail(user=ME),
            "sign_authenticated = no;",
            "authenticated",
            "dkim_signing.sign_authenticated",
        ),
    ],
)
async def test_explain_names_the_option_that_would_sign(letter, config, reason, option):
    found = await explain(DkimSigning, letter, config=f"dkim_signing {{ {config} }}")
    outcome = found.outcomes["DKIM_SIGNED"]
    assert (found.skipped, outcome.option) == (reason, option)


async def test_an_address_that_the_letter_itself_claims_is_in_no_network(keys):
    raw = (
        b"Received: from c (c.example [203.0.113.7]) by mx.example\r\n"
        b"From: anna@example.org\r\nSubject: x\r\n\r\nhi\r\n"
    )
    letter = mail(ip=None, raw=raw, sender=ME)
    assert await signed(letter, keys, 'sign_networks = ["203.0.113.0/24"];') == []


@pytest.mark.parametrize(
    "action, config, expected",
    [
        ("reject", "", []),
        ("soft reject", "", []),
        ("discard", "", []),
        ("no action", "", SIGNED),
        ("no action", "skip_spam_sign = true;", SIGNED),
        ("add header", "", SIGNED),
        ("add header", "skip_spam_sign = true;", []),
        ("rewrite subject", "skip_spam_sign = true;", []),
    ],
)
async def test_what_is_not_sent_on_is_not_signed(keys, action, config, expected):
    letter = mail(**ANNA, request={"Force": action})
    assert await signed(letter, keys, config, modules=(DkimSigning, Before)) == expected


@pytest.mark.parametrize(
    "sender, config, expected",
    [
        ("", "", SIGNED),
        ("", "allow_envfrom_empty = false;", []),
        (None, "", SIGNED),
        (None, "allow_envfrom_empty = false;", []),
        (ME, "allow_envfrom_empty = false;", SIGNED),
    ],
)
async def test_bounces(keys, sender, config, expected):
    letter = mail(user=ME, sender=sender, headers={"From": ME})
    assert await signed(letter, keys, config) == expected


async def test_settings_ids_may_be_allowed_or_forbidden(keys):
    settings = 'settings { out { id = "out"; apply { } } other { id = "other"; apply { } } }'
    for config, expected in (
        ('allowed_ids = ["out"];', [True, False, False]),
        ('forbidden_ids = ["out"];', [False, True, True]),
    ):
        text = f'{settings} dkim_signing {{ path = "{keys}/rsa.key"; {config} }}'
        async with Bench([DkimSigning], config=text) as bench:
            found = []
            for request in ({"Settings-ID": "out"}, {"Settings-ID": "other"}, {}):
                hits = (await bench.scan(mail(**ANNA, request=request))).hits
                found.append("DKIM_SIGNED" in hits)
        assert found == expected
