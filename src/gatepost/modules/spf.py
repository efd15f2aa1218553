# SPDX-License-Identifier: Apache-2.0
"""SPF: does the sender's domain allow this host to send for it?

The verdict is check_host()'s (RFC 7208), whereas Rspamd flattens all records into one list;
the symbols that name it are Rspamd's. A verdict that depends on nothing but domain and address
is kept, so that a domain that mails all day is not looked up all day.

Source: direction-modules reference §2.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from gatepost.authn import SpfLimits, SpfRecordCache, SpfResult, check_spf
from gatepost.config import Count
from gatepost.scan.direction import direction_of
from gatepost.scan.envelope import IPAddress
from gatepost.scan.module import (
    Check,
    Hit,
    Hits,
    Module,
    ModuleOptions,
    Raw,
    Seconds,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.patience import evidence_time
from gatepost.scan.task import Task

MAX_LOOKUPS = 10
"""RFC 7208 4.6.4: a limit that may be lower here, but not higher."""

MAX_KEPT = 86_400.0  # seconds


class SymbolNames(msgspec.Struct, frozen=True):
    """``symbols``: what the symbols are called."""

    allow: str = "R_SPF_ALLOW"
    fail: str = "R_SPF_FAIL"
    softfail: str = "R_SPF_SOFTFAIL"
    neutral: str = "R_SPF_NEUTRAL"
    dnsfail: str = "R_SPF_DNSFAIL"
    permfail: str = "R_SPF_PERMFAIL"
    na: str = "R_SPF_NA"
    plusall: str = "R_SPF_PLUSALL"


def _symbol(name: str, score: float, description: str, *, one_shot: bool = False) -> Symbol:
    return Symbol(name, score, description, group="policies", groups=("spf",), one_shot=one_shot)


class Spf(Module):
    """One symbol a letter; ``task.variables`` have the verdict for the checks that follow."""

    name = "spf"
    group = "spf"
    outbound = Skip(local=True, authenticated=True)

    ALLOW = _symbol("R_SPF_ALLOW", -0.2, "The sender's domain allows this host to send for it")
    FAIL = _symbol("R_SPF_FAIL", 1.0, "The sender's domain forbids this host to send for it")
    SOFTFAIL = _symbol("R_SPF_SOFTFAIL", 0.0, "This host should probably not send for the domain")
    NEUTRAL = _symbol("R_SPF_NEUTRAL", 0.0, "The sender's domain does not say who may send")
    DNSFAIL = _symbol("R_SPF_DNSFAIL", 0.0, "The SPF record cannot be found out just now")
    PERMFAIL = _symbol("R_SPF_PERMFAIL", 0.0, "The SPF record is wrong")
    NA = _symbol("R_SPF_NA", 0.0, "The sender's domain has no SPF record", one_shot=True)
    PLUSALL = _symbol("R_SPF_PLUSALL", 4.0, "The sender's domain allows everybody to send for it")

    class Options(ModuleOptions, frozen=True):
        """As Rspamd names them; RFC 7208 sets the bounds."""

        whitelist: Raw = None
        """Addresses of clients that are not checked."""
        external_relay: Raw = None
        """Relays of ours: behind one, the address is that of the Received line it wrote."""
        spf_cache_size: Count = 2048
        """Records and verdicts that are kept in memory; 0 keeps none."""
        spf_cache_expire: Seconds = MAX_KEPT
        """Changes nothing, as in Rspamd: the DNS says how long a record may be kept."""
        max_dns_nesting: Count = 10
        """Changes nothing: it follows from the limit of look-ups."""
        max_dns_requests: Count = 30
        """Can only lower the RFC's limit of ten look-ups."""
        max_dns_expansions: Count = 100
        """Changes nothing: it follows from the limit of look-ups."""
        min_cache_ttl: Seconds = 300.0
        """A verdict is kept at least so long."""
        disable_ipv6: bool = False
        """Asks for no AAAA record."""
        symbols: SymbolNames = SymbolNames()
        """Other names for the symbols: `allow`, `fail`, `softfail`, `neutral`, `na` …"""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps and gives the symbols their names."""
        options, names = self.options, self.options.symbols
        self.whitelist = setup.map(options.whitelist, kind="radix", option="whitelist")
        self.relays = setup.map(options.external_relay, kind="radix", option="external_relay")
        self.limits = limits_of(options)
        self.patience = evidence_time(setup.core)
        self.records = SpfRecordCache(max_records=options.spf_cache_size)
        self.verdicts = VerdictCache(options.spf_cache_size, options.min_cache_ttl)
        self.ALLOW = self.ALLOW.renamed(names.allow)
        self.FAIL = self.FAIL.renamed(names.fail)
        self.SOFTFAIL = self.SOFTFAIL.renamed(names.softfail)
        self.NEUTRAL = self.NEUTRAL.renamed(names.neutral)
        self.DNSFAIL = self.DNSFAIL.renamed(names.dnsfail)
        self.PERMFAIL = self.PERMFAIL.renamed(names.permfail)
        self.NA = self.NA.renamed(names.na)
        self.PLUSALL = self.PLUSALL.renamed(names.plusall)

    def checks(self) -> Sequence[Check]:
        """Behind a relay the direction is not known before the letter is: see :meth:`check`."""
        checks = super().checks()
        if self.relays is None:
            return checks
        return [dataclasses.replace(check, any_direction=True) for check in checks]

    @runs(Stage.FILTER, callback="SPF_CHECK", fine=True, empty=True)
    async def check(self, task: Task) -> Hits:
        """Asks for the client, or for the hop behind ``external_relay``."""
        ip, helo = self._client(task)
        if ip is None or (self.whitelist is not None and str(ip) in self.whitelist):
            return
        task.variables["spf_client"] = (str(ip), helo)  # behind a relay not the task's
        if self.relays is not None:
            local = task.direction.local if ip == task.ip else self.setup.is_local(ip)
            direction = direction_of(local=local, authenticated=bool(task.user))
            if self.ruling(direction).effect == "skip":
                return
        found, kept = await self._verdict(task, ip, helo)
        task.variables["spf"] = found
        task.variables["spf_result"] = found.result
        task.variables["spf_record"] = found.record
        task.variables["spf_domain"] = found.domain
        hit = self._hit(found, ":c" if kept else "")
        if hit.name:
            yield hit

    async def _verdict(self, task: Task, ip: IPAddress, helo: str) -> tuple[SpfResult, bool]:
        """The verdict, and whether it was there already."""
        mail_from = claimed_sender(task)
        domain = mail_from.rpartition("@")[2] if mail_from else helo
        key = (domain.lower(), bool(mail_from), ip)
        found = self.verdicts.find(key, task.now)
        if found is not None:
            return found, True
        found = await check_spf(
            task.resolver.forced(self.patience),
            ip=ip,
            helo=helo,
            mail_from=mail_from,
            limits=self.limits,
            disable_ipv6=self.options.disable_ipv6,
            explain=False,
            records=self.records,
        )
        self.verdicts.keep(key, found, task.now)
        return found, False

    def _client(self, task: Task) -> tuple[IPAddress | None, str]:
        """Address and HELO name of who gave the letter to us or to a relay of ours."""
        if self.relays is not None:
            behind = task.ip is not None and str(task.ip) in self.relays
            for hop in task.message.received:
                if hop.real_ip is None:
                    if behind:
                        break  # what is further down was not written by a relay of ours
                elif str(hop.real_ip) in self.relays:
                    behind = True
                elif behind:
                    return hop.real_ip, hop.from_hostname or ""
        return task.ip, task.helo or ""

    def _hit(self, found: SpfResult, mark: str) -> Hit:
        if found.plus_all:
            return self.PLUSALL("+any" + mark)
        match found.result:
            case "pass":
                return self.ALLOW(found.mechanism + mark)
            case "fail":
                return self.FAIL(found.mechanism + mark)
            case "softfail":
                return self.SOFTFAIL(found.mechanism + mark)
            case "neutral":
                return self.NEUTRAL((found.mechanism or "?all") + mark)
            case "temperror":
                return self.DNSFAIL(found.problem + mark)
            case "permerror":
                return self.PERMFAIL(found.problem + mark)
            case "none":
                # `path` is empty when there was no domain to ask about.
                return self.NA("no SPF record" if found.path else "No domain")


def limits_of(options: Spf.Options) -> SpfLimits:
    """The limits of check_host() that the options leave."""
    return SpfLimits(lookups=min(options.max_dns_requests or MAX_LOOKUPS, MAX_LOOKUPS))


def claimed_sender(task: Task) -> str:
    """The sender that SPF is asked about, as given in MAIL; empty for a bounce."""
    sender = task.sender
    if sender is None or not sender.addr:
        return ""
    # Without the sign check_spf() would take a lone word for a domain.
    return sender.addr if sender.domain else sender.user + "@"


Key = tuple[str, bool, IPAddress]


class VerdictCache:
    """Verdicts by domain, identity and address, while they last; least recently used first out."""

    def __init__(self, size: int, least: float) -> None:
        self.size = size
        self.least = least
        self.entries: OrderedDict[Key, tuple[float, SpfResult]] = OrderedDict()

    def find(self, key: Key, now: float) -> SpfResult | None:
        """The verdict, if it lasts until ``now`` (seconds since the epoch)."""
        entry = self.entries.get(key)
        if entry is None or entry[0] <= now:
            return None
        self.entries.move_to_end(key)
        return entry[1]

    def keep(self, key: Key, found: SpfResult, now: float) -> None:
        """Keeps a verdict as long as its ``ttl``, at least ``least`` seconds; not without one."""
        if not self.size or found.ttl <= 0:
            return
        self.entries[key] = (now + min(max(found.ttl, self.least), MAX_KEPT), found)
        self.entries.move_to_end(key)
        if len(self.entries) > self.size:
            self.entries.popitem(last=False)
