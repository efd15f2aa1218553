# SPDX-License-Identifier: Apache-2.0
"""What SPF and DKIM left for DMARC, and what it finds out by itself."""

import pytest

from authn_dkim import RSA, record_of
from gatepost.authn import DkimVerdict, Letter, SpfIdentity, SpfResult, sign_dkim
from gatepost.modules.dmarc.evidence import Evidence, Investigator, may_judge
from gatepost.modules.spf import Spf
from gatepost.scan.module import Module, RunAlways, Stage, Symbol, runs
from gatepost.testing import NOW, Bench, mail, scan, zone

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

    def prepare(self, setup) -> None:
        self.investigator = Investigator(setup)

    @runs(Stage.FILTER, callback="ASKS", after=("LEAVES", "SPF_CHECK"))
    async def check(self, task) -> None:
        found = await self.investigator.find(task) if may_judge(task) else None
        task.variables["evidence"] = found


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


SIGNED = mail(user="anna").raw
SIGNED = b"DKIM-Signature: %s\r\n%s" % (
    sign_dkim(Letter.from_bytes(SIGNED), RSA, "example.org", "s", now=NOW).encode(),
    SIGNED,
)
KEY = f"s._domainkey.example.org. TXT '{record_of(RSA).decode()}'"


@pytest.mark.parametrize(
    "config, spf, dkim",
    [
        ("", "fail", "pass"),
        ("dkim { max_sigs = 0; }", "fail", "policy"),
        ("dkim { time_jitter = 1s; }", "fail", "policy"),
        ("spf { max_dns_requests = 1; }", "permerror", "pass"),
        ("spf { disable_ipv6 = true; }", "fail", "pass"),
    ],
)
async def test_it_looks_as_the_sections_of_spf_and_dkim_say(config, spf, dkim):
    resolver = zone(
        KEY,
        "example.org. TXT 'v=spf1 a:six.example.org a:four.example.org -all'",
        "four.example.org. A 192.0.2.9",
        "six.example.org. A 192.0.2.8",
    )
    letter = mail(raw=SIGNED, user="anna", ip="2001:db8::1")
    found = await scan(Asks, letter, dns=resolver, config=config, now=NOW - 30)
    spf_found, dkim_found = found.task.variables["evidence"]
    assert spf_found.result == spf
    assert [one.result for one in dkim_found] == [dkim]
    asked_v6 = ("six.example.org", "AAAA") in resolver.asked
    assert asked_v6 == ("disable_ipv6" not in config)


async def test_keys_are_asked_for_once():
    resolver = zone(KEY)
    async with Bench([Asks], dns=resolver) as bench:
        for _ in range(3):
            found = await bench.scan(mail(raw=SIGNED, user="anna", ip=None))
            assert found.task.variables["evidence"].dkim[0].result == "pass"
    assert resolver.asked.count(("s._domainkey.example.org", "TXT")) == 1


async def test_behind_a_relay_it_asks_for_the_hop_before_it():
    letter = mail(
        user="anna",
        ip="203.0.113.1",
        headers={"Received": "from pc.example ([192.0.2.1]) by relay.example"},
    )
    config = 'spf { external_relay = "203.0.113.1"; }'
    found = await scan([Spf, Asks], letter, dns=zone(*DNS), config=config)
    assert found.hits == {}
    assert found.task.variables["evidence"].spf == SpfIdentity("example.org", "pass", "mfrom")
