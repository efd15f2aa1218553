# SPDX-License-Identifier: Apache-2.0
"""What do 200 DNS lists cost for a letter with 30 links? Against an unbound of our own."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from gatepost.modules.rbl import Rbl
from gatepost.net import DnsCache, DnsResolver, ResolverSettings
from gatepost.testing import Bench, Letter, mail

sys.path.append(str(Path(__file__).parent.parent / "tests"))

RULES = 200
LINKS = 30
LETTERS = 10
QUESTIONS = RULES * LINKS


class Cost(NamedTuple):
    """Of one letter: seconds of CPU and of time."""

    cpu: float
    wall: float


def configuration() -> str:
    """200 rules for links, none of which is monitored."""
    rules = "\n".join(
        f'LIST{number} {{ rbl = "list{number}.test"; checks = ["urls"]; disable_monitoring = true;'
        " url_full_hostname = true; }"
        for number in range(RULES)
    )
    return f"options {{ dns_max_requests = 10000; }} rbl {{ rbls {{ {rules} }} }}"


def letters() -> Iterator[Letter]:
    """Letters whose links are in no other one."""
    for number in range(LETTERS):
        hosts = [f"spam{link}-{number}.host{link}.org" for link in range(LINKS)]
        yield mail("\r\n".join(f"http://{host}/" for host in hosts))


async def scan_all(bench: Bench, given: list[Letter]) -> Cost:
    """The mean of some letters, one after the other."""
    began, cpu = time.perf_counter(), time.process_time()
    for letter in given:
        scanned = await bench.scan(letter)
        assert scanned.task.resolver.requests == QUESTIONS
        assert not scanned.hits, scanned.hits
    spent = time.process_time() - cpu
    return Cost(spent / len(given), (time.perf_counter() - began) / len(given))


async def measure(nameserver: str) -> dict[str, Cost]:
    """Asked of the server, and again out of the cache."""
    settings = ResolverSettings(nameserver=(nameserver,))
    cache = DnsCache(max_entries=2 * LETTERS * QUESTIONS, max_bytes=1 << 30)
    resolver = DnsResolver(settings, cache=cache)
    async with Bench([Rbl], config=configuration(), dns=resolver) as bench:
        given = list(letters())
        found = {
            "asked of unbound": await scan_all(bench, given),
            "out of the cache": await scan_all(bench, given),
        }
    await resolver.close()
    return found


def main() -> None:
    """Prints a line for each case; says so where there is no unbound."""
    from servers_unbound import PROGRAM, start_unbound

    print(f"\nrbl: {RULES} lists, {LINKS} links: {QUESTIONS} look-ups a letter")
    if PROGRAM is None:
        print("  unbound is not installed")
        return
    with tempfile.TemporaryDirectory() as scratch:
        server = start_unbound(Path(scratch))
        try:
            costs = uvloop.run(measure(server.address))
        finally:
            server.stop()
    print(f"  {'':<24}{'ms of CPU a letter':>20}{'ms a letter':>14}{'look-ups/s':>14}")
    for title, cost in costs.items():
        rate = QUESTIONS / cost.wall
        print(f"  {title:<24}{cost.cpu * 1000:20.1f}{cost.wall * 1000:14.1f}{rate:14,.0f}")


if __name__ == "__main__":
    main()
