# SPDX-License-Identifier: Apache-2.0
"""DKIM-Signature fields: what they claim, and what makes them void before any key is asked for."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn import BadSignature, DkimSignature, Reason, parse_signature

TAGS = {
    "v": "1",
    "a": "rsa-sha256",
    "d": "Example.ORG",
    "s": "Sel",
    "h": "From : to",
    "bh": "aGFz aA==",
    "b": "c2ln\r\n bmF0dXJl",
}


def field(**changes: str | None) -> bytes:
    tags = {**TAGS, **changes}
    text = "; ".join(f"{name}={value}" for name, value in tags.items() if value is not None)
    return f"DKIM-Signature: {text}\r\n".encode()


def test_a_signature_with_what_it_must_have():
    claim = parse_signature(field())
    assert isinstance(claim, DkimSignature)
    assert (claim.domain, claim.selector, claim.identity) == ("example.org", "sel", "@example.org")
    assert claim.key_name == "sel._domainkey.example.org"
    assert (claim.algorithm, claim.kind, claim.hash_name) == ("rsa-sha256", "rsa", "sha256")
    assert (claim.header, claim.body) == ("simple", "simple")
    assert claim.headers == ("from", "to")
    assert (claim.body_hash, claim.signature) == (b"hash", b"signature")
    assert claim.length is claim.timestamp is claim.expires is None


@pytest.mark.parametrize(
    "changes, attributes",
    [
        ({"c": "relaxed"}, {"header": "relaxed", "body": "simple"}),
        ({"c": "simple/relaxed"}, {"header": "simple", "body": "relaxed"}),
        ({"i": "anna@sub.example.org"}, {"identity": "anna@sub.example.org"}),
        ({"i": "@EXAMPLE.org"}, {"identity": "@example.org"}),
        ({"i": "a=3Bb\r\n =20c@example.org"}, {"identity": "a;b c@example.org"}),
        ({"l": "0"}, {"length": 0}),
        ({"t": "1", "x": "2"}, {"timestamp": 1, "expires": 2}),
        ({"l": "9" * 76}, {"length": int("9" * 76)}),
        ({"q": "other:dns/txt"}, {"algorithm": "rsa-sha256"}),
        ({"a": "ed25519-sha256"}, {"kind": "ed25519", "hash_name": "sha256"}),
        ({"a": "rsa-sha1"}, {"kind": "rsa", "hash_name": "sha1"}),
        ({"d": "bücher.example"}, {"domain": "xn--bcher-kva.example"}),
        ({"z": "From:x|To:y", "r": "y"}, {"headers": ("from", "to")}),
    ],
)
def test_tags_that_may_be_there(changes, attributes):
    claim = parse_signature(field(**changes))
    assert {name: getattr(claim, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"v": "2"}, Reason.VERSION),
        ({"v": None}, Reason.TAG_MISSING),
        ({"b": None}, Reason.TAG_MISSING),
        ({"bh": None, "h": None}, Reason.TAG_MISSING),
        ({"a": "rsa-md5"}, Reason.ALGORITHM),
        ({"a": ""}, Reason.ALGORITHM),
        ({"c": "nofws"}, Reason.CANONICALIZATION),
        ({"c": "relaxed/"}, Reason.CANONICALIZATION),
        ({"q": "dns/other"}, Reason.QUERY_METHOD),
        ({"d": ""}, Reason.SIGNATURE_SYNTAX),
        ({"d": "a..b"}, Reason.SIGNATURE_SYNTAX),
        ({"d": "a" * 64 + ".org"}, Reason.SIGNATURE_SYNTAX),
        ({"s": "a b"}, Reason.SIGNATURE_SYNTAX),
        ({"i": "anna@example.com"}, Reason.DOMAIN_MISMATCH),
        ({"i": "anna@notexample.org"}, Reason.DOMAIN_MISMATCH),
        ({"i": "example.org"}, Reason.DOMAIN_MISMATCH),
        ({"h": "to:subject"}, Reason.FROM_UNSIGNED),
        ({"h": ""}, Reason.FROM_UNSIGNED),
        ({"h": "from::to"}, Reason.SIGNATURE_SYNTAX),
        ({"h": "from:" + ":".join(["to"] * 1000)}, Reason.SIGNATURE_SYNTAX),
        ({"b": ""}, Reason.SIGNATURE_SYNTAX),
        ({"b": "abc"}, Reason.SIGNATURE_SYNTAX),
        ({"bh": "a-_b"}, Reason.SIGNATURE_SYNTAX),
        ({"l": "-1"}, Reason.SIGNATURE_SYNTAX),
        ({"l": "1e3"}, Reason.SIGNATURE_SYNTAX),
        ({"t": "9" * 77}, Reason.SIGNATURE_SYNTAX),
        ({"t": "2", "x": "2"}, Reason.SIGNATURE_SYNTAX),
        ({"n": "\0"}, Reason.SIGNATURE_SYNTAX),
        ({"n": "x" * 70_000}, Reason.SIGNATURE_SYNTAX),
        ({f"t{n}": "" for n in range(10_000)}, Reason.SIGNATURE_SYNTAX),
    ],
)
def test_a_field_that_is_no_signature_says_why(changes, reason):
    start = time.process_time()
    claim = parse_signature(field(**changes))
    assert isinstance(claim, BadSignature) and claim.reason is reason
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    "raw, header, signed",
    [
        (b"DKIM-Signature: %b; b=c2ln\r\n bm0=\r\n", "simple", b"DKIM-Signature: %b; b="),
        (b"Dkim-signature:%b; b= c2ln \r\n", "simple", b"Dkim-signature:%b; b="),
        (b"DKIM-Signature: b=c2ln ;\t%b \r\n", "simple", b"DKIM-Signature: b=;\t%b "),
        (b"DKIM-Signature : b=c2ln ;\t%b \r\n", "relaxed", b"dkim-signature:b=; %b"),
        (b"DKIM-Signature: %b;b = c2ln;\r\n", "relaxed", b"dkim-signature:%b;b =;"),
    ],
)
def test_the_field_is_signed_with_its_value_taken_out(raw, header, signed):
    rest = b"v=1;a=rsa-sha256;d=x.y;s=s;h=from;bh=aGFzaA==;c=" + header.encode()
    claim = parse_signature(raw % rest)
    assert isinstance(claim, DkimSignature)
    assert claim.signed_field() == signed % rest


@settings(max_examples=60)
@given(
    st.binary(max_size=300)
    | st.dictionaries(st.sampled_from([*TAGS, "c", "i", "l", "q", "t", "x"]), st.text()).map(
        lambda changes: field(**changes)
    )
)
def test_any_bytes_are_a_field(raw):
    claim = parse_signature(raw)
    if isinstance(claim, DkimSignature):
        claim.signed_field()
