# SPDX-License-Identifier: Apache-2.0
"""Which selectors and keys a domain has, wherever they are kept."""

import base64

import pytest

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.testing import Bench, mail, scan
from signing_kit import ANNA, ED25519, RSA, SEED, SIGNED, signed, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    "config, expected",
    [
        ("", ["example.org:s=dkim"]),
        ("selector = second;", ["example.org:s=second"]),
        ("selector = third;", []),
        ("try_fallback = false;", []),
        ('domain { example.org { selector = s1; path = "KEYS/rsa.key"; } }', ["example.org:s=s1"]),
        ("domain { example.org { selector = second; } }", ["example.org:s=second"]),
        ('domain { example.org { path = "KEYS/rsa.key"; } }', ["example.org:s=dkim"]),
        (
            'domain { example.org { path = "KEYS/${domain}.${selector}.key"; '
            "selector = second; } } try_fallback = false;",
            ["example.org:s=second"],
        ),
        (
            'domain { example.org { selectors [ { selector = b; path = "KEYS/rsa.key"; }, '
            '{ selector = a; path = "KEYS/ed25519.key"; } ] } }',
            ["example.org:s=b", "example.org:s=a"],
        ),
        (
            'domain { example.org { selector = o; path = "KEYS/rsa.key"; '
            'selectors [ { selector = a; path = "KEYS/seed.key"; } ] } }',
            ["example.org:s=o", "example.org:s=a"],
        ),
        ('domain { other.example { selector = s1; path = "KEYS/rsa.key"; } }', SIGNED),
        ('selector_map = ["example.org second"];', ["example.org:s=second"]),
        ('path_map = ["example.org KEYS/seed.key"];', SIGNED),
        ('path_map = ["example.org KEYS/none.key"];', []),
        (
            'selector_map = ["example.org m"]; path_map = ["example.org KEYS/$domain.dkim.key"];',
            ["example.org:s=m"],
        ),
        ('selector_map = ["example.org m"]; domain { example.org { selector = dkim; } }', SIGNED),
        (
            'try_fallback = false; selector_map = ["example.org second"];',
            ["example.org:s=second"],
        ),
    ],
)
async def test_selectors_and_files(keys, config, expected):
    config = config.replace("KEYS", str(keys))
    assert await signed(mail(**ANNA), keys, config, path="$domain.$selector.key") == expected


@pytest.mark.parametrize(
    "config, stored, expected",
    [
        ("", {"DKIM_KEYS": {"dkim.example.org": RSA}}, SIGNED),
        ("", {"DKIM_KEYS": {"dkim.example.net": RSA}}, []),
        ("", {}, []),
        ("key_prefix = K;", {"K": {"dkim.example.org": SEED}}, SIGNED),
        ("selector = x;", {"DKIM_KEYS": {"x.example.org": ED25519}}, ["example.org:s=x"]),
        (
            "selector_prefix = S;",
            {"S": {"example.org": "sel"}, "DKIM_KEYS": {"sel.example.org": RSA}},
            ["example.org:s=sel"],
        ),
        ("selector_prefix = S;", {"DKIM_KEYS": {"dkim.example.org": RSA}}, SIGNED),
        (
            "domain { example.org { selectors [ { selector = a }, { selector = b } ] } }",
            {"DKIM_KEYS": {"a.example.org": RSA, "b.example.org": SEED}},
            ["example.org:s=a", "example.org:s=b"],
        ),
        ("", {"DKIM_KEYS": {"dkim.example.org": "rubbish"}}, []),
    ],
)
async def test_keys_in_the_store(keys, config, stored, expected):
    config = f'dkim_signing {{ use_redis = true; path = "{keys}/rsa.key"; {config} }}'
    async with Bench([DkimSigning], config=config) as bench:
        for name, fields in stored.items():
            values = {k: getattr(v, "private_text", v).encode() for k, v in fields.items()}
            await bench.store.hash_set(name, values)
        assert (await bench.scan(mail(**ANNA))).hits.get("DKIM_SIGNED", []) == expected


async def test_a_store_that_fails_costs_the_signature_and_not_the_letter(keys, caplog):
    async with Bench([DkimSigning], config="dkim_signing { use_redis = true; }") as bench:
        await bench.store.set("DKIM_KEYS", b"not a hash")
        found = await bench.scan(mail(**ANNA))
    assert (found.action, found.hits) == ("no action", {})
    assert "the keys of example.org" in caplog.text


async def test_settings_may_give_the_key(keys):
    # As rules in Python and settings set them: variables of the task.
    text = f"""settings {{ out {{ authenticated = true; apply {{ variables {{
        dkim_key = "{keys}/rsa.key"; dkim_selector = "v"; }} }} }} }}
        dkim_signing {{ try_fallback = false; }}"""
    found = await scan(DkimSigning, mail(**ANNA), config=text)
    assert found.hits == {"DKIM_SIGNED": ["example.org:s=v"]}


async def test_a_relative_path_starts_at_the_configuration(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "example.org.key").write_text(RSA.private_text)
    config = 'dkim_signing { path = "keys/$domain.key"; }'
    async with Bench([DkimSigning], config=config, folder=tmp_path) as bench:
        assert (await bench.scan(mail(**ANNA))).hits == {"DKIM_SIGNED": SIGNED}


async def test_without_any_option_keys_are_in_the_state_folder():
    async with Bench([DkimSigning]) as bench:
        folder = bench.app.config.state / "dkim"
        folder.mkdir()
        der = base64.b64decode("".join(RSA.private_text.splitlines()[1:-1]))
        (folder / "example.org.dkim.key").write_bytes(der)
        assert (await bench.scan(mail(**ANNA))).hits == {"DKIM_SIGNED": SIGNED}
