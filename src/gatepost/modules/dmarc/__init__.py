# SPDX-License-Identifier: Apache-2.0
"""DMARC: does the domain that the letter says it is from stand behind it, and what if not?

Runs after SPF and DKIM and puts their verdicts together by the policy that the author's domain
publishes. What is found may be the least that happens to the letter (``actions``), is counted
for the domain's aggregate report (``reporting``), and letters to mailing lists can be rewritten
so that the lists' subscribers get them (``munging``).

Source: direction-modules reference §4; the verdict is RFC 7489's (``gatepost.authn``).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from gatepost.authn import DmarcVerdict, discover_policy, evaluate_dmarc
from gatepost.mail import Address
from gatepost.modules.dmarc.collecting import Collector
from gatepost.modules.dmarc.evidence import Evidence, Investigator, may_judge
from gatepost.modules.dmarc.munging import Munger
from gatepost.modules.dmarc.options import DmarcOptions
from gatepost.net import find_query_name
from gatepost.scan.module import (
    Check,
    Hit,
    Hits,
    Module,
    PlainHits,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.patience import decision_time
from gatepost.scan.task import Task


def _symbol(name: str, score: float, description: str) -> Symbol:
    return Symbol(name, score, description, group="policies", groups=("dmarc",))


class Dmarc(Module):
    """One symbol a letter; ``task.variables`` have ``dmarc`` (the verdict) and ``dmarc_result``."""

    name = "dmarc"
    group = "dmarc"
    outbound = Skip(local=True, authenticated=True)

    ALLOW = _symbol("DMARC_POLICY_ALLOW", -0.5, "The author's domain stands behind the letter")
    REJECT = _symbol("DMARC_POLICY_REJECT", 2.0, "Not of its author's domain, which asks to reject")
    QUARANTINE = _symbol(
        "DMARC_POLICY_QUARANTINE", 1.5, "Not of its author's domain, which asks for quarantine"
    )
    SOFTFAIL = _symbol("DMARC_POLICY_SOFTFAIL", 0.1, "Not of its author's domain, which lets it be")
    NA = _symbol("DMARC_NA", 0.0, "The author's domain has no DMARC policy")
    BAD_POLICY = _symbol(
        "DMARC_BAD_POLICY", 0.0, "The DMARC policy of the author's domain is wrong"
    )
    DNSFAIL = _symbol("DMARC_DNSFAIL", 0.0, "The DMARC policy cannot be found out just now")
    CALLBACK = _symbol("DMARC_CALLBACK", 0.0, "The check's old name, for those that wait for it")
    MUNGED = _symbol("DMARC_MUNGED", 0.0, "From was rewritten for a mailing list")

    Options = DmarcOptions
    options: DmarcOptions

    def prepare(self, setup: Setup) -> None:
        """Opens the maps and gives the symbols their names."""
        options, names = self.options, self.options.symbols
        self.no_sampling = setup.map(
            options.no_sampling_domains, kind="set", option="no_sampling_domains"
        )
        self.investigator = Investigator(setup)
        self.patience = decision_time(setup.core)
        self.collector = Collector(options, setup)
        self.munger = Munger(options.munging, setup) if options.munging is not None else None
        self.ALLOW = self.ALLOW.renamed(names.allow)
        self.REJECT = self.REJECT.renamed(names.reject)
        self.QUARANTINE = self.QUARANTINE.renamed(names.quarantine)
        self.SOFTFAIL = self.SOFTFAIL.renamed(names.softfail)
        self.NA = self.NA.renamed(names.na)
        self.BAD_POLICY = self.BAD_POLICY.renamed(names.badpolicy)
        self.DNSFAIL = self.DNSFAIL.renamed(names.dnsfail)
        for action in msgspec.structs.astuple(options.actions):
            if action is not None:
                setup.action(action, option="actions")
        reporting = options.reporting
        if reporting.enabled and not (reporting.email and reporting.domain):
            setup.warning("reporting", "without `email` and `domain` no report can be sent")

    def checks(self) -> Sequence[Check]:
        """The rewriting of From is there only where it is configured."""
        judging, munging = super().checks()
        return [judging] if self.munger is None else [judging, munging]

    @runs(Stage.FILTER, callback="DMARC_CHECK", after=("SPF_CHECK", "DKIM_CHECK"), empty=True)
    async def check(self, task: Task) -> Hits:
        """The verdict, what it forces, and the count for the report."""
        if not may_judge(task):
            return
        why_not, domain = find_author_domain(task.message.from_)
        if why_not:
            yield self.NA(why_not)
            self._force(task, self.options.actions.na)
            return
        evidence = await self.investigator.find(task)
        verdict = await self._judge(task, domain, evidence)
        task.variables["dmarc"] = verdict
        task.variables["dmarc_result"] = result_word(verdict)
        yield self._hit(verdict)
        if verdict.result == "fail":
            self._force(task, self._action(verdict))
        await self.collector.collect(task, verdict, evidence)

    @runs(Stage.FILTER, callback="DMARC_MUNGED", requires=("DMARC_CHECK",), symbols=(MUNGED,))
    def munge(self, task: Task) -> PlainHits:
        """Rewrites From of a letter to a list."""
        verdict = task.variables.get("dmarc")
        if self.munger is None or not isinstance(verdict, DmarcVerdict):
            return
        author = self.munger.munge(task, verdict)
        if author is not None:
            yield self.MUNGED(author.addr)

    async def _judge(self, task: Task, domain: str, evidence: Evidence) -> DmarcVerdict:
        discovery = await discover_policy(task.resolver.forced(self.patience), domain)
        honour = self.no_sampling is None or discovery.policy_domain not in self.no_sampling
        sample = random.randrange(100)
        return evaluate_dmarc(discovery, evidence.spf, evidence.dkim, sample, honour_percent=honour)

    def _hit(self, verdict: DmarcVerdict) -> Hit:
        domain = verdict.discovery.policy_domain or verdict.domain
        published = verdict.published
        if verdict.result == "none":
            bad = verdict.reason == "no DMARC record"
            return self.NA(f"{domain}: no valid DMARC record" if bad else domain)
        if verdict.result == "pass":
            return self.ALLOW(domain, published or "none")
        why = f"{domain} : {verdict.reason}"
        if verdict.result == "permerror":
            return self.BAD_POLICY(why)
        if verdict.result == "temperror":
            return self.DNSFAIL(why, published) if published else self.DNSFAIL(why)
        options = [why, published or "none"]
        if verdict.sampled_out:
            options.append("sampled_out")
        elif verdict.sampling_overridden:
            options.append("local_policy")
        symbols = {"reject": self.REJECT, "quarantine": self.QUARANTINE, "none": self.SOFTFAIL}
        return symbols[verdict.disposition](*options)

    def _action(self, verdict: DmarcVerdict) -> str | None:
        actions = self.options.actions
        if verdict.disposition == "reject":
            return actions.reject
        if verdict.disposition == "quarantine":
            return actions.quarantine
        # as rspamd: a domain that asks for nothing gets nothing, whatever `softfail` says
        return actions.softfail if verdict.sampled_out else None

    def _force(self, task: Task, action: str | None) -> None:
        if action is not None:
            task.set_pre_result(action, "Action set by DMARC", module=self.name, least=True)


def find_author_domain(authors: Sequence[Address]) -> tuple[str, str]:
    """Why there is no one author's domain, else nothing and the domain (RFC 7489 6.6.1)."""
    if not authors:
        return "No From header", ""
    if len(authors) > 1:
        return "Duplicate From header", ""
    domain = find_query_name(authors[0].domain)
    return ("", domain) if domain else ("No domain in From header", "")


def result_word(verdict: DmarcVerdict) -> str:
    """Rspamd's word for it in ``dmarc_result``, with the policy as published."""
    if verdict.result == "fail":
        return f"fail_{verdict.published}"
    return "no_record" if verdict.result == "none" else verdict.result
