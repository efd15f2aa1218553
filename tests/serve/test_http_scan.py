# SPDX-License-Identifier: Apache-2.0
"""What the scan port answers to HTTP requests, over a real socket."""

import json

import msgspec
import pytest
import zstandard

from gatepost.serve.errors import BadRequest, ScanFailed
from gatepost.serve.http_scan import HttpScan
from gatepost.serve.scan_options import ScanPortOptions
from scan_port_client import Scanner, chunked, parse_answer, post, serving, verdict

MESSAGE = b"From: alice@example.org\r\nSubject: hi\r\n\r\ntext\r\n"


async def ask(raw, scanner=None, **options):
    scanner = scanner or Scanner()
    async with serving(scanner, **options) as served:
        return await served.exchange(raw), scanner


@pytest.mark.parametrize(
    "raw",
    [
        post(MESSAGE, "User: alice", "Rcpt: b@y.example", "Rcpt: c@y.example"),
        post(MESSAGE, "User: alice", "Rcpt: b@y.example", "Rcpt: c@y.example", version="HTTP/1.0"),
        b"POST checkV2 HTTP/1.1\r\nConnection: keep-alive\r\nUser: alice\r\nRcpt: b@y.example\r\n"
        b"Rcpt: c@y.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(*MESSAGE.splitlines(keepends=True)),
        post(
            zstandard.compress(MESSAGE),
            "User: alice",
            "Rcpt: b@y.example",
            "Rcpt: c@y.example",
            "Compression: zstd",
            method="SCAN",
        ),
        post(MESSAGE, target="/checkv2?User=alice&Rcpt=b@y.example&Rcpt=c@y.example", method="GET"),
    ],
    ids=["plain", "HTTP/1.0", "as Haraka sends", "zstd", "query"],
)
async def test_the_scan_gets_headers_body_and_peer(raw):
    answer, scanner = await ask(raw, settings_id="outbound")
    assert answer.status == 200
    [(headers, body, peer)] = scanner.seen
    assert body == MESSAGE
    assert [h for h in headers if h[0] in ("User", "Rcpt")] == [
        ("User", "alice"),
        ("Rcpt", "b@y.example"),
        ("Rcpt", "c@y.example"),
    ]
    assert (peer.address, peer.protocol, peer.settings_id) == ("127.0.0.1", "http", "outbound")
    assert peer.listener.startswith("127.0.0.1:")


async def test_an_empty_body_is_scanned():
    answer, scanner = await ask(b"POST /checkv2 HTTP/1.1\r\n\r\n")
    assert answer.status == 200
    assert scanner.seen[0][1] == b""


@pytest.mark.parametrize(
    ("headers", "msgpack", "zstd"),
    [
        ([], False, False),
        (["Accept: */*", "Accept-Encoding: gzip, deflate"], False, False),
        (["Accept: application/msgpack"], True, False),
        (["Accept: application/msgpack, application/json"], False, False),
        (["Accept-Encoding: gzip, zstd"], False, True),
        (["Accept-Encoding: gzip, zstd;q=0"], False, False),
        (["Accept-Encoding: zstd; q=0.5"], False, True),
        (["Flags: pass_all,ZSTD"], False, True),
        (["Flags: pass_all", "Flags: zstd"], False, True),
        (["Accept: application/msgpack", "Accept-Encoding: zstd"], True, True),
    ],
)
async def test_the_reply_is_in_the_form_that_was_asked_for(headers, msgpack, zstd):
    answer, _ = await ask(post(MESSAGE, *headers))
    assert answer.headers.get("Compression") == ("zstd" if zstd else None)
    assert answer.headers.get("Content-Encoding") == ("zstd" if zstd else None)
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    body = zstandard.decompress(answer.body) if zstd else answer.body
    found = msgspec.msgpack.decode(body) if msgpack else json.loads(body)
    assert found["action"] == "no action"


async def test_a_compressed_request_gets_a_compressed_reply():
    answer, _ = await ask(post(zstandard.compress(MESSAGE), "Content-Encoding: zstd"))
    assert answer.headers["Compression"] == "zstd"
    assert json.loads(zstandard.decompress(answer.body))["score"] == 1.5


@pytest.mark.parametrize("line", ["GET /ping", "POST ping", "OPTIONS /PING", "GET /ping?x=1"])
async def test_ping_answers_pong(line):
    answer, scanner = await ask(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (answer.status, answer.body) == (200, b"pong\r\n")
    assert answer.headers["Content-Type"] == "text/plain"
    assert not scanner.seen


async def test_ping_does_not_say_ready_before_we_are():
    async with serving(Scanner()) as served:
        served.port.ready = False
        answer = await served.exchange(b"GET /ping HTTP/1.1\r\n\r\n")
        assert (answer.status, answer.json) == (503, {"error": "not ready"})
        served.port.ready = True
        assert (await served.exchange(b"GET /ping HTTP/1.1\r\n\r\n")).body == b"pong\r\n"


@pytest.mark.parametrize(
    ("raw", "status", "error"),
    [
        (post(MESSAGE, target="/nothing"), 500, "invalid command"),
        (post(MESSAGE, target="/"), 500, "invalid command"),
        (post(MESSAGE, target="/checkv2/x"), 500, "invalid command"),
        (post(MESSAGE, "File: /etc/passwd"), 400, "messages from files or shared memory are not allowed"),  # noqa: E501
        (post(MESSAGE, target="/checkv2?shm=/x"), 400, "messages from files or shared memory are not allowed"),  # noqa: E501
        (post(MESSAGE, "Compression: gzip"), 500, "unsupported compression: only zstd is"),
        (post(b"x" * 2000), 413, "Request entity too large"),
        (post(zstandard.compress(b"x" * 2000), "Compression: zstd"), 513, "the decompressed message is too large"),  # noqa: E501
        (b"CHECK SPAMC/1.2\r\n\r\n", 400, "cannot parse the request line"),
        (b"\x16\x03\x01\x02\0", 400, "cannot parse the request line"),
    ],
)  # fmt: skip
async def test_bad_input_gets_its_status_and_error_alone(raw, status, error):
    answer, scanner = await ask(raw, max_message=1000)
    assert (answer.status, answer.json) == (status, {"error": error})
    assert answer.reason == error
    assert not scanner.seen


@pytest.mark.parametrize(
    ("failure", "status", "error"),
    [
        (ScanFailed("no verdict: the store is away"), 500, "no verdict: the store is away"),
        (BadRequest("Settings: not an object", 500), 500, "Settings: not an object"),
        (BadRequest("no", 400), 400, "no"),
        (ValueError("a line of the letter"), 500, "scan failed: ValueError"),
    ],
)
async def test_a_failed_scan_is_an_error_alone(failure, status, error):
    answer, _ = await ask(post(MESSAGE), Scanner(failure))
    assert (answer.status, answer.json) == (status, {"error": error})


async def test_a_reply_that_cannot_be_written_is_an_error():
    answer, _ = await ask(post(MESSAGE), Scanner(verdict(urls=[{"a": object()}])))
    assert (answer.status, answer.json) == (500, {"error": "scan failed: TypeError"})


def test_it_claims_first_lines_of_http_only():
    assert HttpScan.claims(b"POST /checkv2 HTTP/1.1\r")
    assert HttpScan.claims(b"PRI * HTTP/2.0")
    assert not HttpScan.claims(b"CHECK RSPAMC/1.3\r")
    assert not HttpScan.claims(b"GET /HTTP/1.1 x")


def test_the_dialect_does_no_input_or_output():
    http = HttpScan(b"HEAD /ping HTTP/1.1\r", ScanPortOptions(), lambda: True)
    assert http.receive(b"Host: x\r\n") is None
    answer = http.receive(b"\r\n")
    assert parse_answer(answer.data).headers["Content-Length"] == "6"
    assert answer.data.endswith(b"\r\n\r\n")
