# SPDX-License-Identifier: Apache-2.0
"""Brings the report of each domain and day to those who want it, once.

Whoever sends claims a domain's report by a lease in the store, so that any number of processes
may run at once. After the server has taken the letter, the store is told at once who has it.
A crash between these two makes the next run send that one letter again, under the same
Report-ID, by which receivers know it; every other report is sent once. Who could not be reached,
and whose consent the DNS could not tell, is tried again by the next run, as long as the counts
are kept (two days).

Nothing here waits for the network but the store, the resolver and the `Sender` handed in.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from gatepost.authn import (
    AggregateReport,
    Destinations,
    DmarcRecord,
    ReportUri,
    build_report_mail,
    choose_destinations,
    discover_policy,
    verify_destinations,
)
from gatepost.modules.dmarc.options import Reporting
from gatepost.modules.dmarc.report_keys import Day, ReportKeys, ReportState
from gatepost.modules.dmarc.rows import read_row
from gatepost.net import Resolver, find_query_name
from gatepost.store import Store

log = logging.getLogger("gatepost.dmarc")

LEASE = 1800.0
"""Seconds for one report: more than the slowest server may take within the sender's time-outs."""
REMEMBERED = 7 * 86_400.0
"""Seconds that a report counts as sent: longer than its rows are kept."""
MAX_ROWS = 100_000  # of one report; those with the highest counts

Status = Literal["sent", "sent before", "nothing", "unwanted", "later", "failed", "busy"]


class Sent(msgspec.Struct, frozen=True):
    """What became of each recipient of one letter; ``refused`` for good, ``deferred`` not."""

    accepted: tuple[str, ...] = ()
    refused: dict[str, str] = {}
    deferred: dict[str, str] = {}


Sender = Callable[[bytes, Sequence[str]], Awaitable[Sent]]
"""Gives one letter to a server for these recipients. Never raises for what the server says."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one domain's report. ``size``: bytes of the letter."""

    domain: str
    day: str
    status: Status
    report_id: str = ""
    recipients: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rows: int = 0
    messages: int = 0
    size: int = 0

    @property
    def pending(self) -> bool:
        """True when a later run may do better."""
        return self.status in ("later", "failed", "busy")


class Prepared(NamedTuple):
    """A report that could be sent now, and what is known of its destinations."""

    report: AggregateReport
    letter: bytes
    recipients: list[str]
    messages: int
    problems: list[str]
    undecided: bool


class Deliveries:
    """Reports of a day, from the store to the mailboxes. ``owner`` is unique to this process."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        options: Reporting,
        *,
        owner: str,
        wanted: Callable[[tuple[ReportUri, ...]], list[ReportUri]],
    ) -> None:
        """``wanted`` leaves out whom the postmaster excludes."""
        self.store = store
        self.resolver = resolver
        self.options = options
        self.owner = owner
        self.wanted = wanted
        self.keys = ReportKeys(options.redis_keys)

    async def domains(self, day: Day) -> dict[str, list[str]]:
        """The domains that something was counted for, with the keys of their rows."""
        found: dict[str, list[str]] = {}
        for member in sorted(await self.store.set_members(self.keys.index(day.period))):
            key = member.decode("utf-8", "replace")
            domain = self.keys.domain(key, day.period)
            if domain is not None and find_query_name(domain) == domain:
                found.setdefault(domain, []).append(key)
        return found

    async def deliver(
        self, day: Day, domain: str, keys: Sequence[str], send: Sender, *, now: float
    ) -> Delivery:
        """Sends what is left to be sent of one report. ``now``: for the letter's Date."""
        claim = self.keys.claim(domain, day.period)
        if not await self.store.lease(claim, self.owner, LEASE):
            return Delivery(domain=domain, day=day.period, status="busy")
        try:
            return await self._deliver(day, domain, keys, send, now)
        finally:
            await self.store.compare_and_set(claim, self.owner.encode(), None)

    async def preview(
        self, day: Day, domain: str, keys: Sequence[str], *, now: float
    ) -> tuple[Delivery, AggregateReport | None]:
        """The same up to the sending; changes nothing in the store."""
        state = await self._state(domain, day)
        if state.finished:
            return self._told(day, domain, "sent before", state.report_id), None
        prepared = await self._prepare(day, domain, keys, state, now)
        if isinstance(prepared, Delivery):
            return prepared, None
        wished = Sent(accepted=tuple(prepared.recipients))
        return self._outcome(day, domain, prepared, wished), prepared.report

    async def _deliver(
        self, day: Day, domain: str, keys: Sequence[str], send: Sender, now: float
    ) -> Delivery:
        state = await self._state(domain, day)
        if state.finished:
            await self._clear(day, domain, keys)
            return self._told(day, domain, "sent before", state.report_id)
        prepared = await self._prepare(day, domain, keys, state, now)
        if isinstance(prepared, Delivery):
            if not prepared.pending:
                await self._keep(day, domain, keys, msgspec.structs.replace(state, finished=True))
            return prepared
        copies = self.options.bcc_addrs if not state.done else []
        sent = Sent()
        if prepared.recipients:
            sent = await send(prepared.letter, [*prepared.recipients, *copies])
        asked = set(prepared.recipients)
        ended = [one for one in (*sent.accepted, *sent.refused) if one in asked]
        state = ReportState(
            report_id=prepared.report.report_id,
            done=(*state.done, *ended),
            had=state.had + len(asked.intersection(sent.accepted)),
            finished=not prepared.undecided and asked.issubset(ended),
        )
        await self._keep(day, domain, keys, state)
        return self._outcome(day, domain, prepared, sent, had=state.had)

    async def _prepare(
        self, day: Day, domain: str, keys: Sequence[str], state: ReportState, now: float
    ) -> Prepared | Delivery:
        """The letter for those who do not have it yet, or why there is none."""
        counts = await self._rows(keys)
        if not counts:
            return self._told(day, domain, "nothing")
        record, problem = await self._record(domain, day)
        if record is None:
            return self._told(day, domain, "later" if problem else "unwanted", problem=problem)
        found = await verify_destinations(self.resolver, domain, self.wanted(record.rua))
        report = self._report(day, domain, record, counts)
        # A host may have named other mailboxes, which may be excluded as well.
        open_ = [uri for uri in self.wanted(found.accepted) if uri.address not in state.done]
        letter = self._letter(report, [uri.address for uri in open_], now)
        chosen = [uri.address for uri in choose_destinations(open_, len(letter))]
        if len(chosen) < len(open_):
            letter = self._letter(report, chosen, now)
        problems = explain(found, [uri for uri in open_ if uri.address not in chosen], letter)
        return Prepared(
            report, letter, chosen, sum(counts.values()), problems, bool(found.undecided)
        )

    async def _rows(self, keys: Sequence[str]) -> Counter[str]:
        """The rows of all keys together: a domain may have changed its ``rua`` during the day."""
        rows: Counter[str] = Counter()
        for key in keys:
            for line, count in await self.store.ranked_list(key):
                if count >= 1 and read_row(line, 1) is not None:
                    rows[line] += int(count)
        return rows

    async def _record(self, domain: str, day: Day) -> tuple[DmarcRecord | None, str]:
        """The policy as it was found that day; where only Rspamd has counted, as it is now."""
        (text,) = await self.store.hash_get(self.keys.records(day.period), [domain])
        if text is not None:
            try:
                return msgspec.json.decode(text, type=DmarcRecord), ""
            except msgspec.DecodeError:
                log.warning("the stored DMARC record of %s cannot be read", domain)
        discovery = await discover_policy(self.resolver, domain)
        if discovery.error == "temperror":
            return None, discovery.reason
        return (discovery.record if discovery.policy_domain == domain else None), ""

    def _report(
        self, day: Day, domain: str, record: DmarcRecord, counts: Counter[str]
    ) -> AggregateReport:
        rows = (read_row(line, count) for line, count in counts.most_common(MAX_ROWS))
        options = self.options
        identity = f"{options.domain};{domain};{day.begin};{day.end}".encode()
        return AggregateReport(
            receiver=options.domain,
            org_name=options.org_name or options.domain,
            email=options.email,
            report_id=f"{domain}.{day.period}.{hashlib.sha256(identity).hexdigest()[:16]}",
            begin=day.begin,
            end=day.end,
            domain=domain,
            record=record,
            rows=[row for row in rows if row is not None],
        )

    def _letter(self, report: AggregateReport, to: Sequence[str], now: float) -> bytes:
        place = self.options.msgid_from or self.options.domain
        return build_report_mail(
            report,
            to,
            date=now,
            message_id=f"{report.report_id}@{place}",
            from_name=self.options.from_name,
        )

    async def _state(self, domain: str, day: Day) -> ReportState:
        text = await self.store.get(self.keys.state(domain, day.period))
        if text is None:
            return ReportState()
        try:
            return msgspec.json.decode(text, type=ReportState)
        except msgspec.DecodeError:
            log.warning("what was sent to %s for %s cannot be read", domain, day.period)
            return ReportState()

    async def _keep(self, day: Day, domain: str, keys: Sequence[str], state: ReportState) -> None:
        key = self.keys.state(domain, day.period)
        await self.store.set(key, msgspec.json.encode(state), expire=REMEMBERED)
        if state.finished:
            await self._clear(day, domain, keys)

    async def _clear(self, day: Day, domain: str, keys: Sequence[str]) -> None:
        """Takes away the counts of a report that is done; the index last, so that nothing of
        it is left behind if this is interrupted."""
        await self.store.delete(*keys)
        await self.store.hash_delete(self.keys.records(day.period), domain)
        await self.store.set_remove(self.keys.index(day.period), *(key.encode() for key in keys))

    def _told(
        self, day: Day, domain: str, status: Status, report_id: str = "", *, problem: str = ""
    ) -> Delivery:
        return Delivery(
            domain=domain,
            day=day.period,
            status=status,
            report_id=report_id,
            problems=(problem,) if problem else (),
        )

    def _outcome(
        self, day: Day, domain: str, prepared: Prepared, sent: Sent, *, had: int = 0
    ) -> Delivery:
        problems = [
            *prepared.problems,
            *(f"{address}: refused: {why}" for address, why in sent.refused.items()),
            *(f"{address}: {why}" for address, why in sent.deferred.items()),
        ]
        recipients = tuple(one for one in prepared.recipients if one in sent.accepted)
        return Delivery(
            domain=domain,
            day=day.period,
            status=find_status(prepared, sent, had),
            report_id=prepared.report.report_id,
            recipients=recipients,
            problems=tuple(problems),
            rows=len(list(prepared.report.rows)),
            messages=prepared.messages,
            size=len(prepared.letter),
        )


def find_status(prepared: Prepared, sent: Sent, had: int) -> Status:
    """One word for what happened; what another run should do goes before what this one did.
    ``had`` counts those who have the report, from this run or an earlier one."""
    if any(one in sent.deferred for one in prepared.recipients):
        return "failed"
    if prepared.undecided:
        return "later"
    return "sent" if had or sent.accepted else "unwanted"


def explain(found: Destinations, too_big: Sequence[ReportUri], letter: bytes) -> list[str]:
    """Why some of those whom the domain names do not get the letter."""
    return [
        *(f"{uri.uri}: {why}" for uri, why in found.refused),
        *(f"{uri.uri}: the DNS does not say whether it wants reports" for uri in found.undecided),
        *(f"{uri.address}: takes no letter of {len(letter)} bytes" for uri in too_big),
    ]
