# SPDX-License-Identifier: Apache-2.0
"""One request to a real server, and every way in which its answer can be wrong."""

import asyncio
import contextlib
import itertools
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import HttpError, fetch
from gatepost.net.http_client import Collector

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: a\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextlib.asynccontextmanager
async def server(answer, *, keep_open=False, tls=None):
    """A server that says ``answer`` to whatever comes; gives its address and what it heard."""
    heard = []
    done = asyncio.Event()

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(dict(parse_fields(head)).get(b"content-length", 0))
            heard.append(head + await reader.readexactly(length))
            for piece in answer if isinstance(answer, list) else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if keep_open:
                await done.wait()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", heard
    finally:
        done.set()
        listening.close()
        await listening.wait_closed()


def parse_fields(head):
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            yield name.lower(), value.strip()


@pytest.mark.parametrize(
    "answer, status, body",
    [
        (OK, 200, b"hi"),
        ([OK[:10], OK[10:40], OK[40:]], 200, b"hi"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (
            CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hi"),
    ],
)
async def test_answers(answer, status, body):
    async with server(answer) as (url, _):
        found = await fetch(url + "/path")
    assert (found.status, found.body, found.ok) == (status, body, 200 <= status < 300)


async def test_the_answer_ends_with_its_length_although_the_server_stays():
    async with server(OK, keep_open=True) as (url, _):
        found = await fetch(url)
    assert found.headers["x-name"] == "a"


async def test_the_request_is_written_as_it_should_be():
    async with server(OK) as (url, heard):
        await fetch(url + "/a/b?c=d", method="POST", headers={"X-Token": "t"}, body=b"text")
    head, _, body = heard[0].partition(b"\r\n\r\n")
    fields = dict(parse_fields(head))
    assert head.startswith(b"POST /a/b?c=d HTTP/1.1\r\n") and body == b"text"
    assert (fields[b"x-token"], fields[b"content-length"]) == (b"t", b"4")
    assert fields[b"host"] == url.removeprefix("http://").encode()


@pytest.mark.parametrize(
    "answer, message",
    [
        (b"", "breaks off"),
        (b"SSH-2.0-OpenSSH\r\n", "not an HTTP answer"),
        (OK[:-1], "breaks off"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", "breaks off"),
        (CHUNKED + b"3\r\nabc\r\n", "breaks off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000, "more than 1000 bytes"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2000, "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000, "a header of more than"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "another protocol",
        ),
    ],
)
async def test_wrong_answers_are_errors(answer, message):
    async with server(answer) as (url, _):
        with pytest.raises(HttpError, match=message):
            await fetch(url, max_body=1000)


async def test_a_server_that_says_nothing_costs_the_time_allowed():
    async with server(b"HTTP/1.1 200 OK\r\n", keep_open=True) as (url, _):
        with pytest.raises(HttpError, match=r"no answer in 0\.05 s"):
            await fetch(url, timeout=0.05)


async def test_nobody_there():
    async with server(OK) as (url, _):
        pass
    with pytest.raises(HttpError, match=r"Connect call failed|refused"):
        await fetch(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vault:8200",
        "ftp://x/",
        "http://",
        "http:///x",
        "http://x:99999/",
        "http://x:0/",
        "http://[::1/",
        "http://u:p@x/",
        "http://x/a b",
        "http://x/a\r\nHost: y",
        "http://x/ü",
    ],
)
async def test_addresses_that_cannot_be_asked(url):
    with pytest.raises(HttpError):
        await fetch(url)


@pytest.mark.parametrize(
    "given", [{"headers": {"X": "a\r\nY: b"}}, {"headers": {"X Y": "a"}}, {"method": "GET /"}]
)
async def test_what_would_break_the_request_is_not_sent(given):
    async with server(OK) as (url, heard):
        with pytest.raises(HttpError):
            await fetch(url, **given)
    assert not heard


async def test_certificates_are_asked_for_unless_that_is_switched_off(tmp_path):
    async with server(OK, tls=self_signed(tmp_path)) as (url, _):
        with pytest.raises(HttpError, match=r"self.signed certificate"):
            await fetch(url)
        assert (await fetch(url, verify=False)).body == b"hi"


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_an_answer_or_an_error(noise, cuts, real):
    data = OK[:40] + noise if real else noise
    collector = Collector("x", "GET", 100)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    try:
        for start, end in itertools.pairwise(edges):
            collector.feed(data[start:end])
        if not collector.complete:
            collector.end()
    except HttpError:
        return
    assert len(collector.answer().body) <= 100
