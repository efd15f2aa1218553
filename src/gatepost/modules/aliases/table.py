# SPDX-License-Identifier: Apache-2.0
"""Whom does an address stand for, by the aliases of the mail system?

Virtual aliases (``user@domain`` or, for a whole domain, ``@domain``), those of the configuration,
and system aliases (the user alone), in this order; again for what was found. Bounded in steps and
in addresses, and a circle ends where it closes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gatepost.scan.maps import Map

MAX_ADDRESSES = 1000
TARGET = re.compile(r"\s*+\"(?:[^\"\\]++|\\.)*+\"|[^,]++")


class AliasTable:
    """All aliases; addresses are in lower case, going in and coming out."""

    def __init__(
        self,
        *,
        virtual: Map | None = None,
        own: Mapping[str, Sequence[str]] | None = None,
        system: Map | None = None,
        max_depth: int = 10,
    ) -> None:
        self.virtual = virtual
        self.own = {
            name.lower(): tuple(target.lower() for target in targets)
            for name, targets in (own or {}).items()
        }
        self.system = system
        self.max_depth = max_depth

    def __bool__(self) -> bool:
        """False when there is no alias of any kind."""
        return self.virtual is not None or self.system is not None or bool(self.own)

    def resolve(self, address: str) -> str:
        """The one address at the end: of several targets the first."""
        return self.chain(address)[-1]

    def chain(self, address: str) -> list[str]:
        """The address and what it stands for, step by step."""
        chain = [address]
        for _ in range(self.max_depth):
            targets = self.step(chain[-1])
            if not targets or targets[0] in chain:
                break
            chain.append(targets[0])
        return chain

    def expand(self, address: str) -> list[str]:
        """All addresses at the end, each once."""
        found: dict[str, None] = {}
        seen = {address}
        wave = [address]
        for _ in range(self.max_depth):
            following: list[str] = []
            for one in wave:
                targets = self.step(one)
                if not targets:
                    found[one] = None
                fresh = [target for target in dict.fromkeys(targets) if target not in seen]
                seen.update(fresh)
                following += fresh
            wave = following[: max(MAX_ADDRESSES - len(found), 0)]
        found.update(dict.fromkeys(wave))
        return list(found) or [address]

    def step(self, address: str) -> list[str]:
        """What the address stands for directly; empty for a mailbox."""
        user, at, domain = address.rpartition("@")
        if not at:
            return []
        if self.virtual is not None:
            value = self.virtual.find(address) or self.virtual.find(f"@{domain}")
            if value:
                return [one for one in _targets(value) if "@" in one and one != address]
        if address in self.own:
            return [one for one in self.own[address] if one != address]
        value = self.system.find(user) if self.system is not None else None
        named = [one if "@" in one else f"{one}@{domain}" for one in _targets(value or "")]
        return [one for one in named if one != address]


def _targets(value: str) -> list[str]:
    """Addresses and users in a list; programs, files and included lists are none."""
    found: list[str] = []
    for text in TARGET.findall(value.lower()):
        text = text.strip().strip('"').removeprefix("\\")  # sendmail: `\\user` ends the chain
        if text and not text.startswith(("|", "/", ":include:")):
            found += text.split()
    return found
