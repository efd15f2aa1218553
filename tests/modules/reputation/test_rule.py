# SPDX-License-Identifier: Apache-2.0
"""What checks a rule has, when they run, and what it learns."""

from __future__ import annotations

import math

import pytest

from gatepost.authn import DkimVerdict
from gatepost.modules.reputation import Reputation
from gatepost.modules.reputation.backends import DnsBackend, StoreBackend
from gatepost.modules.reputation.kinds import DkimKind, SenderKind, SpfKind, UrlKind
from gatepost.modules.reputation.options import (
    DkimOptions,
    DnsOptions,
    IpOptions,
    SpfOptions,
    StoreOptions,
    UrlOptions,
)
from gatepost.modules.reputation.rule import Rule
from gatepost.scan.direction import ALL_DIRECTIONS, RUN
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import Bench, build_app, mail

STORE, ZONE = StoreBackend(StoreOptions()), DnsBackend(DnsOptions(list="rep.example"))


def module() -> Module:
    (loaded,) = build_app((Reputation,)).modules
    return loaded.module


@pytest.mark.parametrize(
    "kind, backend, checks, symbols",
    [
        (
            SenderKind(IpOptions()),
            STORE,
            {"R": Stage.FILTER, "R_IDEMPOTENT": Stage.IDEMPOTENT},
            ["R_HAM", "R_SPAM"],
        ),
        (SenderKind(IpOptions()), ZONE, {"R": Stage.FILTER}, ["R_HAM", "R_SPAM"]),
        (
            DkimKind(DkimOptions()),
            STORE,
            {"R": Stage.FILTER, "R_POST": Stage.POSTFILTER, "R_IDEMPOTENT": Stage.IDEMPOTENT},
            ["R"],
        ),
        (
            DkimKind(DkimOptions(split_symbols=True)),
            ZONE,
            {"R": Stage.FILTER, "R_POST": Stage.POSTFILTER},
            ["R_HAM", "R_SPAM"],
        ),
    ],
)
def test_checks_have_the_names_of_rspamd(kind, backend, checks, symbols) -> None:
    found = Rule("R", kind, backend, path="p").checks(module())
    assert {check.callback: check.stage for check in found} == checks
    assert [symbol.name for symbol in found[0].symbols] == symbols
    for check in found[1:]:
        assert (check.explicit_disable, check.ignore_passthrough) == (True, True)


@pytest.mark.parametrize(
    "kind, after",
    [
        (SpfKind(SpfOptions()), ("SPF_CHECK",)),
        (DkimKind(DkimOptions()), ("DKIM_CHECK",)),
        (UrlKind(UrlOptions()), ()),
    ],
)
def test_a_rule_waits_for_the_verdicts_it_needs(kind, after: tuple[str, ...]) -> None:
    assert Rule("R", kind, STORE, path="p").checks(module())[0].after == after


# By hand: (runs, condition, option) for inbound, local, authenticated, both.
ROWS = {
    (True, False): ["", "local p.outbound", "authenticated p.outbound", "authenticated p.outbound"],
    (False, True): ["inbound p.inbound", "", "", ""],
    (True, True): ["", "", "", ""],
    (False, False): ["", "", "", ""],
}


@pytest.mark.parametrize("switches", ROWS)
def test_rulings_name_condition_and_option(switches: tuple[bool, bool]) -> None:
    inbound, outbound = switches
    kind = UrlKind(UrlOptions(inbound=inbound, outbound=outbound))
    rule = Rule("R", kind, STORE, path="p")
    rulings = [rule.ruling(direction) for direction in ALL_DIRECTIONS.values()]
    found = ["" if one == RUN else f"{one.because} {one.option}" for one in rulings]
    assert found == ROWS[switches]
    assert all(one == RUN or one.effect == "skip" for one in rulings)


class Signed(Module):
    """Signs every letter for example.org, gives it 9 points, and goes on after a decision."""

    name = "signed"
    group = "signed"
    outbound = RunAlways()
    NINE = Symbol("NINE", 9.0)
    DKIM = Symbol("GOOD_SIGNATURE", -1.0)

    @runs(Stage.FILTER, callback="DKIM_CHECK")
    def check(self, task: Task) -> PlainHits:
        """Decides on a letter whose subject is an action."""
        task.variables["dkim"] = [DkimVerdict("pass", domain="example.org")]
        yield self.DKIM()
        yield self.NINE()
        if task.message.subject in ("soft reject", "add header"):
            least = task.message.subject == "add header"
            task.set_pre_result(task.message.subject, module="signed", least=least)


def bench(rule: str, store: Store | None = None, more: str = "") -> Bench:
    config = f"""actions {{ reject = 15; "add header" = 6; }} {more}
        group "reputation" {{ symbols {{ D {{ score = 5; }} D_HAM {{ score = -5; }} }} }}
        dkim {{ symbol_allow = "GOOD_SIGNATURE"; }} reputation {{ rules {{ {rule} }} }}"""
    return Bench((Signed, Reputation), config=config, store=store)


SIGNERS = 'D { selector "dkim" { lower_bound = 1; %s } backend "redis" { } symbol = "D"; }'
SUM = math.tanh(8 / 15 * 1.83178 - 0.5493)


async def test_the_signature_symbol_may_have_another_name(store: Store) -> None:
    async with bench(SIGNERS % "max_accept_adjustment = 3;", store) as one:
        first, second = await one.scan(mail()), await one.scan(mail())
    assert first.scores["GOOD_SIGNATURE"] == -1
    assert second.scores["GOOD_SIGNATURE"] == pytest.approx(-1 + 3 * math.tanh(SUM))


@pytest.mark.parametrize("split", ["split_symbols = true;", ""])
async def test_the_own_symbol_is_taken_off_before_learning(store: Store, split: str) -> None:
    async with bench(SIGNERS % f"max_accept_adjustment = 0; {split}", store) as one:
        for _ in range(3):
            found = await one.scan(mail())
    assert ("D_SPAM" if split else "D") in found.hits
    n, average = await store.hash_get("RR:example.org.a", ["n", "v1m"])
    assert (n, float(average or b"nan")) == (b"3", pytest.approx(8.0))


@pytest.mark.parametrize(
    "subject, learnt", [("x", b"1"), ("soft reject", None), ("add header", None)]
)
async def test_nothing_is_learnt_of_a_decision(store: Store, subject: str, learnt) -> None:
    async with bench(SIGNERS % "", store) as one:
        await one.scan(mail(headers={"Subject": subject}))
    assert await store.hash_get("RR:example.org.a", ["n"]) == [learnt]


async def test_the_reject_threshold_of_settings_is_what_counts(store: Store) -> None:
    settings = 'settings { strict { priority = high; from = "strict@example.org"; '
    settings += "apply { actions { reject = 8; } } } }"
    async with bench(SIGNERS % "max_accept_adjustment = 0;", store, settings) as one:
        await one.scan(mail())
        usual, strict = await one.scan(mail()), await one.scan(mail(sender="strict@example.org"))
    assert usual.scores["D"] == pytest.approx(5 * SUM)
    assert strict.scores["D"] == pytest.approx(5 * math.tanh(8 / 8 * 1.83178 - 0.5493))
