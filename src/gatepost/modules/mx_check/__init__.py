# SPDX-License-Identifier: Apache-2.0
"""MX check: does any server take mail for the domains this letter says it is from?

Who forges a sender seldom takes one that could be answered. The domains of envelope sender, From
and Reply-To are looked up, and a server of each is connected to, at most once in a long while.

Source: direction-modules reference §9 (the module of Rspamd 4.1). DESIGN §4: it never runs for
outbound mail. A probe of our own customers' servers for each of their letters tells nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from gatepost.modules.mx_check import options as declared
from gatepost.modules.mx_check.examining import Connections, Examiner, Lists, Seen
from gatepost.modules.mx_check.finding import Finder
from gatepost.modules.mx_check.options import (
    A_INVALID,
    FINDINGS,
    GREYLISTED,
    INVALID,
    NULL,
    Finding,
)
from gatepost.modules.mx_check.probing import Probe
from gatepost.modules.mx_check.records import Families
from gatepost.net import find_query_name
from gatepost.scan.maps import Map
from gatepost.scan.module import Hits, Module, Setup, Skip, Stage, Symbol, runs
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task

MAX_DOMAINS = 5
"""Domains of one letter that are looked at; a From with a hundred must not make us connect so."""
MAX_CONNECTIONS = 100
"""Connections that a process has open at once; above, letters get MX_INFLIGHT."""
GREYLIST = "grey_greylisted_required"


class MxCheck(Module):
    """Connects to the mail servers of senders."""

    name = "mx_check"
    group = "mx"
    outbound = Skip(local=True, authenticated=True, override=())

    Options = declared.Options
    options: declared.Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps, names the symbols of each source, and warns of what has no effect."""
        options = self.options
        self.connections = Connections(MAX_CONNECTIONS)
        self.probe = Probe(
            port=options.port,
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            greeting=options.verify_greeting,
            quit=options.send_quit,
        )
        self.lists = Lists(
            self._map(setup, "exclude_domains", "glob"),
            self._map(setup, "exclude_mxs", "glob"),
            self._map(setup, "exclude_ips", "radix"),
            self._map(setup, "bad_mxs", "glob"),
            self._map(setup, "bad_ips", "radix"),
        )
        prefixes = (
            options.symbol_prefix_from,
            options.symbol_prefix_mime_from,
            options.symbol_prefix_reply_to,
        )
        self.named = {prefix: self._symbols_of(prefix) for prefix in prefixes}
        self.families: Families = "v6"
        if options.probe_ipv4:
            self.families = "v64" if options.probe_ipv6 else "v4"
        if not self.ready():
            setup.warning("probe_ipv4", "with `probe_ipv6` off as well nothing is checked")
        for option in declared.OUTBOUND_SWITCHES:
            if getattr(options, option):
                setup.warning(option, "has no effect: outbound mail is never checked")

    def ready(self) -> bool:
        """Without a family of addresses there is nothing to connect to."""
        return self.options.probe_ipv4 or self.options.probe_ipv6

    def symbols(self) -> Sequence[Symbol]:
        """Each finding once a source."""
        return [symbol for named in self.named.values() for symbol in named.values()]

    @runs(Stage.FILTER, callback="MX_CHECK", empty=True)
    async def check(self, task: Task) -> Hits:
        """Examines all domains at once; what is known of one does not wait for the others."""
        domains = self._domains(task)
        if not domains:
            return
        examiner = self._examiner(task)
        works = {asyncio.ensure_future(examiner.examine(name)): name for name in domains}
        waiting = set(works)
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for work in done:
                    for seen in work.result():
                        hit = self._hit(task, domains[works[work]], seen)
                        if hit is not None:
                            yield hit
        finally:
            for work in waiting:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def _map(self, setup: Setup, option: str, kind: str) -> Map | None:
        return setup.map(getattr(self.options, option), kind=kind, option=option)

    def _symbols_of(self, prefix: str) -> dict[Finding, Symbol]:
        named: dict[Finding, Symbol] = {}
        for finding in FINDINGS:
            name = getattr(self.options, finding.option)
            if name:
                named[finding] = Symbol(
                    prefix + name, finding.score, finding.description, one_shot=True
                )
        return named

    def _examiner(self, task: Task) -> Examiner:
        options = self.options
        finder = Finder(
            task,
            prefix=options.key_prefix,
            families=self.families,
            expire=options.expire_dns,
            limit=options.max_mx_a_records,
        )
        return Examiner(
            task,
            finder,
            self.probe,
            options=options,
            lists=self.lists,
            connections=self.connections,
        )

    def _domains(self, task: Task) -> dict[str, str]:
        """The domains of the letter, each with the prefix of its strongest source."""
        found: dict[str, str] = {}
        for prefix, domain in self._sources(task):
            name = find_query_name(domain)
            if name and len(found) < MAX_DOMAINS:
                found.setdefault(name, prefix)
        return found

    def _sources(self, task: Task) -> Iterator[tuple[str, str]]:
        options = self.options
        if options.check_from:
            yield options.symbol_prefix_from, task.sender_domain or _helo_name(task)
        if options.check_reply_to:
            for address in task.message.reply_to:
                yield options.symbol_prefix_reply_to, address.domain
        if options.check_mime_from:
            for address in task.message.from_:
                yield options.symbol_prefix_mime_from, address.domain

    def _hit(self, task: Task, prefix: str, seen: Seen) -> Hit | None:
        options = self.options
        texts = seen.options
        advice = GREYLISTED.get(seen.finding)
        if advice is not None and getattr(options, advice):
            task.variables[GREYLIST] = True
            if seen.finding in (INVALID, A_INVALID):
                texts = (*texts, "greylisted")
        if seen.finding is NULL and options.reject_null_mx:
            task.set_pre_result("reject", options.reject_null_mx_message, module=self.name)
        symbol = self.named[prefix].get(seen.finding)
        return None if symbol is None else symbol(*texts, weight=seen.weight)


def _helo_name(task: Task) -> str:
    """HELO where it is a name: an address, or a word without a dot, is no domain."""
    helo = task.helo or ""
    last = helo.rstrip(".").rpartition(".")
    return helo if last[1] and not last[2].isdigit() and not helo.startswith("[") else ""
