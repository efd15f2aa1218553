# SPDX-License-Identifier: Apache-2.0
"""Do the signatures hold, and what becomes of keys that are missing, wrong, or change?"""

import logging
import os

import dkim
import pytest

from gatepost.config import ConfigError
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.testing import Bench, mail, scan, zone
from signing_kit import (
    ANNA,
    RSA,
    SEED,
    SIGNED,
    Before,
    dns_of,
    signed,
    with_signatures,
    write_keys,
)

STRICT = "allow_pubkey_mismatch = no;"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("config, expected", [("", SIGNED), ("check_violation = true;", [])])
async def test_a_broken_signature_of_its_own_matters_only_where_that_is_asked(
    keys, config, expected
):
    letter = mail(**ANNA, request={"Found": "1"})
    assert await signed(letter, keys, config, modules=(DkimSigning, Before)) == expected


@pytest.mark.parametrize(
    "headers, body",
    [
        ({}, "Hello\r\n"),
        ({}, ""),
        ({}, "no end"),
        ({}, "blanks  \t in \r\n\r\n\r\n"),
        ({"Subject": "=?utf-8?q?gr=C3=BC=C3=9Fe?=", "Reply-To": "x@example.org"}, "grüße\r\n"),
        (
            {"Subject": "a\r\n  folded\r\n\tone", "List-Unsubscribe": "<https://x.example/>"},
            "x\r\n",
        ),
        ({"To": ["a@example.net", "b@example.net"], "MIME-Version": "1.0"}, "x\r\n" * 2000),
    ],
)
async def test_dkimpy_verifies_both_kinds_of_key(keys, headers, body):
    config = f"""dkim_signing {{ domain {{ example.org {{ selectors [
        {{ selector = r; path = "{keys}/rsa.key"; }},
        {{ selector = e; path = "{keys}/seed.key"; }} ] }} }} }}"""
    letter = mail(body, **ANNA, headers=headers)
    found = await scan(DkimSigning, letter, config=config)
    raw = with_signatures(letter.raw, found.task)
    dns = dns_of(("r._domainkey.example.org", RSA), ("e._domainkey.example.org", SEED))
    assert [dkim.DKIM(raw).verify(at, dnsfunc=dns) for at in (0, 1)] == [True, True]
    assert "a=rsa-sha256" in found.task.dkim_signatures[0]
    assert "a=ed25519-sha256" in found.task.dkim_signatures[1]


@pytest.mark.parametrize("name", ["From", "Subject", "Reply-To", "Date", "Message-ID", "To", "Cc"])
async def test_nobody_can_add_a_header_that_readers_go_by(keys, name):
    config = f'dkim_signing {{ path = "{keys}/rsa.key"; }}'
    letter = mail(**ANNA)
    raw = with_signatures(letter.raw, (await scan(DkimSigning, letter, config=config)).task)
    dns = dns_of(("dkim._domainkey.example.org", RSA))
    assert dkim.verify(raw, dnsfunc=dns)
    assert not dkim.verify(f"{name}: x@evil.example\r\n".encode() + raw, dnsfunc=dns)


async def test_the_list_of_headers_is_the_operators(keys):
    for section in ("dkim_signing", "dkim"):
        config = f'dkim_signing {{ path = "{keys}/rsa.key"; }} '
        config += f'{section} {{ sign_headers = "(o)from:subject:(x)cc"; }}'
        found = await scan(DkimSigning, mail(**ANNA), config=config)
        assert "h=from:from:subject;" in found.task.dkim_signatures[0]


async def test_keys_may_be_in_redis_as_rspamd_has_them(store):
    config = "dkim_signing { use_redis = true; selector_prefix = DKIM_SELECTORS; }"
    async with Bench([DkimSigning], config=config, store=store) as bench:
        assert (await bench.scan(mail(**ANNA))).hits == {}
        await store.hash_set("DKIM_SELECTORS", {"example.org": b"2026"})
        await store.hash_set("DKIM_KEYS", {"2026.example.org": RSA.private_text.encode()})
        letter = mail(**ANNA)
        found = await bench.scan(letter)
        assert found.hits == {"DKIM_SIGNED": ["example.org:s=2026"]}
        dns = dns_of(("2026._domainkey.example.org", RSA))
        assert dkim.verify(with_signatures(letter.raw, found.task), dnsfunc=dns)
        await store.hash_set("DKIM_SELECTORS", {"example.org": b"2027"})  # rolled over
        await store.hash_set("DKIM_KEYS", {"2027.example.org": SEED.private_text.encode()})
        assert (await bench.scan(letter)).hits == {"DKIM_SIGNED": ["example.org:s=2027"]}


async def test_a_letter_that_comes_back_is_not_signed_twice(keys):
    config = f'dkim_signing {{ path = "{keys}/rsa.key"; }}'
    letter = mail(**ANNA)
    async with Bench([DkimSigning], config=config) as bench:
        raw = with_signatures(letter.raw, (await bench.scan(letter)).task)
        again = await bench.scan(mail(**ANNA, raw=b"Received: by filter\r\n" + raw))
        changed = await bench.scan(mail(**ANNA, raw=raw + b"-- \r\nlist footer\r\n"))
        forged = await bench.scan(mail(**ANNA, raw=raw.replace(b"Subject: a", b"Subject: b")))
    assert (again.hits, again.task.dkim_signatures) == ({}, [])
    assert changed.hits == forged.hits == {"DKIM_SIGNED": SIGNED}


async def test_as_a_header_for_the_milter(keys):
    config = f'dkim_signing {{ path = "{keys}/rsa.key"; use_milter_headers = true; symbol = "S"; }}'
    found = await scan(DkimSigning, mail(**ANNA), config=config)
    assert found.hits == {"S": SIGNED} and not found.task.dkim_signatures
    (header,) = found.task.added_headers
    assert (header.name, header.order) == ("DKIM-Signature", 1)
    assert header.value.startswith("v=1; a=rsa-sha256")


@pytest.mark.parametrize(
    "records, failing, config, expected, warned",
    [
        (("dkim._domainkey.example.org. TXT '<rsa>'",), (), "", SIGNED, False),
        ((), (), "", SIGNED, True),
        ((), (), STRICT, [], True),
        (("dkim._domainkey.example.org. TXT '<rsa>'",), (), STRICT, SIGNED, False),
        (("dkim._domainkey.example.org. TXT '<ed>'",), (), STRICT, [], True),
        (("dkim._domainkey.example.org. TXT 'v=DKIM1; p='",), (), "", SIGNED, True),
        ((), ("TXT dkim._domainkey.example.org.",), STRICT, [], True),
    ],
)
async def test_the_key_that_is_published(keys, caplog, records, failing, config, expected, warned):
    caplog.set_level(logging.WARNING, "gatepost.dkim")
    filled = [
        r.replace("<rsa>", RSA.record(form="dnskey")).replace("<ed>", SEED.record(form="dnskey"))
        for r in records
    ]
    text = f'dkim_signing {{ path = "{keys}/rsa.key"; check_pubkey = yes; {config} }}'
    dns = zone(*filled, fail=failing)
    async with Bench([DkimSigning], config=text, dns=dns) as bench:
        for _ in range(3):
            found = await bench.scan(mail(**ANNA))
            assert found.hits.get("DKIM_SIGNED", []) == expected
    assert len(caplog.records) == (1 if warned else 0)  # once, not for each letter


async def test_a_key_is_read_when_it_appears_and_again_when_it_changes(tmp_path, caplog):
    caplog.set_level(logging.INFO, "gatepost.dkim")
    path = tmp_path / "example.org.dkim.key"
    config = f'dkim_signing {{ path = "{tmp_path}/$domain.$selector.key"; }}'
    seen = []
    async with Bench([DkimSigning], config=config) as bench:
        for number, text in enumerate(
            (None, None, RSA.private_text, "rubbish", "rubbish", SEED.private_text, None)
        ):
            if text is None:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.read_text() != text:
                path.write_text(text)
                os.utime(path, ns=(number, number))
            signatures = (await bench.scan(mail(**ANNA))).task.dkim_signatures
            seen.append(signatures[0].split(";")[1].strip() if signatures else "")
    assert seen == ["", "", "a=rsa-sha256", "", "", "a=ed25519-sha256", ""]
    said = [(r.levelname, r.getMessage().split(": ")[1]) for r in caplog.records if "key" in r.msg]
    assert [level for level, _ in said] == ["INFO", "INFO", "ERROR", "INFO", "ERROR"]


@pytest.mark.parametrize(
    "config, message",
    [
        ('domain { example.org { path = "KEYS/bad.key"; } }', "is no signing key"),
        ('sign_headers = "subject:to";', "sign_headers: from is not in the list"),
        ('sign_headers = "from:a b";', "sign_headers: 'a b'"),
        ('domain { "a b" { selector = x; } }', "`a b` is no domain"),
        ('signing_table = ["* x"];', "expected a `key_table`"),
        ("use_vault = true;", "`vault_url` is missing"),
        ('use_vault = true; vault_url = "ftp://x"; vault_token = t;', "expected http://"),
        ('sign_condition = "return function(task) end";', "expected FILE.py:FUNCTION"),
        ('sign_condition = "KEYS/rules.py:nothing";', "has no function `nothing`"),
        ('use_domain_custom = "KEYS/absent.py:f";', "cannot be read"),
        ("sign_locla = true;", "sign_local"),
    ],
)
async def test_mistakes_of_the_configuration_are_named(keys, config, message):
    (keys / "bad.key").write_text("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    with pytest.raises(ConfigError) as caught:
        Bench([DkimSigning], config=f"dkim_signing {{ {config.replace('KEYS', str(keys))} }}")
    assert message in "\n".join(map(str, caught.value.problems))


async def test_a_file_that_is_not_there_yet_is_a_warning(tmp_path):
    config = f'dkim_signing {{ domain {{ example.org {{ path = "{tmp_path}/later.key"; }} }} }}'
    async with Bench([DkimSigning], config=config) as bench:
        warnings = [str(problem) for problem in bench.app.problems.all]
        assert any("later.key is not there" in warning for warning in warnings)
        assert (await bench.scan(mail(**ANNA))).hits == {}
