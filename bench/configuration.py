# SPDX-License-Identifier: Apache-2.0
"""The configurations that are measured: a limit for users, settings and, if asked, a key.

``everything`` is every module as it is by default; without it only those of ``CORE`` run, so that
figures stay comparable while modules are added.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from gatepost.modules import ALL

CORE = frozenset(("dkim_signing", "once_received", "python", "ratelimit"))
RATELIMIT = """
rates { user { bucket { burst = 1000000; rate = 100000; } } }
"""
SETTINGS = """
outbound { priority = high; authenticated = yes;
  apply { groups_disabled = ["rbl", "spf", "dmarc"]; actions { greylist = null; } } }
"""
SIGNING = """
path = "{folder}/dkim.key"; selector = "bench"; allow_username_mismatch = true;
use_domain = "auth"; allow_hdrfrom_mismatch = true; sign_authenticated = true;
"""


def write_configuration(folder: Path, *, signing: bool, everything: bool = True) -> Path:
    """Writes ``folder``/local.d; with ``signing`` every letter gets an RSA-2048 signature."""
    local = folder / "local.d"
    local.mkdir(parents=True, exist_ok=True)
    (local / "ratelimit.conf").write_text(RATELIMIT)
    (local / "settings.conf").write_text(SETTINGS)
    (local / "options.inc").write_text('dns { nameserver = ["127.0.0.1:1"]; }\n')
    for module in ALL:
        if not everything and module.name not in CORE:
            (local / f"{module.name}.conf").write_text("enabled = no;\n")
    if signing:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "dkim.key").write_bytes(pem)
        (local / "dkim_signing.conf").write_text(SIGNING.replace("{folder}", str(folder)))
    else:
        (local / "dkim_signing.conf").write_text("enabled = no;\n")
    return folder
