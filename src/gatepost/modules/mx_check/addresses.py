# SPDX-License-Identifier: Apache-2.0
"""Can an exchanger with this address be reached from the Internet, and which is tried first?

Source: direction-modules reference §9; the ranges are those of RFC 6890 and its registries.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from itertools import chain, zip_longest
from typing import Literal

from gatepost.scan.envelope import IPAddress

Kind = Literal["local", "bogon", "public"]

LOCAL = tuple(
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
)
"""Addresses of somebody's own network: from here they would lead into ours."""

BOGON = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "64:ff9b::/96", "100::/64", "2001:db8::/32", "fe80::/10", "ff00::/8"),
    )
)
"""Addresses that nobody can have."""


def classify(ip: IPAddress, *, test_mode: bool = False) -> Kind:
    """What kind of address this is; with ``test_mode`` loopback counts as public."""
    if test_mode and ip.is_loopback:
        return "public"
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in network for network in LOCAL):
        return "local"
    return "bogon" if any(ip in network for network in BOGON) else "public"


def read_addresses(texts: Iterable[str]) -> list[IPAddress]:
    """The addresses among ``texts``."""
    found: list[IPAddress] = []
    for text in texts:
        try:
            found.append(ip_address(text))
        except ValueError:
            continue
    return found


def choose(addresses: Sequence[IPAddress], *, prefer_ipv6: bool, limit: int) -> list[IPAddress]:
    """At most ``limit`` of them, the families by turns, within a family in any order."""
    families: list[list[IPAddress]] = [
        [ip for ip in addresses if ip.version == version]
        for version in ((6, 4) if prefer_ipv6 else (4, 6))
    ]
    for family in families:
        random.shuffle(family)
    by_turns = chain.from_iterable(zip_longest(*families))
    return [ip for ip in by_turns if ip is not None][:limit]
