# SPDX-License-Identifier: Apache-2.0
"""Which programs run inside Redis, and by what digest are they called?

Each touches one key, so that a Cluster can run it where that key is.
"""

import functools
import hashlib
from importlib.resources import files
from typing import NamedTuple


class Script(NamedTuple):
    """A Lua program and its SHA-1 in hex, by which ``EVALSHA`` knows it."""

    source: bytes
    digest: bytes


@functools.cache
def load_script(*names: str) -> Script:
    """The files ``scripts/NAME.lua``, one after the other."""
    folder = files("gatepost.store") / "scripts"
    source = b"\n".join((folder / f"{name}.lua").read_bytes() for name in names)
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
