# SPDX-License-Identifier: Apache-2.0
"""Chains of any length that we and dkimpy seal hold for both of us."""

import time

import dkim
import pytest

from authn_dkim import (
    ED25519,
    LETTERS,
    NOW,
    RSA,
    RSA_PEM,
    ZONE,
    add_field,
)
from gatepost.authn import (
    ArcReason,
    ArcVerdict,
    Letter,
    SignHeaders,
    SigningError,
    has_sealed,
    parse_signature,
    seal_arc,
    verify_arc,
)
from gatepost.authn.arc_set import read_seal
from gatepost.authn.dkim_canonical import relaxed_field
from gatepost.authn.dkim_keys import PADDING, SHA256
from gatepost.authn.letter import digest

DOMAIN = "football.example.com"
RESULTS = "mx.example.org; spf=pass smtp.mailfrom=example.net;\r\n dkim=fail"
DKIMPY_HEADERS = [b"from", b"to", b"subject", b"date", b"message-id"]


async def seal(raw: bytes, key=RSA, **options) -> bytes:
    """The letter with one more set by us."""
    letter = Letter.from_bytes(raw)
    chain = await verify_arc(letter, ZONE, now=NOW)
    selector = "test" if key.kind == "rsa" else "brisbane"
    options = {"results": RESULTS, "now": NOW, **options}
    new = seal_arc(letter, key, DOMAIN, selector, chain=chain, **options)
    assert new is not None
    raw = add_field("ARC-Authentication-Results", new.results, raw)
    raw = add_field("ARC-Message-Signature", new.message, raw)
    return add_field("ARC-Seal", new.seal, raw)


def seal_by_dkimpy(raw: bytes, hops: int) -> bytes:
    status = b"pass" if hops else b"none"
    results = b"Authentication-Results: mx.example.org; arc=" + status + b"\r\n"
    lines = dkim.arc_sign(
        results + raw, b"test", DOMAIN.encode(), RSA_PEM.encode(), b"mx.example.org",
        include_headers=DKIMPY_HEADERS, timestamp=str(int(NOW)),
    )  # fmt: skip
    return b"".join(lines) + raw


def ask_dkimpy(raw: bytes) -> bytes | None:
    return dkim.arc_verify(raw, dnsfunc=ZONE.for_dkimpy)[0]


@pytest.mark.parametrize("name", LETTERS)
async def test_one_hop_over_any_letter(name):
    raw = await seal(LETTERS[name])
    assert (await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW)).status == "pass"
    assert ask_dkimpy(raw) == b"pass"
    raw = await seal(LETTERS[name], ED25519)
    assert (await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW)).status == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("who", ["we", "dkimpy", "both in turn"])
async def test_chains_of_one_to_fifty_hops(who):
    raw = LETTERS["folded"]
    for hops in range(50):
        if who == "we" or (who == "both in turn" and hops % 2):
            raw = await seal(raw)
        else:
            raw = seal_by_dkimpy(raw, hops)
        verdict = await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW, want_oldest_pass=True)
        assert verdict.passed and verdict.highest == hops + 1 and verdict.oldest_pass == 0
        if hops + 1 in (1, 2, 3, 4, 10, 50):
            assert ask_dkimpy(raw) == b"pass"
    assert seal_arc(
        Letter.from_bytes(raw), RSA, DOMAIN, "test", chain=verdict, results=RESULTS, now=NOW
    ) is None  # fmt: skip


async def test_the_tags_are_rspamds():
    letter = Letter.from_bytes(LETTERS["plain"])
    new = seal_arc(
        letter, RSA, "example.org", "s1", chain=ArcVerdict("none"), results=RESULTS, now=1000.5
    )
    assert new.results == "i=1; mx.example.org; spf=pass smtp.mailfrom=example.net;\r\n\tdkim=fail"
    plain = "".join(new.message.split())
    assert plain.startswith("i=1;a=rsa-sha256;c=relaxed/relaxed;d=example.org;s=s1;t=1000;h=from:")
    plain = "".join(new.seal.split())
    assert plain.startswith("i=1;a=rsa-sha256;d=example.org;s=s1;cv=none;t=1000;b=")
    for value in new.message, new.seal:
        assert max(map(len, value.split("\r\n\t"))) <= 78
        assert not parse_signature(f"X: {value}\r\n".encode()).reason.startswith("signature syntax")


async def test_the_first_set_has_no_status_to_tell():
    raw = await seal(LETTERS["plain"], status="fail")
    assert b"cv=none" in raw


async def test_a_broken_chain_is_sealed_as_broken_and_then_no_more():
    raw = (await seal(await seal(LETTERS["plain"]))).replace(b"Joe.", b"Jim.")
    letter = Letter.from_bytes(raw)
    chain = await verify_arc(letter, ZONE, now=NOW)
    assert chain.reason is ArcReason.MESSAGE_SIGNATURE
    raw = await seal(raw)
    letter = Letter.from_bytes(raw)
    chain = await verify_arc(letter, ZONE, now=NOW)
    assert (chain.status, chain.reason, chain.instance) == ("fail", ArcReason.ENDED, 3)
    again = seal_arc(letter, RSA, DOMAIN, "test", chain=chain, results=RESULTS, now=NOW)
    assert again is None
    # its own set alone is under the seal, so that it can be told who has found the break
    text = b"".join(letter.field(at, "relaxed") for at in (2, 1))
    newest = read_seal(letter.fields[0])
    text += relaxed_field(newest.unsigned).removesuffix(b"\r\n")
    RSA.key.public_key().verify(newest.signature, digest("sha256", text), PADDING, SHA256)


async def test_a_chain_without_structure_is_sealed_as_broken():
    raw = (await seal(LETTERS["plain"])).replace(b"ARC-Message-Signature", b"X-Old")
    raw = await seal(raw)
    assert raw.startswith(b"ARC-Seal: i=2;") and b"cv=fail" in raw


async def test_a_trusted_status_replaces_ours():
    raw = (await seal(LETTERS["plain"])).replace(b"Joe.", b"Jim.")
    raw = await seal(raw, status="pass")
    assert b"cv=pass" in raw
    verdict = await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW, want_oldest_pass=True)
    assert verdict.passed and verdict.oldest_pass == 2


async def test_results_cannot_bring_a_field_of_their_own():
    raw = await seal(LETTERS["plain"], results="mx.example.org; none\r\nX-Evil: 1\n\n\r\ty")
    assert b"\nX-Evil" not in raw
    assert (await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW)).passed


@pytest.mark.parametrize(
    "domain, headers",
    [("no domain", "from"), ("example.org", "from:arc-seal")],
)
def test_what_cannot_be_sealed_is_refused(domain, headers):
    with pytest.raises(SigningError):
        seal_arc(
            Letter.from_bytes(LETTERS["plain"]),
            RSA,
            domain,
            "s",
            chain=ArcVerdict("none"),
            results=RESULTS,
            now=time.time(),
            sign_headers=SignHeaders.parse(headers),
        )


async def test_a_letter_may_get_other_fields_after_it_was_verified():
    first = await seal(LETTERS["plain"])
    letter = Letter.from_bytes(first)
    chain = await verify_arc(letter, ZONE, now=NOW)
    edited = letter.with_header(b"X-New: 1\r\n" + b"".join(letter.fields))
    new = seal_arc(edited, RSA, DOMAIN, "test", chain=chain, results=RESULTS, now=NOW)
    raw = add_field("X-New", "1", first)
    raw = add_field("ARC-Authentication-Results", new.results, raw)
    raw = add_field("ARC-Message-Signature", new.message, raw)
    raw = add_field("ARC-Seal", new.seal, raw)
    assert (await verify_arc(Letter.from_bytes(raw), ZONE, now=NOW)).passed
    with pytest.raises(SigningError, match="not the one that was verified"):
        bare = letter.with_header(b"From: a@b.example\r\n")
        seal_arc(bare, RSA, DOMAIN, "test", chain=chain, results=RESULTS, now=NOW)


async def test_a_set_of_our_own_is_known_again():
    raw = await seal(LETTERS["plain"])

    async def is_ours(raw: bytes, key=RSA, domain=DOMAIN, selector="test"):
        letter = Letter.from_bytes(raw)
        chain = await verify_arc(letter, ZONE, now=NOW)
        return has_sealed(letter, key, domain, selector, chain=chain)

    assert await is_ours(raw)
    assert await is_ours(add_field("Received", "by filter.example.org", raw))
    assert not await is_ours(LETTERS["plain"])
    assert not await is_ours(raw, key=ED25519)
    assert not await is_ours(raw, domain="example.com")
    assert not await is_ours(raw, selector="brisbane")
    assert not await is_ours(raw.replace(b"dinner", b"supper"))
    assert not await is_ours(raw + b"a footer\r\n")
    assert not await is_ours(await seal(raw, key=ED25519))  # somebody has sealed since
