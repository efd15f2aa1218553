# SPDX-License-Identifier: Apache-2.0
"""Once received: did this letter come straight from a client, and from what kind of host?

Mail that passed one hop only was handed over by the machine that wrote it. Where that
machine's name looks like a dial-up line, it is probably no mail server. What its name is
the DNS says, if the MTA does not.

Source: direction-modules reference §10. The patterns are Lua patterns there; ours are
regular expressions, and a pattern of letters and digits means the same in both. Different
from Rspamd: a name counts only if it leads back to the address, as it does for every MTA.
"""

from __future__ import annotations

from gatepost.scan.module import (
    Hits,
    Module,
    ModuleOptions,
    PlainHits,
    Raw,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.regexps import Regexp
from gatepost.scan.task import Task

MAX_NAMES = 5  # of one address; each costs a look-up


class OnceReceived(Module):
    """One hop, and a host name that is good, bad or missing."""

    name = "once_received"
    group = "policies"
    outbound = Skip(local=True, authenticated=True)

    ONCE = Symbol("ONCE_RECEIVED", 0.1, "One received header in a message", option="symbol")
    STRICT = Symbol(
        "ONCE_RECEIVED_STRICT",
        4.0,
        "One received header with 'bad' patterns inside",
        option="symbol_strict",
    )
    DIRECT = Symbol(
        "DIRECT_TO_MX",
        0.0,
        "Message has been directly delivered from MUA to local MX",
        option="symbol_mx",
    )
    RDNS_NONE = Symbol("RDNS_NONE", 2.0, "The client's address has no name", group="hfilter")
    RDNS_DNSFAIL = Symbol("RDNS_DNSFAIL", 0.0, "Nobody knows its name", group="hfilter")

    class Options(ModuleOptions, frozen=True):
        """``good_host`` and ``bad_host`` are patterns, found anywhere in the host name."""

        symbol: str = "ONCE_RECEIVED"
        """What the symbol of a letter with one hop is called,"""
        symbol_strict: str | None = None
        """of one from a bad host,"""
        symbol_mx: str | None = "DIRECT_TO_MX"
        """and of one that a mail program delivered itself."""
        good_host: list[str] = []
        """Patterns of host names that send mail straight and may."""
        bad_host: list[str] = []
        """Patterns of host names that are those of dial-up lines."""
        whitelist: Raw = None
        """Addresses of clients that are not looked at."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Compiles the patterns and opens the whitelist of client addresses."""
        self.good = setup.regexps(self.options.good_host, option="good_host")
        self.bad = setup.regexps(self.options.bad_host, option="bad_host")
        self.whitelist = setup.map(self.options.whitelist, kind="radix", option="whitelist")

    @runs(Stage.PREFILTER, callback="RDNS_CHECK", priority=9, symbols=(RDNS_NONE, RDNS_DNSFAIL))
    async def find_name(self, task: Task) -> Hits:
        """Looks up the client's name, where the MTA gave none, before anybody asks for it."""
        if task.hostname is not None or task.ip is None:
            return
        answer = await task.resolver.query(task.ip.reverse_pointer, "PTR")
        if answer.failed:
            yield self.RDNS_DNSFAIL()
        elif not answer.ok:
            yield self.RDNS_NONE()
        for name in answer.texts[:MAX_NAMES]:
            back = await task.resolver.query(name, "A" if task.ip.version == 4 else "AAAA")
            if str(task.ip) in back.texts:
                task.envelope.hostname = name
                return

    @runs(Stage.FILTER, callback="ONCE_RECEIVED")
    def check(self, task: Task) -> PlainHits:
        """Counts the hops that the letter itself shows; the artificial one is not among them."""
        if self.whitelist is not None and task.ip is not None and task.ip in self.whitelist:
            return
        received = task.message.received
        once = sum(not hop.artificial for hop in received) <= 1
        host = task.hostname
        if host is None:
            if once:
                yield self.ONCE()
                headers = task.message.headers
                mailer = headers.get("User-Agent") or headers.get("X-Mailer")
                if mailer and self.DIRECT:
                    yield self.DIRECT(mailer)
            return
        if any(pattern.search(host) for pattern in self.good) or not once:
            return
        yield self.ONCE()
        for pattern in self.bad:
            if pattern.search(host):
                if self.STRICT:
                    yield self.STRICT(pattern.pattern)
                return
        top = next(iter(received), None)
        if top is not None and not _named(self.good, top.real_hostname):
            yield self.ONCE()


def _named(patterns: list[Regexp], host: str | None) -> bool:
    if not host:
        return False
    return any(pattern.search(host.lower()) for pattern in patterns)
