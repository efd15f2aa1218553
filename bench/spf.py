# SPDX-License-Identifier: Apache-2.0
"""What does an SPF check cost when the DNS answers come out of the cache? (aim: 200 µs)"""

import asyncio
import time

from gatepost.authn import check_spf
from gatepost.net import Answer, DnsCache, DnsResolver, Mx, Record, RecordType, TaskResolver

ROUNDS = 5000
NETWORKS = " ".join(f"ip4:198.51.{number}.0/24" for number in range(20))

SIMPLE = "one ip4"
USUAL = "eight look-ups, 101 networks"


def fill(cache: DnsCache) -> None:
    """Two domains: one with a network of its own, one that mails through four services."""

    def keep(name: str, kind: RecordType, *records: Record) -> None:
        cache.keep((name, kind), Answer("noerror", records, 3600.0))

    keep("simple.example", "TXT", b"v=spf1 ip4:203.0.113.0/24 -all")
    keep(
        "usual.example",
        "TXT",
        b"some-site-verification=0123456789",
        b"v=spf1 a mx include:big.example include:news.example include:crm.example -all",
    )
    keep("usual.example", "A", "192.0.2.7")
    keep("usual.example", "MX", Mx(10, "m1.usual.example"), Mx(20, "m2.usual.example"))
    keep("m1.usual.example", "A", "192.0.2.8")
    keep("m2.usual.example", "A", "192.0.2.9")
    keep("big.example", "TXT", b"v=spf1 include:b1.example include:b2.example include:b3.example")
    for name in ("b1.example", "b2.example", "b3.example", "news.example"):
        keep(name, "TXT", f"v=spf1 {NETWORKS} ~all".encode())
    keep("crm.example", "TXT", f"v=spf1 {NETWORKS} ip4:203.0.113.0/24 ~all".encode())


async def measure(sender: str) -> float:
    """Seconds for one check."""
    cache = DnsCache()
    fill(cache)
    resolver = DnsResolver(cache=cache)
    started = time.perf_counter()
    for _ in range(ROUNDS):
        found = await check_spf(
            TaskResolver(resolver), ip="203.0.113.9", helo="mx.example.org", mail_from=sender
        )
        assert found.result == "pass"
    spent = time.perf_counter() - started
    await resolver.close()
    return spent / ROUNDS


def main() -> None:
    """Prints a line for each kind of domain."""
    for label, sender in ((SIMPLE, "u@simple.example"), (USUAL, "u@usual.example")):
        print(f"spf, {label}: {asyncio.run(measure(sender)) * 1e6:.1f} µs a check")


if __name__ == "__main__":
    main()
