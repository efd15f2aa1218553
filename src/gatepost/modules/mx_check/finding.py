# SPDX-License-Identifier: Apache-2.0
"""Where does a domain take mail, by what was found before, else by the DNS?

Source: direction-modules reference §9. Different from Rspamd: before a host is said to have no
address, both families are asked for, whichever are probed; and that the DNS does not answer is
kept for a minute only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gatepost.modules.mx_check.addresses import read_addresses
from gatepost.modules.mx_check.records import Domain, Families, Host, parse_domain, parse_host
from gatepost.net import Mx, RecordType
from gatepost.scan.task import Task
from gatepost.store import StoreError

FAILURE_EXPIRES = 60.0
TYPES: dict[Families, tuple[RecordType, ...]] = {
    "v4": ("A",),
    "v6": ("AAAA",),
    "v64": ("A", "AAAA"),
}


class Finder:
    """Looks up for one message. ``expire`` (seconds, 0: nothing is kept) is that of good answers.

    ``limit`` is how many targets of a domain are considered.
    """

    def __init__(
        self, task: Task, *, prefix: str, families: Families, expire: float, limit: int
    ) -> None:
        self.task = task
        self.prefix = prefix
        self.families = families
        self.expire = expire
        self.limit = limit

    async def domain(self, name: str) -> Domain:
        """Where ``name`` takes mail."""
        key = f"{self.prefix}:d:{name}"
        kept = (await self._kept([key]))[0]
        known = None if kept is None else parse_domain(kept, self.families)
        if known is not None:
            return known
        found = await self._ask_domain(name)
        await self._keep(key, found.state, found.to_text())
        return found

    async def hosts(self, names: Sequence[str]) -> list[Host]:
        """The addresses of each host, in their order; those after one that has some may lack."""
        keys = [f"{self.prefix}:m:{name}" for name in names]
        found: list[Host] = []
        for name, key, kept in zip(names, keys, await self._kept(keys), strict=True):
            host = None if kept is None else parse_host(kept, self.families)
            if host is None:
                host = await self._ask_host(name)
                await self._keep(key, host.state, host.to_text())
            found.append(host)
            if host.state == "ok":
                break
        return found

    async def _ask_domain(self, name: str) -> Domain:
        answer = await self.task.resolver.query(name, "MX")
        if answer.failed:
            return Domain("df")
        if not answer.ok:  # RFC 5321 5.1: without an MX the domain itself is one
            host = await self._ask_host(name)
            return Domain("a", host=host) if host.state == "ok" else Domain(host.state)
        records = sorted(record for record in answer.records if isinstance(record, Mx))
        if len(records) == 1 and records[0].host in (".", ""):
            return Domain("null")
        usable = [mx for mx in records if mx.host.strip(".") and not mx.host.startswith("_")]
        return Domain("mx", tuple(usable[: self.limit])) if usable else Domain("bkn")

    async def _ask_host(self, name: str) -> Host:
        resolver = self.task.resolver
        wanted = TYPES[self.families]
        for kind in wanted:
            resolver.begin(name, kind)
        answers = [await resolver.query(name, kind) for kind in wanted]
        addresses = read_addresses(text for answer in answers for text in answer.texts)
        if addresses:
            return Host("ok", self.families, tuple(addresses))
        if any(answer.failed for answer in answers):
            return Host("df")
        others = [kind for kind in TYPES["v64"] if kind not in wanted]
        for kind in others:
            answer = await resolver.query(name, kind)
            if answer.ok or answer.failed:
                return Host("other" if answer.ok else "df")
        return Host("no")

    async def _kept(self, keys: list[str]) -> list[str | None]:
        if not self.expire:
            return [None] * len(keys)
        try:
            values = await self.task.store.get_many(keys)
        except StoreError as error:
            self.task.log(logging.WARNING, "mx_check: %s", error)
            return [None] * len(keys)
        return [None if value is None else value.decode("utf-8", "replace") for value in values]

    async def _keep(self, key: str, state: str, text: str) -> None:
        if not self.expire or state == "other":
            return
        expire = min(self.expire, FAILURE_EXPIRES) if state == "df" else self.expire
        try:
            await self.task.store.set(key, text.encode(), expire=expire)
        except StoreError as error:
            self.task.log(logging.WARNING, "mx_check: %s", error)
