# SPDX-License-Identifier: Apache-2.0
"""Letters, zones and short rules for the tests of the lists."""

from __future__ import annotations

from pathlib import Path

from gatepost.app import App, build
from gatepost.modules.rbl import Rbl
from gatepost.testing import Letter, Scanned, Zone, scan

CLIENT, HOP, LOCAL = "203.0.113.7", "198.51.100.9", "10.1.2.3"
CORE = 'options { local_addrs = "10.0.0.0/8"; }'
RELAYED = "from relay.example ([198.51.100.9]) by mx.example.net; Thu, 01 Jan 2026 00:00:00 +0000"
HOME = "from pc ([10.9.9.9]) by relay.example; Thu, 01 Jan 2026 00:00:00 +0000"


async def ask(rules: str, letter: Letter, dns: Zone, *, core: str = CORE) -> Scanned:
    return await scan(Rbl, letter, config=f"{core} rbl {{ {rules} }}", dns=dns)


def one(text: str) -> str:
    """One rule, called LIST, of the zone bl.test."""
    return f'rbls {{ LIST {{ rbl = "bl.test"; {text} }} }}'


def default_app(folder: Path, local: str = "") -> App:
    (folder / "local.d").mkdir(exist_ok=True)
    (folder / "local.d" / "rbl.conf").write_text(local)
    state = {"GATEPOST_STATE": str(folder / "state")}
    return build(str(folder), environment=state, modules=[Rbl])
