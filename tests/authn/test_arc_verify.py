# SPDX-License-Identifier: Apache-2.0
"""A chain holds only if every seal and the newest message signature do."""

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from authn_dkim import (
    ED25519,
    LETTERS,
    NOW,
    RSA,
    SHORT_RSA,
    Zone,
    add_field,
    record_of,
)
from gatepost.authn import (
    ArcReason,
    KeyMemory,
    Letter,
    PrivateKey,
    generate_key,
    seal_arc,
    verify_arc,
)

DOMAINS = ("a.example", "b.example", "c.example")
KEYS = dict(zip(DOMAINS, (RSA, ED25519, RSA), strict=True))


def zone_of(**changes) -> Zone:
    """The three hops' keys; ``a="servfail"`` says otherwise for the first."""
    records = {f"s._domainkey.{domain}": record_of(key) for domain, key in KEYS.items()}
    for name, record in changes.items():
        records[f"s._domainkey.{name}.example"] = record
    return Zone(records)


async def pass_on(raw: bytes, *domains: str, key=None) -> bytes:
    for domain in domains:
        letter = Letter.from_bytes(raw)
        chain = await verify_arc(letter, zone_of(), now=NOW)
        new = seal_arc(
            letter,
            key or KEYS[domain],
            domain,
            "s",
            chain=chain,
            results=f"{domain}; dmarc=pass",
            now=NOW,
        )
        raw = add_field("ARC-Authentication-Results", new.results, raw)
        raw = add_field("ARC-Message-Signature", new.message, raw)
        raw = add_field("ARC-Seal", new.seal, raw)
    return raw


async def verify(raw: bytes, zone=None, **options):
    return await verify_arc(Letter.from_bytes(raw), zone or zone_of(), now=NOW, **options)


async def test_a_letter_without_arc_has_no_chain():
    zone = zone_of()
    verdict = await verify(LETTERS["plain"], zone)
    assert (verdict.status, verdict.highest, verdict.newest) == ("none", 0, None)
    assert zone.asked == []


async def test_a_chain_that_holds():
    zone = zone_of()
    verdict = await verify(await pass_on(LETTERS["plain"], *DOMAINS), zone, want_oldest_pass=True)
    assert verdict.passed and verdict.oldest_pass == 0 and verdict.highest == 3
    assert verdict.newest.seal.domain == "c.example"
    assert verdict.newest.results == "c.example; dmarc=pass"
    assert sorted(zone.asked) == [f"s._domainkey.{domain}" for domain in DOMAINS]


async def test_keys_that_are_known_are_not_asked_for():
    zone, memory = zone_of(), KeyMemory()
    raw = await pass_on(LETTERS["plain"], *DOMAINS)
    for _ in range(2):
        assert (await verify(raw, zone, cache=memory)).passed
    assert len(zone.asked) == 3


@pytest.mark.parametrize(
    "old, new, reason, instance",
    [
        (b"Joe.", b"Jim.", ArcReason.MESSAGE_SIGNATURE, 3),
        (b"dinner", b"supper", ArcReason.MESSAGE_SIGNATURE, 3),
        (b"a.example; dmarc=pass", b"a.example; dmarc=none", ArcReason.SEAL, 3),
        (b"i=2; b.example; dmarc", b"i=2; b.example; spf", ArcReason.SEAL, 3),
        (b"i=3; c.example; dmarc", b"i=3; c.example; spf", ArcReason.SEAL, 3),
    ],
)
async def test_a_change_breaks_the_chain(old, new, reason, instance):
    raw = await pass_on(LETTERS["plain"], *DOMAINS)
    assert old in raw
    verdict = await verify(raw.replace(old, new))
    assert (verdict.status, verdict.reason, verdict.instance) == ("fail", reason, instance)
    assert not verdict.temporary and len(verdict.sets) == 3


async def test_a_set_in_the_middle_cannot_be_left_out():
    raw = await pass_on(LETTERS["plain"], *DOMAINS)
    fields = Letter.from_bytes(raw).fields
    raw = b"".join(fields[:3] + fields[6:]) + b"\r\nHi.\r\n"
    assert (await verify(raw)).reason is ArcReason.GAP


async def test_a_list_that_changes_the_letter_is_found_by_the_oldest_pass():
    raw = await pass_on(LETTERS["plain"], "a.example")
    raw = await pass_on(raw + b"-- \r\nthe list\r\n", key=KEYS["b.example"])
    letter = Letter.from_bytes(raw)
    new = seal_arc(
        letter, ED25519, "b.example", "s", chain=await verify(raw), status="pass",
        results="b.example; arc=pass", now=NOW,
    )  # fmt: skip
    for name, value in (
        ("ARC-Authentication-Results", new.results),
        ("ARC-Message-Signature", new.message),
        ("ARC-Seal", new.seal),
    ):
        raw = add_field(name, value, raw)
    raw = await pass_on(raw, "c.example")
    verdict = await verify(raw, want_oldest_pass=True)
    assert verdict.passed and verdict.oldest_pass == 2
    assert (await verify(raw)).oldest_pass is None


@pytest.mark.parametrize(
    "changes, reason, instance, temporary",
    [
        ({"c": "servfail"}, ArcReason.MESSAGE_SIGNATURE, 3, True),
        ({"c": None}, ArcReason.MESSAGE_SIGNATURE, 3, False),
        ({"c": b"v=DKIM1; p="}, ArcReason.MESSAGE_SIGNATURE, 3, False),
        ({"c": record_of(ED25519)}, ArcReason.MESSAGE_SIGNATURE, 3, False),
        ({"a": "timeout"}, ArcReason.SEAL, 1, True),
        ({"a": "nxdomain"}, ArcReason.SEAL, 1, False),
        ({"a": b"v=DKIM1; p="}, ArcReason.SEAL, 1, False),
        ({"a": "timeout", "b": b"rubbish"}, ArcReason.SEAL, 2, False),
        ({"b": "timeout", "a": b"rubbish"}, ArcReason.SEAL, 1, False),
        ({"b": record_of(RSA)}, ArcReason.SEAL, 2, False),
    ],
)
async def test_keys_that_are_not_there(changes, reason, instance, temporary):
    raw = await pass_on(LETTERS["plain"], *DOMAINS)
    verdict = await verify(raw, zone_of(**changes))
    assert (verdict.status, verdict.reason) == ("fail", reason)
    assert (verdict.instance, verdict.temporary) == (instance, temporary)


async def test_a_seal_by_a_short_key_does_not_count():
    short = PrivateKey.__new__(PrivateKey)  # what another sealer, not ours, would use
    short.key = serialization.load_pem_private_key(SHORT_RSA.encode(), None)
    short.kind, short.algorithm = "rsa", "rsa-sha256"
    short.public = short.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    zone = zone_of(a=record_of(short))
    raw = await pass_on(LETTERS["plain"], "a.example", key=short)
    assert (await verify(raw, zone)).detail == "i=1: unacceptable key size"
    letter = Letter.from_bytes(raw)
    chain = await verify(raw, zone)
    new = seal_arc(
        letter, ED25519, "b.example", "s", chain=chain, status="pass", results="b", now=NOW
    )
    raw = add_field("ARC-Authentication-Results", new.results, raw)
    raw = add_field("ARC-Message-Signature", new.message, raw)
    verdict = await verify(add_field("ARC-Seal", new.seal, raw), zone)
    assert (verdict.reason, verdict.detail) == (ArcReason.SEAL, "i=1: unacceptable key size")


async def test_another_key_than_the_published_one_seals_nothing():
    raw = await pass_on(LETTERS["plain"], "a.example", key=generate_key("rsa", 1024).key)
    assert (await verify(raw)).reason is ArcReason.MESSAGE_SIGNATURE


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=4), st.integers(0, 2000))
async def test_damage_never_raises_and_never_makes_a_chain_longer(piece, at):
    raw = await pass_on(LETTERS["plain"], "a.example", "b.example")
    damaged = raw[:at] + piece + raw[at + len(piece) :]
    verdict = await verify(damaged)
    assert verdict.status in ("none", "pass", "fail") and len(verdict.sets) <= 2


@pytest.mark.parametrize(
    "old, new, forgiven, status",
    [
        (b"Is dinner", b"Is supper", (), "fail"),
        (b"Is dinner", b"Is supper", ("c.example",), "pass"),
        (b"Is dinner", b"Is supper", ("a.example", "b.example"), "fail"),
        (b"i=2; b.example; dmarc=pass", b"i=2; b.example; dmarc=fail", ("c.example",), "fail"),
        (b"i=2; b.example; dmarc=pass", b"i=2; b.example; dmarc=fail", DOMAINS[1:], "pass"),
    ],
)
async def test_what_trusted_domains_broke_can_be_forgiven(old, new, forgiven, status):
    raw = await pass_on(LETTERS["plain"], *DOMAINS)
    assert old in raw
    assert (await verify(raw.replace(old, new), forgives=forgiven.__contains__)).status == status
