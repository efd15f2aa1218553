# SPDX-License-Identifier: Apache-2.0
"""Keys in all the forms in which operators keep them."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from hypothesis import given
from hypothesis import strategies as st

from authn_dkim import ED25519, ED25519_PUBLIC, ED25519_SEED, RSA, RSA_PEM, RSA_PUBLIC, SHORT_RSA
from gatepost.authn import PrivateKeyError, load_private_key

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8


def write(key, encoding=PEM, form=PKCS8, password=None) -> bytes:
    lock = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(encoding, form, lock)


RSA_FORMS = {
    "PKCS#1": RSA_PEM,
    "PKCS#8": write(RSA.key),
    "CRLF": RSA_PEM.replace("\n", "\r\n").encode(),
    "text around it": f"my key\n{RSA_PEM}\n# end",
    "DER": write(RSA.key, DER),
    "DER of PKCS#1": write(RSA.key, DER, PKCS1),
    "base64 of DER": base64.b64encode(write(RSA.key, DER)).decode(),
    "base64 in lines": base64.encodebytes(write(RSA.key, DER, PKCS1)),
}
ED25519_FORMS = {
    "seed": ED25519_SEED,
    "seed with line end": ED25519_SEED.encode() + b"\n",
    "seed and public key": base64.b64encode(
        base64.b64decode(ED25519_SEED) + base64.b64decode(ED25519_PUBLIC)
    ),
    "PKCS#8": write(ED25519.key),
    "DER": write(ED25519.key, DER),
    "base64 of DER": base64.b64encode(write(ED25519.key, DER)),
}


@pytest.mark.parametrize("form", RSA_FORMS)
def test_rsa_keys_are_read(form):
    key = load_private_key(RSA_FORMS[form])
    assert (key.kind, key.algorithm, key.bits) == ("rsa", "rsa-sha256", 1024)
    assert base64.b64encode(key.public).decode() == RSA_PUBLIC


@pytest.mark.parametrize("form", ED25519_FORMS)
def test_ed25519_keys_are_read(form):
    key = load_private_key(ED25519_FORMS[form])
    assert (key.kind, key.algorithm, key.bits) == ("ed25519", "ed25519-sha256", 256)
    assert base64.b64encode(key.public).decode() == ED25519_PUBLIC


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "expected PEM, DER"),
        ("not a key", "expected PEM, DER"),
        ("c2hvcnQ=", "no usable private key"),
        (RSA_PEM[:400] + "\n-----END RSA PRIVATE KEY-----", "no usable private key"),
        (RSA_PEM[:400], "no private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no private key"),
        (write(RSA.key, password=b"secret"), "password"),
        (write(RSA.key, DER, password=b"secret"), "password"),
        (write(ec.generate_private_key(ec.SECP256R1())), "expected RSA or Ed25519"),
        (write(x25519.X25519PrivateKey.generate()), "expected RSA or Ed25519"),
        (base64.b64encode(base64.b64decode(ED25519_SEED) * 2), "not the public key"),
        (b"\x30\x82\xff\xff" * 10, "no usable private key"),
        (b"A" * 70_000, "at most 65536"),
    ],
)
def test_what_is_no_key_is_refused_with_its_reason(text, why):
    with pytest.raises(PrivateKeyError, match=why):
        load_private_key(text)


def test_a_short_rsa_key_may_not_sign():
    with pytest.raises(PrivateKeyError, match="768 bits"):
        load_private_key(SHORT_RSA)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_refused(text):
    for source in (text, b"-----BEGIN PRIVATE KEY-----\n" + text + b"\n-----END PRIVATE KEY-----"):
        try:
            load_private_key(source)
        except PrivateKeyError:
            pass
