# SPDX-License-Identifier: Apache-2.0
"""Each signature gets the result that the RFCs name, whatever is wrong with it."""

import time
from base64 import b64encode

import dkim
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given, settings
from hypothesis import strategies as st

from authn_dkim import (
    ED25519,
    ED25519_SEED,
    HEADER,
    LETTERS,
    NOW,
    RSA,
    RSA_PEM,
    RSA_PUBLIC,
    SHORT_RSA,
    ZONE,
    Zone,
    add_field,
    record_of,
)
from gatepost.authn import (
    KeyMemory,
    Letter,
    PrivateKey,
    Reason,
    SignHeaders,
    SigningOptions,
    VerifyOptions,
    sign_dkim,
    verify_dkim,
)
from gatepost.authn.dkim_sign import fold_base64

DOMAIN, NAME = "football.example.com", "test._domainkey.football.example.com"
RFC_8463 = (
    b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    b" subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    b" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    b" date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    b" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    b" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
) + LETTERS["plain"]
RFC_6376 = (
    b"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
    b"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
    b"      h=Received : From : To : Subject : Date : Message-ID;\r\n"
    b"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
    b"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
    b"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
    b"      4bmp/YzhwvcubU4=;\r\n"
    b"Received: from client1.football.example.com  [192.0.2.1]\r\n"
    b"      by submitserver.example.com with SUBMISSION;\r\n"
    b"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
) + LETTERS["plain"].replace(b"game.  Are", b"game. Are")
RFC_6376_KEY = (
    b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM"
    b"oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/R"
    b"tdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI"
    b"MmPSPDdQPNUYckcQ2QIDAQAB"
)


async def verify(raw: bytes, zone=ZONE, now=NOW, **options):
    return await verify_dkim(
        Letter.from_bytes(raw), zone, now=now, options=VerifyOptions(**options)
    )


def signed(raw=LETTERS["plain"], key=RSA, identity=None, now=NOW, selector="test", **options):
    value = sign_dkim(
        Letter.from_bytes(raw),
        key,
        DOMAIN,
        selector,
        now=now,
        identity=identity,
        options=SigningOptions(**options),
    )
    return add_field("DKIM-Signature", value, raw)


async def test_the_example_of_rfc_8463():
    verdicts = await verify(RFC_8463)
    assert [(v.result, v.selector, v.key_bits) for v in verdicts] == [
        ("pass", "brisbane", 256),
        ("pass", "test", 1024),
    ]


async def test_the_example_of_rfc_6376():
    [verdict] = await verify(RFC_6376, Zone({"brisbane._domainkey.example.com": RFC_6376_KEY}))
    assert verdict.passed and verdict.signature.identity == "joe@football.example.com"


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519-sha256"])
@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
@pytest.mark.parametrize("name", sorted(LETTERS))
async def test_what_dkimpy_signs_verifies(name, algorithm, header, body):
    ed25519 = algorithm.startswith("ed")
    raw = LETTERS[name]
    field = dkim.sign(
        raw,
        b"brisbane" if ed25519 else b"test",
        DOMAIN.encode(),
        ED25519_SEED.encode() if ed25519 else RSA_PEM.encode(),
        signature_algorithm=algorithm.encode(),
        canonicalize=(header, body),
        include_headers=[b"from", b"to", b"subject", b"cc", b"references", b"list-id"],
        length=name == "plain",
    )
    [verdict] = await verify(field + raw, now=time.time())
    assert verdict.result == "pass", verdict


async def test_a_letter_without_signatures_has_no_verdicts():
    zone = Zone()
    assert await verify(LETTERS["plain"], zone) == [] and zone.asked == []


@pytest.mark.parametrize(
    "record, result, reason",
    [
        (record_of(RSA), "pass", None),
        ([b"v=spf1 -all", record_of(RSA)], "pass", None),
        (record_of(RSA, "t=y; "), "pass", None),
        (None, "permerror", Reason.KEY_MISSING),
        ("norec", "permerror", Reason.KEY_MISSING),
        ("servfail", "temperror", Reason.KEY_UNAVAILABLE),
        ("timeout", "temperror", Reason.KEY_UNAVAILABLE),
        (b"v=DKIM1; p=", "permerror", Reason.KEY_REVOKED),
        (b"v=DKIM1; t=y; p=", "neutral", Reason.KEY_REVOKED),
        (b"rubbish", "permerror", Reason.KEY_SYNTAX),
        (b"v=DKIM1; p=" + b"A" * 65_000, "permerror", Reason.KEY_SYNTAX),
        (b"v=DKIM1\0; p=" + RSA_PUBLIC.encode(), "permerror", Reason.KEY_SYNTAX),
        (record_of(ED25519), "permerror", Reason.KEY_ALGORITHM),
        (record_of(RSA, "h=sha1; "), "permerror", Reason.KEY_HASH),
        (record_of(RSA, "s=other; "), "permerror", Reason.KEY_SERVICE),
        (RFC_6376_KEY, "fail", Reason.SIGNATURE),
        (RFC_6376_KEY.replace(b"p=", b"t=y; p="), "neutral", Reason.SIGNATURE),
    ],
)
async def test_what_the_zone_says(record, result, reason):
    [verdict] = await verify(signed(), Zone({NAME: record}))
    assert (verdict.result, verdict.reason) == (result, reason)
    assert (verdict.domain, verdict.selector) == (DOMAIN, "test")
    assert verdict.testing is (isinstance(record, bytes) and b"t=y" in record)


@pytest.mark.parametrize(
    "identity, result",
    [(f"joe@{DOMAIN}", "pass"), (f"joe@sub.{DOMAIN}", "permerror"), (None, "pass")],
)
async def test_a_strict_key_is_not_for_subdomains(identity, result):
    zone = Zone({NAME: record_of(RSA, "t=s; ")})
    [verdict] = await verify(signed(identity=identity), zone)
    assert verdict.result == result
    assert verdict.reason is (Reason.DOMAIN_MISMATCH if result == "permerror" else None)


@pytest.mark.parametrize(
    "age, result, reason",
    [
        (0, "pass", None),
        (-50, "pass", None),
        (-70, "policy", Reason.IN_FUTURE),
        (1050, "pass", None),
        (1070, "policy", Reason.EXPIRED),
    ],
)
async def test_a_signature_has_its_time(age, result, reason):
    [verdict] = await verify(signed(expire=1000), now=NOW + age, time_jitter=60)
    assert (verdict.result, verdict.reason) == (result, reason)


@pytest.mark.parametrize(
    "before, after, reason",
    [
        (b"Joe.\r\n", b"Joe!\r\n", Reason.BODY_HASH),
        (b"dinner", b"supper", Reason.SIGNATURE),
        (b"t=1528637909", b"t=1528637908", Reason.SIGNATURE),
        (b"Date: Fri, ", b"Date: ", Reason.SIGNATURE),
    ],
)
@pytest.mark.parametrize("form", ["simple", "relaxed"])
async def test_a_changed_letter_fails(before, after, reason, form):
    raw = signed(header=form, body=form)
    assert before in raw
    [verdict] = await verify(raw.replace(before, after, 1))
    assert (verdict.result, verdict.reason) == ("fail", reason)


async def test_a_shorter_body_than_signed_fails():
    raw = signed(body_length=True)
    [verdict] = await verify(raw[:-8])
    assert (verdict.result, verdict.reason) == ("fail", Reason.BODY_LENGTH)


@pytest.mark.parametrize("name", ["From", "Subject", "Date"])
async def test_a_second_instance_that_is_not_signed_is_not_acceptable(name):
    raw = signed(sign_headers=SignHeaders.parse("from:subject:date"))
    [verdict] = await verify(f"{name}: other@example.net\r\n".encode() + raw)
    assert (verdict.result, verdict.reason) == ("policy", Reason.UNSIGNED_FIELD)
    assert verdict.detail == name.lower()


def sign_sha1(raw: bytes) -> bytes:
    """What an old signer makes."""
    letter = Letter.from_bytes(raw)
    bh = b64encode(letter.body_hash("relaxed", "sha1")).decode()
    value = f"v=1; a=rsa-sha1; c=relaxed/relaxed; d={DOMAIN}; s=test; h=from; bh={bh}; b="
    text = letter.header_text(["from"], "relaxed") + f"dkim-signature:{value}".encode()
    signature = RSA.key.sign(text, PKCS1v15(), hashes.SHA1())
    return add_field("DKIM-Signature", value + fold_base64(signature), raw)


async def test_sha1_is_weak():
    raw = sign_sha1(LETTERS["plain"])
    [verdict] = await verify(raw)
    assert (verdict.result, verdict.reason) == ("policy", Reason.WEAK_ALGORITHM) and verdict.weak
    [verdict] = await verify(raw, accept_sha1=True)
    assert verdict.passed and verdict.weak
    [verdict] = await verify(raw.replace(b"Joe.", b"Jim."))
    assert (verdict.result, verdict.reason) == ("fail", Reason.BODY_HASH)


async def test_a_short_key_is_never_valid():
    short = serialization.load_pem_private_key(SHORT_RSA.encode(), None)
    key = PrivateKey.__new__(PrivateKey)  # what another signer, not ours, would use
    key.key, key.kind, key.algorithm = short, "rsa", "rsa-sha256"
    key.public = short.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    [verdict] = await verify(signed(key=key), Zone({NAME: record_of(key)}))
    assert (verdict.result, verdict.reason, verdict.key_bits) == (
        "permerror",
        Reason.KEY_SIZE,
        768,
    )


async def test_all_signatures_are_judged_in_their_order():
    raw = signed(signed(), ED25519, selector="brisbane")
    raw = add_field("DKIM-Signature", "v=1; a=none", raw)
    raw = add_field("DKIM-Signature", "", raw)
    zone = Zone(dict(ZONE.records))
    verdicts = await verify(raw, zone)
    assert [v.result for v in verdicts] == ["permerror", "permerror", "pass", "pass"]
    assert sorted(zone.asked) == ["brisbane._domainkey." + DOMAIN, NAME]


async def test_a_thousand_signatures_are_not_all_checked():
    field, _, rest = signed().partition(b"From:")
    zone = Zone(dict(ZONE.records))
    start = time.process_time()
    verdicts = await verify(field * 1000 + b"From:" + rest, zone, max_signatures=5)
    assert time.process_time() - start < 0.5
    assert [v.result for v in verdicts] == ["pass"] * 5 + ["policy"] * 995
    assert verdicts[-1].reason is Reason.TOO_MANY and len(zone.asked) == 1


async def test_a_key_is_asked_for_once_as_long_as_it_is_kept():
    zone, memory = Zone(dict(ZONE.records)), KeyMemory()
    for now in (NOW, NOW + 10):
        letter = Letter.from_bytes(signed(signed()))
        verdicts = await verify_dkim(letter, zone, now=now, cache=memory)
        assert [v.result for v in verdicts] == ["pass", "pass"]
    assert zone.asked == [NAME]


async def test_a_signer_that_leaves_a_lone_cr_alone_is_understood():
    raw = HEADER + b"\r\none\rtwo\r\n"
    literal = Letter.from_bytes(raw, keep_cr=True)
    value = sign_dkim(literal, RSA, DOMAIN, "test", now=NOW)
    for form in (raw, raw.replace(b"\r\n", b"\n")):
        [verdict] = await verify(add_field("DKIM-Signature", value, form))
        assert verdict.passed
    [verdict] = await verify(signed(raw))
    assert verdict.passed


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=80), st.binary(max_size=100))
async def test_nothing_that_mail_or_dns_can_say_raises(head, value, record):
    field = f"DKIM-Signature: {value}\r\n".encode("utf-8", "surrogatepass")
    await verify(field + head + b"\r\n" + signed(), Zone({NAME: record}))
    await verify(head + signed(LETTERS["no empty line"]))


@pytest.mark.parametrize(
    "least, more, result",
    [
        (0.9, b"", "pass"),
        (0.9, b"x" * 8 + b"\r\n", "pass"),  # 10 bytes beyond 90
        (0.9, b"x" * 9 + b"\r\n", "policy"),
        (0.0, b"x" * 9000 + b"\r\n", "pass"),
        (1.0, b"\r\n\r\n", "pass"),  # empty lines at the end are no text
        (1.0, b"x\r\n", "policy"),
    ],
)
async def test_a_signature_over_too_little_of_the_body_is_no_pass(least, more, result):
    raw = signed(HEADER + b"\r\n" + b"y" * 88 + b"\r\n", body_length=True)
    [verdict] = await verify(raw + more, least_signed=least)
    assert verdict.result == result
    assert verdict.reason == (None if result == "pass" else Reason.UNSIGNED_TEXT)


async def test_signatures_of_some_domains_alone_can_be_wanted():
    raw = add_field("DKIM-Signature", "v=1; d=other.example; s=x; broken", signed())
    zone = Zone(ZONE.records)
    letter = Letter.from_bytes(raw)
    [verdict] = await verify_dkim(letter, zone, now=NOW, wanted={DOMAIN}.__contains__)
    assert verdict.passed and zone.asked == [NAME]
    assert await verify_dkim(letter, zone, now=NOW, wanted=set().__contains__) == []
