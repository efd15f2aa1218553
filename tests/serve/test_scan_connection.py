# SPDX-License-Identifier: Apache-2.0
"""One client of the scan port: slow, hostile, gone, half gone."""

import asyncio
import contextlib
import socket
import struct

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepost.serve.scan_connection import ScanConnection
from scan_port_client import PATIENCE, Scanner, chunked, parse_answer, post, serving

MESSAGE = b"From: alice@example.org\r\nSubject: hi\r\n\r\ntext\r\n"


@pytest.mark.parametrize("size", [1, 5, 40])
@pytest.mark.parametrize(
    "raw",
    [
        post(MESSAGE, "User: alice"),
        b"\r\n\r\n" + post(MESSAGE, "User: alice"),
        b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(MESSAGE),
    ],
)
async def test_packets_may_end_anywhere(raw, size):
    scanner = Scanner()
    async with serving(scanner) as served:
        answer = await served.exchange(*(raw[i : i + size] for i in range(0, len(raw), size)))
    assert answer.status == 200
    assert scanner.seen[0][1] == MESSAGE


async def test_one_request_a_connection():
    scanner = Scanner()
    async with serving(scanner) as served:
        answer = await served.exchange(post(MESSAGE) + post(b"second", "User: mallory"))
    assert answer.raw.count(b"HTTP/1.1 200") == 1
    assert len(scanner.seen) == 1


async def test_junk_after_the_request_neither_harms_nor_accumulates():
    gate = asyncio.Event()
    scanner = Scanner(gate=gate)
    async with serving(scanner) as served:
        reader, writer = await served.connect()
        writer.write(post(MESSAGE))
        await scanner.started.wait()
        writer.write(b"\0junk" * 20_000)
        await writer.drain()
        held = served.port.held_bytes
        gate.set()
        answer = parse_answer(await asyncio.wait_for(reader.read(), PATIENCE))
        writer.close()
        await writer.wait_closed()
        assert answer.status == 200
        assert held == len(post(MESSAGE))
        await served.settled()
        assert served.port.held_bytes == 0


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
async def test_expect_continue_is_answered_where_it_exists(version):
    async with serving(Scanner()) as served:
        reader, writer = await served.connect()
        writer.write(post(b"", "Expect: 100-continue", length=len(MESSAGE), version=version))
        if version == "HTTP/1.1":
            interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(MESSAGE)
        answer = parse_answer(await asyncio.wait_for(reader.read(), PATIENCE))
        writer.close()
        await writer.wait_closed()
    assert answer.status == 200


async def test_a_body_that_will_be_too_large_is_refused_before_it_is_sent():
    async with serving(Scanner(), max_message=1000) as served:
        answer = await served.exchange(post(b"", "Expect: 100-continue", length=1001))
    assert answer.status == 413


async def test_a_client_that_sends_a_large_body_all_the_same_sees_why():
    """Closing with unread input resets the connection and takes the answer with it."""
    async with serving(Scanner(), max_message=1000) as served:
        pieces = [b"x" * 100_000] * 30
        answer = await served.exchange(post(b"", length=3_000_000), *pieces)
        assert answer.status == 413
        await served.settled()
        assert served.port.held_bytes == 0


async def test_a_half_closed_client_is_served():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner) as served:
        exchange = asyncio.ensure_future(served.exchange(post(MESSAGE), half_close=True))
        await scanner.started.wait()
        await asyncio.sleep(0)
        scanner.gate.set()
        assert (await exchange).status == 200


async def test_a_request_that_ends_too_early_is_refused():
    async with serving(Scanner()) as served:
        answer = await served.exchange(post(MESSAGE)[:-1], half_close=True)
        assert answer.status == 400
        assert answer.body == b'{"error":"the request ends too early"}'


async def test_without_the_workaround_a_half_closed_client_is_gone():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner, enable_shutdown_workaround=False) as served:
        answer = await served.exchange(post(MESSAGE), half_close=True)
        assert answer.raw == b""
        await asyncio.wait_for(scanner.cancelled.wait(), PATIENCE)


async def test_the_scan_of_a_client_that_went_away_is_cancelled():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner) as served:
        _, writer = await served.connect()
        writer.write(post(MESSAGE))
        await scanner.started.wait()
        linger = struct.pack("ii", 1, 0)  # close by a reset, as the kernel does for the dead
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        await asyncio.wait_for(scanner.cancelled.wait(), PATIENCE)
        await served.settled()
        assert served.port.counters.cancelled == 1
        assert served.port.held_bytes == 0
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("sent", [b"P", b"POST /checkv2 HTTP/1.1\r\n", post(MESSAGE)[:-1]])
async def test_a_request_that_never_ends_is_408(sent):
    async with serving(Scanner(), timeout=0.05) as served:
        answer = await served.exchange(sent)
        assert (answer.status, answer.json) == (408, {"error": "Request timeout"})
        assert served.port.counters.timeouts == 1


async def test_a_client_without_a_word_is_let_go():
    async with serving(Scanner(), timeout=0.05) as served:
        assert (await served.exchange()).raw == b""


async def test_a_scan_without_end_gets_an_error_and_is_stopped():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner, scan_timeout=0.05) as served:
        answer = await served.exchange(post(MESSAGE))
        assert (answer.status, answer.json) == (500, {"error": "no verdict within 0.05 seconds"})
        assert scanner.cancelled.is_set()
        assert served.port.counters.failures == 1


async def test_what_is_held_is_bounded_for_all_connections_together():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner, max_message=1000, max_held=1500) as served:
        first = asyncio.ensure_future(served.exchange(post(b"x" * 1000)))
        await scanner.started.wait()
        answer = await served.exchange(post(b"y" * 900))
        assert (answer.status, answer.json) == (
            503,
            {"error": "too many messages are being scanned"},
        )
        scanner.gate.set()
        assert (await first).status == 200
        assert served.port.held_bytes == 0
        assert (await served.exchange(post(b"z" * 900))).status == 200


def test_it_works_on_uvloop_too():
    async def run():
        scanner = Scanner()
        async with serving(scanner, max_message=1000) as served:
            one = await served.exchange(post(MESSAGE))
            half = await served.exchange(post(MESSAGE), half_close=True)
            large = await served.exchange(post(b"", length=200_000), b"x" * 200_000)
            junk = await served.exchange(post(MESSAGE), b"junk" * 50)
        return [answer.status for answer in (one, half, large, junk)]

    assert uvloop.run(run()) == [200, 200, 413, 200]


@given(st.lists(st.one_of(st.binary(max_size=60), st.just(b"POST /checkv2 HTTP/1.1\r\n"),
                          st.just(b"GET /ping HTTP/1.1\r\n\r\n"), st.just(post(MESSAGE))),
                max_size=5))  # fmt: skip
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_bytes_never_kill_the_port(pieces):
    async def run():
        errors = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: errors.append(c))
        async with serving(Scanner()) as served:
            answer = await served.exchange(*pieces, half_close=True)
            assert answer.status in (0, 200, 400, 413, 500)
            assert (await served.exchange(b"GET /ping HTTP/1.1\r\n\r\n")).body == b"pong\r\n"
            await served.settled()
            assert served.port.held_bytes == 0
        assert not errors

    asyncio.run(run())


def test_a_connection_is_a_protocol_of_the_event_loop():
    assert issubclass(ScanConnection, asyncio.Protocol)
