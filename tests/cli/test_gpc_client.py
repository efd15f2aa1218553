# SPDX-License-Identifier: Apache-2.0
"""One scan over the wire, with good servers and bad ones."""

import asyncio
import contextlib

import pytest
import zstandard

from gatepost.cli.errors import RequestFailed, UsageError
from gatepost.cli.gpc_client import Server, parse_server, scan_message
from scan_port_client import Scanner, serving

MESSAGE = b"From: alice@example.org\r\n\r\ntext\r\n"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("localhost", Server("localhost", 11333)),
        ("mx1:11", Server("mx1", 11)),
        ("192.0.2.1:11334", Server("192.0.2.1", 11334)),
        ("[::1]:12", Server("::1", 12)),
        ("[::1]", Server("::1", 11333)),
        ("2001:db8::1", Server("2001:db8::1", 11333)),
        ("/run/scan.sock", Server(path="/run/scan.sock")),
        ("./scan.sock", Server(path="./scan.sock")),
        ("unix:scan.sock", Server(path="scan.sock")),
    ],
)
def test_servers_are_written_as_people_write_them(text, server):
    assert parse_server(text) == server


@pytest.mark.parametrize("text", ["", ":11333", "mx1:x", "mx1:0", "mx1:99999", "[::1]x", "[]:1"])
def test_a_server_that_makes_no_sense_is_wrong_usage(text):
    with pytest.raises(UsageError):
        parse_server(text)


def test_servers_are_shown_as_they_can_be_typed():
    assert [str(s) for s in (Server("a", 1), Server("::1", 1), Server(path="/x"))] == [
        "a:1",
        "[::1]:1",
        "/x",
    ]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("accept", ["application/json", "application/msgpack"])
async def test_every_form_of_request_and_reply(compressed, accept):
    scanner = Scanner()
    async with serving(scanner) as served:
        headers = [("User", "älice"), ("Accept", accept)]
        server = Server(*served.address)
        reply = await scan_message(server, headers, MESSAGE, timeout=20, compressed=compressed)
    assert reply.result["action"] == "no action"
    assert reply.new_message is None
    [(seen, body, _)] = scanner.seen
    assert body == MESSAGE
    assert ("User", "älice") in seen


async def test_unix_sockets_and_a_chosen_source_address(tmp_path):
    scanner = Scanner()
    async with serving(scanner) as served:
        path = str(tmp_path / "scan.sock")
        unix = await asyncio.get_running_loop().create_unix_server(
            served.port.protocol_factory, path
        )
        await scan_message(Server(path=path), [], MESSAGE, timeout=20)
        await scan_message(Server(*served.address), [], MESSAGE, timeout=20, bind="127.0.0.2")
        unix.close()
        await served.settled()
    assert [peer.address for _, _, peer in scanner.seen] == ["", "127.0.0.2"]
    assert scanner.seen[0][2].listener == path


@contextlib.asynccontextmanager
async def answering(*pieces, wait=False):
    """A server that reads a little, sends the pieces and closes."""

    talks = set()

    async def talk(reader, writer):
        talks.add(asyncio.current_task())
        await reader.read(10)
        for piece in pieces:
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        if wait:
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield Server(*server.sockets[0].getsockname())
    finally:
        server.close()
        await asyncio.gather(*talks)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "without a reply"),
        (b"SSH-2.0-x\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP error: 403, Forbidden"),
        (OK + b"Content-Length: 100\r\n\r\n{", "cut short"),
        (OK + b"Content-Length: 1\r\n\r\n{", "cannot read the reply"),
        (OK + b"Content-Length: 2\r\n\r\n[]", "it is no object"),
        (OK + b"Content-Type: application/msgpack\r\n\r\n\xc1", "cannot read the reply"),
        (OK + b"Content-Encoding: zstd\r\n\r\njunk", "cannot decompress"),
        (OK + b"Content-Encoding: zstd\r\n\r\n" + zstandard.compress(b"{}")[:-1], "decompress"),
        (OK + b"\r\n" + b"[" * 100_000, "cannot read the reply"),
    ],
)
async def test_bad_servers_give_an_error_and_nothing_else(answer, error):
    async with answering(answer) as server:
        with pytest.raises(RequestFailed, match=error):
            await scan_message(server, [], MESSAGE, timeout=20)


async def test_a_reply_without_a_length_ends_with_the_connection():
    async with answering(OK + b"\r\n", b'{"action":', b'"x"}') as server:
        assert (await scan_message(server, [], b"", timeout=20)).result == {"action": "x"}


async def test_a_rewritten_message_follows_the_reply():
    head = OK + b"Message-Offset: 2\r\nContent-Length: 5\r\n\r\n"
    async with answering(head + b"{}new") as server:
        reply = await scan_message(server, [], b"", timeout=20)
    assert (reply.result, reply.new_message) == ({}, b"new")


async def test_a_silent_server_is_not_waited_for_longer_than_told():
    async with answering(wait=True) as server:
        with pytest.raises(RequestFailed, match=r"IO timeout: .* within 0.05 s"):
            await scan_message(server, [], b"", timeout=0.05)


async def test_nobody_listens(tmp_path, unused_tcp_port):
    for server in (Server("127.0.0.1", unused_tcp_port), Server(path=str(tmp_path / "none"))):
        with pytest.raises(RequestFailed, match="cannot connect to"):
            await scan_message(server, [], b"", timeout=20)
