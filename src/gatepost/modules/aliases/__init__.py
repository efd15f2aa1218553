# SPDX-License-Identifier: Apache-2.0
"""Aliases: whose addresses are these really, and does the letter come in, go out or stay here?

Tags and aliases are resolved for the checks that follow (``task.resolve``, selectors without
``orig``, ratelimit); envelope and header stay as they came. With ``local_domains`` the letter is
classed by its domains: the nearest thing to a direction that a symbol says, and independent of
who sent it and from where, except that what our own people send to others goes out.

Source: content reference §8; direction-modules reference §23.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from gatepost.config import Count, Score
from gatepost.mail import Address
from gatepost.modules.aliases.forwarding import Forwarding, find_forwarding
from gatepost.modules.aliases.table import AliasTable
from gatepost.modules.aliases.tags import replaced, without_tags
from gatepost.scan.maps import Map
from gatepost.scan.module import (
    Module,
    ModuleOptions,
    PlainHits,
    Raw,
    RunAlways,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.task import Task
from gatepost.ucl import Object

VARIABLE = "aliases_classification"
FIRST = 11  # above all other prefilters

FORWARDING = {
    "google": Symbol("FWD_GOOGLE", 0.0, "Forwarded by Google", "forwarding"),
    "yandex": Symbol("FWD_YANDEX", 0.0, "Forwarded by Yandex", "forwarding"),
    "mailru": Symbol("FWD_MAILRU", 0.0, "Forwarded by Mail.ru", "forwarding"),
    "srs": Symbol("FWD_SRS", 0.0, "Forwarded with a rewritten sender (SRS)", "forwarding"),
    "sieve": Symbol("FWD_SIEVE", 0.0, "Forwarded by a Sieve script", "forwarding"),
    "cpanel": Symbol("FWD_CPANEL", 0.0, "Forwarded by cPanel", "forwarding"),
    "generic": Symbol("FORWARDED", 0.0, "Another recipient is named on the way", "forwarding"),
}


class Classification(msgspec.Struct, frozen=True):
    """What is left for later checks in ``task.variables["aliases_classification"]``.

    ``direction``: ``inbound``, ``outbound``, ``internal``, ``external`` (neither end is ours) or
    ``forwarded``. ``chains`` are the steps of each address that is an alias, with ``track_chain``.
    """

    direction: str
    from_local: bool
    to_local: bool
    canonical_from: str
    canonical_recipients: tuple[str, ...]
    forwarding: str = ""
    chains: tuple[tuple[str, ...], ...] = ()


class Aliases(Module):
    """Resolves first, then classes; all of it before any other check."""

    name = "aliases"
    group = "aliases"
    outbound = RunAlways(note="what its symbols say follows from domains, user and address")

    INBOUND = Symbol(
        "LOCAL_INBOUND",
        0.0,
        "From a domain of others to one of ours",
        option="symbol_local_inbound",
    )
    OUTBOUND = Symbol(
        "LOCAL_OUTBOUND",
        0.0,
        "From our domain or people to a domain of others",
        option="symbol_local_outbound",
    )
    INTERNAL = Symbol(
        "INTERNAL_MAIL", 0.0, "From one domain of ours to another", option="symbol_internal_mail"
    )
    RESOLVED = Symbol(
        "ALIAS_RESOLVED",
        0.0,
        "An address stands for another one",
        option="symbol_alias_resolved",
    )
    TAGGED_FROM = Symbol(
        "TAGGED_FROM", 0.0, "The sender's address has a tag", option="symbol_tagged_from"
    )
    TAGGED_RCPT = Symbol(
        "TAGGED_RCPT", 0.0, "A recipient's address has a tag", option="symbol_tagged_rcpt"
    )

    class Options(ModuleOptions, frozen=True):
        """Where aliases are, what is resolved, and what the symbols are called."""

        local_domains: Raw = None
        """Domains of ours: a list, a file, or a map. Without them no direction is named."""
        system_aliases: Raw = None
        """A file in the manner of `/etc/aliases`."""
        virtual_aliases: Raw = None
        """A file in the manner of Postfix's `virtual`: `user@domain` or `@domain`, and targets."""
        rspamd_aliases: dict[str, str | list[str]] = {}
        """Further aliases: `"support@example.org" = "anna@example.org"`, or a list of targets."""
        max_recursion_depth: Count = 10
        """How many times an alias of an alias is looked up."""
        expand_multiple: bool = True
        """Name all targets of an alias in the classification, not the first only."""
        track_chain: bool = False
        """Keep the steps in the classification."""
        apply_to_mime: bool = True
        """Resolve the addresses in From, To, Cc and Bcc."""
        apply_to_smtp: bool = True
        """Resolve the addresses of the envelope."""
        enable_gmail_rules: bool = True
        """At gmail.com dots mean nothing, and googlemail.com is the same."""
        enable_plus_aliases: bool = True
        """`user+tag@domain` is `user@domain`."""
        symbol_local_inbound: str = "LOCAL_INBOUND"
        """The name of the symbol for mail that comes in."""
        symbol_local_outbound: str = "LOCAL_OUTBOUND"
        """For mail that goes out."""
        symbol_internal_mail: str = "INTERNAL_MAIL"
        """For mail that stays here."""
        symbol_alias_resolved: str = "ALIAS_RESOLVED"
        """For a letter with an address that stands for another."""
        symbol_tagged_from: str = "TAGGED_FROM"
        """For a sender with a tag; the tags are its options."""
        symbol_tagged_rcpt: str = "TAGGED_RCPT"
        """For a recipient with one."""
        score_local_inbound: Score = 0.0
        """The score of `symbol_local_inbound`."""
        score_local_outbound: Score = 0.0
        """The score of `symbol_local_outbound`."""
        score_internal_mail: Score = 0.0
        """The score of `symbol_internal_mail`."""
        score_alias_resolved: Score = 0.0
        """The score of `symbol_alias_resolved`."""
        score_tagged_from: Score = 0.0
        """The score of `symbol_tagged_from`."""
        score_tagged_rcpt: Score = 0.0
        """The score of `symbol_tagged_rcpt`."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps; gives the symbols their scores."""
        options = self.options
        self.INBOUND = replace(self.INBOUND, score=options.score_local_inbound)
        self.OUTBOUND = replace(self.OUTBOUND, score=options.score_local_outbound)
        self.INTERNAL = replace(self.INTERNAL, score=options.score_internal_mail)
        self.RESOLVED = replace(self.RESOLVED, score=options.score_alias_resolved)
        self.TAGGED_FROM = replace(self.TAGGED_FROM, score=options.score_tagged_from)
        self.TAGGED_RCPT = replace(self.TAGGED_RCPT, score=options.score_tagged_rcpt)
        self.local_domains = _open(setup, options.local_domains, "local_domains", "set")
        own = options.rspamd_aliases.items()
        self.table = AliasTable(
            virtual=_open(setup, options.virtual_aliases, "virtual_aliases", "hash"),
            own={name: [to] if isinstance(to, str) else to for name, to in own},
            system=_open(setup, options.system_aliases, "system_aliases", "aliases"),
            max_depth=options.max_recursion_depth,
        )

    def symbols(self) -> Sequence[Symbol]:
        """Those of the module and of its group `forwarding`."""
        return [*super().symbols(), *FORWARDING.values()]

    @runs(
        Stage.PREFILTER,
        callback="ALIASES_CHECK",
        priority=FIRST,
        fine=True,
        explicit_disable=True,
    )
    def check(self, task: Task) -> PlainHits:
        """Tags, forwarding, direction; resolved addresses go to ``task.resolved``."""
        options, envelope = self.options, task.envelope
        smtp, mime = options.apply_to_smtp, options.apply_to_mime
        senders = [envelope.sender] if smtp and envelope.sender is not None else []
        senders += task.message.from_[:1] if mime else []
        recipients = [*(envelope.recipients if smtp else ())]
        recipients += task.message.recipients if mime else []
        for symbol, addresses in ((self.TAGGED_FROM, senders), (self.TAGGED_RCPT, recipients)):
            tags = self._resolve(task, addresses)
            if tags and symbol:
                yield symbol(*tags)
        if task.resolved and self.RESOLVED:
            yield self.RESOLVED()
        forwarding = find_forwarding(task)
        if forwarding is not None:
            yield FORWARDING[forwarding.kind](*[forwarding.whence][: bool(forwarding.whence)])
        if self.local_domains is not None:
            found = self._classify(task, self.local_domains, forwarding)
            task.variables[VARIABLE] = found
            task.variables["aliases_direction"] = found.direction
            named = {
                "inbound": self.INBOUND,
                "outbound": self.OUTBOUND,
                "internal": self.INTERNAL,
            }.get(found.direction)
            if named:
                yield named()

    def _resolve(self, task: Task, addresses: Iterable[Address]) -> list[str]:
        """Notes whom each address stands for; returns the tags of all."""
        found: dict[str, None] = {}
        for address in addresses:
            mailbox, tags = self._mailbox(address)
            found.update(dict.fromkeys(tags))
            if self.table:
                at_first = mailbox.addr.lower()
                user, _, domain = self.table.resolve(at_first).rpartition("@")
                if user and f"{user}@{domain}" != at_first:
                    mailbox = replaced(mailbox, user, domain)
            if mailbox is not address:
                task.resolved[address] = mailbox
        return list(found)

    def _mailbox(self, address: Address) -> tuple[Address, tuple[str, ...]]:
        gmail, plus = self.options.enable_gmail_rules, self.options.enable_plus_aliases
        return without_tags(address, gmail=gmail, plus=plus)

    def _classify(self, task: Task, ours: Map, forwarding: Forwarding | None) -> Classification:
        sender, recipients = task.sender, task.envelope.recipients
        from_local = sender is not None and sender.domain in ours
        to_local = any(one.domain in ours for one in recipients)
        direction = "inbound" if to_local else "external"
        if from_local:
            direction = "internal" if to_local else "outbound"
        if forwarding is not None:
            direction = "forwarded"
        if task.direction.outbound and not to_local:
            direction = "outbound"
        elif task.direction.outbound and from_local:
            direction = "internal"
        ends = dict.fromkeys(end for one in recipients for end in self._ends(one))
        return Classification(
            direction,
            from_local,
            to_local,
            self._ends(sender)[0] if sender is not None else "",
            tuple(ends),
            forwarding.kind if forwarding is not None else "",
            tuple(self._chains(task)) if self.options.track_chain else (),
        )

    def _ends(self, address: Address) -> list[str]:
        """Whom the address stands for in the end."""
        mailbox = self._mailbox(address)[0].addr.lower()
        if self.options.expand_multiple:
            return self.table.expand(mailbox)
        return [self.table.resolve(mailbox)]

    def _chains(self, task: Task) -> Iterable[tuple[str, ...]]:
        sender = [task.sender] if task.sender is not None else []
        for address in (*sender, *task.envelope.recipients):
            chain = self.table.chain(self._mailbox(address)[0].addr.lower())
            if len(chain) > 1:
                yield tuple(chain)


def _open(setup: Setup, value: Raw, option: str, kind: str) -> Map | None:
    """A map in the forms of Rspamd: plain, or a section with ``type`` and ``path`` or ``url``."""
    if isinstance(value, Object) and "type" in value:
        source = value.get("path", value.get("url", value.get("urls")))
        match value["type"]:
            case "file":
                value = source
            case "map":
                kind = str(value.get("map_type", kind))
                value = source
            case other:
                setup.problem(option, f"aliases of the type `{other}` cannot be read here")
                return None
        if source is None:
            setup.problem(option, "expected `path` or `url` in the section")
    return setup.map(value, kind=kind, option=option)
