# SPDX-License-Identifier: Apache-2.0
"""What did SPF and DKIM say of this letter? From their checks, or found out here in silence.

Their checks skip outbound mail. Where DMARC alone is told to look at it (``check_local``,
``check_authed``), what it needs is evaluated here, without symbols. For inbound mail a check
that left no verdict was switched off or did not finish: then nothing can be said by DMARC
either, as in Rspamd. Without a client address SPF has nothing to say, and DKIM decides alone.

Source: DESIGN §4; direction-modules reference §4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from gatepost.authn import (
    DkimIdentity,
    DkimVerdict,
    SpfIdentity,
    SpfResult,
    VerifyOptions,
    check_spf,
    shared_letter,
    verify_dkim,
)
from gatepost.scan.task import Task

VERIFY = VerifyOptions(max_signatures=5, time_jitter=21_600.0, least_signed=0.9)
"""As the check of DKIM is shipped."""


class Evidence(NamedTuple):
    """The identities that may be aligned with the author's domain."""

    spf: SpfIdentity | None
    dkim: tuple[DkimIdentity, ...]


def may_judge(task: Task) -> bool:
    """False: SPF or DKIM was to look at this inbound letter and has not."""
    if task.direction.outbound:
        return True
    return known_dkim(task) is not None and (task.ip is None or known_spf(task) is not None)


async def find_evidence(task: Task) -> Evidence:
    """What their checks have left; what is missing is evaluated."""
    spf, dkim = known_spf(task), known_dkim(task)
    if dkim is None or (spf is None and task.ip is not None):
        spf, dkim = await asyncio.gather(evaluate_spf(task), evaluate_dkim(task))
    return Evidence(
        None if spf is None else to_spf_identity(spf), tuple(map(to_dkim_identity, dkim or ()))
    )


def to_spf_identity(found: SpfResult) -> SpfIdentity:
    return SpfIdentity(found.domain, found.result, "helo" if found.identity == "helo" else "mfrom")


def to_dkim_identity(found: DkimVerdict) -> DkimIdentity:
    return DkimIdentity(found.domain, found.result, found.selector)


def known_spf(task: Task) -> SpfResult | None:
    found = task.variables.get("spf")
    return found if isinstance(found, SpfResult) else None


def known_dkim(task: Task) -> Sequence[DkimVerdict] | None:
    found = task.variables.get("dkim")
    return found if isinstance(found, list | tuple) else None


async def evaluate_spf(task: Task) -> SpfResult | None:
    """What is known, else check_host() as the module of SPF asks it."""
    known = known_spf(task)
    if known is not None or task.ip is None:
        return known
    sender = task.sender
    mail_from = "" if sender is None else sender.addr
    if sender is not None and mail_from and not sender.domain:
        mail_from = sender.user + "@"  # no domain; check_spf() would take the word for one
    return await check_spf(
        task.resolver, ip=task.ip, helo=task.helo or "", mail_from=mail_from, explain=False
    )


async def evaluate_dkim(task: Task) -> Sequence[DkimVerdict]:
    """What is known, else all signatures, over the letter as it came in."""
    known = known_dkim(task)
    if known is not None:
        return known
    letter = shared_letter(task.message, task.variables)
    return await verify_dkim(letter, task.resolver, now=task.now, options=VERIFY)
