# SPDX-License-Identifier: Apache-2.0
"""What does the key record in the DNS say? RFC 6376 3.6.1 and RFC 8463 4, and does it fit our key?

A record is somebody else's text: whatever is wrong with it comes back as a :class:`KeyProblem`.
"""

import base64
import binascii
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gatepost.authn.dkim_keys import MIN_RSA_BITS, PADDING, PrivateKey
from gatepost.authn.outcomes import Reason
from gatepost.authn.tag_list import TagListError, parse_tag_list, split_colons, without_blanks

MAX_RECORD = 65_535
"""Bytes in one record: what a DNS answer can hold."""

MAX_RSA_BITS = 8192
MAX_EXPONENT_BITS = 33  # a public exponent as long as the key would make each check take seconds

PREHASHED = {"sha256": Prehashed(hashes.SHA256()), "sha1": Prehashed(hashes.SHA1())}

PublicKey: TypeAlias = rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class KeyRecord(msgspec.Struct, frozen=True):
    """A usable key. ``hashes``: what it may be used with, ``None``: anything.

    ``testing``: flag ``y``; ``strict``: flag ``s``, the identity's domain must be ``d=`` itself;
    ``notes`` is for people.
    """

    key: PublicKey
    kind: str
    bits: int
    hashes: tuple[str, ...] | None = None
    testing: bool = False
    strict: bool = False
    notes: str = ""

    @property
    def too_short(self) -> bool:
        """RFC 8301 3.2: what such a key has signed is never valid."""
        return self.kind == "rsa" and self.bits < MIN_RSA_BITS

    def verifies(self, hash_name: str, digest: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made over ``digest`` with this key."""
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, digest, PADDING, PREHASHED[hash_name])
            else:
                self.key.verify(signature, digest)
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True

    def matches(self, key: PrivateKey) -> bool:
        """Whether this is the public half of ``key``."""
        return self.key == key.key.public_key()


class KeyProblem(msgspec.Struct, frozen=True):
    """Why a record gives no key. ``testing``: the record had the flag ``y`` all the same."""

    reason: Reason
    detail: str = ""
    testing: bool = False


def parse_key_record(record: bytes) -> KeyRecord | KeyProblem:
    """The key in one TXT record, its strings joined."""
    if len(record) > MAX_RECORD:
        return KeyProblem(Reason.KEY_SYNTAX, f"a record of {len(record)} bytes")
    try:
        tags = parse_tag_list(record)
    except TagListError as error:
        return KeyProblem(Reason.KEY_SYNTAX, str(error))
    if "v" in tags and (tags["v"].value != b"DKIM1" or next(iter(tags)) != "v"):
        return KeyProblem(Reason.KEY_SYNTAX, "v= is not DKIM1, or not first")
    flags = split_colons(tags["t"].value) if "t" in tags else []
    testing = "y" in flags
    if "p" not in tags:
        return KeyProblem(Reason.KEY_SYNTAX, "no p=", testing)
    if not tags["p"].value:
        return KeyProblem(Reason.KEY_REVOKED, "", testing)
    services = split_colons(tags["s"].value) if "s" in tags else ["*"]
    if "*" not in services and "email" not in services:
        return KeyProblem(Reason.KEY_SERVICE, ":".join(services)[:80], testing)
    kind = tags["k"].value.decode("latin-1").lower() if "k" in tags else "rsa"
    key = parse_public_key(kind, without_blanks(tags["p"].value))
    if isinstance(key, KeyProblem):
        return msgspec.structs.replace(key, testing=testing)
    return KeyRecord(
        key=key,
        kind=kind,
        bits=key.key_size if isinstance(key, rsa.RSAPublicKey) else 256,
        hashes=tuple(split_colons(tags["h"].value.lower())) if "h" in tags else None,
        testing=testing,
        strict="s" in flags,
        notes=tags["n"].value.decode("utf-8", "replace") if "n" in tags else "",
    )


def parse_public_key(kind: str, text: bytes) -> PublicKey | KeyProblem:
    """The key in the base64 text of ``p=``."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return KeyProblem(Reason.KEY_SYNTAX, "p= is not base64")
    try:
        if kind == "ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(data)
        if kind != "rsa":
            return KeyProblem(Reason.KEY_ALGORITHM, f"k={kind[:40]}")
        key = serialization.load_der_public_key(data)  # RSAPublicKey without its wrapping, too
        if not isinstance(key, rsa.RSAPublicKey):
            return KeyProblem(Reason.KEY_ALGORITHM, "k=rsa, but p= is another kind of key")
        if key.key_size > MAX_RSA_BITS:
            return KeyProblem(Reason.KEY_SIZE, f"{key.key_size} bits")
        if key.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
            return KeyProblem(Reason.KEY_SIZE, "the public exponent is too long")
    except (ValueError, UnsupportedAlgorithm):
        return KeyProblem(Reason.KEY_SYNTAX, f"p= is no {kind} key")
    return key
