# SPDX-License-Identifier: Apache-2.0
"""ARC: who passed this letter on, may they be believed, and do we add our own seal?

Every letter's chain is checked, whatever its direction: to seal it, we have to know whether it
holds. The verdict is RFC 8617's (all seals and the newest message signature), the symbols are
Rspamd's. Sealing chooses domain and key as DKIM signing does (``scan/signing.py``): for the
author's domain where a letter is our own user's, for the recipient's where it comes in.

Source: direction-modules reference §5 and §7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from gatepost.authn import ArcReason, ArcVerdict, KeyMemory, shared_letter, verify_arc
from gatepost.modules.arc.options import ArcOptions
from gatepost.modules.arc.sealing import FIELDS, Sealer
from gatepost.modules.arc.trust import Trusted, find_trusted
from gatepost.scan.module import (
    Adapt,
    Check,
    Direction,
    Hit,
    Hits,
    Module,
    Ruling,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.patience import evidence_time
from gatepost.scan.task import Task

DMARC_FAILURES = {"reject": "DMARC_POLICY_REJECT", "quarantine": "DMARC_POLICY_QUARANTINE"}

TRUSTED_SCORE = 0.1
"""What is left of a DMARC failure that a trusted hop explains, as rspamd."""


def _symbol(name: str, score: float, description: str, *, one_shot: bool = False) -> Symbol:
    return Symbol(name, score, description, group="policies", groups=("arc",), one_shot=one_shot)


class Arc(Module):
    """Checks the chain (``task.variables["arc"]``), and adds a set to it."""

    name = "arc"
    group = "arc"
    outbound = Adapt(
        "seals for the sender's domain as well",
        override=("sign_local", "sign_authenticated", "sign_inbound", "sign_networks"),
    )

    ALLOW = _symbol("ARC_ALLOW", -1.0, "The chain of those who passed the letter on holds")
    TRUSTED = _symbol("ARC_ALLOW_TRUSTED", -2.0, "Passed on by somebody we believe", one_shot=True)
    REJECT = _symbol("ARC_REJECT", 1.0, "The chain of those who passed the letter on is broken")
    INVALID = _symbol("ARC_INVALID", 0.5, "What should be an ARC chain is none")
    DNSFAIL = _symbol("ARC_DNSFAIL", 0.0, "A key of the chain cannot be asked for just now")
    NA = _symbol("ARC_NA", 0.0, "Nobody has sealed the letter")
    CALLBACK = _symbol("ARC_CALLBACK", 0.0, "The check's other name, for settings")
    SIGNED = Symbol(
        "ARC_SIGNED", 0.0, "Sealed by us", "policies", groups=("arc",), option="sign_symbol"
    )

    Options = ArcOptions
    options: ArcOptions

    def prepare(self, setup: Setup) -> None:
        """Opens the maps, gives the symbols their names."""
        options, names = self.options, self.options.symbols
        self.forgiven = setup.map(options.whitelist, kind="set", option="whitelist")
        self.signers = setup.map(
            options.whitelisted_signers_map, kind="set", option="whitelisted_signers_map"
        )
        self.ALLOW = self.ALLOW.renamed(names.allow)
        self.TRUSTED = self.TRUSTED.renamed(names.allow_trusted)
        self.REJECT = self.REJECT.renamed(names.reject)
        self.INVALID = self.INVALID.renamed(names.invalid)
        self.DNSFAIL = self.DNSFAIL.renamed(names.dnsfail)
        self.NA = self.NA.renamed(names.na)
        self.cache = KeyMemory()
        self.patience = evidence_time(setup.core)
        self.sealer = Sealer(options, setup, rejected=self.REJECT.name)
        dmarc = setup.config.section("dmarc").get("symbols")
        self.dmarc_failures = [
            str(dmarc.get(word, name)) if isinstance(dmarc, Mapping) else name
            for word, name in DMARC_FAILURES.items()
        ]

    def ruling(self, direction: Direction) -> Ruling:
        """The check runs in every direction; what is adapted is that outbound mail is sealed."""
        if direction.outbound and self.sealer.signing.ruling(direction).effect == "skip":
            return Ruling("run")
        return super().ruling(direction)

    def checks(self) -> Sequence[Check]:
        """Sealing follows the ``sign_…`` options; DMARC is adjusted only where somebody is
        trusted."""
        checking, adjusting, sealing = super().checks()
        sealing = dataclasses.replace(sealing, ruling=self.sealer.signing.ruling)
        if self.signers is None or not self.options.adjust_dmarc:
            return [checking, sealing]
        return [checking, adjusting, sealing]

    @runs(Stage.FILTER, callback="ARC_CHECK", empty=True)
    async def check(self, task: Task) -> Hits:
        """Waits for the key of every seal, and gives one verdict on the chain."""
        headers = task.message.headers
        if not any(name in headers for name in FIELDS):
            task.variables["arc"] = ArcVerdict("none")
            yield self.NA()
            return
        chain = await verify_arc(
            shared_letter(task.message, task.variables),
            task.resolver.forced(self.patience),
            now=task.now,
            cache=self.cache,
            forgives=None if self.forgiven is None else self.forgiven.__contains__,
        )
        task.variables["arc"] = chain
        yield self._hit(chain)
        trusted = self._find_trusted(task, chain)
        if trusted is not None:
            task.variables["arc_trusted"] = trusted
            yield self.TRUSTED(_place_of(chain, trusted.hop.instance), weight=trusted.weight)

    @runs(
        Stage.FILTER,
        callback="ARC_DMARC_ADJUSTMENT",
        after=("DMARC_CHECK",),
        requires=("ARC_CHECK",),
        empty=True,
    )
    def adjust(self, task: Task) -> None:
        """A failure of DMARC that a trusted hop explains is none; what DMARC forced goes too."""
        trusted = task.variables.get("arc_trusted")
        if isinstance(trusted, Trusted) and trusted.dmarc_passed:
            for name in self.dmarc_failures:
                if task.has(name):
                    task.result.adjust(name, TRUSTED_SCORE, "ARC trusted")
                    task.result.withdraw("dmarc")
                    break

    @runs(
        Stage.FILTER,
        callback="ARC_SIGNED",
        after=("SPF_CHECK", "DKIM_CHECK", "DMARC_CHECK", "DMARC_MUNGED", "DKIM_SIGNED"),
        requires=("ARC_CHECK",),
        ignore_passthrough=True,
        empty=True,
        symbols=(SIGNED,),
    )
    async def seal(self, task: Task) -> Hits:
        """Adds one set, by the first of the keys that are chosen."""
        made = await self.sealer.seal(task)
        if made is None:
            return
        new, place = made
        for name, value in zip(FIELDS, (new.seal, new.message, new.results), strict=True):
            task.add_header(name, value, 1)
        yield self.SIGNED(f"{place}:i={new.instance}")

    def _find_trusted(self, task: Task, chain: ArcVerdict) -> Trusted | None:
        if self.signers is None:
            return None
        return find_trusted(chain, self.signers.__contains__, task.from_domain)

    def _hit(self, chain: ArcVerdict) -> Hit:
        if chain.passed:
            return self.ALLOW(_place_of(chain, chain.highest))
        if chain.temporary:
            return self.DNSFAIL(chain.detail)
        match chain.reason:
            case ArcReason.MESSAGE_SIGNATURE:
                return self.REJECT(f"signature check failed: {chain.detail}")
            case ArcReason.SEAL:
                return self.REJECT(f"seal check failed: {chain.detail}")
            case ArcReason.ENDED:
                return self.REJECT(f"cv is fail on i={chain.instance}")
            case ArcReason.STATUS if not chain.detail.startswith("i=1,"):
                return self.REJECT(f"{chain.reason}: {chain.detail}")
            case _:
                return self.INVALID(f"{chain.reason}: {chain.detail}".removesuffix(": "))


def _place_of(chain: ArcVerdict, instance: int) -> str:
    seal = chain.sets[instance - 1].seal
    return f"{seal.domain}:s={seal.selector}:i={instance}"
