# SPDX-License-Identifier: Apache-2.0
"""What is remembered, for how long, and how much of it."""

import asyncio

import pytest

from gatepost.net import Answer, DnsCache, Soa


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer("noerror", ("192.0.2.1",), 30), 30),
        (Answer("noerror", ("192.0.2.1",), 10_000_000), 86_400),
        (Answer("noerror", ("192.0.2.1",), 0), 0),
        (Answer("nxdomain"), 60),
        (Answer("norec"), 60),
        (Answer("servfail"), 5),
        (Answer("timeout"), 0),
        (Answer("closed"), 0),
    ],
)
def test_every_kind_of_answer_has_its_time(answer, seconds):
    clock = Clock()
    cache = DnsCache(clock=clock)
    cache.keep(("a", "A"), answer)
    if seconds:
        clock.now = seconds - 0.1
        assert cache.find(("a", "A")) is answer
    clock.now = seconds + 0.1
    assert cache.find(("a", "A")) is None
    assert len(cache) == 0 and cache.size == 0


def test_the_least_recently_used_goes_first():
    cache = DnsCache(max_entries=3)
    for name in "abc":
        cache.keep((name, "A"), Answer("noerror", (name,), 60))
    cache.find(("a", "A"))
    cache.keep(("d", "A"), Answer("noerror", ("d",), 60))
    assert [name for name in "abcd" if cache.find((name, "A"))] == ["a", "c", "d"]


def test_memory_is_bounded_whatever_the_answers_weigh():
    cache = DnsCache(max_bytes=100_000)
    for i in range(1000):
        cache.keep((f"{i}.test", "TXT"), Answer("noerror", (b"x" * 2000,), 60))
    assert cache.size <= 100_000 and 30 < len(cache) < 50
    cache.keep(("huge.test", "TXT"), Answer("noerror", (b"x" * 90_000,), 60))
    assert len(cache) > 30  # it did not push the others out


def test_a_newer_answer_replaces_the_older_one():
    cache = DnsCache()
    soa = Answer("noerror", (Soa("a", "b", 1, 2, 3, 4, 5),), 60)
    for answer in (Answer("noerror", ("x",), 60), soa):
        cache.keep(("a", "SOA"), answer)
    size = cache.size
    cache.keep(("a", "SOA"), soa)
    assert len(cache) == 1 and cache.size == size


async def test_an_answer_is_told_to_who_waits_and_remembered():
    cache = DnsCache()
    flight = cache.depart(("a", "A"))
    assert cache.flights[("a", "A")] is flight
    answer = Answer("noerror", ("192.0.2.1",), 60)
    cache.land(("a", "A"), answer)
    assert await flight == answer and cache.find(("a", "A")) == answer
    assert not cache.flights


async def test_close_ends_questions():
    cache = DnsCache()
    flight = cache.depart(("a", "A"))
    cache.close()
    with pytest.raises(asyncio.CancelledError):
        await flight
    cache.land(("a", "A"), Answer("nxdomain"))  # too late, and no harm
