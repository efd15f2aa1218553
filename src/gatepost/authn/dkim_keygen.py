# SPDX-License-Identifier: Apache-2.0
"""Makes a DKIM key: the private half for the disk, the public half as a record for the zone."""

import base64
from typing import Literal

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gatepost.authn.dkim_key_record import MAX_RSA_BITS
from gatepost.authn.dkim_keys import MIN_RSA_BITS, PrivateKey
from gatepost.authn.errors import PrivateKeyError

KeyType = Literal["rsa", "ed25519", "ed25519-seed"]
RecordFormat = Literal["dns", "dnskey", "plain"]

TXT_STRING = 255  # bytes in one string of a TXT record (RFC 1035 3.3)


class GeneratedKey(msgspec.Struct, frozen=True):
    """``private_text`` is the file's text: PEM (PKCS#8), or the seed in base64."""

    key: PrivateKey
    private_text: str

    def record(
        self, domain: str = "example.com", selector: str = "mail", form: RecordFormat = "dns"
    ) -> str:
        """The public half, without line end at the last line; see :func:`write_record`."""
        return write_record(self.key, domain, selector, form)


def generate_key(kind: KeyType = "rsa", bits: int = 2048) -> GeneratedKey:
    """A new key. ``bits`` is RSA's. Raises :class:`PrivateKeyError` for a size out of bounds:
    verifiers, ours among them, check no longer ones.

    ``ed25519-seed`` is the same as ``ed25519``, but its text is the bare seed in base64.
    """
    if kind != "rsa":
        key = ed25519.Ed25519PrivateKey.generate()
        if kind == "ed25519-seed":
            seed = base64.b64encode(key.private_bytes_raw()).decode("ascii") + "\n"
            return GeneratedKey(PrivateKey(key), seed)
        return GeneratedKey(PrivateKey(key), to_pem(key))
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise PrivateKeyError(f"{bits} bits: expected {MIN_RSA_BITS} to {MAX_RSA_BITS}")
    rsa_key = rsa.generate_private_key(65537, bits)
    return GeneratedKey(PrivateKey(rsa_key), to_pem(rsa_key))


def to_pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    """PKCS#8 without a password: whoever may read the file may sign."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def write_record(key: PrivateKey, domain: str, selector: str, form: RecordFormat = "dns") -> str:
    """The record as ``rspamadm dkim_keygen -o`` prints it.

    ``dns``: a zone file's line, ``dnskey``: the record's text, ``plain``: the base64 of the key.
    """
    public = base64.b64encode(key.public).decode("ascii")
    if form == "plain":
        return public
    text = f"v=DKIM1; k={key.kind}; p={public}"
    if form == "dnskey":
        return text
    head = f"v=DKIM1; k={key.kind}; "
    strings = [
        head,
        *[text[at : at + TXT_STRING] for at in range(len(head), len(text), TXT_STRING)],
    ]
    quoted = "\n\t".join(f'"{string}"' for string in strings)
    return f"{selector}._domainkey.{domain}. IN TXT ( {quoted} ) ;"
