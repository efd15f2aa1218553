# SPDX-License-Identifier: Apache-2.0
"""Whitelist: is this letter proven to be from a domain on a list, or does it only claim to be?

A rule is a list of domains and what has to hold for them: SPF, DKIM, DMARC, or several. Where it
holds, the rule's symbol speaks for the letter; a domain that is listed as ``bl`` or ``both`` has
to keep its promise, and where it does not, the inverse symbol speaks against it.

Nothing is held against a letter that could not be checked: without a verdict, or when the DNS
did not answer, the rule is silent.

Source: direction-modules reference §11.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gatepost.authn import DkimVerdict, DmarcVerdict, SpfResult
from gatepost.modules.whitelist.rules import (
    Entry,
    Rule,
    RuleOptions,
    build_inverse,
    build_symbol,
    map_lines,
)
from gatepost.scan.maps import Map
from gatepost.scan.module import (
    Check,
    Hit,
    Module,
    ModuleOptions,
    PlainHits,
    Setup,
    Skip,
    Stage,
)
from gatepost.scan.task import Task

Holds = bool | None
"""Whether what the rule asks for holds; ``None``: nobody can say."""


class Finding:
    """What one rule makes of one letter. Bad beats good, for outcome and multiplier."""

    def __init__(self) -> None:
        self.good = False
        self.bad = False
        self.multiplier = 1.0
        self.options: list[str] = []

    def decide(self, entry: Entry | None, letter: str, holds: Holds) -> None:
        """What SPF or DMARC say goes before what a signature alone said in its favour."""
        self.good = False
        if entry is not None and holds is not None:
            self.add(entry, letter, holds)

    def add(self, entry: Entry, letter: str, holds: bool) -> None:
        """``letter`` stands in the option for what was looked at: d, s or D."""
        if entry.mode not in (("wl", "both") if holds else ("bl", "both")):
            return
        self.options.append(f"{entry.domain}:{letter}:{'+' if holds else '-'}")
        if holds:
            self.good = True
        if not holds or not self.bad:
            self.multiplier = entry.multiplier
        self.bad = self.bad or not holds


class Whitelist(Module):
    """One check a rule, whose name is its symbol."""

    name = "whitelist"
    group = "whitelist"
    outbound = Skip(local=True, authenticated=True)

    class Options(ModuleOptions, frozen=True):
        """The lists, and what other modules call their symbols."""

        rules: dict[str, RuleOptions] = {}
        """Symbol → list of domains and what has to hold for them."""
        spf_allow_symbol: str = "R_SPF_ALLOW"
        """What says that SPF passed."""
        dkim_allow_symbol: str = "R_DKIM_ALLOW"
        """Changes nothing: signatures are looked at one by one."""
        dmarc_allow_symbol: str = "DMARC_POLICY_ALLOW"
        """What says that DMARC passed."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the lists. Several rules may have one inverse symbol, which the first declares."""
        self.rules: list[Rule] = []
        declared = set(self.options.rules)
        for name, options in self.options.rules.items():
            domains = self._open(setup, name, options)
            if domains is None:
                continue
            inverse = None
            if options.inverse_symbol is not None:
                inverse = build_inverse(options.inverse_symbol, options)
            own = inverse is not None and inverse.name not in declared
            declared.add(options.inverse_symbol or name)
            self.rules.append(
                Rule(options, domains, build_symbol(name, options, options.score), inverse, own)
            )

    def checks(self) -> Sequence[Check]:
        """One for each rule; it waits for what the rule needs."""
        checks: list[Check] = []
        for rule in self.rules:
            symbols = (rule.symbol, rule.inverse) if rule.declares_inverse else (rule.symbol,)
            checks.append(
                Check(
                    callback=rule.symbol.name,
                    stage=Stage.FILTER,
                    function=partial(self.check, rule),
                    module=self,
                    after=_needs(rule.options),
                    symbols=tuple(symbol for symbol in symbols if symbol is not None),
                    group=rule.options.group,
                    empty=True,
                )
            )
        return checks

    def check(self, rule: Rule, task: Task) -> PlainHits:
        """What the rule says of the letter; mostly nothing."""
        if len(rule.domains):
            finding = self._judge(rule, task)
            if finding.bad or finding.good:
                yield _hit(rule, finding)

    def _judge(self, rule: Rule, task: Task) -> Finding:
        options, finding = rule.options, Finding()
        signed: Holds = True
        if options.valid_dkim:
            signed = _judge_signatures(rule, task, finding)
        if options.valid_dmarc:
            author = task.from_domain
            entry = rule.find_owner(author) or rule.find(author)
            passed = self._passed(task, self.options.dmarc_allow_symbol, "dmarc")
            finding.decide(entry, "D", _both(passed, signed))
        if options.valid_spf:
            entry = rule.find_owner(_sender_domain(task))
            passed = self._passed(task, self.options.spf_allow_symbol, "spf")
            finding.decide(entry, "s", _both(passed, signed))
        return finding

    def _passed(self, task: Task, symbol: str, variable: str) -> Holds:
        if task.has(symbol):
            return True
        verdict = task.variables.get(variable)
        if not isinstance(verdict, SpfResult | DmarcVerdict) or verdict.result == "temperror":
            return None
        return False

    def _open(self, setup: Setup, name: str, options: RuleOptions) -> Map | None:
        option = f"rules.{name}.domains"
        if options.domains is None:
            setup.problem("rules", f"{name}: there is no list of `domains`")
            return None
        if not (options.valid_spf or options.valid_dkim or options.valid_dmarc):
            setup.warning(
                "rules",
                f"{name} asks for none of valid_spf, valid_dkim, valid_dmarc:"
                " it never says anything",
            )
        return setup.map(map_lines(options.domains), kind="map", option=option)


def _needs(options: RuleOptions) -> tuple[str, ...]:
    if options.valid_dmarc:
        return ("SPF_CHECK", "DKIM_CHECK", "DMARC_CHECK")
    needs = {"SPF_CHECK": options.valid_spf, "DKIM_CHECK": options.valid_dkim}
    return tuple(check for check, needed in needs.items() if needed)


def _judge_signatures(rule: Rule, task: Task, finding: Finding) -> Holds:
    """Whether a listed domain has signed; one whose signature is bad spoils it."""
    verdicts = task.variables.get("dkim")
    if not isinstance(verdicts, list):
        return None
    listed: dict[str, Entry] = {}  # result -> the last listed domain that has it
    for verdict in verdicts:
        if isinstance(verdict, DkimVerdict) and verdict.domain:
            entry = rule.find_owner(verdict.domain)
            if entry is not None:
                listed[verdict.result] = entry
    if "pass" in listed:
        finding.add(listed["pass"], "d", holds=True)
    if "fail" in listed:
        finding.add(listed["fail"], "d", holds=False)
        return False
    if "pass" in listed:
        return True
    return None if "temperror" in listed else False


def _sender_domain(task: Task) -> str:
    return task.sender_domain or (task.helo or "").lower()


def _both(one: Holds, other: Holds) -> Holds:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _hit(rule: Rule, finding: Finding) -> Hit:
    if not finding.bad:
        return rule.symbol(*finding.options, weight=finding.multiplier)
    weight = finding.multiplier * rule.options.inverse_multiplier
    if rule.inverse is not None:
        return rule.inverse(*finding.options, weight=weight)
    return rule.symbol(*finding.options, weight=weight if rule.options.blacklist else -weight)
