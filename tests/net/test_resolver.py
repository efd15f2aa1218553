# SPDX-License-Identifier: Apache-2.0
"""The resolver: made-up records, cache, rotation, aliases, limits of time."""

import asyncio
import time

import pytest

from dns_server import DnsServer
from gatepost.net import (
    Answer,
    DnsCache,
    DnsResolver,
    Health,
    ResolverSettings,
    UpstreamError,
    answer_of,
)
from gatepost.net.resolver import name_servers, read_resolv_conf

ZONE = """
a.test 300 A 192.0.2.1
out.test 30 CNAME in.elsewhere.test.
in.elsewhere.test 300 A 192.0.2.7
circle.test 30 CNAME x.elsewhere.test.
x.elsewhere.test 30 CNAME y.elsewhere.test.
y.elsewhere.test 30 CNAME x.elsewhere.test.
dead.test 30 CNAME gone.elsewhere.test.
xn--mnchen-3ya.test 300 TXT "servus"
_dmarc.a.test 300 TXT "v=DMARC1"
"""


def resolver(*servers, **settings):
    fakes = settings.pop("fake_records", None)
    cache = settings.pop("cache", None)
    names = tuple(server.address for server in servers)
    given = ResolverSettings(nameserver=names, **{"timeout": 5.0, **settings})
    return DnsResolver(given, fake_records=fakes, cache=cache)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.test", "A", Answer("noerror", ("192.0.2.1",), 300)),
        ("A.TEST.", "A", Answer("noerror", ("192.0.2.1",), 300)),
        ("München.test", "TXT", Answer("noerror", (b"servus",), 300)),
        ("_dmarc.a.test", "TXT", Answer("noerror", (b"v=DMARC1",), 300)),
        ("out.test", "A", Answer("noerror", ("192.0.2.7",), 30)),
        ("circle.test", "A", Answer("servfail")),
        ("dead.test", "A", Answer("nxdomain")),
        ("a..test", "A", Answer("badname")),
        ("", "A", Answer("badname")),
        ("x" * 64 + ".test", "A", Answer("badname")),
        ("a.test\0", "A", Answer("badname")),
    ],
)
async def test_names_and_aliases(name, kind, expected):
    async with DnsServer(ZONE) as server:
        asked = resolver(server)
        assert await asked.query(name, kind) == expected
        await asked.close()


async def test_one_question_at_a_time_whoever_asks():
    go = asyncio.Event()
    async with DnsServer(ZONE, after={"a.test": go}) as server:
        asked = resolver(server)
        waiting = [asyncio.ensure_future(asked.query("a.test", "A")) for _ in range(20)]
        while not server.asked:
            await asyncio.sleep(0.001)
        waiting[0].cancel()  # who asked first leaves; the others still get their answer
        go.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert all(answer.ok for answer in answers[1:])
        assert server.asked["a.test", "A"] == 1
        assert (await asked.query("a.test", "A")).ok
        assert asked.statistics["A"].cached == 1
        assert asked.statistics["A"].sent == 1
        await asked.close()


async def test_made_up_records_answer_only_their_own_name_and_type():
    fakes = {("a.test", "A"): Answer("noerror", ("127.0.0.2",))}
    async with DnsServer(ZONE) as server:
        asked = resolver(server, fake_records=fakes)
        assert (await asked.query("a.test", "A")).records == ("127.0.0.2",)
        assert (await asked.query("a.test", "TXT")).rcode == "norec"
        assert not server.asked["a.test", "A"]
        await asked.close()


async def test_a_black_hole_delays_by_no_more_than_the_configured_time():
    async with DnsServer(silent=["*"]) as one, DnsServer(silent=["*"]) as two:
        asked = resolver(one, two, timeout=0.1, retransmits=4)
        assert asked.longest == pytest.approx(0.4)
        begin = time.monotonic()
        answers = await asyncio.gather(*(asked.query(f"{i}.test", "A") for i in range(20)))
        assert time.monotonic() - begin < 4
        assert {answer.rcode for answer in answers} == {"timeout"}
        assert one.asked and two.asked
        await asked.close()


async def test_a_dead_server_is_left_alone_and_the_other_one_answers():
    async with DnsServer(ZONE, silent=["*"]) as dead, DnsServer(ZONE) as live:
        health = Health(max_errors=2, error_time=60, revive_time=3600)
        asked = resolver(dead, live, timeout=0.2, retransmits=3, health=health)
        for i in range(8):
            assert (await asked.query(f"{i}.test", "A")).rcode == "nxdomain"
        assert sum(dead.asked.values()) <= 6  # c-ares resends on its own
        assert [s.until > 0 for s in asked.upstreams.servers] == [True, False]
        await asked.close()


async def test_a_zone_that_fails_is_asked_of_every_server_once():
    async with (
        DnsServer(ZONE, rcodes={"bad.test": "SERVFAIL"}) as one,
        DnsServer(ZONE, rcodes={"bad.test": "SERVFAIL"}) as two,
    ):
        asked = resolver(one, two, retransmits=5)
        assert (await asked.query("bad.test", "A")).rcode == "servfail"
        assert asked.statistics["A"].outcomes == {"servfail": 1}
        assert one.asked and two.asked
        await asked.close()


async def test_a_closed_resolver_answers_so():
    async with DnsServer(silent=["*"]) as server:
        asked = resolver(server, timeout=30)
        waiting = asyncio.ensure_future(asked.query("a.test", "A"))
        while not server.asked:
            await asyncio.sleep(0.001)
        await asked.close()
        assert (await waiting).rcode == "closed"
        assert (await asked.query("b.test", "A")).rcode == "closed"


async def test_what_is_remembered_expires():
    now = [0.0]
    async with DnsServer(ZONE) as server:
        asked = resolver(server, cache=DnsCache(clock=lambda: now[0]))
        for moment, sent in [(0, 1), (299, 1), (301, 2)]:
            now[0] = moment
            assert (await asked.query("a.test", "A")).ok
            assert asked.statistics["A"].sent == sent
        await asked.close()


def test_servers_come_from_resolv_conf(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# local\nnameserver 192.0.2.53\nsearch x\nnameserver 2001:db8::53\nnameserver\n"
    )
    found = name_servers(ResolverSettings(), path)
    assert [server.name for server in found.servers] == ["192.0.2.53:53", "[2001:db8::53]:53"]
    assert read_resolv_conf(tmp_path / "none") == []
    assert name_servers(ResolverSettings(), tmp_path / "none").servers[0].name == "127.0.0.1:53"


def test_a_name_server_is_given_by_its_address():
    with pytest.raises(UpstreamError, match=r"ns\.example"):
        DnsResolver(ResolverSettings(nameserver=("ns.example",)))


async def test_what_is_in_the_cache_is_said_without_waiting():
    async with DnsServer(ZONE) as server:
        asked = resolver(server)
        first = asked.begin("a.test", "A")
        assert (await first).records == ("192.0.2.1",)
        assert asked.begin("A.test.", "A").records == ("192.0.2.1",)
        assert asked.begin("a..test", "A") == Answer("badname")
        assert server.asked["a.test", "A"] == 1
        await asked.close()
        assert asked.begin("b.test", "A") == Answer("closed")


async def test_a_question_that_was_begun_is_told_when_the_resolver_closes():
    async with DnsServer(ZONE, after={"a.test": asyncio.Event()}) as server:
        asked = resolver(server)
        begun = asked.begin("a.test", "A")
        await asyncio.sleep(0)
        await asked.close()
        await asyncio.wait([begun], timeout=5)
        assert answer_of(begun) == Answer("closed")
