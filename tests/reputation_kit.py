# SPDX-License-Identifier: Apache-2.0
"""A module that weighs letters, and short rules, for the tests of reputation."""

from __future__ import annotations

import asyncio
import math

from gatepost.authn import DkimVerdict, SpfResult
from gatepost.modules.reputation import Reputation
from gatepost.scan.module import Hits, Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import Bench, Letter, Scanned, mail

LOCAL, PUBLIC = "10.1.2.3", "203.0.113.7"
CORE = 'options { local_addrs = "10.0.0.0/8"; } actions { reject = 15; "add header" = 6; } '
HALF = math.tanh(-0.5493)  # what an average of 0 says

IP = 'IP_REP { selector "ip" { %s } backend "redis" { } symbol = "IP_REP"; }'
USER = 'USER_REP { selector "generic" { selector = "user.lower"; %s } backend "redis" { } }'
SCORES = """group "reputation" { symbols {
    IP_REP_HAM { score = -2; } IP_REP_SPAM { score = 4; } USER_REP { score = 3; }
    DKIM_SCORE { score = 1; } URL_SCORE { score = 2; } SPF_REP_HAM { score = 1; }
} } """


class Weighs(Module):
    """Gives a letter the score that its subject says, and what spf, dkim and asn would find."""

    name = "weighs"
    group = "weighs"
    outbound = RunAlways()
    SCORE = Symbol("WEIGHS", 1.0)
    DKIM = Symbol("R_DKIM_ALLOW", 0.0)

    @runs(Stage.PREFILTER, callback="ASN_CHECK", priority=9)
    def place(self, task: Task) -> None:
        """Puts every client of 203.0.113.0/24 into one system and country."""
        if task.ip is not None and str(task.ip).startswith("203.0.113."):
            task.variables.update(asn="64496", country="XX")

    @runs(Stage.FILTER, callback="SPF_CHECK")
    async def prove(self, task: Task) -> None:
        """Believes everybody at good-example.org."""
        await asyncio.sleep(0)
        if task.sender_domain == "good-example.org":
            task.variables["spf"] = SpfResult(
                "pass", "good-example.org", "mailfrom", record="v=spf1 mx -all"
            )

    @runs(Stage.FILTER, callback="DKIM_CHECK")
    async def verify(self, task: Task) -> Hits:
        """Reads ``domain=result`` for each signature."""
        await asyncio.sleep(0)
        signatures = task.message.headers.get("X-Signed") or ""
        task.variables["dkim"] = [
            DkimVerdict(result, domain=domain)
            for domain, _, result in (one.partition("=") for one in signatures.split())
        ]
        if "=pass" in signatures:
            yield self.DKIM()

    @runs(Stage.FILTER, callback="WEIGHS")
    def check(self, task: Task) -> PlainHits:
        """Reads a number, or the word `reject` for a decision."""
        subject = task.message.subject
        if subject == "reject":
            task.set_pre_result("reject", module="weighs")
        else:
            yield self.SCORE(weight=float(subject))


def bench(*rules: str, more: str = "", store: Store | None = None, dns=None) -> Bench:
    config = f"{CORE}{SCORES}reputation {{ rules {{ {' '.join(rules)} }} {more} }}"
    return Bench((Weighs, Reputation), config=config, store=store, dns=dns)


def letter(score: float | str = 0, *, signed: str = "", **more) -> Letter:
    return mail(headers={"Subject": str(score), "X-Signed": signed}, **more)


async def teach(one: Bench, times: int, score: float | str = 0, **more) -> Scanned:
    """Sends so many letters, and gives the last."""
    found = None
    for _ in range(times):
        found = await one.scan(letter(score, **more))
    assert found is not None
    return found


def without(found: Scanned, *names: str) -> dict[str, list[str]]:
    return {k: v for k, v in found.hits.items() if k not in ("WEIGHS", "R_DKIM_ALLOW", *names)}


def text(weight: float) -> str:
    return f"{weight:.14g}"
