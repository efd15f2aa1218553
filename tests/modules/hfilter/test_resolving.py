# SPDX-License-Identifier: Apache-2.0
"""Which hosts cannot be written to, and that a silent DNS is no evidence."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatepost.modules.hfilter.resolving import MAX_TARGETS, NO_FAULTS, Faults, find_faults
from gatepost.net import TaskResolver
from gatepost.testing import zone

DNS = (
    "a.example. A 192.0.2.1",
    "six.example. AAAA 2001:db8::1",
    "mx.example. MX 10 a.example.",
    "dead.example. MX 10 a.example.",
    "dead.example. MX 20 gone.example.",
    "null.example. MX 0 .",
    "slow-mx.example. MX 10 slow.example.",
    *(f"many.example. MX {n} gone{n}.example." for n in range(20)),
)
FAIL = ("A slow.example.", "AAAA slow.example.", "AAAA half.example.", "MX unsure.example.")


@pytest.mark.parametrize(
    "host, ip, faults",
    [
        ("a.example", None, NO_FAULTS),
        ("a.example", "192.0.2.1", NO_FAULTS),
        ("a.example", "192.0.2.2", Faults(other_addresses=True)),
        ("six.example", "2001:db8::1", NO_FAULTS),
        ("mx.example", None, NO_FAULTS),
        ("mx.example", "192.0.2.1", Faults(other_addresses=True)),  # its own addresses count
        ("none.example", None, Faults(nowhere=True)),
        ("none.example", "192.0.2.1", Faults(other_addresses=True, nowhere=True)),
        ("dead.example", None, Faults(dead_targets=("gone.example",))),
        ("null.example", None, NO_FAULTS),  # RFC 7505: it has no target that could be dead
        # nobody knows
        ("slow.example", "192.0.2.1", NO_FAULTS),
        ("half.example", "192.0.2.1", NO_FAULTS),
        ("unsure.example", None, NO_FAULTS),
        ("slow-mx.example", None, NO_FAULTS),
    ],
)
async def test_faults_of_a_host(host: str, ip: str | None, faults: Faults) -> None:
    resolver = TaskResolver(zone(*DNS, fail=FAIL))
    assert await find_faults(resolver, host, ip_address(ip) if ip else None) == faults


async def test_a_host_with_many_exchangers_does_not_use_up_the_look_ups() -> None:
    resolver = TaskResolver(zone(*DNS))
    found = await find_faults(resolver, "many.example")
    assert found.dead_targets == tuple(f"gone{n}.example" for n in range(MAX_TARGETS))
    assert resolver.requests == 3 + 2 * MAX_TARGETS


async def test_a_limit_of_look_ups_that_is_used_up_is_no_evidence() -> None:
    assert await find_faults(TaskResolver(zone(), limit=1), "none.example") == NO_FAULTS
