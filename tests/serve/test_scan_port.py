# SPDX-License-Identifier: Apache-2.0
"""A listener from its first connection to its last."""

import asyncio

import pytest

from scan_port_client import PATIENCE, Scanner, parse_answer, post, serving

MESSAGE = b"Subject: hi\r\n\r\ntext\r\n"


async def test_it_counts_what_it_does():
    async with serving(Scanner(), max_message=1000) as served:
        await served.exchange(post(MESSAGE))
        await served.exchange(b"GET /ping HTTP/1.1\r\n\r\n")
        await served.exchange(post(target="/x"))
        await served.settled()
        counters = served.port.counters
    assert (counters.connections, counters.scans, counters.replies) == (3, 1, 1)
    assert (counters.pings, counters.bad_requests, counters.failures) == (1, 1, 0)


async def test_one_connection_too_many_is_closed_without_a_reply():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner, max_tasks=1) as served:
        first = asyncio.ensure_future(served.exchange(post(MESSAGE)))
        await scanner.started.wait()
        try:
            assert (await served.exchange()).raw == b""
        except ConnectionError:
            pass
        assert served.port.counters.refused_connections == 1
        scanner.gate.set()
        assert (await first).status == 200


async def test_a_draining_port_finishes_what_it_holds():
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner) as served:
        first = asyncio.ensure_future(served.exchange(post(MESSAGE)))
        await scanner.started.wait()
        served.server.close()
        draining = asyncio.ensure_future(served.port.drain(PATIENCE))
        await asyncio.sleep(0)
        scanner.gate.set()
        assert (await first).status == 200
        await draining
        assert served.port.open_connections == served.port.running_scans == 0


@pytest.mark.parametrize("waiting", [False, True])
async def test_after_the_grace_scans_get_an_error_and_the_rest_is_closed(waiting):
    scanner = Scanner(gate=asyncio.Event())
    async with serving(scanner) as served:
        reader, writer = await served.connect()
        if waiting:
            writer.write(post(MESSAGE))
            await scanner.started.wait()
        else:
            while not served.port.open_connections:
                await asyncio.sleep(0)
        served.server.close()
        await served.port.drain(0.01)
        answer = parse_answer(await asyncio.wait_for(reader.read(), PATIENCE))
        writer.close()
        assert answer.status == (503 if waiting else 0)
        if waiting:
            assert answer.json == {"error": "the server stops"}
            assert scanner.cancelled.is_set()


async def test_hundreds_of_clients_at_once():
    scanner = Scanner()
    async with serving(scanner) as served:
        answers = await asyncio.gather(
            *(served.exchange(post(MESSAGE, f"Queue-Id: {n}")) for n in range(200))
        )
    assert {answer.status for answer in answers} == {200}
    assert len({dict(headers)["Queue-Id"] for headers, _, _ in scanner.seen}) == 200
