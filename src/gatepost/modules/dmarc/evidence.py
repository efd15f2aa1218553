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
from ipaddress import ip_address
from typing import NamedTuple

from gatepost.authn import (
    DkimIdentity,
    DkimVerdict,
    KeyMemory,
    SpfIdentity,
    SpfRecordCache,
    SpfResult,
    check_spf,
    shared_letter,
    verify_dkim,
)
from gatepost.config import Problems, bind
from gatepost.modules.dkim import Dkim, limits_of
from gatepost.modules.spf import Spf, claimed_sender
from gatepost.modules.spf import limits_of as spf_limits_of
from gatepost.scan.patience import evidence_time
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task


class Evidence(NamedTuple):
    """The identities that may be aligned with the author's domain."""

    spf: SpfIdentity | None
    dkim: tuple[DkimIdentity, ...]


class Investigator:
    """Finds the evidence; where it has to look itself, as the sections of SPF and DKIM say."""

    def __init__(self, setup: Setup) -> None:
        # Their mistakes are told by the modules themselves.
        config = setup.config
        spf = bind(Spf.Options, config.section("spf"), "spf", Problems())
        dkim = bind(Dkim.Options, config.section("dkim"), "dkim", Problems())
        self.limits = spf_limits_of(spf)
        self.disable_ipv6 = spf.disable_ipv6
        self.records = SpfRecordCache(max_records=spf.spf_cache_size)
        self.verify = limits_of(dkim)
        self.keys = KeyMemory(dkim.dkim_cache_size)
        self.patience = evidence_time(setup.core)

    async def find(self, task: Task) -> Evidence:
        """What their checks have left; what is missing is evaluated."""
        spf, dkim = known_spf(task), all_dkim(task)
        if dkim is None or (spf is None and task.ip is not None):
            spf, dkim = await asyncio.gather(self._spf(task), self._dkim(task))
        return Evidence(
            None if spf is None else to_spf_identity(spf),
            tuple(map(to_dkim_identity, dkim or ())),
        )

    async def _spf(self, task: Task) -> SpfResult | None:
        """What is known, else check_host() as the module of SPF asks it."""
        known = known_spf(task)
        if known is not None or task.ip is None:
            return known
        client = task.variables.get("spf_client")  # behind a relay: the hop before it
        ip, helo = (ip_address(client[0]), client[1]) if client else (task.ip, task.helo or "")
        return await check_spf(
            task.resolver.forced(self.patience),
            ip=ip,
            helo=helo,
            mail_from=claimed_sender(task),
            limits=self.limits,
            disable_ipv6=self.disable_ipv6,
            explain=False,
            records=self.records,
        )

    async def _dkim(self, task: Task) -> Sequence[DkimVerdict]:
        """What is known, else all signatures, over the letter as it came in."""
        known = all_dkim(task)
        if known is not None:
            return known
        return await verify_dkim(
            shared_letter(task.message, task.variables),
            task.resolver.forced(self.patience),
            now=task.now,
            options=self.verify,
            cache=self.keys,
        )


def may_judge(task: Task) -> bool:
    """False: SPF or DKIM was to look at this inbound letter and has not."""
    if task.direction.outbound:
        return True
    checked = known_dkim(task) is not None or was_partly_checked(task)
    return checked and (task.ip is None or known_spf(task) is not None)


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


def all_dkim(task: Task) -> Sequence[DkimVerdict] | None:
    """What is known, if no signature was left out: any may be the one of the author's domain."""
    return None if was_partly_checked(task) else known_dkim(task)


def was_partly_checked(task: Task) -> bool:
    return task.variables.get("dkim_partly") is True
