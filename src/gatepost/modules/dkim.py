# SPDX-License-Identifier: Apache-2.0
"""DKIM checking: which domains put their name to this letter, and do their signatures hold?

The verdicts are those of RFC 6376, 8301 and 8463; the symbols that name them are Rspamd's.
``R_DKIM_PERMFAIL`` is every signature that can never count: wrong, expired, of a weak algorithm,
over too little of the body, or without a usable key. A key that its domain only tries out makes
no failure: such a letter is as good as an unsigned one (RFC 6376 3.6.1).

Source: direction-modules reference §3.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gatepost.authn import (
    DkimVerdict,
    KeyMemory,
    Reason,
    SignHeaders,
    SigningError,
    VerifyOptions,
    shared_letter,
    verify_dkim,
)
from gatepost.config import Count
from gatepost.scan.module import (
    Hits,
    Module,
    ModuleOptions,
    PlainHits,
    Raw,
    Seconds,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.patience import evidence_time
from gatepost.scan.task import Task

LEAST_SIGNED = 0.9
"""The share of the body that ``l=`` has to cover, as rspamd: what is added below may be spam."""

MARKS = {"pass": "+", "fail": "-", "temperror": "?"}
"""What ``DKIM_TRACE`` shows of a result; all others are ``~``."""


def _symbol(name: str, score: float, about: str, option: str, *, one_shot: bool = False) -> Symbol:
    return Symbol(
        name, score, about, group="policies", groups=("dkim",), option=option, one_shot=one_shot
    )


class Dkim(Module):
    """One symbol a signature; ``task.variables["dkim"]`` has the verdicts for later checks.

    ``dkim_partly`` tells them that an option kept some signatures from being looked at.
    """

    name = "dkim"
    group = "dkim"
    outbound = Skip(local=True, authenticated=True)

    ALLOW = _symbol("R_DKIM_ALLOW", -0.2, "A signature holds", "symbol_allow", one_shot=True)
    REJECT = _symbol(
        "R_DKIM_REJECT", 1.0, "The letter is not what was signed", "symbol_reject", one_shot=True
    )
    TEMPFAIL = _symbol(
        "R_DKIM_TEMPFAIL", 0.0, "The signer's key cannot be asked for just now", "symbol_tempfail"
    )
    PERMFAIL = _symbol("R_DKIM_PERMFAIL", 0.0, "A signature that cannot count", "symbol_permfail")
    NA = _symbol("R_DKIM_NA", 0.0, "No signature", "symbol_na", one_shot=True)
    TRACE = Symbol(
        "DKIM_TRACE", 0.0, "Each signing domain, and how it fared", "policies", groups=("dkim",)
    )

    class Options(ModuleOptions, frozen=True):
        """Times in seconds."""

        whitelist: Raw = None
        """Addresses of clients whose letters are not checked."""
        domains: Raw = None
        """Signing domain → `REJECT:ALLOW`, two numbers that multiply the scores of the symbols."""
        trusted_domains: Raw = None
        """The same; `domains` goes before it."""
        strict_multiplier: float = 1.0
        """Both multipliers of a domain in `domains` that has none of its own."""
        trusted_only: bool = False
        """Look at signatures of the domains in `domains` alone."""
        skip_multi: bool = False
        """Do not check letters that have more than one signature."""
        time_jitter: Seconds = 60.0
        """How far in the future a signature may be made, and how long ago it may have expired."""
        max_sigs: Count = 5
        """Signatures that are looked at, from the top."""
        dkim_cache_size: Count = 2048
        """Public keys that are kept in memory, as long as the DNS says."""
        dkim_cache_expire: Seconds = 86_400.0
        """Changes nothing, as in Rspamd: the DNS says how long a key may be kept."""
        sign_cache_size: Count = 128
        """Changes nothing: see `dkim_signing`."""
        sign_headers: str | None = None
        """What `dkim_signing` signs, if its own option does not say."""
        symbol_allow: str = "R_DKIM_ALLOW"
        """What the symbol of a good signature is called."""
        symbol_reject: str = "R_DKIM_REJECT"
        """Of one over another letter."""
        symbol_tempfail: str = "R_DKIM_TEMPFAIL"
        """Of one whose key cannot be asked for."""
        symbol_permfail: str = "R_DKIM_PERMFAIL"
        """Of one that cannot count."""
        symbol_na: str = "R_DKIM_NA"
        """Of a letter without."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps."""
        options = self.options
        self.whitelist = setup.map(options.whitelist, kind="radix", option="whitelist")
        option = "trusted_domains" if options.domains is None else "domains"
        self.domains = setup.map(getattr(options, option), kind="map", option=option)
        if options.trusted_only and self.domains is None:
            setup.problem("trusted_only", "there is no list of `domains` to trust")
        if options.sign_headers is not None:
            try:
                SignHeaders.parse(options.sign_headers)
            except SigningError as error:
                setup.problem("sign_headers", str(error))
        self.cache = KeyMemory(options.dkim_cache_size)
        self.limits = limits_of(options)
        self.patience = evidence_time(setup.core)

    @runs(Stage.FILTER, callback="DKIM_CHECK", empty=True)
    async def check(self, task: Task) -> Hits:
        """Checks all signatures together, and names them in their order."""
        if self.whitelist is not None and task.ip is not None and task.ip in self.whitelist:
            return
        count = task.message.headers.count("DKIM-Signature")
        if not count:
            task.variables["dkim"] = []
            yield self.NA()
            return
        if self.options.skip_multi and count > 1:
            task.variables["dkim_partly"] = True
            return
        verdicts = await self._verify(task)
        task.variables["dkim"] = verdicts
        task.variables["dkim_partly"] = self.options.trusted_only
        for hit in self._hits(verdicts):
            yield hit

    async def _verify(self, task: Task) -> list[DkimVerdict]:
        trusted = self.domains if self.options.trusted_only else None
        found = await verify_dkim(
            shared_letter(task.message, task.variables),
            task.resolver.forced(self.patience),
            now=task.now,
            options=self.limits,
            cache=self.cache,
            wanted=None if trusted is None else trusted.__contains__,
        )
        verdicts = [verdict for verdict in found if verdict.reason is not Reason.TOO_MANY]
        for verdict in verdicts:
            if not verdict.passed:
                task.log(logging.DEBUG, "signature %s: %s", _place(verdict), _why(verdict))
        return verdicts

    def _hits(self, verdicts: Sequence[DkimVerdict]) -> PlainHits:
        for verdict in verdicts:
            reject, allow = self._multipliers(verdict.domain)
            match verdict.result:
                case "pass":
                    yield self.ALLOW(_place(verdict), weight=allow)
                case "fail":
                    yield self.REJECT(_place(verdict), weight=reject)
                case "temperror":
                    yield self.TEMPFAIL(_place(verdict))
                case "neutral":  # a key in testing: as if it were not there
                    continue
                case _:
                    yield self.PERMFAIL(_place(verdict))
        if verdicts and all(verdict.result == "neutral" for verdict in verdicts):
            yield self.NA(*[_place(verdict) for verdict in verdicts])
        for verdict in verdicts:
            if verdict.domain:
                yield self.TRACE(f"{verdict.domain}:{MARKS.get(verdict.result, '~')}")

    def _multipliers(self, domain: str) -> tuple[float, float]:
        """Those of the domain for a bad and for a good signature."""
        value = self.domains.find(domain) if self.domains is not None and domain else None
        if value is None:
            return 1.0, 1.0
        reject, _, allow = value.partition(":")
        try:
            return float(reject), float(allow)
        except ValueError:
            return self.options.strict_multiplier, self.options.strict_multiplier


def limits_of(options: Dkim.Options) -> VerifyOptions:
    """What the options ask of a signature."""
    return VerifyOptions(
        max_signatures=options.max_sigs,
        time_jitter=options.time_jitter,
        least_signed=LEAST_SIGNED,
    )


def _place(verdict: DkimVerdict) -> str:
    """``domain:s=selector``, or what is wrong where neither could be read."""
    if not verdict.domain:
        return str(verdict.reason)
    return f"{verdict.domain}:s={verdict.selector}"


def _why(verdict: DkimVerdict) -> str:
    return f"{verdict.result}, {verdict.reason} {verdict.detail}".rstrip()
