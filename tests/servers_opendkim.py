# SPDX-License-Identifier: Apache-2.0
"""What does OpenDKIM say about the signatures of a message?"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from running_process import WAIT, find_program

PROGRAM = find_program("opendkim")

needs_opendkim = [
    pytest.mark.server,
    pytest.mark.skipif(PROGRAM is None, reason="opendkim is not installed"),
]
"""Marks for a test that asks it: ``pytestmark = needs_opendkim``."""

SIGNATURE = re.compile(rb"^DKIM-Signature:.*?\r\n(?=[^ \t])", re.DOTALL | re.IGNORECASE | re.M)
SELECTOR = re.compile(rb"[;\s]s=\s*([^;\s]+)")


def verify_with_opendkim(folder: Path, message: bytes, keys: Mapping[str, str]) -> dict[str, str]:
    """A verdict for each signature, by selector: ``succeeded``, or ``failed: why``.

    ``keys`` are the TXT records by name (``s1._domainkey.example.org``). OpenDKIM reports
    one signature a message, so each is shown to it alone.
    """
    if PROGRAM is None:
        pytest.skip("opendkim is not installed")
    (folder / "keys").write_text("".join(f"{name} {text}\n" for name, text in keys.items()))
    config = folder / "opendkim.conf"
    config.write_text(f"Mode v\nTestPublicKeys {folder}/keys\n")
    unsigned = SIGNATURE.sub(b"", message)
    verdicts = {}
    for signature in SIGNATURE.findall(message):
        selector = SELECTOR.search(signature)
        assert selector is not None, signature
        verdicts[selector[1].decode()] = _verify(config, folder / "m.eml", signature + unsigned)
    return verdicts


def _verify(config: Path, path: Path, message: bytes) -> str:
    path.write_bytes(message)
    command = [str(PROGRAM), "-x", str(config), "-v", "-t", str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT).stdout
    found = re.search(r"verification \(.*\) (succeeded|failed: .*)", said)
    assert found is not None, said
    return found[1]
