# SPDX-License-Identifier: Apache-2.0
"""One worker on real sockets, with its supervisor's end of the channel in our hand."""

import asyncio
import contextlib
import datetime
import logging
import os
import signal
import socket
import ssl

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.errors import GatepostError
from gatepost.serve.bind_address import parse_bind
from gatepost.serve.log import Log
from gatepost.serve.log_options import LogOptions
from gatepost.serve.prepared import MilterListener, Prepared, ScanPortListener
from gatepost.serve.sockets import SocketSet
from gatepost.serve.worker import Worker
from scan_port_client import PATIENCE, Scanner, parse_answer, post

MESSAGE = b"Subject: hi\r\n\r\ntext\r\n"
PING = b"GET /ping HTTP/1.1\r\n\r\n"


class Parts:
    def __init__(self, scan, start=None):
        self.scan = scan
        self.started = self.closed = False
        self._start = start

    async def start(self):
        self.started = True
        if self._start is not None:
            await self._start()

    async def close(self):
        self.closed = True


class Running:
    """A worker that runs as a task of ours."""

    def __init__(self, worker, channel, sockets):
        self.channel = channel
        self.ports = [sock.getsockname()[1] for group in sockets for sock in group]
        self.task = asyncio.ensure_future(worker.run())
        self._heard = b""

    async def hears(self):
        """The worker's next word."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while b"\n" not in self._heard:
                data = await loop.sock_recv(self.channel, 1000)
                assert data, "it has closed the channel"
                self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    async def exchange(self, request, number=-1, tls=None):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[number], ssl=tls)
            writer.write(request)
            answer = parse_answer(await reader.read())
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            return answer

    async def ended(self):
        return await asyncio.wait_for(asyncio.shield(self.task), PATIENCE)


@contextlib.asynccontextmanager
async def working(parts, *, announced=False, grace=5.0, tls=None):
    async def open_worker():
        if isinstance(parts, Exception):
            raise parts
        return parts

    text = "127.0.0.1:0 ssl" if tls else "127.0.0.1:0"
    prepared = Prepared(
        listeners=(
            MilterListener(bind=(parse_bind("127.0.0.1:0"),)),
            ScanPortListener(bind=(parse_bind(text),), tls=tls),
        ),
        workers=1,
        open_worker=open_worker,
        grace=grace,
    )
    addresses = [address for one in prepared.listeners for address in one.bind]
    sockets = SocketSet.open(addresses).of(addresses)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    log = Log(LogOptions())
    running = Running(Worker(prepared, sockets, theirs, log, announced=announced), ours, sockets)
    try:
        yield running
    finally:
        ours.close()
        await running.ended()
        theirs.close()
        log.close()
        for group in sockets:
            for sock in group:
                sock.close()


async def test_ping_answers_when_the_supervisor_says_so():
    async with working(Parts(Scanner())) as running:
        assert await running.hears() == "accepting"
        assert (await running.exchange(PING)).status != 200
        assert (await running.exchange(post(MESSAGE))).status == 200
        running.channel.send(b"go\n")
        assert await running.hears() == "ready"
        assert (await running.exchange(PING)).status == 200


async def test_a_worker_that_comes_later_is_ready_at_once():
    async with working(Parts(Scanner()), announced=True) as running:
        assert [await running.hears(), await running.hears()] == ["accepting", "ready"]
        assert (await running.exchange(PING)).status == 200


async def test_a_worker_whose_loop_turns_shows_it(monkeypatch):
    monkeypatch.setattr("gatepost.serve.worker.ALIVE_EVERY", 0.001)
    async with working(Parts(Scanner()), announced=True) as running:
        heard = [await running.hears() for _ in range(5)]
    assert heard == ["accepting", "ready", "alive", "alive", "alive"]


async def fails():
    raise GatepostError("the store\nis out of reach")


async def breaks():
    raise KeyError("secret")


@pytest.mark.parametrize(
    "start, said",
    [
        (fails, "failed the store is out of reach"),
        (breaks, "failed KeyError at "),
    ],
)
async def test_a_start_that_fails_says_why_and_closes_what_was_open(start, said):
    parts = Parts(Scanner(), start)
    async with working(parts) as running:
        heard = await running.hears()
        assert heard.startswith(said) and "secret" not in heard
        assert await running.ended() == 1
        assert parts.closed


async def test_parts_that_cannot_be_opened_are_a_failed_start():
    async with working(GatepostError("no key")) as running:
        assert await running.hears() == "failed no key"
        assert await running.ended() == 1


async def test_it_can_be_stopped_while_it_starts():
    parts = Parts(Scanner(), asyncio.Event().wait)
    async with working(parts) as running:
        async with asyncio.timeout(PATIENCE):
            while not parts.started:
                await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ended() == 0
        assert parts.closed


@pytest.mark.parametrize("how", ["SIGTERM", "supervisor"])
async def test_told_to_stop_it_finishes_what_it_holds(how, caplog):
    caplog.set_level(logging.INFO, "gatepost.worker")
    scanner = Scanner(gate=asyncio.Event())
    parts = Parts(scanner)
    async with working(parts) as running:
        assert await running.hears() == "accepting"
        in_hand = asyncio.ensure_future(running.exchange(post(MESSAGE)))
        await scanner.started.wait()
        if how == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            running.channel.shutdown(socket.SHUT_WR)
        await refused(running, caplog)
        assert not running.task.done()
        scanner.gate.set()
        assert (await in_hand).status == 200
        assert await running.ended() == 0
        assert parts.closed


async def refused(running, caplog):
    """Waits until the worker accepts no more."""
    async with asyncio.timeout(PATIENCE):
        while "stops; 1 connections are open" not in caplog.text:
            await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", running.ports[0])


@pytest.mark.parametrize("before", [False, True])
async def test_in_a_hurry_a_message_gets_a_temporary_failure(before, caplog):
    caplog.set_level(logging.INFO, "gatepost.worker")
    scanner = Scanner(gate=asyncio.Event())
    async with working(Parts(scanner), grace=60.0) as running:
        assert await running.hears() == "accepting"
        in_hand = asyncio.ensure_future(running.exchange(post(MESSAGE)))
        await scanner.started.wait()
        if before:
            running.channel.send(b"hurry\n")
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
            await refused(running, caplog)
            running.channel.send(b"hurry\n")
        assert (await in_hand).json == {"error": "the server stops"}
        assert await running.ended() == 0


async def test_nonsense_from_the_channel_is_ignored():
    async with working(Parts(Scanner())) as running:
        assert await running.hears() == "accepting"
        running.channel.send(b"\xff\n\n" * 3000 + b"go")
        running.channel.send(b"\n")
        assert await running.hears() == "ready"


def test_an_address_with_ssl_speaks_tls(tmp_path):
    server = certificate(tmp_path)
    client = ssl.create_default_context(cafile=f"{tmp_path}/cert.pem")
    client.check_hostname = False

    async def talk():
        async with working(Parts(Scanner()), announced=True, tls=server) as running:
            assert await running.hears() == "accepting"
            assert (await running.exchange(post(MESSAGE), tls=client)).status == 200
            with contextlib.suppress(ConnectionError):
                assert (await running.exchange(post(MESSAGE))).raw == b""

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as a worker does
        runner.run(talk())


def certificate(folder):
    """A context with a certificate of its own, written to ``cert.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_an_error_that_nobody_waits_for_is_logged_without_its_text(caplog):
    async with working(Parts(Scanner())) as running:
        assert await running.hears() == "accepting"
        loop = asyncio.get_running_loop()
        with caplog.at_level(logging.ERROR, "gatepost.worker"):
            loop.call_soon(lambda: {}["Dear Alice"])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert "KeyError" in caplog.text and "Dear Alice" not in caplog.text
