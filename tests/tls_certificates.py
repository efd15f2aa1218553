# SPDX-License-Identifier: Apache-2.0
"""An authority of its own for a test, with a certificate for each side."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Certificates(NamedTuple):
    """PEM files; the server's is for ``localhost`` and ``127.0.0.1``."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Writes them into ``folder``; they are good for a day."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = build("authority").public_key(ca_key.public_key()).issuer_name(named("authority"))
    ca = ca.add_extension(x509.BasicConstraints(True, None), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    signed = ca.add_extension(identifier, critical=False).sign(ca_key, SHA256())
    names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
    files = Certificates(*(folder / name for name in names))
    files.ca.write_bytes(signed.public_bytes(Encoding.PEM))
    for name, cert_file, key_file in (
        ("server", files.server_cert, files.server_key),
        ("client", files.client_cert, files.client_key),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        own = build(name).public_key(key.public_key()).issuer_name(signed.subject)
        own = own.add_extension(x509.SubjectAlternativeName(names), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        own = own.add_extension(issuer, critical=False)
        cert_file.write_bytes(own.sign(ca_key, SHA256()).public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key_file.write_bytes(pem)
    return files


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def build(name: str) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
