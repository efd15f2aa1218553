# SPDX-License-Identifier: Apache-2.0
"""The service from outside: real processes, real sockets, real signals."""

import asyncio
import os
import re
import signal
import socket

import pytest

from milter_client import MilterClient
from serve_program import PATIENCE, service, started

pytestmark = pytest.mark.slow


async def gone(pid):
    async with asyncio.timeout(PATIENCE):
        while os.path.exists(f"/proc/{pid}"):
            await asyncio.sleep(0.01)


async def seen_workers(running, count):
    """Scans until so many workers have answered; a burst, so that all get their share."""
    found = set()
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            answers = await asyncio.gather(*(running.scan() for _ in range(20)))
            found |= {answer.worker for answer in answers}
    return found


async def held(path):
    async with asyncio.timeout(PATIENCE):
        while not os.path.exists(f"{path}.held"):
            await asyncio.sleep(0.01)


async def test_it_is_ready_once_and_all_workers_serve_both_listeners(tmp_path):
    async with service(tmp_path, workers=2) as running:
        assert re.fullmatch(
            r"ready milter=127\.0\.0\.1:\d+ scan=127\.0\.0\.1:\d+", running.ready_lines[0]
        )
        assert (await running.ping()).status == 200
        assert await seen_workers(running, 2) == await running.children()
        async with await MilterClient.open("127.0.0.1", running.ports("milter")[0]) as mta:
            await mta.negotiate()
            await mta.connect()
            await mta.helo()
            await mta.mail("a@example.org")
            await mta.rcpt("b@example.org")
            await mta.data()
            await mta.header("Subject", "x")
            await mta.end_headers()
            assert [str(reply) for reply in await mta.end()][-1] == "a"
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert len(running.ready_lines) == 1


async def test_localhost_is_both_loopback_addresses_on_one_port(tmp_path):
    async with service(tmp_path, scan=["localhost:0", f"{tmp_path}/s mode=0600"]) as running:
        v4, v6, path = re.findall(r"scan=(\S+)", running.ready_lines[0])[0].split(",")
        assert v4.removeprefix("127.0.0.1:") == v6.removeprefix("[::1]:")
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /ping HTTP/1.1\r\n\r\n")
        assert (await reader.read()).endswith(b"pong\r\n")
        writer.close()
        running.signal(signal.SIGINT)
        assert await running.ended() == 0
        assert not os.path.exists(path)


async def test_a_killed_worker_loses_no_message_and_is_replaced(tmp_path):
    async with service(tmp_path, workers=2) as running:
        before = await running.children()
        waiting = [
            asyncio.ensure_future(running.exchange(post_held(tmp_path / f"gate{n}")))
            for n in range(8)
        ]
        for n in range(8):
            await held(tmp_path / f"gate{n}")
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        for n in range(8):
            (tmp_path / f"gate{n}").touch()
        answers = await asyncio.gather(*waiting)
        # An empty answer is a closed connection: the MTA tries again.
        assert {answer.status for answer in answers} <= {0, 200}
        assert (await running.scan()).http.status == 200
        await running.logged("was killed by SIGKILL")
        await running.logged("serves", times=3)
        after = await running.children()
        assert len(after) == 2 and victim not in after
        assert await seen_workers(running, 2) == after


def post_held(gate):
    return f"POST /checkv2 HTTP/1.1\r\nHold: {gate}\r\nContent-Length: 4\r\n\r\nA: b".encode()


async def test_a_worker_that_dies_again_and_again_is_no_fork_storm(tmp_path):
    async with service(tmp_path) as running:
        for times in (1, 2):
            assert (await running.scan("Die: yes")).http.raw == b""
            await running.logged("ended with code 4", times=times)
        waits = re.findall(r"another one starts in (\S+) s", running.log)
        assert waits == ["0.5", "1"]


async def test_hup_serves_the_new_configuration_on_the_same_sockets(tmp_path):
    async with service(tmp_path, workers=2, name="old") as running:
        gate = tmp_path / "gate"
        in_hand = asyncio.ensure_future(running.scan(f"Hold: {gate}"))
        await held(gate)
        old = await running.children()
        running.configure(name="new", workers=1)
        running.signal(signal.SIGHUP)
        await running.logged("1 workers serve")
        await running.logged("has stopped")  # the idle one of the two
        assert {(await running.scan()).name for _ in range(10)} == {"new"}
        gate.touch()
        assert (await in_hand).name == "old"
        for pid in old:
            await gone(pid)
        assert len(await running.children()) == 1
        assert len(running.ready_lines) == 1


async def test_no_client_is_refused_during_reloads(tmp_path):
    async with service(tmp_path, name="0") as running:
        for n in range(1, 4):
            running.configure(name=str(n))
            running.signal(signal.SIGHUP)
            answers = []
            while running.log.count("workers serve") <= n:
                answers.append(await running.exchange(b"GET /ping HTTP/1.1\r\n\r\n"))
            answers.append(await running.ping())
            assert {answer.status for answer in answers} == {200}
            await running.logged("has stopped", times=n)
            assert (await running.scan()).name == str(n)


@pytest.mark.parametrize(
    "change, why",
    [
        ({"bad": "options.inc:3: expected a number"}, "options.inc:3: expected a number"),
        ({"start_fails": "the store is out of reach"}, "the store is out of reach"),
        ({"start_dies": True}, "it ended with code 3"),
        ({"scan": ["127.0.0.1:0", "192.0.2.1:1"]}, "cannot listen on 192.0.2.1:1: Cannot assign"),
        ({"scan": []}, None),
        ({"log": {"type": "file", "filename": "/nowhere/log"}}, "cannot write the log /nowhere/lo"),
    ],
)
async def test_a_bad_new_configuration_leaves_the_old_workers(tmp_path, change, why):
    async with service(tmp_path, workers=2, name="old") as running:
        workers = await running.children()
        if why is None:
            change, why = {"scan": [], "milter": []}, "there is nothing to serve"
        running.configure(name="new", **change)
        running.signal(signal.SIGHUP)
        await running.logged(why)
        await running.logged("the old one stays")
        assert (await running.scan()).name == "old"
        assert workers <= await running.children()
        running.configure(name="mended", bad="", start_fails="", start_dies=False, log={})
        running.configure(scan=["127.0.0.1:0"], milter=["127.0.0.1:0"])
        running.signal(signal.SIGHUP)
        await running.logged("2 workers serve", times=2)
        for pid in workers:
            await gone(pid)
        assert (await running.scan()).name == "mended"


async def test_hup_opens_and_closes_listeners(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with service(tmp_path, milter=["127.0.0.1:0"], scan=[f"{tmp_path}/old"]) as running:
        running.configure(milter=[], scan=[f"127.0.0.1:{port}", f"{tmp_path}/new"], name="new")
        first = running.ports("milter")[0]
        running.signal(signal.SIGHUP)
        await running.logged("1 workers serve", times=2)
        assert (await running.scan(port=port)).name == "new"
        await running.logged("has stopped")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", first)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_socket()) == ["new"]


async def test_term_finishes_the_message_in_hand(tmp_path):
    async with service(tmp_path, workers=2, closed=f"{tmp_path}/closed") as running:
        gate = tmp_path / "gate"
        in_hand = asyncio.ensure_future(running.scan(f"Hold: {gate}"))
        await held(gate)
        running.signal(signal.SIGTERM)
        await running.logged("connections are open", times=2)
        with pytest.raises(ConnectionRefusedError):
            await running.scan()
        gate.touch()
        assert (await in_hand).http.status == 200
        assert await running.ended() == 0
        assert os.path.exists(f"{tmp_path}/closed")


@pytest.mark.parametrize("grace, signals", [(0.1, 1), (60.0, 2)])
async def test_after_the_grace_a_message_gets_a_temporary_failure(tmp_path, grace, signals):
    async with service(tmp_path, grace=grace) as running:
        in_hand = asyncio.ensure_future(running.scan(f"Hold: {tmp_path}/gate"))
        await held(tmp_path / "gate")
        for n in range(signals):
            running.signal(signal.SIGTERM)
            if not n:
                await running.logged("1 connections are open")
        answer = (await in_hand).http
        assert (answer.status, answer.json) == (503, {"error": "the server stops"})
        assert await running.ended() == 0


async def test_workers_end_when_their_supervisor_is_killed(tmp_path):
    async with service(tmp_path, workers=2) as running:
        gate = tmp_path / "gate"
        in_hand = asyncio.ensure_future(running.scan(f"Hold: {gate}"))
        await held(gate)
        workers = await running.children()
        running.signal(signal.SIGKILL)
        await running.logged("the supervisor has gone", times=2)
        gate.touch()
        assert (await in_hand).http.status == 200
        for pid in workers:
            await gone(pid)


@pytest.mark.parametrize(
    "wanted, why",
    [
        ({"bad": "options.inc:3: expected a number"}, "gatepost: options.inc:3: expected a number"),
        ({"start_fails": "the store is out of reach"}, "the store is out of reach"),
        ({"start_dies": True}, "it ended with code 3"),
        ({"scan": ["192.0.2.1:1"]}, "gatepost: cannot listen on 192.0.2.1:1: Cannot assign"),
    ],
)
async def test_what_cannot_start_ends_with_a_message(tmp_path, wanted, why):
    async with started(tmp_path, workers=2, **wanted) as running:
        assert await running.ended() == 1
    assert why in running.lines[-1]
    assert "Traceback" not in running.log
    assert not running.ready_lines


async def test_it_can_be_stopped_while_it_starts(tmp_path):
    async with started(tmp_path, start_hangs=True) as running:
        await running.logged("starts")
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    assert not running.ready_lines


async def test_usr1_opens_the_log_again(tmp_path):
    log = {"type": "file", "filename": f"{tmp_path}/log", "level": "info"}
    async with service(tmp_path, log=log) as running:
        os.rename(f"{tmp_path}/log", f"{tmp_path}/log.1")
        running.signal(signal.SIGUSR1)
        async with asyncio.timeout(PATIENCE):
            while not os.path.exists(f"{tmp_path}/log"):
                await asyncio.sleep(0.01)
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
        text = (tmp_path / "log").read_text()
    assert "(main) supervisor; " in text and "(normal) worker; " in text


async def test_a_terminal_s_interrupt_reaches_all_and_stops_once(tmp_path):
    async with service(tmp_path, workers=2) as running:
        for pid in (*await running.children(), running.process.pid):
            os.kill(pid, signal.SIGINT)
        assert await running.ended() == 0
    assert "another one starts" not in running.log


async def test_usr1_and_term_sent_to_a_worker_alone(tmp_path):
    async with service(tmp_path) as running:
        (pid,) = await running.children()
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGHUP)
        assert (await running.scan()).worker == pid
        os.kill(pid, signal.SIGTERM)
        await running.logged("another one starts")
        assert (await running.scan()).worker != pid
