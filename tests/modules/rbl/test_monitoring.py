# SPDX-License-Identifier: Apache-2.0
"""Lists that die, lists that list everything, and lists that come back."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.modules.rbl.monitoring import ZoneHealth, watch
from gatepost.net import Answer, Rcode, RecordType
from gatepost.testing import zone

GOOD: list[Rcode] = ["nxdomain", "norec"]
BAD: list[Rcode] = ["noerror", "servfail", "timeout", "refused"]


def answer(code: Rcode) -> Answer:
    return Answer(code, ("127.0.0.2",) if code == "noerror" else ())


@pytest.mark.parametrize(
    ("answers", "alive"),
    [
        ("", True),
        ("+", True),
        ("-", True),
        ("--", False),
        ("-+-", True),
        ("---+", True),
        ("--+-", True),
        ("--+--", False),
    ],
)
@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("bad", BAD)
def test_two_failures_in_a_row_and_one_good_answer(
    answers: str, alive: bool, good: Rcode, bad: Rcode
) -> None:
    health = ZoneHealth("bl.test")
    for sign in answers:
        health.note(answer(good if sign == "+" else bad))
    assert health.alive is alive


async def test_a_list_of_addresses_is_asked_for_what_no_list_may_have() -> None:
    dns = zone()
    health = ZoneHealth("bl.test", "1.0.0.127")
    await health.probe(dns)
    assert dns.asked == [("1.0.0.127.bl.test", "A")]


async def test_a_list_of_names_is_asked_for_another_name_each_time() -> None:
    dns = zone()
    health = ZoneHealth("bl.test")
    await health.probe(dns)
    await health.probe(dns)
    (first, _), (second, _) = dns.asked
    assert first != second
    assert first.partition(".")[2] == second.partition(".")[2] == "bl.test"
    assert len(first.partition(".")[0]) == 32


def test_the_log_says_once_what_is_wrong_and_that_it_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "gatepost.rbl")
    health = ZoneHealth("bl.test")
    for code in ("timeout", "timeout", "timeout", "nxdomain", "noerror", "noerror"):
        health.note(answer(code))  # type: ignore[arg-type]
    assert [record.getMessage() for record in caplog.records] == [
        "list bl.test does not answer (timeout): it is not asked until that ends",
        "list bl.test answers again",
        "list bl.test lists what nobody lists: it is not asked until that ends",
    ]


async def test_the_watch_asks_all_lists_again_and_again() -> None:
    class Dead:
        def __init__(self) -> None:
            self.asked: list[str] = []
            self.enough = asyncio.Event()

        async def query(self, name: str, type: RecordType) -> Answer:
            self.asked.append(name)
            if len(self.asked) >= 6:
                self.enough.set()
            return Answer("servfail")

    resolver = Dead()
    zones = [ZoneHealth("a.test", "x"), ZoneHealth("b.test", "x")]
    watching = asyncio.ensure_future(watch(zones, resolver, interval=0.0001))
    await asyncio.wait_for(resolver.enough.wait(), 5)
    watching.cancel()
    assert resolver.asked[:4] == ["x.a.test", "x.b.test", "x.a.test", "x.b.test"]
    assert not any(health.alive for health in zones)
