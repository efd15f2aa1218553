# SPDX-License-Identifier: Apache-2.0
"""Seals hold for others, stand in the right order, and are not put on what they cannot help."""

import logging

import dkim
import pytest

from arc_kit import ANNA, PLAIN, RECORDS, chain_of, dns, pass_on, results_in, sealed, write_keys
from authn_dkim import ED25519, ED25519_SEED, RSA_PEM, record_of
from gatepost.config import ConfigError
from gatepost.modules.arc import Arc
from gatepost.modules.dkim import Dkim
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.modules.spf import Spf
from gatepost.scan.module import Module, RunAlways, Stage, runs
from gatepost.testing import mail


@pytest.fixture
def config(tmp_path):
    return f"arc {{ {write_keys(tmp_path)} }}"


def ask_dkimpy(raw: bytes) -> bytes:
    def find(name: bytes, timeout: int = 5) -> bytes | None:
        return RECORDS.get(name.decode().rstrip("."))

    return dkim.arc_verify(raw, dnsfunc=find)[0]


@pytest.mark.parametrize("hops", [0, 1, 2])
async def test_our_seal_goes_on_top_of_the_chain_and_holds(config, hops):
    letter = mail(raw=await pass_on(PLAIN, *["a.example"] * hops), **ANNA)
    raw, found = await sealed(letter, config)
    assert found.hits["ARC_SIGNED"] == [f"example.org:s=arc:i={hops + 1}"]
    chain = await chain_of(raw)
    assert chain.passed and chain.highest == hops + 1
    assert chain.newest.seal.status == ("pass" if hops else "none")
    assert ask_dkimpy(raw) == b"pass"


async def test_a_chain_that_broke_on_its_way_is_sealed_as_broken(config):
    changed = (await pass_on(PLAIN, "a.example")).replace(b"Hello", b"Hallo")
    raw, found = await sealed(mail(raw=changed, **ANNA), config)
    assert found.hits["ARC_SIGNED"] == ["example.org:s=arc:i=2"]
    chain = await chain_of(raw)
    assert (chain.status, str(chain.reason)) == ("fail", "the chain was found broken before")


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"ARC-Seal:", b"X-Seal:"),
        lambda raw: raw.replace(b"cv=none", b"cv=fail"),
        lambda raw: raw.replace(b"cv=none", b"cv=pass"),
        lambda raw: raw,
    ],
)
async def test_what_is_no_chain_or_cannot_be_checked_is_left_alone(config, change):
    raw = change(await pass_on(PLAIN, "a.example"))
    resolver = dns(fail=["TXT s._domainkey.a.example."])
    _, found = await sealed(mail(raw=raw, **ANNA), config, resolver=resolver)
    assert "ARC_SIGNED" not in found.hits and found.task.added_headers == []


@pytest.mark.slow
async def test_the_fiftieth_set_is_the_last(config):
    full = await pass_on(PLAIN, *["b.example"] * 50)
    _, found = await sealed(mail(raw=full, **ANNA), config)
    assert "ARC_SIGNED" not in found.hits
    nearly = await pass_on(PLAIN, *["b.example"] * 49)
    raw, found = await sealed(mail(raw=nearly, **ANNA), config)
    assert found.hits["ARC_SIGNED"] == ["example.org:s=arc:i=50"]
    assert (await chain_of(raw)).passed


async def test_our_own_seal_that_comes_back_is_not_sealed_again(config):
    first, _ = await sealed(mail(raw=PLAIN, **ANNA), config)
    back = b"Received: from filter.example.org by us.example.org; x\r\n" + first
    again, found = await sealed(mail(raw=back, **ANNA), config)
    assert "ARC_SIGNED" not in found.hits and again == back
    assert "ARC_ALLOW" in found.hits
    listed = await pass_on(first.replace(b"a letter", b"[list] a letter"), "a.example")
    _, found = await sealed(mail(raw=listed, **ANNA), config)
    assert "ARC_SIGNED" not in found.hits  # the list has found our chain broken: it has ended
    passed = await pass_on(first, "a.example")
    _, found = await sealed(mail(raw=passed, **ANNA), config)
    assert found.hits["ARC_SIGNED"] == ["example.org:s=arc:i=3"]


async def test_what_we_signed_and_sealed_comes_back_as_it_was(config, tmp_path):
    config += f' dkim_signing {{ path = "{tmp_path}/ed.key"; }}'
    modules = (Dkim, DkimSigning, Arc)
    letter = mail(raw=PLAIN, **ANNA)
    raw, found = await sealed(letter, config, modules=modules)
    [signature] = found.task.dkim_signatures
    signed = b"DKIM-Signature: " + signature.encode() + b"\r\n" + raw
    public = f"dkim._domainkey.example.org. TXT '{record_of(ED25519).decode()}'"
    back, again = await sealed(
        mail(raw=signed, **ANNA), config, modules=modules, resolver=dns(public)
    )
    assert again.task.dkim_signatures == [] and back == signed
    _, inbound = await sealed(mail(raw=signed), config, modules=modules, resolver=dns(public))
    assert {"R_DKIM_ALLOW", "ARC_ALLOW"} <= inbound.hits.keys()


class Munge(Module):
    """Rewrites From, as DMARC does for lists."""

    name = "munge"
    group = "test"
    outbound = RunAlways()

    @runs(Stage.PREFILTER, callback="MUNGE")
    def check(self, task) -> None:
        task.remove_header("From")
        task.add_header("From", "list@example.org", 1)


@pytest.mark.parametrize("hops", [0, 2])
async def test_the_letter_is_sealed_as_it_will_leave(config, hops):
    before = await pass_on(PLAIN, *["a.example"] * hops)
    raw, found = await sealed(mail(raw=before, **ANNA), config, modules=(Munge, Arc))
    assert found.hits["ARC_SIGNED"] == [f"example.org:s=arc:i={hops + 1}"]
    assert not (await chain_of(raw)).passed
    leaves = raw.replace(b"From: anna@example.org\r\n", b"From: list@example.org\r\n")
    assert leaves != raw and (await chain_of(leaves)).passed


@pytest.mark.parametrize(
    "options, signer",
    [
        ("", "example.org:s=arc:i=1"),
        ("try_fallback = no;", None),
        ('selector_map = ["example.org ed"];', "example.org:s=ed:i=1"),
        ('domain { example.org { selector = x; path = "FOLDER/ed.key"; } }', "example.org:s=x:i=1"),
        (
            'domain { example.org { selectors [ { selector = x; path = "FOLDER/ed.key"; },'
            ' { selector = y; path = "FOLDER/ed.key"; } ] } }',
            "example.org:s=x:i=1",  # one set a hop
        ),
        ('selector = "none";', None),
        ('use_domain = "recipient"; allow_username_mismatch = yes;', None),  # no such key
        ('use_domain = "example.org";', "example.org:s=arc:i=1"),
    ],
)
async def test_domain_and_key_are_chosen_as_for_dkim(tmp_path, options, signer):
    config = f"arc {{ {write_keys(tmp_path)} {options.replace('FOLDER', str(tmp_path))} }}"
    (tmp_path / "example.org.ed.key").write_text(ED25519_SEED)
    raw, found = await sealed(mail(raw=PLAIN, **ANNA), config)
    assert found.hits.get("ARC_SIGNED", [None]) == [signer]
    assert (raw != PLAIN) == (signer is not None)


@pytest.mark.parametrize("user", ["bert@example.net", "anna"])
async def test_a_user_of_another_domain_is_not_sealed_for(config, user):
    _, found = await sealed(mail(raw=PLAIN, sender="anna@example.org", user=user), config)
    assert found.hits == {"ARC_NA": []}


async def test_what_was_found_is_sealed(config):
    letter = mail(raw=PLAIN, sender="anna@example.org", request={"MTA-Name": "mx.here.example"})
    config = config.replace("arc {", "arc { sign_inbound = yes; use_domain_sign_inbound = header; ")
    raw, _ = await sealed(letter, config, modules=(Spf, Dkim, Arc))
    assert results_in(raw) == {"dkim": "none", "spf": "none"}
    assert b"ARC-Authentication-Results: i=1; mx.here.example;" in raw
    raw, _ = await sealed(mail(raw=PLAIN, **ANNA), config, modules=(Spf, Dkim, Arc))
    assert results_in(raw) == {"auth": "pass"}


REUSED = b"Authentication-Results: mx.in.example; spf=fail; arc=%s\r\n"


@pytest.mark.parametrize(
    "said, options, results, status",
    [
        (b"fail", "", {"auth": "pass"}, "pass"),
        (b"fail", 'trusted_authserv_id = "mx.in.example";', {"spf": "fail", "arc": "fail"}, "fail"),
        (b"pass", 'trusted_authserv_id = "MX.in.example";', {"spf": "fail", "arc": "pass"}, "pass"),
        (b"none", 'trusted_authserv_id = "mx.in.example";', {"spf": "fail", "arc": "none"}, "pass"),
        (b"fail", 'trusted_authserv_id = "other.example";', {"auth": "pass"}, "pass"),
    ],
)
async def test_results_of_a_trusted_service_can_be_sealed_instead(
    tmp_path, said, options, results, status
):
    config = f"arc {{ {write_keys(tmp_path)} reuse_auth_results = yes; {options} }}"
    before = REUSED % said + await pass_on(PLAIN, "a.example")
    raw, _ = await sealed(mail(raw=before, **ANNA), config)
    said_now = results_in(raw)
    said_now.pop("arc", None) if "auth" in said_now else None
    assert said_now == results
    newest = raw[: raw.index(b"ARC-Message-Signature")]
    assert f"cv={status};".encode() in newest


async def test_the_users_name_is_kept_back_where_milter_headers_does_so(config):
    letter = mail(raw=PLAIN, **ANNA)
    raw, _ = await sealed(letter, config)
    assert b"smtp.auth=anna@example.org" in raw
    config += """ milter_headers { routines { authentication-results { add_smtp_user = false; } } }
    """
    raw, _ = await sealed(letter, config)
    assert b"smtp.auth" not in raw and results_in(raw) == {"auth": "pass"}


@pytest.mark.parametrize(
    "options, record, is_sealed",
    [
        ("", None, True),
        ("check_pubkey = yes;", None, False),
        ("check_pubkey = yes; allow_pubkey_mismatch = yes;", None, True),
        ("check_pubkey = yes;", "right", True),
    ],
)
async def test_without_the_published_key_a_seal_helps_nobody(tmp_path, options, record, is_sealed):
    config = f"arc {{ {write_keys(tmp_path)} selector = other; {options} }}"
    (tmp_path / "example.org.other.key").write_text(RSA_PEM)
    records = []
    if record:
        text = RECORDS["arc._domainkey.example.org"].decode()
        records.append(f"other._domainkey.example.org. TXT '{text}'")
    _, found = await sealed(mail(raw=PLAIN, **ANNA), config, resolver=dns(*records))
    assert ("ARC_SIGNED" in found.hits) == is_sealed


async def test_a_broken_chain_can_be_a_reason_not_to_seal(tmp_path):
    config = f"arc {{ {write_keys(tmp_path)} check_violation = yes; }}"
    changed = (await pass_on(PLAIN, "a.example")).replace(b"Hello", b"Hallo")
    _, found = await sealed(mail(raw=changed, **ANNA), config)
    assert "ARC_SIGNED" not in found.hits


@pytest.mark.parametrize(
    "options, message",
    [
        ('sign_headers = "to:subject";', "sign_headers: from is not in the list"),
        ('domain { example.org { path = "FOLDER/rubbish"; } }', "domain: .*rubbish is no signing"),
    ],
)
async def test_mistakes_are_named(tmp_path, options, message):
    (tmp_path / "rubbish").write_text("no key")
    config = f"arc {{ {options.replace('FOLDER', str(tmp_path))} }}"
    with pytest.raises(ConfigError, match=message):
        await sealed(mail(raw=PLAIN), config)


async def test_arc_seal_in_the_list_of_headers_is_logged_and_nothing_sealed(tmp_path, caplog):
    config = f'arc {{ {write_keys(tmp_path)} sign_headers = "from:arc-seal"; }}'
    with caplog.at_level(logging.ERROR):
        _, found = await sealed(mail(raw=PLAIN, **ANNA), config)
    assert "ARC_SIGNED" not in found.hits and "ARC-Seal is in the list" in caplog.text
