# SPDX-License-Identifier: Apache-2.0
"""Is this message counted for its domain's report, and where?

Each step is atomic, and a crash between two of them loses at most this message: a report key
without rows is no report. What strangers can have us store is bounded: rows of a domain, domains
of an organisation, domains of a day. A process announces a report key once in a while instead of
for each message, so that a message usually costs one write.

Source: direction-modules reference §4 (8).
"""

from __future__ import annotations

import logging
from collections import OrderedDict

import msgspec

from gatepost.authn import DmarcRecord, DmarcVerdict, ReportUri, organizational_domain
from gatepost.modules.dmarc.evidence import Evidence
from gatepost.modules.dmarc.options import DmarcOptions
from gatepost.modules.dmarc.report_keys import ReportKeys, period_of, rua_text
from gatepost.modules.dmarc.rows import write_row
from gatepost.scan.maps import Map
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task
from gatepost.store import Store, StoreError
from gatepost.ucl import Value

MAX_PER_ORGANISATION = 1000
"""Domains below one registered domain and day: a wildcard record has as many as somebody likes."""
ANNOUNCE_AGAIN = 600.0  # seconds
MAX_KNOWN = 8192
ALL = ""  # the field of the counts that stands for all domains


class Announced(msgspec.Struct, frozen=True):
    """What a process knows of a report key: since when, with which policy, or that it is full."""

    since: float
    record: DmarcRecord
    accepted: bool


class Collector:
    """Counts messages in the store under the keys of their domain and day."""

    def __init__(self, options: DmarcOptions, setup: Setup) -> None:
        """Opens the maps of ``reporting``."""
        self.options = reporting = options.reporting
        self.keys = ReportKeys(reporting.redis_keys)
        self.known: OrderedDict[str, Announced] = OrderedDict()

        def open_map(definition: Value, name: str) -> Map | None:
            return setup.map(definition, kind="set", option=name)

        excluded = reporting.exclude_domains
        self.only_domains = open_map(reporting.only_domains, "reporting")
        self.no_domains = [
            found
            for found in (
                open_map(excluded, "reporting"),
                open_map(options.no_reporting_domains, "no_reporting_domains"),
            )
            if found is not None
        ]
        self.no_recipients = open_map(reporting.exclude_recipients, "reporting")
        self.no_rua = open_map(reporting.exclude_rua_addresses, "reporting")

    async def collect(self, task: Task, verdict: DmarcVerdict, evidence: Evidence) -> None:
        """Adds one to the row of this message. A store that fails costs the report a message."""
        record = verdict.discovery.record
        if not self.options.enabled or record is None or task.ip is None:
            return
        if task.is_rspamc and not self.options.report_local_controller:
            return
        wanted = self.wanted(record.rua)
        if not wanted or self.is_excluded(task, verdict.discovery.policy_domain):
            return
        try:
            await self.count(task, verdict, evidence, record)
        except StoreError as error:
            task.log(logging.WARNING, "not counted for the DMARC report: %s", error)

    def wanted(self, uris: tuple[ReportUri, ...]) -> list[ReportUri]:
        """The mailboxes of a list that ``exclude_rua_addresses`` does not name."""
        excluded = self.no_rua
        return [
            uri
            for uri in uris
            if uri.address
            and (excluded is None or (uri.address not in excluded and uri.uri not in excluded))
        ]

    def is_excluded(self, task: Task, domain: str) -> bool:
        """Whether the maps of ``reporting`` leave out the policy domain or the recipient."""
        if self.only_domains is not None and not has_domain(self.only_domains, domain):
            return True
        if any(has_domain(excluded, domain) for excluded in self.no_domains):
            return True
        recipient = task.principal_recipient
        return (
            self.no_recipients is not None
            and recipient is not None
            and recipient in self.no_recipients
        )

    async def count(
        self, task: Task, verdict: DmarcVerdict, evidence: Evidence, record: DmarcRecord
    ) -> None:
        """Adds one to the row, after announcing its key if that is due. Raises ``StoreError``."""
        domain, period = verdict.discovery.policy_domain, period_of(task.now)
        key = self.keys.report(domain, rua_text(record.rua), period)
        record = msgspec.structs.replace(record, ruf=(), faults=())
        known = self.known.get(key)
        if known is None or known.record != record or task.now >= known.since + ANNOUNCE_AGAIN:
            accepted = await self.announce(task.store, key, domain, period, record)
            self.remember(key, known := Announced(task.now, record, accepted))
        if not known.accepted or task.ip is None:
            return
        await task.store.ranked_increment(
            key,
            write_row(verdict, task.ip, evidence.spf, evidence.dkim),
            1.0,
            keep=self.options.max_entries,
            expire=self.options.keys_expire,
        )

    async def announce(
        self, store: Store, key: str, domain: str, period: str, record: DmarcRecord
    ) -> bool:
        """Puts the key into the index of the day; false where that has too many already."""
        index, life = self.keys.index(period), self.options.keys_expire
        if await store.set_add(index, key.encode(), expire=life) and not await self.has_room(
            store, domain, period
        ):
            await store.set_remove(index, key.encode())
            return False
        text = msgspec.json.encode(record)
        await store.hash_set(self.keys.records(period), {domain: text}, expire=life)
        return True

    async def has_room(self, store: Store, domain: str, period: str) -> bool:
        """Counts a domain that is new today; false where there are too many already."""
        counts, life = self.keys.counts(period), self.options.keys_expire
        owner = organizational_domain(domain)
        if await store.hash_increment(counts, owner, expire=life) > MAX_PER_ORGANISATION:
            return False
        return await store.hash_increment(counts, ALL, expire=life) <= self.options.max_domains

    def remember(self, key: str, announced: Announced) -> None:
        """Keeps what this process announced; the least recently announced goes first."""
        self.known[key] = announced
        self.known.move_to_end(key)
        if len(self.known) > MAX_KNOWN:
            self.known.popitem(last=False)


def has_domain(domains: Map, domain: str) -> bool:
    """Whether a map has a domain or the one that somebody registered above it."""
    return domain in domains or organizational_domain(domain) in domains
