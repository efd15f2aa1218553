# SPDX-License-Identifier: Apache-2.0
"""External relay: who gave this letter to the gateway that gave it to us?

Behind a gateway, all mail comes from the gateway. The Received headers that it and hosts like it
wrote tell of the client before them; a rule says which of them are to be believed. Address, host
name and HELO become that client's before anything else is done, so the direction and every check
are about it. A user who logged in stays one.

Source: content reference §8; direction-modules reference §0.1, §23. Different from Rspamd: the
host name is the one that the relay looked up, where Rspamd takes what the client called itself,
and a name is believed to be one of ``hostname_map`` only if it was looked up; else anybody could
name himself after a relay of ours, and have what he wrote below that believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gatepost.mail import Message, ReceivedHop
from gatepost.scan.envelope import Envelope, IPAddress
from gatepost.scan.maps import Map
from gatepost.scan.module import (
    Check,
    ClientResolver,
    Module,
    ModuleOptions,
    PlainHits,
    Raw,
    RunAlways,
    Setup,
    Stage,
)
from gatepost.scan.symbol import Symbol
from gatepost.scan.task import Task

TOP = 11
"""Above the priority of settings and of all other prefilters."""

Hops = Sequence[ReceivedHop]
Strategy = Callable[[Envelope, Hops], ReceivedHop | None]
"""The hop whose client counts; ``None`` where the rule does not apply, or finds none."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of ``rules``; its name is its symbol's unless ``symbol`` names another."""

    strategy: Literal["authenticated", "count", "hostname_map", "ip_map", "local"]
    priority: int = TOP
    symbol: str | None = None
    count: Annotated[int, Meta(ge=1)] | None = None
    hostname_map: Raw = None
    ip_map: Raw = None
    user_map: Raw = None


class ExternalRelay(Module):
    """Puts an earlier hop in the client's place."""

    name = "external_relay"
    group = "external_relay"
    outbound = RunAlways(note="runs first: the direction is that of the client it finds")

    class Options(ModuleOptions, frozen=True):
        """Whose Received headers are believed."""

        rules: dict[str, Rule] = {}
        """Rules by name, with a `strategy` each: see above."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps, and puts the rules in the order of their priority."""
        self.rules: list[tuple[Symbol, Rule, Strategy]] = []
        for name, rule in self.options.rules.items():
            strategy = _strategy(rule, setup, f"rules.{name}")
            if strategy is not None:
                symbol = Symbol(
                    rule.symbol or name, 0.0, f"The client is behind a relay ({rule.strategy})"
                )
                self.rules.append((symbol, rule, strategy))
        self.rules.sort(key=lambda one: -one[1].priority)

    def ready(self) -> bool:
        """Without rules every client is who it is."""
        return bool(self.rules)

    def symbols(self) -> Sequence[Symbol]:
        """One for each rule."""
        return [symbol for symbol, _, _ in self.rules]

    def client_resolvers(self) -> Sequence[ClientResolver]:
        """The rules in their order; each sees the client that the one before it found."""
        return [partial(_resolve, symbol.name, strategy) for symbol, _, strategy in self.rules]

    def checks(self) -> Sequence[Check]:
        """One for each rule: says whether it has found another client."""
        return [
            Check(
                callback=symbol.name,
                stage=Stage.PREFILTER,
                function=partial(_report, symbol),
                module=self,
                priority=rule.priority,
                symbols=(symbol,),
                group=self.group,
                empty=True,
            )
            for symbol, rule, _ in self.rules
        ]


def _report(symbol: Symbol, task: Task) -> PlainHits:
    if symbol.name in task.envelope.resolved_by:
        yield symbol(str(task.ip))


def _resolve(name: str, strategy: Strategy, envelope: Envelope, message: Message) -> None:
    hop = strategy(envelope, _hops(envelope, message.received))
    if hop is None or hop.real_ip is None or hop.real_ip == envelope.ip:
        return
    if not envelope.relay:
        envelope.relay = envelope.socket_path or str(envelope.ip or "")
    envelope.resolved_by += (name,)
    mapped = getattr(hop.real_ip, "ipv4_mapped", None)
    envelope.ip = mapped or hop.real_ip
    envelope.socket_path = ""
    envelope.hostname = hop.real_hostname
    envelope.helo = hop.from_hostname or f"[{hop.real_ip}]"


def _hops(envelope: Envelope, received: Hops) -> Hops:
    """The letter's way from its client on, who is not the first hop where a rule found him."""
    ip = envelope.ip
    found = (place for place, hop in enumerate(received) if ip is not None and hop.real_ip == ip)
    return received[next(found, 0) :]


def _strategy(rule: Rule, setup: Setup, path: str) -> Strategy | None:
    """The rule as a function; ``None`` when something is missing, which is reported."""
    match rule.strategy:
        case "authenticated":
            users = setup.map(rule.user_map, kind="set", option="rules")
            return partial(_behind_user, users)
        case "local":
            return partial(_behind_local, setup.is_local)
        case "count":
            if rule.count is not None:
                return partial(_counted, rule.count)
        case "hostname_map":
            if rule.hostname_map is not None:
                hosts = setup.map(rule.hostname_map, kind="set", option="rules")
                return None if hosts is None else partial(_behind_hosts, hosts)
        case "ip_map":
            if rule.ip_map is not None:
                networks = setup.map(rule.ip_map, kind="radix", option="rules")
                return None if networks is None else partial(_behind_networks, networks)
    setup.problem("rules", f"{path}: the strategy {rule.strategy} needs `{rule.strategy}`")
    return None


def _behind_user(users: Map | None, envelope: Envelope, hops: Hops) -> ReceivedHop | None:
    if not envelope.user or (users is not None and envelope.user not in users):
        return None
    return next((hop for hop in hops if not hop.authenticated), None)


def _behind_local(
    is_local: Callable[[IPAddress], bool], envelope: Envelope, hops: Hops
) -> ReceivedHop | None:
    ip = envelope.ip
    if not envelope.socket_path and (ip is None or envelope.ip_guessed or not is_local(ip)):
        return None
    known = [hop for hop in hops if hop.real_ip is not None]
    beyond = (hop for hop in known if hop.real_ip and not is_local(hop.real_ip))
    return next(beyond, known[-1] if known else None)  # as rspamd: all ours, then the first writer


def _counted(number: int, envelope: Envelope, hops: Hops) -> ReceivedHop | None:
    return hops[number - 1] if number <= len(hops) else None


def _behind_hosts(hosts: Map, envelope: Envelope, hops: Hops) -> ReceivedHop | None:
    if not envelope.hostname or envelope.hostname not in hosts:
        return None
    return next((h for h in hops if not h.real_hostname or h.real_hostname not in hosts), None)


def _behind_networks(networks: Map, envelope: Envelope, hops: Hops) -> ReceivedHop | None:
    if envelope.ip is None or envelope.ip not in networks:
        return None
    # A hop without an address is the end of what can be believed: `_resolve` then changes nothing.
    return next((h for h in hops if h.real_ip is None or h.real_ip not in networks), None)
