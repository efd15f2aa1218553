# SPDX-License-Identifier: Apache-2.0
"""What SPF and DKIM left for DMARC, and what it finds out by itself."""

import pytest

from gatepost.authn import DkimVerdict, SpfIdentity, SpfResult
from gatepost.modules.dmarc.evidence import Evidence, find_evidence, may_judge
from gatepost.scan.module import Module, RunAlways, Stage, Symbol, runs
from gatepost.testing import mail, scan, zone

SPF = SpfResult("fail", "x.example", "mailfrom")
HELO = SpfResult("pass", "mx.example", "helo")
DKIM = DkimVerdict("pass", domain="d.example", selector="s")
DNS = ("example.org. TXT 'v=spf1 ip4:192.0.2.1 -all'",)


class Leaves(Module):
    """Leaves the verdicts of the test for those that follow."""

    name = "leaves"
    group = "leaves"
    outbound = RunAlways()
    KNOWN: dict = {}

    @runs(Stage.FILTER, callback="LEAVES")
    def check(self, task) -> None:
        task.variables.update(self.KNOWN)


class Asks(Module):
    """Finds the evidence and keeps it."""

    name = "asks"
    group = "asks"
    outbound = RunAlways()
    DONE = Symbol("DONE")

    @runs(Stage.FILTER, callback="ASKS", after=("LEAVES",))
    async def check(self, task) -> None:
        task.variables["evidence"] = await find_evidence(task) if may_judge(task) else None


async def evidence(letter, known, monkeypatch):
    monkeypatch.setattr(Leaves, "KNOWN", known)
    resolver = zone(*DNS)
    result = await scan([Leaves, Asks], letter, dns=resolver)
    return result.task.variables["evidence"], resolver.asked


@pytest.mark.parametrize(
    "known, spf",
    [
        ({"spf": SPF, "dkim": [DKIM]}, SpfIdentity("x.example", "fail", "mfrom")),
        ({"spf": HELO, "dkim": [DKIM]}, SpfIdentity("mx.example", "pass", "helo")),
    ],
)
@pytest.mark.parametrize("user", [None, "anna"])
async def test_what_is_known_is_taken(known, spf, user, monkeypatch):
    found, asked = await evidence(mail(user=user), known, monkeypatch)
    assert found.spf == spf
    assert [(one.domain, one.result, one.selector) for one in found.dkim] == [
        ("d.example", "pass", "s")
    ]
    assert asked == []


@pytest.mark.parametrize("known", [{}, {"spf": SPF}, {"dkim": []}, {"spf": "pass", "dkim": "x"}])
async def test_inbound_mail_that_was_not_looked_at_gives_none(known, monkeypatch):
    assert await evidence(mail(), known, monkeypatch) == (None, [])


@pytest.mark.parametrize("known", [{}, {"dkim": []}, {"spf": "text of a setting"}])
async def test_outbound_mail_is_looked_at_here(known, monkeypatch):
    found, asked = await evidence(mail(user="anna"), known, monkeypatch)
    assert found == Evidence(SpfIdentity("example.org", "fail", "mfrom"), ())
    assert asked == [("example.org", "TXT")]


async def test_without_an_address_dkim_is_all_there_is(monkeypatch):
    found, _ = await evidence(mail(ip=None), {"dkim": [DKIM]}, monkeypatch)
    assert found.spf is None
    assert len(found.dkim) == 1
