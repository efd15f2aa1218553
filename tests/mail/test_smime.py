# SPDX-License-Identifier: Apache-2.0
"""Signed S/MIME envelopes are opened, all others are left shut."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.smime import signed_payload

LETTER = b"Content-Type: text/plain\r\n\r\nhello\r\n"


def signed(data: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    day = datetime(2025, 1, 1, tzinfo=UTC)
    until = day.replace(year=2035)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, day, until)
    certificate = builder.sign(key, hashes.SHA256())
    return (
        pkcs7.PKCS7SignatureBuilder(data)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


def element(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x80)) + content + b"\0\0"


def test_signed_content_is_found() -> None:
    assert signed_payload(signed(LETTER)) == LETTER


def test_content_in_pieces_of_unknown_length_is_joined() -> None:
    pieces = b"\x04\x03abc\x04\x02de\0\0"
    octets = b"\xa0\x80\x24\x80" + pieces
    oid = b"\x06\x09" + bytes.fromhex("2a864886f70d0107")
    inner = b"\x02\x01\x01\x31\x00" + element(0x30, oid + b"\x01" + octets)
    data = element(0x30, oid + b"\x02" + element(0xA0, element(0x30, inner)))
    assert signed_payload(data) == b"abcde"


def test_other_envelopes_stay_shut() -> None:
    assert signed_payload(b"") is None
    assert signed_payload(b"not asn.1 at all") is None
    assert signed_payload(signed(LETTER)[:40]) is None
    assert signed_payload(bytes.fromhex("300b06092a864886f70d010703")) is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_envelopes_never_raise(data: st.DataObject) -> None:
    damaged = bytearray(ENVELOPE)
    for _ in range(3):
        damaged[data.draw(st.integers(0, 80))] = data.draw(st.integers(0, 255))
    signed_payload(bytes(damaged))


ENVELOPE = signed(LETTER)
