# SPDX-License-Identifier: Apache-2.0
"""Key records as the DNS has them, good, bad and hostile."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from authn_dkim import ED25519, ED25519_PUBLIC, RSA, RSA_PUBLIC, record_of, rsa_2048
from gatepost.authn import KeyProblem, KeyRecord, Reason, parse_key_record

SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
# openssl genrsa 768
SHORT_PUBLIC = (
    "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhANH0hC9dPDE0c6vJ10pvUT5N7K3Epbu+1JNFXS"
    "9v7VcJ0+GP2d1EqgZuTo6Q2gHPR67+YdLFVkIbNAPV3c4cpWBV3nBOsjULqFu64595pUMazrwHxIVNAUHepSZH6h8hRwIDAQAB"
)
EC_PUBLIC = base64.b64encode(
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, SPKI)
).decode()
BARE_RSA = base64.b64encode(
    RSA.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
).decode()


def long_exponent() -> str:
    """A key whose every use would take a thousand times as long."""
    numbers = RSA.key.public_key().public_numbers()

    def der(tag: int, body: bytes) -> bytes:
        size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
        head = size if len(body) < 128 else bytes([0x80 | len(size)]) + size
        return bytes([tag]) + head + body

    def integer(value: int) -> bytes:
        return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    body = der(0x30, integer(numbers.n) + integer((1 << 1000) + 1))
    return base64.b64encode(body).decode()


@pytest.mark.parametrize(
    "record, kind, bits",
    [
        (f"v=DKIM1; k=rsa; p={RSA_PUBLIC}", "rsa", 1024),
        (f"p={RSA_PUBLIC}", "rsa", 1024),
        (f"k=rsa;p={BARE_RSA};", "rsa", 1024),
        (f"v=DKIM1; p={RSA_PUBLIC[:70]} {RSA_PUBLIC[70:]}", "rsa", 1024),
        (f"v=DKIM1; p={SHORT_PUBLIC}", "rsa", 768),
        (f"v=DKIM1; k=ed25519; p={ED25519_PUBLIC}", "ed25519", 256),
        (f"v=DKIM1; unknown=1; g=*; p={RSA_PUBLIC}", "rsa", 1024),
        (f"v=DKIM1; s=*; p={RSA_PUBLIC}", "rsa", 1024),
        (f"v=DKIM1; s=tlsrpt:email; p={RSA_PUBLIC}", "rsa", 1024),
        (f"v=DKIM1; n={'x' * 60_000}; p={RSA_PUBLIC}", "rsa", 1024),
    ],
)
def test_a_usable_key(record, kind, bits):
    key = parse_key_record(record.encode())
    assert isinstance(key, KeyRecord)
    assert (key.kind, key.bits, key.testing, key.strict) == (kind, bits, False, False)


@pytest.mark.parametrize(
    "record, reason",
    [
        ("", Reason.KEY_SYNTAX),
        ("v=spf1 -all", Reason.KEY_SYNTAX),
        ("some other text", Reason.KEY_SYNTAX),
        (f"v=DKIM2; p={RSA_PUBLIC}", Reason.KEY_SYNTAX),
        (f"k=rsa; v=DKIM1; p={RSA_PUBLIC}", Reason.KEY_SYNTAX),
        ("v=DKIM1; k=rsa", Reason.KEY_SYNTAX),
        ("v=DKIM1; p=", Reason.KEY_REVOKED),
        ("v=DKIM1; p= ; n=gone", Reason.KEY_REVOKED),
        ("v=DKIM1; p=!!!!", Reason.KEY_SYNTAX),
        ("v=DKIM1; p=AAAA", Reason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_PUBLIC[:-20]}", Reason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_PUBLIC}; p={RSA_PUBLIC}", Reason.KEY_SYNTAX),
        (f"v=DKIM1; p={RSA_PUBLIC}\0", Reason.KEY_SYNTAX),
        (f"v=DKIM1; k=ed25519; p={RSA_PUBLIC}", Reason.KEY_SYNTAX),
        (f"v=DKIM1; k=dsa; p={RSA_PUBLIC}", Reason.KEY_ALGORITHM),
        (f"v=DKIM1; p={EC_PUBLIC}", Reason.KEY_ALGORITHM),
        (f"v=DKIM1; s=tlsrpt; p={RSA_PUBLIC}", Reason.KEY_SERVICE),
        (f"v=DKIM1; p={long_exponent()}", Reason.KEY_SIZE),
        ("\0" * 65_000, Reason.KEY_SYNTAX),
        ("a" * 70_000, Reason.KEY_SYNTAX),
        ("v=DKIM1; p=" + "A" * 65_000, Reason.KEY_SYNTAX),
        (";".join(f"t{n}=" for n in range(9000)), Reason.KEY_SYNTAX),
    ],
)
def test_a_record_without_a_usable_key(record, reason):
    problem = parse_key_record(record.encode())
    assert isinstance(problem, KeyProblem) and problem.reason is reason


def test_flags_and_hashes():
    key = parse_key_record(record_of(RSA, "t=y : s:other; h=sha1:SHA256; n=note; "))
    assert isinstance(key, KeyRecord)
    assert key.testing and key.strict and key.hashes == ("sha1", "sha256") and key.notes == "note"
    revoked = parse_key_record(b"v=DKIM1; t=y; p=")
    assert isinstance(revoked, KeyProblem) and revoked.testing


def test_a_published_key_is_compared_with_ours():
    for key, others in ((RSA, (ED25519, rsa_2048())), (ED25519, (RSA,))):
        record = parse_key_record(record_of(key))
        assert isinstance(record, KeyRecord)
        assert record.matches(key)
        assert not any(record.matches(other) for other in others)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record(text):
    parse_key_record(text)
    parse_key_record(b"v=DKIM1; p=" + base64.b64encode(text))
    parse_key_record(b"v=DKIM1; k=ed25519; p=" + base64.b64encode(text[:32]))
