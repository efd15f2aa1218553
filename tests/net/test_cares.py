# SPDX-License-Identifier: Apache-2.0
"""c-ares on the event loop, against a real server."""

import asyncio
import time

import pytest

from dns_server import DnsServer
from gatepost.net import Answer, Mx, Soa
from gatepost.net.cares import MAX_HEARD, MAX_QUERIES, CaresServer

ZONE = (
    """
a.test 300 A 192.0.2.1
a.test 300 A 192.0.2.2
six.test 300 AAAA 2001:db8::1
mx.test 60 MX 10 Mail.MX.test.
mx.test 60 MX 20 b.mx.test.
null.test 60 MX 0 .
ns.test 60 NS ns1.NS.test.
1.2.0.192.in-addr.arpa 60 PTR host.test.
txt.test 60 TXT "one " "two"
bin.test 60 TXT "\\128\\000x"
zone.test 60 SOA ns.zone.test. post.zone.test. 1 2 3 4 5
alias.test 100 CNAME second.test.
second.test 50 CNAME a.test.
loop.test 50 CNAME pool.test.
pool.test 50 CNAME loop.test.
"""
    + "big.test 60 TXT "
    + " ".join(['"' + "x" * 250 + '"'] * 30)
    + "\n"
    + "huge.test 60 TXT "
    + " ".join(['"' + "y" * 255 + '"'] * 240)
)


@pytest.fixture
async def server():
    async with DnsServer(ZONE, rcodes={"bad.test": "SERVFAIL", "no.test": "REFUSED"}) as found:
        yield found


@pytest.fixture
async def cares(server):
    asked = CaresServer("127.0.0.1", server.port, timeout=5.0)
    yield asked
    asked.close()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.test", "A", Answer("noerror", ("192.0.2.1", "192.0.2.2"), 300)),
        ("six.test", "AAAA", Answer("noerror", ("2001:db8::1",), 300)),
        ("mx.test", "MX", Answer("noerror", (Mx(10, "mail.mx.test"), Mx(20, "b.mx.test")), 60)),
        ("null.test", "MX", Answer("noerror", (Mx(0, "."),), 60)),
        ("ns.test", "NS", Answer("noerror", ("ns1.ns.test",), 60)),
        ("1.2.0.192.in-addr.arpa", "PTR", Answer("noerror", ("host.test",), 60)),
        ("txt.test", "TXT", Answer("noerror", (b"one two",), 60)),
        ("bin.test", "TXT", Answer("noerror", (b"\x80\x00x",), 60)),
        (
            "zone.test",
            "SOA",
            Answer("noerror", (Soa("ns.zone.test", "post.zone.test", 1, 2, 3, 4, 5),), 60),
        ),
        ("alias.test", "A", Answer("noerror", ("192.0.2.1", "192.0.2.2"), 50)),
        ("alias.test", "CNAME", Answer("noerror", ("second.test",), 100)),
        ("loop.test", "A", Answer("servfail")),
        ("a.test", "MX", Answer("norec")),
        ("nothing.test", "A", Answer("nxdomain")),
        ("bad.test", "A", Answer("servfail")),
        ("no.test", "A", Answer("refused")),
    ],
)
async def test_every_type_and_outcome(cares, name, kind, expected):
    answer = await cares.query(name, kind)
    if expected.rcode != "norec":
        assert set(answer.records) == set(expected.records)
    assert (answer.rcode, answer.ttl) == (expected.rcode, expected.ttl)


@pytest.mark.parametrize(("name", "size"), [("big.test", 7_500), ("huge.test", 61_200)])
async def test_an_answer_that_was_cut_is_fetched_over_tcp(server, cares, name, size):
    answer = await cares.query(name, "TXT")
    assert len(answer.records[0]) == size
    assert server.over_tcp[name] == 1


async def test_silence_ends_with_the_time_out(server):
    server.silent.add("*")
    cares = CaresServer("127.0.0.1", server.port, timeout=0.3)
    begin = time.monotonic()
    answers = await asyncio.gather(*(cares.query(f"{i}.test", "A") for i in range(50)))
    assert {answer.rcode for answer in answers} == {"timeout"}
    assert time.monotonic() - begin < 5
    cares.close()


async def test_closing_ends_what_is_under_way(server):
    server.silent.add("*")
    cares = CaresServer("127.0.0.1", server.port, timeout=30)
    asked = asyncio.gather(*(cares.query(f"{i}.test", "A") for i in range(3)))
    await asyncio.sleep(0)
    cares.close()
    assert {answer.rcode for answer in await asked} == {"closed"}


@pytest.mark.parametrize("spent", [{"asked": MAX_QUERIES}, {"heard": MAX_HEARD}])
async def test_the_channel_is_renewed_before_its_hidden_cache_grows(server, cares, spent):
    await cares.query("a.test", "A")
    first = cares.channel
    for name, count in spent.items():
        setattr(first, name, count)
    await cares.query("a.test", "A")
    await cares.query("a.test", "A")
    assert cares.channel is not first and first.closed and not cares.retired
    assert server.asked["a.test", "A"] == 2


@pytest.mark.parametrize(
    ("name", "kind", "least", "most"),
    [("huge.test", "TXT", 61_200, 62_000), ("a.test", "A", 400, 1000), ("none.test", "A", 0, 0)],
)
async def test_what_is_heard_is_weighed(cares, name, kind, least, most):
    await cares.query(name, kind)
    assert least <= cares.channel.heard <= most


async def test_a_name_that_c_ares_refuses_is_an_outcome(cares):
    assert (await cares.query("a..test", "A")).rcode in ("badname", "servfail")
