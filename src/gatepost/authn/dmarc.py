# SPDX-License-Identifier: Apache-2.0
"""Does the domain that a letter says it is from stand behind it, and what if not?

RFC 7489 3.1 (alignment), 6.6.2 (the verdict) and 6.6.4 (sampling). SPF and DKIM are evaluated
elsewhere and passed in as plain values; the reasons are worded as Rspamd's symbols show them
(direction-modules reference §4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from gatepost.authn.authres import MethodResult, Property
from gatepost.authn.dmarc_record import (
    Alignment,
    Discovery,
    Policy,
    discover_policy,
    organizational_domain,
)
from gatepost.net import Resolver, find_query_name

DmarcResult: TypeAlias = Literal["pass", "fail", "none", "permerror", "temperror"]
"""The words of RFC 7489 11.2."""

MODES: dict[Alignment, str] = {"r": "relaxed", "s": "strict"}
SAMPLED_OUT: dict[Policy, Policy] = {"reject": "quarantine", "quarantine": "none", "none": "none"}


class SpfIdentity(msgspec.Struct, frozen=True):
    """What SPF said, in the words of RFC 7208 2.6, of which domain: MAIL FROM's, else HELO's."""

    domain: str
    result: str
    scope: Literal["mfrom", "helo"] = "mfrom"


class DkimIdentity(msgspec.Struct, frozen=True):
    """What one signature said, in the words of RFC 8601 2.7.1, of which ``d=`` and ``s=``."""

    domain: str
    result: str
    selector: str = ""


class DmarcVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one message.

    ``result`` in the RFC's words. ``published`` is the policy that the domain owner asks for
    (``None`` without a usable record), ``disposition`` what is left of it for this message:
    ``none`` unless the result is ``fail``, one step milder when ``sampled_out``.
    ``spf_aligned`` and ``dkim_aligned``: an aligned identifier passed. ``reasons`` say why it is
    no pass.
    """

    result: DmarcResult
    discovery: Discovery
    published: Policy | None = None
    disposition: Policy = "none"
    sampled_out: bool = False
    sampling_overridden: bool = False
    spf_aligned: bool = False
    dkim_aligned: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The author domain that was checked."""
        return self.discovery.domain

    @property
    def reason(self) -> str:
        return ", ".join(self.reasons)


class Standing(msgspec.Struct, frozen=True):
    """How the identifiers of one mechanism stand to the author domain."""

    aligned: bool = False
    passed: bool = False
    undecided: bool = False


def is_aligned(identifier: str, author: str, mode: Alignment) -> bool:
    """RFC 7489 3.1: the same domain (strict), or of the same organisational domain (relaxed).

    Case, a final dot and the script of a name do not matter; what is no name aligns with none.
    """
    left, right = find_query_name(identifier), find_query_name(author)
    if left is None or right is None:
        return False
    if left == right:
        return True
    return mode == "r" and organizational_domain(left) == organizational_domain(right)


async def check_dmarc(
    resolver: Resolver,
    domain: str,
    spf: SpfIdentity | None,
    dkim: Iterable[DkimIdentity],
    sample: int,
    *,
    honour_percent: bool = True,
) -> DmarcVerdict:
    """:func:`evaluate_dmarc` after asking the DNS for the policy of ``domain``."""
    discovery = await discover_policy(resolver, domain)
    return evaluate_dmarc(discovery, spf, dkim, sample, honour_percent=honour_percent)


def evaluate_dmarc(
    discovery: Discovery,
    spf: SpfIdentity | None,
    dkim: Iterable[DkimIdentity],
    sample: int,
    *,
    honour_percent: bool = True,
) -> DmarcVerdict:
    """The verdict for one message.

    ``sample`` is a random number or a hash of the message; by its remainder of 100 ``pct``
    selects (RFC 7489 6.3). With ``honour_percent`` off the full policy applies whatever ``pct``
    says (Rspamd's ``no_sampling_domains``).
    """
    record, published = discovery.record, discovery.policy
    if record is None or published is None:
        return DmarcVerdict(
            result=discovery.error or "none", discovery=discovery, reasons=(discovery.reason,)
        )
    identities = ((spf.domain, spf.result),) if spf else ()
    by_spf = judge(identities, discovery.domain, record.spf_alignment)
    signatures = [(signature.domain, signature.result) for signature in dkim]
    by_dkim = judge(signatures, discovery.domain, record.dkim_alignment)
    if by_spf.aligned or by_dkim.aligned:
        return DmarcVerdict(
            result="pass",
            discovery=discovery,
            published=published,
            spf_aligned=by_spf.aligned,
            dkim_aligned=by_dkim.aligned,
        )
    if by_spf.undecided or by_dkim.undecided:
        # RFC 7489 6.6.2: nobody can conclude that it failed, so no policy applies.
        return DmarcVerdict(
            result="temperror",
            discovery=discovery,
            published=published,
            reasons=("SPF/DKIM temp error",),
        )
    outside = published != "none" and sample % 100 >= record.percent
    sampled_out = outside and honour_percent
    return DmarcVerdict(
        result="fail",
        discovery=discovery,
        published=published,
        disposition=SAMPLED_OUT[published] if sampled_out else published,
        sampled_out=sampled_out,
        sampling_overridden=outside and not honour_percent,
        reasons=(
            why("SPF", by_spf, record.spf_alignment),
            why("DKIM", by_dkim, record.dkim_alignment),
        ),
    )


def judge(identities: Iterable[tuple[str, str]], author: str, mode: Alignment) -> Standing:
    """What the ``(domain, result)`` of one mechanism amount to."""
    aligned = passed = undecided = False
    for domain, result in identities:
        if result == "pass":
            passed = True
            aligned = aligned or is_aligned(domain, author, mode)
        elif result == "temperror":
            undecided = undecided or is_aligned(domain, author, mode)
    return Standing(aligned, passed, undecided)


def why(mechanism: str, standing: Standing, mode: Alignment) -> str:
    return (
        f"{mechanism} not aligned ({MODES[mode]})" if standing.passed else f"No valid {mechanism}"
    )


def to_method_result(verdict: DmarcVerdict) -> MethodResult:
    """The verdict as a statement of Authentication-Results (RFC 7489 11.1, as Rspamd writes it)."""
    failed = verdict.result == "fail"
    policy = verdict.disposition if failed else verdict.published
    return MethodResult(
        method="dmarc",
        result=verdict.result,
        properties=(Property("header", "from", verdict.domain),),
        reason=verdict.reason if failed else "",
        comment=f"policy={policy}" if policy else verdict.reason,
    )
