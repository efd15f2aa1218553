# SPDX-License-Identifier: Apache-2.0
"""ASN: from whose network does the client come, and from which country?

Asks the DNS zone of the Rspamd project, or looks into databases in MaxMind's format on this
machine. Checks that follow find ``asn``, ``ipnet`` and ``country`` in ``task.variables``.

Source: direction-modules reference §1. The provider ``mmdb`` is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from gatepost.net import AddressDatabase, DatabaseError, Resolver, reversed_labels
from gatepost.scan.envelope import IPAddress
from gatepost.scan.module import (
    Hits,
    Module,
    ModuleOptions,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.task import Task
from gatepost.store import Store

POLL = 300.0
"""Seconds between two looks at the databases: they are replaced once a day at most."""
MAX_FIELD = 64  # characters of a network or country


class Origin(NamedTuple):
    """Where an address comes from; what is not known is empty."""

    asn: str = ""
    ipnet: str = ""
    country: str = ""

    def described(self) -> str:
        """The option of the symbol."""
        return ", ".join(f"{k}:{v}" for k, v in zip(self._fields, self, strict=True) if v)


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """``provider_info``: zones of the provider ``rspamd``, files of ``mmdb``."""

    ip4: str = "asn.rspamd.com"
    ip6: str = "asn6.rspamd.com"
    asn_file: str | None = None
    country_file: str | None = None


class Asn(Module):
    """Looks up the client before the filters begin."""

    name = "asn"
    group = "asn"
    outbound = Skip(local=True, override=("check_local",))

    ASN = Symbol("ASN", 0.0, "Where the client comes from", option="symbol", nostat=True)
    FAIL = Symbol("ASN_FAIL", 0.0, "The DNS did not say where the client comes from", nostat=True)

    class Options(ModuleOptions, frozen=True):
        """Whom to ask."""

        provider_type: Literal["rspamd", "mmdb"] = "rspamd"
        """`rspamd` asks the DNS, `mmdb` looks into databases on this machine."""
        provider_info: ProviderInfo = ProviderInfo()
        """For `rspamd` the zones `ip4` and `ip6`; for `mmdb` the files `asn_file` and
        `country_file`."""
        symbol: str = "ASN"
        """The name of the symbol; with `_FAIL` behind it that of a failure."""
        check_authed: bool = True
        """Changes nothing, as in Rspamd: authenticated senders are looked up."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the databases."""
        self.FAIL = self.FAIL.renamed(f"{self.options.symbol}_FAIL" if self.ASN else "")
        self.databases: list[AddressDatabase] = []
        if self.options.provider_type != "mmdb" or self.options.disabled:
            return
        info = self.options.provider_info
        for path in dict.fromkeys(path for path in (info.asn_file, info.country_file) if path):
            try:
                self.databases.append(AddressDatabase(Path(path)))
            except DatabaseError as error:
                setup.problem("provider_info", str(error))
        if not (info.asn_file or info.country_file):
            setup.problem("provider_info", "the provider mmdb needs `asn_file` or `country_file`")

    def duties(self, resolver: Resolver, store: Store) -> Iterable[Coroutine[Any, Any, None]]:
        """Follows the files of the databases."""
        return [self._follow()] if self.databases else []

    @runs(Stage.PREFILTER, callback="ASN_CHECK", priority=9, empty=True)
    async def check(self, task: Task) -> Hits:
        """Leaves what is known in the task's variables."""
        ip = task.ip
        if ip is None or (task.envelope.ip_guessed and self._is_spared(ip)):
            return
        if self.databases:
            origin = self._look_up(ip)
        else:
            zones = self.options.provider_info
            name = f"{reversed_labels(ip)}.{zones.ip4 if ip.version == 4 else zones.ip6}"
            answer = await task.resolver.query(name, "TXT")
            if answer.failed:
                if self.FAIL:
                    yield self.FAIL(f"{name}:{answer.rcode}")
                return
            record = next((one for one in answer.records if isinstance(one, bytes)), b"")
            origin = parse_origin(record)
        task.variables.update((key, value) for key, value in origin._asdict().items() if value)
        if self.ASN and any(origin):
            yield self.ASN(origin.described())

    def _is_spared(self, ip: IPAddress) -> bool:
        """A local address that was only guessed makes no direction, and is nobody's network."""
        return self.setup.is_local(ip) and not self.switches()["check_local"]

    def _look_up(self, ip: IPAddress) -> Origin:
        """What the databases say together: of each thing, what the first says that knows it."""
        asn = ipnet = country = ""
        for database in self.databases:
            found = database.find(ip)
            asn, country = asn or found.asn, country or found.country
            # A network is announced by somebody: that of a country is none.
            ipnet = ipnet or (found.network if found.asn else "")
        return Origin(asn, ipnet, country)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            for database in self.databases:
                await asyncio.to_thread(database.refresh)


def parse_origin(record: bytes) -> Origin:
    """``15169|8.8.8.0/24|US|…``. A prefix that two networks announce has two numbers: the first
    counts. A number that is none is left out."""
    text = record.decode("ascii", "replace")
    fields = [field.strip() for field in text.split("|")] if "|" in text else text.split()
    number, network, country = [*fields, "", "", ""][:3]
    asn = number.split()[0] if number else ""
    return Origin(asn if _is_number(asn) else "", _clean(network), _clean(country))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _clean(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= MAX_FIELD else ""
