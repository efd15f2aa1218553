# SPDX-License-Identifier: Apache-2.0
"""RBL: what do the DNS lists of the world say of client, relays, links and addresses?

Each rule is a check of its own, under the name of its symbol, so that settings can switch it off
alone; and each decides for itself whether it asks about mail of authenticated senders
(``exclude_users``) and of local ones (``exclude_local``). Lists of good senders go first: what
they vouch for is not asked elsewhere.

Source: direction-modules reference §16.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from gatepost.modules.rbl.making import RuleMaker
from gatepost.modules.rbl.monitoring import watch
from gatepost.modules.rbl.options import INHERITED, Kind
from gatepost.modules.rbl.rule import WHITE_HITS, WHITELISTED, Rule
from gatepost.modules.rbl.shipped import symbol_named
from gatepost.net import Resolver
from gatepost.scan.direction import ADAPT, RUN
from gatepost.scan.module import (
    Adapt,
    Check,
    Direction,
    Module,
    ModuleOptions,
    Raw,
    Ruling,
    Setup,
    Stage,
    Symbol,
)
from gatepost.scan.task import Task
from gatepost.store import Store

FINISHED = "RBL_CALLBACK"
WHITE_FINISHED = "RBL_CALLBACK_WHITE"
DKIM = "DKIM_CHECK"


class Rbl(Module):
    """One check a rule, and two that mark when white and black ones have ended."""

    name = "rbl"
    group = "rbl"
    outbound = Adapt(
        "each rule runs or not as its own exclude_users and exclude_local say",
        override=("exclude_local", "exclude_users"),
    )
    older_sections = ("surbl", "emails")

    class Options(ModuleOptions, frozen=True):
        """The rules, and what they have in common. ``default_X`` is X of rules that do not say."""

        rbls: Raw = None
        """The rules: `rbls { NAME { rbl = "list.example.org"; checks = ["from"]; … } }`."""
        rules: Raw = None
        """More of them; what is written here of a rule goes before what `rbls` has."""
        default_enabled: bool = True
        """Whether rules are on that do not say."""
        default_ipv4: bool = True
        """Ask lists of addresses for those of IPv4."""
        default_ipv6: bool = True
        """Ask lists of addresses for those of IPv6."""
        default_unknown: bool = False
        """Insert a rule's own symbol for an answer that has no meaning in the rule."""
        default_exclude_users: bool = False
        """Do not run the rule for authenticated senders."""
        default_exclude_local: bool = True
        """Do not run the rule for local clients, and do not ask for local hops."""
        default_no_ip: bool = False
        """Do not ask for links that have an address instead of a name."""
        default_dkim_domainonly: bool = True
        """Ask for the eSLD of signing domains."""
        default_dkim_match_from: bool = False
        """Only for signing domains that are the author's."""
        default_emails_domainonly: bool = False
        """Ask for the domains of mail addresses, not for the addresses."""
        default_selector_flatten: bool = True
        """Ask for the values of a selector's parts one by one, not joined."""
        url_whitelist: Raw = None
        """Domains that rules for links, addresses and signatures do not ask for."""
        local_exclude_ip_map: Raw = None
        """Addresses that count as local for `exclude_local`."""
        disabled_rbl_suffixes_map: Raw = None
        """Lists (by their domain) that are not asked."""
        attached_maps: Raw = None
        """Maps that selectors may name, each with a `selector_alias`."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Reads the rules; a rule that is off may be half-written."""
        options = self.options
        maker = RuleMaker(
            setup,
            {name: bool(getattr(options, f"default_{name}")) for name in INHERITED},
            url_whitelist=options.url_whitelist,
            attached_maps=options.attached_maps,
            local_map=setup.map(
                options.local_exclude_ip_map, kind="radix", option="local_exclude_ip_map"
            ),
            disabled_zones=setup.map(
                options.disabled_rbl_suffixes_map, kind="set", option="disabled_rbl_suffixes_map"
            ),
        )
        self.rules = maker.make_all((FINISHED, WHITE_FINISHED))
        self.zones = list(maker.zones.values())

    def ready(self) -> bool:
        """Without rules there is nothing to ask."""
        return bool(self.rules)

    def ruling(self, direction: Direction) -> Ruling:
        """``run`` where all rules do, ``adapt`` where some do not."""
        if not self.rules:
            return super().ruling(direction)
        return RUN if all(rule.ruling(direction) == RUN for rule in self.rules) else ADAPT

    def symbols(self) -> Sequence[Symbol]:
        """Those of all rules."""
        return [symbol for check in self.checks() for symbol in check.symbols]

    def checks(self) -> Sequence[Check]:
        """One for each rule; a symbol that two rules share is the first one's."""
        seen: set[str] = set()
        found: list[Check] = []
        for rule in self.rules:
            names = [name for name in rule.symbols() if name not in seen]
            seen.update(names)
            symbols = tuple(symbol_named(name, failure=name == rule.fail) for name in names)
            found.append(self._check_of(rule, symbols))
        white = tuple(rule.callback for rule in self.rules if rule.options.is_whitelist)
        black = tuple(rule.callback for rule in self.rules if rule.is_black)
        found.append(self._marker(WHITE_FINISHED, self.collect_whitelisted, white))
        found.append(self._marker(FINISHED, self.finish, black))
        return found

    def duties(self, resolver: Resolver, store: Store) -> Iterable[Coroutine[Any, Any, None]]:
        """Watches the health of the lists."""
        return [watch(self.zones, resolver)] if self.zones else []

    def collect_whitelisted(self, task: Task) -> None:
        """What lists of good senders vouch for: the labels by value."""
        found: dict[str, set[str]] = {}
        for symbol, value, label in task.variables.get(WHITE_HITS, ()):
            if task.has(symbol):  # settings may have switched the symbol off
                found.setdefault(value, set()).add(label)
        task.variables[WHITELISTED] = found

    def finish(self, task: Task) -> None:
        """Nothing: other checks wait for it, as in Rspamd's configurations."""

    def _check_of(self, rule: Rule, symbols: tuple[Symbol, ...]) -> Check:
        options = rule.options
        after = [DKIM] if options.asks("dkim") else []
        if rule.is_black:
            after.append(WHITE_FINISHED)
        kinds: tuple[Kind, ...] = ("emails", "urls", "dkim", "received", "selector", "replyto")
        return Check(
            rule.callback,
            Stage.FILTER,
            rule.check,
            module=self,
            after=(*after, *options.require_symbols),
            symbols=symbols,
            group=self.group,
            fine=options.is_whitelist,
            empty=options.is_empty or not any(options.asks(kind) for kind in kinds),
            ruling=rule.ruling,
        )

    def _marker(self, name: str, function: Callable[[Task], None], after: tuple[str, ...]) -> Check:
        return Check(
            name,
            Stage.FILTER,
            function,
            module=self,
            after=after,
            group=self.group,
            fine=name == WHITE_FINISHED,
            empty=True,
            any_direction=True,
        )
