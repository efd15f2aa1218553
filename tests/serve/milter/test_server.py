# SPDX-License-Identifier: Apache-2.0
"""A real listener on loopback, driven by the milter client."""

import asyncio
import contextlib
import logging
import socket

import pytest
import uvloop

from gatepost.serve.errors import BadRequest, ScanFailed
from gatepost.serve.milter import MilterOptions, MilterServer
from gatepost.serve.reply import CheckReply, MilterReply
from milter_client import MilterClient

MESSAGE = b"From: alice@example.org\r\nSubject: hi\r\n\r\ntext\r\n"


def verdict(action="no action", **fields):
    return CheckReply(False, 0.0, 15.0, action, {}, {}, {}, 0.0, **fields)


class Scanner:
    """A ``Scan`` that notes what it gets and answers with what it is told to.

    With ``gate`` a scan announces itself by ``started`` and waits for the gate to open.
    """

    def __init__(self, answer=None, gate=None):
        self.answer = answer if answer is not None else verdict()
        self.gate = gate
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.seen = []

    async def __call__(self, headers, body, peer):
        self.seen.append((headers, body, peer))
        self.started.set()
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@contextlib.asynccontextmanager
async def serving(scan, *, max_message=100_000, timeout=30.0, max_held=None, grace=0.0, **options):
    milter = MilterServer(
        scan, MilterOptions(**options), max_message=max_message, timeout=timeout, max_held=max_held
    )
    sock = socket.create_server(("127.0.0.1", 0))
    listening = await asyncio.get_running_loop().create_server(milter.protocol_factory, sock=sock)
    try:
        yield milter, sock.getsockname()[1]
    finally:
        listening.close()
        await asyncio.wait_for(milter.drain(grace), 10)
        await listening.wait_closed()


@contextlib.asynccontextmanager
async def mta(port, **offer):
    async with await MilterClient.open("127.0.0.1", port) as client:
        await client.negotiate(**offer)
        await client.connect()
        await client.helo()
        yield client


def said(replies):
    return [str(one) for one in replies]


async def test_messages_over_one_connection():
    scan = Scanner(verdict(dkim_signature=["v=1; a", "v=1; b"]))
    async with serving(scan, settings_id="outbound") as (milter, port), mta(port) as client:
        for user in ("alice", ""):
            assert said(await client.send(MESSAGE, user=user)) == [
                "i 1 DKIM-Signature v=1; a",
                "i 2 DKIM-Signature v=1; b",
                "a",
            ]
        assert milter.counters.accepted == 2 and milter.held_bytes == 0
    (first, body, peer), (second, _, _) = scan.seen
    assert body == MESSAGE
    assert dict(first)["User"] == "alice" and "User" not in dict(second)
    assert dict(first)["IP"] == "203.0.113.7"
    assert (peer.address, peer.listener) == ("127.0.0.1", f"127.0.0.1:{port}")
    assert (peer.protocol, peer.settings_id) == ("milter", "outbound")


async def test_an_old_mta_is_answered_step_by_step():
    scan = Scanner(verdict("reject"))
    async with serving(scan) as (_, port), mta(port, version=2, actions=0x3F, protocol=0) as client:
        assert (await client.mail()).code == "c"
        assert (await client.header("Subject", "x")).code == "c"
        assert said(await client.end()) == ["y 554 5.7.1 Spam message rejected"]


async def test_a_large_body_in_chunks():
    scan = Scanner()
    raw = b"A: b\r\n\r\n" + b"x" * 78 + b"\r\n"
    raw += b"y" * 300_000
    async with serving(scan, max_message=len(raw)) as (_, port), mta(port) as client:
        assert said(await client.send(raw)) == ["a"]
        assert said(await client.send(raw + b"z")) == [
            "y 552 5.3.4 Message is too large to be scanned"
        ]
    assert [body for _, body, _ in scan.seen] == [raw]


async def test_a_full_listener_tempfails_messages_and_recovers():
    scan = Scanner()
    raw = b"A: b\r\n\r\n" + b"x" * 1000
    async with serving(scan, max_held=1500) as (milter, port), mta(port) as holder:
        await holder.mail()
        await holder.body(b"x" * 1000)
        async with mta(port) as client:
            assert said(await client.send(raw)) == ["y 452 4.3.1 Try again later"]
            assert said(await holder.end()) == ["a"]
            assert said(await client.send(raw)) == ["a"]
        assert milter.counters.refused_messages == 1


@pytest.mark.parametrize(
    "error",
    [ScanFailed("no engine"), BadRequest("bad"), ValueError("quotes the letter"), OSError()],
)
async def test_a_scan_without_verdict_is_a_temporary_failure_with_a_log_line(error, caplog):
    with caplog.at_level(logging.INFO, "gatepost.milter"):
        async with serving(Scanner(error)) as (milter, port), mta(port) as client:
            assert said(await client.send(MESSAGE)) == ["t"]
            assert said(await client.send(MESSAGE)) == ["t"]
            assert milter.counters.failures == 2
    assert [record.queue_id for record in caplog.records] == ["4ABC", "4ABC"]
    assert "quotes the letter" not in caplog.text


async def test_an_answer_that_is_none_is_a_temporary_failure():
    async with serving(Scanner(answer="nonsense")) as (_, port), mta(port) as client:
        assert said(await client.send(MESSAGE)) == ["t"]


async def test_a_slow_scan_is_given_up():
    scan = Scanner(gate=asyncio.Event())
    async with serving(scan, timeout=0.01) as (_, port), mta(port) as client:
        assert said(await client.send(MESSAGE)) == ["t"]
    assert scan.cancelled.is_set()


async def test_failure_may_let_mail_pass():
    scan = Scanner(ScanFailed("x"))
    async with serving(scan, on_failure="accept") as (_, port), mta(port) as client:
        assert said(await client.send(MESSAGE)) == ["a"]


async def test_a_scan_ends_when_the_mta_goes():
    scan = Scanner(gate=asyncio.Event())
    async with serving(scan) as (milter, port):
        client = await MilterClient.open("127.0.0.1", port)
        await client.negotiate()
        await client.body(b"x")
        client.write("E")
        await scan.started.wait()
        assert milter.running_scans == 1
        await client.close()
        await asyncio.wait_for(scan.cancelled.wait(), 10)
        assert milter.counters.cancelled == 1 and milter.held_bytes == 0


async def test_commands_sent_ahead_wait_for_the_answer():
    scan = Scanner(verdict("discard"), gate=asyncio.Event())
    async with serving(scan) as (_, port), mta(port) as client:
        await client.mail()
        await client.body(b"1")
        client.write("E")
        await client.mail("<second@example.org>")
        for _ in range(10):
            await client.body(b"x" * 9_000)
        client.write("E")
        await scan.started.wait()
        assert len(scan.seen) == 1
        scan.gate.set()
        assert (await client.read_frame(), await client.read_frame()) == (("d", b""),) * 2
    assert scan.seen[1][1] == b"\r\n" + b"x" * 90_000


@pytest.mark.parametrize("data", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1Q", b"\0\0\0\1?"])
async def test_what_is_no_milter_is_closed(data, caplog):
    async with serving(Scanner()) as (milter, port):
        async with await MilterClient.open("127.0.0.1", port) as client:
            client.writer.write(data)
            assert await client.is_closed()
        assert milter.counters.protocol_errors == 1
    assert "protocol error from 127.0.0.1" in caplog.text


async def test_a_message_that_goes_wrong_is_a_temporary_failure():
    async with serving(Scanner()) as (_, port), mta(port) as client:
        await client.mail()
        client.writer.write(b"\0\0\0\1?")
        assert await client.read_frame() == ("t", b"")
        assert await client.is_closed()


async def test_quit_closes():
    async with serving(Scanner()) as (milter, port), mta(port) as client:
        await client.quit()
        assert await client.is_closed()
        assert milter.counters.protocol_errors == 0


async def test_ping_over_http():
    async with serving(Scanner()) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (b"G", b"ET /ping HTTP/1.1\r\n", b"Host: x\r\n\r\n"):
            writer.write(piece)
            await writer.drain()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"pong\r\n")
        writer.close()
        await writer.wait_closed()


async def test_too_many_connections_are_closed_at_once():
    async with serving(Scanner(), max_connections_per_source=1) as (milter, port), mta(port):
        async with await MilterClient.open("127.0.0.1", port) as second:
            assert await second.is_closed()
        assert milter.counters.refused_connections == 1


async def test_edits_need_negotiation():
    found = verdict("add header", milter=MilterReply(add_rcpt=["x@example.org"]))
    async with serving(Scanner(found)) as (_, port), mta(port, actions=0x10) as client:
        assert said(await client.send(MESSAGE)) == ["m 1 X-Spam Yes", "a"]


async def test_drain_closes_the_idle_and_finishes_what_is_held():
    scan = Scanner(verdict("reject"))
    async with serving(scan) as (milter, port), mta(port) as client, mta(port) as idle:
        await idle.send(MESSAGE)
        await idle.quit_new_connection()
        scan.gate = asyncio.Event()
        scan.started.clear()
        sending = asyncio.ensure_future(client.send(MESSAGE))
        await scan.started.wait()
        draining = asyncio.ensure_future(milter.drain(grace=10))
        assert await idle.is_closed()
        assert not draining.done()
        late = await MilterClient.open("127.0.0.1", port)
        assert await late.is_closed()
        scan.gate.set()
        assert said(await sending) == ["y 554 5.7.1 Spam message rejected"]
        await client.quit()
        await draining
        assert milter.open_connections == 0
        await late.close()


async def test_a_client_that_leaves_while_we_drain_is_the_last_one():
    async with serving(Scanner()) as (milter, port), mta(port) as client:
        draining = asyncio.ensure_future(milter.drain(grace=10))
        assert said(await client.send(MESSAGE)) == ["a"]
        await client.quit_new_connection()
        assert await client.is_closed()
        await draining


async def test_drain_gives_up_scans_after_its_grace():
    scan = Scanner(gate=asyncio.Event())
    async with serving(scan) as (milter, port), mta(port) as client:
        sending = asyncio.ensure_future(client.send(MESSAGE))
        await scan.started.wait()
        await milter.drain(grace=0)
        assert said(await sending) == ["t"]
        assert await client.is_closed()
        assert scan.cancelled.is_set()


async def test_a_unix_socket_serves_as_well(tmp_path):
    scan = Scanner()
    milter = MilterServer(scan, MilterOptions(), max_message=1000, timeout=5)
    path = str(tmp_path / "milter.sock")
    listening = await asyncio.get_running_loop().create_unix_server(milter.protocol_factory, path)
    async with await MilterClient.open_unix(path) as client:
        await client.negotiate()
        assert said(await client.send(MESSAGE)) == ["a"]
    listening.close()
    await milter.drain(1)
    assert scan.seen[0][2].listener == path


def test_the_same_under_uvloop():
    async def talk():
        scan = Scanner(verdict("reject"))
        async with serving(scan) as (milter, port), mta(port) as client:
            assert said(await client.send(MESSAGE)) == ["y 554 5.7.1 Spam message rejected"]
            scan.gate = asyncio.Event()
            client.write("E")
            scan.started.clear()
            await scan.started.wait()
            client.writer.transport.abort()
            await asyncio.wait_for(scan.cancelled.wait(), 10)
            assert milter.counters.cancelled == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(talk())
