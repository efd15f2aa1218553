# SPDX-License-Identifier: Apache-2.0
"""Keys to sign with: files on one side, TXT records on the other."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


def make_signing_keys(folder: Path, selectors: Sequence[str]) -> tuple[str, dict[str, str]]:
    """A ``dkim_signing.conf`` for example.org, and the TXT records by name.

    Every selector gets a key of its own in ``folder``: Ed25519 for ``ed``, else RSA.
    """
    rows, records = [], {}
    for selector in selectors:
        private, record = _ed25519() if selector == "ed" else _rsa()
        path = folder / f"{selector}.key"
        path.write_bytes(private)
        rows.append(f'{{ selector = "{selector}"; path = "{path}"; }}')
        records[f"{selector}._domainkey.example.org"] = record
    return f"domain {{ example.org {{ selectors [ {', '.join(rows)} ] }} }}\n", records


def _rsa() -> tuple[bytes, str]:
    key = rsa.generate_private_key(65537, 2048)
    # The older form: Rspamd and OpenSSL 1 read it too.
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def _ed25519() -> tuple[bytes, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # RFC 8463 4: the bare key, not wrapped as an RSA one is.
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return pem, f"v=DKIM1; k=ed25519; p={public}"
