# SPDX-License-Identifier: Apache-2.0
"""What is to be said of the mail servers of one domain?

From the domain to its exchangers, to the first that has addresses, to a verdict on one of these:
one that is kept, else that of one connection. The store holds a lock while somebody connects, so
that many letters of one domain make one connection, on however many nodes.

Source: direction-modules reference §9. Different from Rspamd: all addresses of an exchanger are
classified, not those few that are drawn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from gatepost.modules.mx_check import options as found
from gatepost.modules.mx_check.addresses import choose, classify
from gatepost.modules.mx_check.finding import Finder
from gatepost.modules.mx_check.options import Finding, Options
from gatepost.modules.mx_check.probing import (
    ERROR,
    GOOD,
    INVALID,
    REFUSED,
    TIMEOUT_CONNECT,
    TIMEOUT_READ,
    VERDICT,
    Probe,
)
from gatepost.scan.envelope import IPAddress
from gatepost.scan.maps import Map
from gatepost.scan.task import Task
from gatepost.store import StoreError

LOCK = b"l"
BY_VERDICT = {
    GOOD: found.GOOD,
    REFUSED: found.REFUSED,
    TIMEOUT_CONNECT: found.TIMEOUT_CONNECT,
    TIMEOUT_READ: found.TIMEOUT_READ,
    INVALID: found.INVALID,
}
BY_STATE = {
    "no": found.NONE,
    "null": found.NULL,
    "bkn": found.BROKEN,
    "df": found.DNS_FAIL,
}


class Seen(NamedTuple):
    """A finding about a domain, with what the symbol's options say."""

    finding: Finding
    options: tuple[str, ...]
    weight: float = 1.0


class Lists(NamedTuple):
    """The maps of the configuration."""

    exclude_domains: Map | None
    exclude_mxs: Map | None
    exclude_ips: Map | None
    bad_mxs: Map | None
    bad_ips: Map | None


class Connections:
    """How many connections this process has open, of at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = 0


class Examiner:
    """Examines the domains of one letter, several at once."""

    def __init__(
        self,
        task: Task,
        finder: Finder,
        probe: Probe,
        *,
        options: Options,
        lists: Lists,
        connections: Connections,
    ) -> None:
        self.task = task
        self.finder = finder
        self.probe = probe
        self.options = options
        self.lists = lists
        self.connections = connections
        # Two domains of a letter often share an exchanger: the second waits for the first.
        self.turns: defaultdict[IPAddress, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def examine(self, domain: str) -> list[Seen]:
        """All findings about ``domain``, in the order in which they were made."""
        if _in(self.lists.exclude_domains, domain):
            return [Seen(found.WHITE, (domain,))]
        record = await self.finder.domain(domain)
        if record.host is not None:
            return await self._look_at(domain, record.host.addresses, on_address=True)
        if record.state != "mx":
            finding = BY_STATE.get(record.state)
            return [] if finding is None else [Seen(finding, (domain,))]
        names = [mx.host for mx in record.targets[: self.options.max_mx_a_records]]
        for name in names:
            weight = _weight(self.lists.bad_mxs, name)
            if weight is not None:
                return [Seen(found.BAD, (name,), weight)]
        for name in names:
            if _in(self.lists.exclude_mxs, name):
                return [Seen(found.WHITE, (name,))]
        hosts = await self.finder.hosts(names)
        if hosts[-1].state == "ok":
            return await self._look_at(names[len(hosts) - 1], hosts[-1].addresses)
        states = {host.state for host in hosts}
        if "df" in states:
            return [Seen(found.DNS_FAIL, (domain,))]
        return [] if "other" in states else [Seen(found.BROKEN, (domain,))]

    async def _look_at(
        self, host: str, addresses: Sequence[IPAddress], *, on_address: bool = False
    ) -> list[Seen]:
        public, seen = self._classify(addresses)
        for ip in public:
            weight = _weight(self.lists.bad_ips, ip)
            if weight is not None:
                return [*seen, Seen(found.IP_BAD, (str(ip),), weight)]
        usable = [ip for ip in public if not _in(self.lists.exclude_ips, ip)]
        if public and not usable:
            seen.append(Seen(found.SKIP, tuple(map(str, public))))
        if usable:
            options = self.options
            limit = max(options.max_mx_a_records, 2 if options.probe_ipv6 else 1)
            chosen = choose(usable, prefer_ipv6=options.prefer_ipv6, limit=limit)
            seen += await self._verdict(host, chosen)
        if not on_address:
            return seen
        return [
            one._replace(finding=found.ON_ADDRESS.get(one.finding, one.finding)) for one in seen
        ]

    def _classify(self, addresses: Sequence[IPAddress]) -> tuple[list[IPAddress], list[Seen]]:
        """The public addresses, and what is to be said of the others."""
        kinds: dict[str, list[IPAddress]] = {"local": [], "bogon": [], "public": []}
        for ip in addresses:
            kinds[classify(ip, test_mode=self.options.test_mode)].append(ip)
        seen: list[Seen] = []
        for kind, only, mix in (
            ("local", found.LOCAL_ONLY, found.LOCAL_MIX),
            ("bogon", found.BOGON_ONLY, found.BOGON_MIX),
        ):
            if kinds[kind]:
                finding = only if len(kinds[kind]) == len(addresses) else mix
                seen.append(Seen(finding, tuple(map(str, kinds[kind]))))
        return kinds["public"], seen

    async def _verdict(self, host: str, addresses: Sequence[IPAddress]) -> list[Seen]:
        """By the first kept verdict on one of the addresses, else by connecting to the first."""
        keys = [f"{self.options.key_prefix}:i:{ip}" for ip in addresses]
        async with self.turns[addresses[0]]:
            try:
                kept = await self.task.store.get_many(keys)
                known = [value.decode("latin-1") for value in kept if value is not None]
                verdict = next((text for text in known if VERDICT.fullmatch(text)), None)
                if verdict is None:
                    if not await self._claim(keys[0], kept[0]):
                        return [Seen(found.INFLIGHT, (host,))]
                    verdict = await self._probe(addresses[0], keys[0])
            except StoreError as error:
                self.task.log(logging.WARNING, "mx_check: nothing is probed: %s", error)
                return [Seen(found.STORE_ERROR, (host,))]
        if verdict.startswith(ERROR):
            code = verdict.removeprefix(ERROR)
            return [Seen(found.ERROR, (host, code)), Seen(found.GOOD, (host,))]
        return [Seen(BY_VERDICT[verdict], (host,))]

    async def _claim(self, key: str, kept: bytes | None) -> bool:
        """Takes the lock, unless somebody has it; a value that nobody understands is none."""
        if kept == LOCK or self.connections.open >= self.connections.limit:
            return False
        expire = ceil(self.probe.longest + 1)
        return await self.task.store.compare_and_set(key, kept, LOCK, expire=expire)

    async def _probe(self, ip: IPAddress, key: str) -> str:
        """Connects, and keeps what came of it in the place of the lock."""
        self.connections.open += 1
        try:
            verdict = await self.probe(str(ip))
        finally:
            self.connections.open -= 1
        options = self.options
        expire = {
            TIMEOUT_CONNECT: options.expire_timeout,
            REFUSED: options.expire_novalid,
            INVALID: options.expire_novalid,
        }.get(verdict, options.expire)
        try:
            await self.task.store.set(key, verdict.encode(), expire=expire)
        except StoreError as error:
            self.task.log(logging.WARNING, "mx_check: a verdict is not kept: %s", error)
        return verdict


def _in(entries: Map | None, key: str | IPAddress) -> bool:
    return entries is not None and key in entries


def _weight(entries: Map | None, key: str | IPAddress) -> float | None:
    """What the map says of the key: 1 without a number; ``None``: it is not in there."""
    value = entries.find(key) if entries is not None else None
    if value is None:
        return None
    try:
        weight = float(value)
    except ValueError:
        return 1.0
    return weight if 0 <= weight < 1000 else 1.0
