# SPDX-License-Identifier: Apache-2.0
"""Does this list still answer as a list should? One that does not is left alone until it does.

A list that died, or whose domain was sold, says yes to everything or nothing at all. So each zone
is asked, about once a minute, for something that no list lists: it has to say that there is no
such name. Source: direction-modules reference §16, Monitoring.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Sequence

from gatepost.net import Answer, Resolver

log = logging.getLogger("gatepost.rbl")

INTERVAL = 60.0
"""Seconds between two questions to the same zone."""
MAX_FAILURES = 2
LOOPBACK = "1.0.0.127"
"""RFC 5782 5: 127.0.0.1 must not be in a list of addresses."""


class ZoneHealth:
    """The health of one zone; ``address`` is what is asked for, empty: a new name each time."""

    __slots__ = ("address", "alive", "failures", "zone")

    def __init__(self, zone: str, address: str = "") -> None:
        self.zone = zone
        self.address = address
        self.failures = 0
        self.alive = True

    def name(self) -> str:
        """The name to ask for."""
        return f"{self.address or secrets.token_hex(16)}.{self.zone}"

    async def probe(self, resolver: Resolver) -> None:
        """Asks once, and takes note."""
        self.note(await resolver.query(self.name(), "A"))

    def note(self, answer: Answer) -> None:
        """Counts failures in a row; whoever answers well once is alive."""
        if answer.found_nothing:
            self.failures = 0
            if not self.alive:
                log.info("list %s answers again", self.zone)
            self.alive = True
            return
        self.failures += 1
        if self.failures >= MAX_FAILURES and self.alive:
            self.alive = False
            what = "lists what nobody lists" if answer.ok else f"does not answer ({answer.rcode})"
            log.warning("list %s %s: it is not asked until that ends", self.zone, what)


async def watch(
    zones: Sequence[ZoneHealth], resolver: Resolver, *, interval: float = INTERVAL
) -> None:
    """Probes all zones every ``interval`` seconds or so, for ever. Cancel it to stop."""
    await asyncio.sleep(random.uniform(0.0, interval))
    while True:
        await asyncio.gather(*(zone.probe(resolver) for zone in zones))
        await asyncio.sleep(interval * random.uniform(0.9, 1.1))
