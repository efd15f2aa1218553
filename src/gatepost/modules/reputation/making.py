# SPDX-License-Identifier: Apache-2.0
"""From rules as written to rules that run: kinds, backends, maps, selectors, every mistake named.

Source: direction-modules reference §20. Exclusion maps count wherever they are written, whereas
Rspamd reads those of a rule and asks those of a selector.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from gatepost.config import bind, did_you_mean
from gatepost.modules.reputation.backends import Backend, DnsBackend, StoreBackend
from gatepost.modules.reputation.exemptions import read_whitelist
from gatepost.modules.reputation.kinds import (
    DkimKind,
    GenericKind,
    Kind,
    SenderKind,
    SpfKind,
    UrlKind,
)
from gatepost.modules.reputation.options import (
    SELECTORS,
    DkimOptions,
    DnsOptions,
    GenericOptions,
    IpOptions,
    RuleOptions,
    SelectorOptions,
    SpfOptions,
    StoreOptions,
    UrlOptions,
)
from gatepost.modules.reputation.rule import Rule
from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import Map
from gatepost.scan.selectors import parse_selector
from gatepost.scan.setup import Setup
from gatepost.ucl import Object, Value, Where

S = TypeVar("S", bound=msgspec.Struct)
SERVERS = frozenset(
    (
        *("servers", "read_servers", "write_servers", "username", "password", "db", "dbname"),
        *("timeout", "expand_keys", "redis_version", "sentinels", "sentinel_master_name"),
        *("sentinel_password", "ssl", "sentinel_watch_time"),
    )
)
"""By what a rule of Rspamd chooses a Redis of its own."""


class RuleMaker:
    """Makes the rules of one configuration. ``harmless`` is the module's ``asn_cc_whitelist``."""

    def __init__(self, setup: Setup, harmless: Map | None) -> None:
        self.setup = setup
        self.problems = setup.problems
        self.harmless = harmless
        written = setup.config.section("dkim").get("symbol_allow")
        self.signature_symbol = written if isinstance(written, str) else "R_DKIM_ALLOW"

    def make_all(self, rules: Value) -> list[Rule]:
        """All rules that are on, without those that are wrong."""
        found: dict[str, Rule] = {}
        for name, section in self._sections(rules):
            rule = self._make(name, section)
            if rule is None:
                continue
            if rule.symbol in found:
                message = f"another rule has the symbol {rule.symbol} already"
                self.problems.error(section.place("symbol"), f"{_path(name)}: {message}")
                continue
            found[rule.symbol] = rule
        return list(found.values())

    def _sections(self, rules: Value) -> Iterable[tuple[str, Object]]:
        if rules is None:
            return
        for holder in rules if isinstance(rules, list) else [rules]:
            if not isinstance(holder, Object):
                self.setup.problem(
                    "rules", "expected NAME { selector …; backend …; } for each rule"
                )
                continue
            for name, section in holder.items():
                if isinstance(section, Object):
                    yield name, section
                else:
                    message = f"{_path(name)}: expected one section {{ … }} of this name"
                    self.problems.error(holder.place(name), message)

    def _make(self, name: str, section: Object) -> Rule | None:
        if section.get("enabled") is False:
            return None  # may be half-written
        before = len(self.problems.errors)
        options = bind(RuleOptions, section, _path(name), self.problems)
        selector = self._one_of(name, section, "selector", SELECTORS)
        backend = self._backend(name, section)
        if selector is None or backend is None or not options.enabled:
            return None
        word, written = selector
        path = f"rules.{name}.selector.{word}"
        kind = self._kind(name, section, SELECTORS[word], written, f"reputation.{path}")
        if kind is None or len(self.problems.errors) > before:
            return None
        exempts = read_whitelist(
            options.whitelist,
            self.setup,
            owners=kind.owners,
            kind="radix" if kind.by_address else "set",
            where=section.place("whitelist"),
            path=f"{_path(name)}.whitelist",
        )
        if not kind.options.inbound and not kind.options.outbound:
            message = "neither inbound nor outbound: as in Rspamd, the rule is for all mail then"
            self.problems.warning(written.where, f"reputation.{path}: {message}")
        return Rule(
            options.symbol or kind.options.symbol or name,
            kind,
            backend,
            path=path,
            exempts=exempts,
            signature_symbol=self.signature_symbol,
        )

    def _one_of(
        self, name: str, section: Object, key: str, known: Iterable[str]
    ) -> tuple[str, Object] | None:
        """``KEY "word" { … }`` with one of the ``known`` words."""
        path, value, words = f"{_path(name)}.{key}", section.get(key), tuple(known)
        if value is None:
            return None  # reported as missing
        expected = f'expected {key} "…" {{ … }} with one of: {", ".join(words)}'
        if not isinstance(value, Object) or len(value) != 1:
            self.problems.error(section.place(key), f"{path}: {expected}")
            return None
        ((word, body),) = value.items()
        if word not in words:
            hint = did_you_mean(word, words) or f"; {expected}"
            self.problems.error(value.place(word), f"{path}: unknown {key} `{word}`{hint}")
            return None
        if not isinstance(body, Object):
            self.problems.error(value.place(word), f"{path}.{word}: expected a section {{ … }}")
            return None
        return word, body

    def _backend(self, name: str, section: Object) -> Backend | None:
        found = self._one_of(name, section, "backend", ("redis", "dns"))
        if found is None:
            return None
        word, body = found
        path = f"{_path(name)}.backend.{word}"
        if word == "dns":
            return DnsBackend(bind(DnsOptions, body, path, self.problems))
        for key in SERVERS.intersection(body):
            message = "ignored: all modules keep their state where `redis.conf` says"
            self.problems.warning(body.place(key), f"{path}.{key}: {message}")
        options = bind(StoreOptions, body, path, self.problems, ignored=SERVERS)
        names = [one.name for one in options.buckets]
        if not names or len(set(names)) < len(names):
            message = f"{path}.buckets: expected one or more buckets, each with a name of its own"
            self.problems.error(body.place("buckets"), message)
        return StoreBackend(options)

    def _kind(
        self, name: str, section: Object, struct: type[SelectorOptions], body: Object, path: str
    ) -> Kind[Any] | None:
        options = bind(struct, body, path, self.problems)
        kind = "radix" if isinstance(options, IpOptions) else "set"
        excluded = [
            *self._maps(section.get("exclusion_map"), kind, section.place("exclusion_map"), path),
            *self._maps(options.exclusion_map, kind, body.place("exclusion_map"), path),
        ]
        match options:
            case IpOptions():
                place, wanted = body.place("asn_cc_whitelist"), options.asn_cc_whitelist
                harmless = self._maps(wanted, "map", place, path, option="asn_cc_whitelist")
                if self.harmless is not None:
                    harmless.append(self.harmless)
                return SenderKind(options, excluded, harmless, self.setup.is_local)
            case SpfOptions():
                return SpfKind(options, excluded)
            case DkimOptions():
                return DkimKind(options, excluded)
            case UrlOptions():
                return UrlKind(options, excluded)
            case GenericOptions():
                place = body.place("whitelist")
                excluded += self._maps(options.whitelist, "set", place, path, option="whitelist")
                return self._generic(options, body.place("selector"), excluded, path)
            case _:
                return None

    def _generic(
        self, options: GenericOptions, place: Where, excluded: list[Map], path: str
    ) -> GenericKind | None:
        if not options.selector:
            return None  # reported as missing
        try:
            selector = parse_selector(
                options.selector, delimiter=options.delimiter, maps=self.setup.maps
            )
        except ExpressionError as error:
            self.problems.error(place, f"{path}.selector: {error}")
            return None
        return GenericKind(options, selector, excluded)

    def _maps(
        self, value: Value, kind: str, where: Where, path: str, *, option: str = "exclusion_map"
    ) -> list[Map]:
        """The map that ``value`` means, if there is one."""
        if value is None:
            return []
        found = self.setup.maps.open(value, kind=kind, where=where, name=f"{path}.{option}")
        return [] if found is None else [found]


def _path(name: str) -> str:
    return f"reputation.rules.{name}"
