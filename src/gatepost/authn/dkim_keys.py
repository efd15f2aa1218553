# SPDX-License-Identifier: Apache-2.0
"""Private keys that sign mail: read from whatever an operator has, RSA (RFC 6376) or Ed25519."""

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gatepost.authn.errors import PrivateKeyError

MIN_RSA_BITS = 1024
"""RFC 8301 3.2: signers must use at least this much (and should use 2048)."""

MAX_KEY_BYTES = 64 * 1024
PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]{1,40}-----.*?-----END [A-Z0-9 ]{1,40}-----", re.DOTALL)
BLANKS = re.compile(rb"\s++")

PADDING = PKCS1v15()
SHA256 = Prehashed(hashes.SHA256())


class PrivateKey:
    """A key that signs. ``algorithm`` is the ``a=`` of its signatures, ``bits`` its size.

    ``public`` is what stands base64-encoded in the DNS record's ``p=``: for RSA a DER
    SubjectPublicKeyInfo (RFC 6376 3.6.1), for Ed25519 the 32 bytes of the key (RFC 8463 4.2).
    """

    __slots__ = ("algorithm", "bits", "key", "kind", "public")

    def __init__(self, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
        """Raises :class:`PrivateKeyError` for RSA below :data:`MIN_RSA_BITS`."""
        self.key = key
        public = key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            self.kind, self.bits = "rsa", public.key_size
            if self.bits < MIN_RSA_BITS:
                raise PrivateKeyError(
                    f"RSA key of {self.bits} bits: expected {MIN_RSA_BITS} or more (RFC 8301)"
                )
            self.public = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            self.kind, self.bits = "ed25519", 256
            self.public = public.public_bytes_raw()
        self.algorithm = f"{self.kind}-sha256"

    def sign(self, digest: bytes) -> bytes:
        """The signature over a SHA-256 digest; for Ed25519 the digest is the text (RFC 8463 3)."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, PADDING, SHA256)
        return self.key.sign(digest)

    def __repr__(self) -> str:
        return f"PrivateKey({self.kind}, {self.bits} bits)"


def load_private_key(source: bytes | str, *, trusted: bool = False) -> PrivateKey:
    """Reads a key from its text or bytes. Raises :class:`PrivateKeyError`.

    Understood are PEM (PKCS#1 and PKCS#8, without a password, with other text around it), DER, and
    base64 of DER or of an Ed25519 seed (32 bytes, or 64 with the public key behind it).
    ``trusted``: the text is the operator's own. A trial signature then takes the place of the
    proof that the numbers are prime, which costs some 30 ms for RSA.
    """
    text = source.encode("utf-8", "replace") if isinstance(source, str) else source
    if len(text) > MAX_KEY_BYTES:
        raise PrivateKeyError(f"a key of {len(text)} bytes: expected at most {MAX_KEY_BYTES}")
    if b"-----BEGIN" in text:
        return from_pem(text, trusted)
    if text[:1] == b"\x30" and not text.isascii():
        return from_der(text, trusted)
    try:
        decoded = base64.b64decode(BLANKS.sub(b"", text), validate=True)
    except binascii.Error:
        decoded = b""
    if not decoded:
        raise PrivateKeyError("expected PEM, DER, or base64 of a DER key or an Ed25519 seed")
    return from_seed(decoded) if len(decoded) in (32, 64) else from_der(decoded, trusted)


def from_pem(text: bytes, trusted: bool) -> PrivateKey:
    for block in PEM.finditer(text):
        if b"PRIVATE KEY" in block[0][:64]:
            try:
                key = serialization.load_pem_private_key(
                    block[0], None, unsafe_skip_rsa_key_validation=trusted
                )
                return accept(key, trusted)
            except TypeError:
                raise PrivateKeyError("the key is locked with a password") from None
            except (ValueError, UnsupportedAlgorithm):
                raise PrivateKeyError("the PEM text holds no usable private key") from None
    raise PrivateKeyError("the PEM text holds no private key")


def from_der(data: bytes, trusted: bool) -> PrivateKey:
    try:
        key = serialization.load_der_private_key(data, None, unsafe_skip_rsa_key_validation=trusted)
        return accept(key, trusted)
    except TypeError:
        raise PrivateKeyError("the key is locked with a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise PrivateKeyError("the DER bytes are no usable private key") from None


def from_seed(seed: bytes) -> PrivateKey:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
    if len(seed) == 64 and key.public_key().public_bytes_raw() != seed[32:]:
        raise PrivateKeyError(
            "the second half of the Ed25519 key is not the public key of the first"
        )
    return PrivateKey(key)


def accept(key: object, trusted: bool) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        found = PrivateKey(key)
        if trusted and isinstance(key, rsa.RSAPrivateKey):
            try_key(key)
        return found
    kind = type(key).__name__.removesuffix("PrivateKey")
    raise PrivateKeyError(f"a key of the kind {kind}: expected RSA or Ed25519")


def try_key(key: rsa.RSAPrivateKey) -> None:
    """Signs and checks something. Raises :class:`PrivateKeyError` when the halves do not fit."""
    digest = bytes(32)
    try:
        key.public_key().verify(key.sign(digest, PADDING, SHA256), digest, PADDING, SHA256)
    except (InvalidSignature, ValueError):
        raise PrivateKeyError("the RSA key is damaged: what it signs does not verify") from None
