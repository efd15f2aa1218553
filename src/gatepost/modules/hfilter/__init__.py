# SPDX-License-Identifier: Apache-2.0
"""HFilter: does what the client says of itself hold, and is the letter more than a link?

Many cheap checks: HELO and host name against names that dial-up lines have, HELO, sender and
Message-ID against the DNS, bounces to many, text that is hardly more than URLs. Only the last
says anything of a letter of our own; the others look at how a stranger's server presents itself.

Source: direction-modules reference §14.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from gatepost.modules.hfilter.links import find_link_share
from gatepost.modules.hfilter.names import (
    is_address,
    is_fqdn,
    is_reserved,
    weigh_helo,
    weigh_host,
)
from gatepost.modules.hfilter.resolving import begin_look_ups, find_faults
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.envelope import IPAddress
from gatepost.scan.module import (
    Adapt,
    Hits,
    Module,
    ModuleOptions,
    PlainHits,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task

RSPAMC_HELO = "rspamc.local"
"""What rspamc says where it is told nothing: that is no client's."""

BRACKETS = str.maketrans("", "", "[]")
MOSTLY_LINKS = 0.8
GENERIC = 4
GRADES = (0.5, 1.0, 2.0, 2.5, 3.0)


class HostSymbols(NamedTuple):
    """What can be wrong with one host that a letter names."""

    not_fqdn: Symbol
    nowhere: Symbol
    dead_target: Symbol


class Question(NamedTuple):
    """A host that is to be looked up; with ``ip`` one of its addresses must be that."""

    host: str
    symbols: HostSymbols
    ip: IPAddress | None = None


def _host_symbols(what: str, of: str, scores: tuple[float, float, float]) -> HostSymbols:
    name = f"HFILTER_{what}"
    return HostSymbols(
        Symbol(f"{name}_NOT_FQDN", scores[0], f"{of} is no full domain name"),
        Symbol(f"{name}_NORES_A_OR_MX", scores[1], f"{of} has neither address nor MX"),
        Symbol(f"{name}_NORESOLVE_MX", scores[2], f"{of} has an MX without an address"),
    )


def _graded(what: str, of: str) -> tuple[Symbol, ...]:
    return tuple(
        Symbol(f"HFILTER_{what}_{grade}", score, f"{of} looks like a dial-up line (grade {grade})")
        for grade, score in enumerate(GRADES, 1)
    )


class HFilter(Module):
    """Host names, bounces and links."""

    name = "hfilter"
    group = "hfilter"
    outbound = Adapt("only the URL checks", override=("check_local", "check_authed"))

    URL_ONLY = Symbol("HFILTER_URL_ONLY", 2.2, "The text is hardly more than links")
    URL_ONELINE = Symbol("HFILTER_URL_ONELINE", 2.5, "The text is one line of links")
    HELO_BADIP = Symbol("HFILTER_HELO_BADIP", 4.5, "HELO is a reserved address")
    HELO_BAREIP = Symbol("HFILTER_HELO_BAREIP", 3.0, "HELO is an address")
    HELO_IP_A = Symbol("HFILTER_HELO_IP_A", 1.0, "HELO does not resolve to the client's address")
    HOSTNAME_UNKNOWN = Symbol("HFILTER_HOSTNAME_UNKNOWN", 2.5, "The client has no verified name")
    FROM_BOUNCE = Symbol("HFILTER_FROM_BOUNCE", 0.0, "A bounce")
    BOUNCE_TO_MANY = Symbol("HFILTER_RCPT_BOUNCEMOREONE", 1.5, "A bounce to several recipients")
    HELO_GRADES = _graded("HELO", "HELO")
    HOSTNAME_GRADES = _graded("HOSTNAME", "The client's name")
    HELO = _host_symbols("HELO", "HELO", (2.0, 0.3, 0.2))
    FROMHOST = _host_symbols("FROMHOST", "The sender's domain", (3.0, 1.5, 0.5))
    MID = _host_symbols("MID", "The Message-ID's domain", (0.0, 0.0, 0.0))

    class Options(ModuleOptions, frozen=True):
        """Each group of checks has its switch."""

        helo_enabled: bool = False
        """Checks what the client calls itself."""
        hostname_enabled: bool = False
        """Checks the client's verified name."""
        url_enabled: bool = False
        """Checks how much of the text is links; outbound, too."""
        from_enabled: bool = False
        """Checks the domain of the envelope sender."""
        rcpt_enabled: bool = False
        """Checks whether a bounce has one recipient."""
        mid_enabled: bool = False
        """Checks the domain of the Message-ID."""
        check_local: bool | None = None
        """Runs all checks for local senders, too."""
        check_authed: bool | None = None
        """Runs all checks for authenticated senders, too."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Finds out for which directions nothing but links counts."""
        self.only_links = [
            direction
            for direction in ALL_DIRECTIONS.values()
            if self.ruling(direction).effect == "adapt"
        ]

    def symbols(self) -> Sequence[Symbol]:
        """All of them, whatever is switched on."""
        graded = (*self.HELO_GRADES, *self.HOSTNAME_GRADES)
        return [*super().symbols(), *graded, *self.HELO, *self.FROMHOST, *self.MID]

    @runs(Stage.FILTER, callback="HFILTER_CHECK")
    async def check(self, task: Task) -> Hits:
        """What needs no DNS first; then all hosts at once."""
        options = self.options
        if options.url_enabled:
            for hit in self._links(task):
                yield hit
        if task.direction in self.only_links:
            return
        questions: list[Question] = []
        for hit in self._client(task, questions):
            yield hit
        for hit in self._bounce(task):
            yield hit
        if options.from_enabled and task.sender_domain:
            questions.append(Question(task.sender_domain, self.FROMHOST))
        if options.mid_enabled:
            _, _, domain = task.message.message_id.partition("@")
            if domain and "@" not in domain and "local" not in domain:
                questions.append(Question(domain, self.MID))
        async for hit in self._hosts(task, questions):
            yield hit

    def _links(self, task: Task) -> PlainHits:
        found = find_link_share(task.message)
        if found is None or found.share <= MOSTLY_LINKS:
            return
        weight = min(1.0, (found.share - MOSTLY_LINKS) * 5)
        yield self.URL_ONLY(f"{weight:.14g}", weight=weight)
        if found.lines == 1:
            yield self.URL_ONELINE(f"{found.kind}:{int(found.share)}:{found.lines}")

    def _client(self, task: Task, questions: list[Question]) -> PlainHits:
        """HELO and host name: of the two, the one that looks worse counts."""
        helo = task.helo.translate(BRACKETS) if self._has_helo(task) and task.helo else ""
        helo_weight = host_weight = 0
        if self.options.helo_enabled and helo:
            if is_reserved(helo):
                yield self.HELO_BADIP(helo, "1")
            elif is_address(helo):
                yield self.HELO_BAREIP(helo, "1")
            else:
                helo_weight = weigh_helo(helo)
                if not helo_weight and task.ip is not None:
                    questions.append(Question(helo, self.HELO, task.ip))
        host = task.hostname
        if self.options.hostname_enabled:
            if host is None:
                yield self.HOSTNAME_UNKNOWN()
            else:
                host_weight = weigh_host(host)
                task.variables["hostname_generic"] = host_weight >= GENERIC
        if helo_weight and helo_weight >= host_weight:
            yield self.HELO_GRADES[helo_weight - 1](helo)
        elif host_weight and host is not None:
            yield self.HOSTNAME_GRADES[host_weight - 1](host)

    def _bounce(self, task: Task) -> PlainHits:
        address = "" if task.sender is None else task.sender.addr.lower()
        if self.options.from_enabled and not address and self._has_helo(task):
            yield self.FROM_BOUNCE(task.helo or "")
        bounce = not address or address.startswith("postmaster@")
        if self.options.rcpt_enabled and bounce and len(task.recipients) > 1:
            yield self.BOUNCE_TO_MANY(str(len(task.recipients)))

    def _has_helo(self, task: Task) -> bool:
        return bool(task.helo) and task.helo != RSPAMC_HELO

    async def _hosts(self, task: Task, questions: Sequence[Question]) -> AsyncIterator[Hit]:
        known: list[Question] = []
        for question in questions:
            if is_fqdn(question.host):
                known.append(question)
            else:
                yield question.symbols.not_fqdn(question.host)
        begin_look_ups(task.resolver, [question.host for question in known])
        for host, symbols, ip in known:
            faults = await find_faults(task.resolver, host, ip)
            if faults.other_addresses:
                yield self.HELO_IP_A(host)
            if faults.nowhere:
                yield symbols.nowhere(host)
            for target in faults.dead_targets:
                yield symbols.dead_target(target)
