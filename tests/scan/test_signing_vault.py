# SPDX-License-Identifier: Apache-2.0
"""Keys in a Vault, over HTTP to a small server that speaks as a Vault does."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.scan.signing_vault import parse_secret
from gatepost.testing import NOW, Bench, mail, zone
from signing_kit import ANNA, RSA, SEED

KEY = RSA.private_text
OF_TWO = [
    {"selector": "a", "key": KEY, "valid_start": NOW - 10, "valid_end": NOW + 10},
    {"selector": "b", "key": SEED.private_text.strip()},
]


class FakeVault:
    """Answers GETs from ``secrets`` (path → body, or a status) for the token ``t0k``."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.asked = []

    @contextlib.asynccontextmanager
    async def running(self):
        listening = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        finally:
            listening.close()
            await listening.wait_closed()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        self.asked.append(path)
        found = self.secrets.get(path, 404)
        if "\r\nX-Vault-Token: t0k\r\n" not in head:
            found = 403
        status, body = (found, b"{}") if isinstance(found, int) else (200, as_json(found))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()


def as_json(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def bench(url, config=""):
    text = f'use_vault = true; vault_url = "{url}/"; vault_token = "t0k"; {config}'
    return Bench([DkimSigning], config=f"dkim_signing {{ {text} }}", dns=zone())


async def options_of(secrets, config=""):
    vault = FakeVault(secrets)
    async with vault.running() as url, bench(url, config) as one:
        found = await one.scan(mail(**ANNA))
    assert found.outcomes["DKIM_SIGNED"].outcome == "ran"
    return found.hits.get("DKIM_SIGNED", []), vault.asked


@pytest.mark.parametrize(
    "selectors, expected",
    [
        (OF_TWO, ["example.org:s=a", "example.org:s=b"]),
        (json.dumps(OF_TWO), ["example.org:s=a", "example.org:s=b"]),
        ([{"selector": "a", "key": KEY, "domain": "sub.example.org"}], ["sub.example.org:s=a"]),
        ([{"selector": "a", "key": KEY, "valid_start": NOW + 1}], []),
        ([{"selector": "a", "key": KEY, "valid_end": NOW - 1}], []),
        ([{"selector": "a", "key": KEY, "valid_end": "soon"}, OF_TWO[1]], ["example.org:s=b"]),
        ([{"selector": "a", "key": "rubbish"}], []),
        ([{"selector": "a"}, 7, None], []),
        ([], []),
        ({}, []),
        (None, []),
    ],
)
async def test_each_valid_selector_signs(selectors, expected):
    secret = {"data": {"selectors": selectors}}
    assert await options_of({"/v1/dkim/example.org": secret}) == (
        expected,
        ["/v1/dkim/example.org"],
    )


@pytest.mark.parametrize(
    "config, path, secret",
    [
        ("", "/v1/dkim/example.org", {"data": {"selectors": OF_TWO}}),
        (
            "vault_path = secret/mail;",
            "/v1/secret/mail/example.org",
            {"data": {"selectors": OF_TWO}},
        ),
        (
            "vault_kv_version = 2;",
            "/v1/dkim/data/example.org",
            {"data": {"data": {"selectors": OF_TWO}}},
        ),
        (
            "vault_kv_version = 2; vault_path = secret/mail;",
            "/v1/secret/data/mail/example.org",
            {"data": {"data": {"selectors": OF_TWO}}},
        ),
        (
            'signing_table = ["*@example.org %"];',
            "/v1/dkim/example.org",
            {"data": {"selectors": OF_TWO}},
        ),
        (
            'signing_table = ["* big.example"];',
            "/v1/dkim/big.example",
            {"data": {"selectors": [{**one, "domain": "example.org"} for one in OF_TWO]}},
        ),
    ],
)  # fmt: skip
async def test_where_the_secret_is(config, path, secret):
    assert await options_of({path: secret}, config) == (
        ["example.org:s=a", "example.org:s=b"],
        [path],
    )


async def test_other_domains_than_those_of_the_vault_have_their_keys_elsewhere(tmp_path):
    (tmp_path / "key").write_text(KEY)
    config = f'vault_domains = ["*.example"]; path = "{tmp_path}/key";'
    assert await options_of({}, config) == (["example.org:s=dkim"], [])


@pytest.mark.parametrize("trouble", [403, 500, b"no json", b"[1, 2", 404])
async def test_a_vault_in_trouble_costs_the_signature_and_is_not_asked_for_each_letter(trouble):
    vault = FakeVault({"/v1/dkim/example.org": trouble})
    async with vault.running() as url, bench(url) as one:
        for _ in range(3):
            assert (await one.scan(mail(**ANNA))).hits == {}
    assert len(vault.asked) == 1


async def test_what_it_said_last_signs_while_it_is_away():
    path = "/v1/dkim/example.org"
    vault = FakeVault({path: {"data": {"selectors": OF_TWO[1:]}}})
    seen = []
    async with vault.running() as url, bench(url) as one:
        for later, secret in ((0, None), (59, 500), (61, 500), (70, 500), (80, 404), (200, None)):
            if secret is not None:
                vault.secrets[path] = secret
            found = await one.scan(mail(**ANNA), now=NOW + later)
            seen.append(("DKIM_SIGNED" in found.hits, len(vault.asked)))
    assert seen == [(True, 1), (True, 1), (True, 2), (True, 3), (False, 4), (False, 5)]


async def test_nobody_there(caplog):
    async with FakeVault({}).running() as url:
        pass
    async with bench(url) as one:
        assert (await one.scan(mail(**ANNA))).hits == {}
    assert "vault: the keys of example.org" in caplog.text


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("data", "selectors", "selector", "key", "valid_start", "domain")),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(json_values, st.sampled_from((1, 2)))
def test_any_json_is_a_secret_or_none(value, version):
    try:
        entries = parse_secret(json.dumps({"data": value}).encode(), "example.org", version)
    except ValueError:  # NaN is no JSON
        return
    assert all(entry.key.selector and entry.key.text for entry in entries)
