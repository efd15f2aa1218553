# SPDX-License-Identifier: Apache-2.0
"""Could mail be sent back to this host: has it an address, or mail exchangers that have one?

Source: direction-modules reference §14. Nobody's answer is no evidence: where the DNS fails,
nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gatepost.net import Answer, Mx, TaskResolver
from gatepost.scan.envelope import IPAddress

MAX_TARGETS = 5
"""Mail exchangers that are looked at, by preference; one domain must not use up the DNS limit."""


class Faults(msgspec.Struct, frozen=True):
    """What is wrong with a host.

    ``other_addresses``: none of its addresses is the one given. ``nowhere``: it has neither
    address nor mail exchanger. ``dead_targets``: mail exchangers without an address.
    """

    other_addresses: bool = False
    nowhere: bool = False
    dead_targets: tuple[str, ...] = ()


NO_FAULTS = Faults()


def begin_look_ups(resolver: TaskResolver, hosts: Iterable[str]) -> None:
    """Asks for the addresses of all hosts, so that `find_faults` need not wait for one by one."""
    for host in hosts:
        resolver.begin(host, "A")
        resolver.begin(host, "AAAA")


async def find_faults(resolver: TaskResolver, host: str, ip: IPAddress | None = None) -> Faults:
    """Looks ``host`` up; with ``ip`` its addresses are compared with that one."""
    begin_look_ups(resolver, (host,))
    found = [await resolver.query(host, "A"), await resolver.query(host, "AAAA")]
    if any(answer.failed for answer in found):
        return NO_FAULTS
    others = ip is not None and not any(str(ip) in answer.texts for answer in found)
    if any(answer.ok for answer in found):
        return Faults(other_addresses=others)
    exchangers = await resolver.query(host, "MX")
    if exchangers.failed:
        return Faults(other_addresses=others)
    if not exchangers.ok:
        return Faults(other_addresses=others, nowhere=True)
    return Faults(other_addresses=others, dead_targets=await _dead_targets(resolver, exchangers))


async def _dead_targets(resolver: TaskResolver, exchangers: Answer) -> tuple[str, ...]:
    records = sorted(record for record in exchangers.records if isinstance(record, Mx))
    # "." is no target, but says that no mail is taken (RFC 7505): nothing of this check.
    targets = [record.host for record in records if record.host != "."][:MAX_TARGETS]
    begin_look_ups(resolver, targets)
    dead: list[str] = []
    for target in targets:
        found = [await resolver.query(target, "A"), await resolver.query(target, "AAAA")]
        if not any(answer.ok or answer.failed for answer in found):
            dead.append(target)
    return tuple(dead)
