# SPDX-License-Identifier: Apache-2.0
"""Reading requests, whole and in pieces, good and hostile."""

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.errors import BadRequest
from gatepost.serve.http_request import (
    HttpRequestReader,
    decompress,
    split_request_line,
    split_target,
)
from scan_port_client import chunked, post

MESSAGE = b"Subject: hi\r\n\r\ntext\r\n"


def read(raw, *, step=0, max_header_bytes=10_000, max_header_lines=50, max_body=1_000):
    """The request in ``raw``, fed in pieces of ``step`` bytes; ``None`` while incomplete."""
    line, _, rest = raw.partition(b"\n")
    reader = HttpRequestReader(
        line,
        max_header_bytes=max_header_bytes,
        max_header_lines=max_header_lines,
        max_body=max_body,
    )
    for start in range(0, len(rest), step or len(rest) or 1):
        reader.feed(rest[start : start + step] if step else rest)
    return reader.request() if reader.complete else None


def refusal(raw, **limits):
    with pytest.raises(BadRequest) as error:
        read(raw, **limits)
    return error.value.status


@pytest.mark.parametrize("step", [0, 1, 2, 7])
@pytest.mark.parametrize(
    "raw",
    [
        post(MESSAGE, "From: <a@x.example>", "Rcpt: b@y.example", "rcpt: c@y.example"),
        post(MESSAGE, "From: <a@x.example>", "Rcpt: b@y.example", "rcpt: c@y.example").replace(
            b"Content", b"content"
        ),
        b"POST /checkv2 HTTP/1.1\r\nFrom: <a@x.example>\r\nRcpt:b@y.example \t\r\n"
        b"rcpt:   c@y.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(MESSAGE[:3], MESSAGE[3:10], MESSAGE[10:], trailer=b"User: mallory\r\n"),
        b"BREW /checkv2 HTTP/1.0\nFrom: <a@x.example>\nRcpt: b@y.example\nrcpt: c@y.example\n"
        b"Content-Length: %d\n\n%b" % (len(MESSAGE), MESSAGE),
    ],
    ids=["length", "lower-case", "chunked with a trailer", "bare LF"],
)
def test_headers_and_body_arrive_whole_however_they_are_sent(raw, step):
    request = read(raw, step=step)
    assert request.body == MESSAGE
    assert request.path == "checkv2"
    envelope = [h for h in request.headers if h[0].lower() in ("from", "rcpt", "user")]
    assert envelope == [
        ("From", "<a@x.example>"),
        ("Rcpt", "b@y.example"),
        ("rcpt", "c@y.example"),
    ]


def test_what_follows_the_request_is_not_part_of_it():
    evil = post(b"other", "User: mallory")
    request = read(post(MESSAGE, "Connection: close") + evil)
    assert request.body == MESSAGE
    assert "user" not in request.values
    assert read(post(MESSAGE) + evil + b"\0\0").body == MESSAGE


@pytest.mark.parametrize(
    "raw",
    [
        post(MESSAGE, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
        b"POST /checkv2 HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(MESSAGE),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_an_offered_upgrade_is_ignored(raw, step):
    request = read(raw, step=step)
    assert request.body == MESSAGE
    assert request.value("upgrade")


def test_values_are_utf8_and_never_invalid():
    raw = b"POST /checkv2 HTTP/1.1\r\nSubject: \xc3\xa9 \xff\r\nFrom:\r\n\r\n"
    assert read(raw).headers == [("Subject", "é �"), ("From", "")]


@pytest.mark.parametrize(
    ("target", "path", "arguments"),
    [
        ("/checkv2", "checkv2", []),
        ("checkV2", "checkv2", []),
        ("/PING", "ping", []),
        ("http://host:11333/checkv2?user=a", "checkv2", [("user", "a")]),
        ("/checkv2?User=alice&ip=10.0.0.1", "checkv2", [("User", "alice"), ("ip", "10.0.0.1")]),
        ('/checkv2?settings={"a":%201}&x', "checkv2", [("settings", '{"a": 1}'), ("x", "")]),
        ('/checkv2?settings={"a": 1}', "checkv2", [("settings", '{"a": 1}')]),
        ("/checkv2?user=a%0d%0aRcpt:+b", "checkv2", [("user", "a  Rcpt: b")]),
        ("/checkv2?=x&&", "checkv2", []),
        ("/", "", []),
    ],
)
def test_query_arguments_become_headers(target, path, arguments):
    assert split_target(target) == (path, arguments)


def test_query_arguments_come_after_the_headers():
    request = read(post(b"", "User: alice", target="/checkv2?User=bob"))
    assert request.headers == [("User", "alice"), ("Content-Length", "0"), ("User", "bob")]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"PING",
        b"GET /ping",
        b"CHECK RSPAMC/1.3",
        b"GET /ping HTTP/0.9",
        b"PRI * HTTP/2.0",
        b"GET HTTP/1.1",
        b"G\0T /ping HTTP/1.1",
        b"x" * 40 + b" /ping HTTP/1.1",
    ],
)
def test_a_bad_request_line_is_a_400(line):
    with pytest.raises(BadRequest) as error:
        split_request_line(line)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(b"x" * 1001), 413),
        (post(length=10**9), 413),
        (post(length=10**30), 400),
        (post(b"", "Content-Length: 7"), 400),
        (post(b"", "Transfer-Encoding: chunked"), 400),
        (
            b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(*[b"x" * 99] * 11),
            413,
        ),
        (b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /checkv2 HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /checkv2 HTTP/1.1\r\nHelo: a\0b\r\n\r\n", 400),
        (b"POST /checkv2 HTTP/1.1\r\nSettings-ID : x\r\n\r\n", 400),
        (b"POST /checkv2 HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (post(b"", *["Rcpt: a@x.example"] * 51), 400),
        (post(b"", *["Rcpt: " + "a" * 900] * 12)[:-4], 400),
        (post(b"", target="/checkv2?" + "a=1&" * 300), 400),
        (post(b"", "Compression: gzip"), 500),
        (post(b"x", "Content-Encoding: br"), 500),
        (post(b"x", "Compression: zstd"), 500),
        (post(zstandard.compress(b"x"), "Compression: zstd", "Dictionary: 1"), 500),
        (post(zstandard.compress(b"x") + b"y", "Compression: zstd"), 500),
        (post(zstandard.compress(b"x" * 1001), "Compression: zstd"), 513),
    ],
)
def test_bad_requests_have_the_status_of_the_protocol(raw, status):
    assert refusal(raw) == status


def test_more_framing_than_message_is_refused():
    head = b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refusal(head + b"1;" + b"x" * 90_000) == 400
    assert refusal(head + chunked(b"x")[:-2] + b"A: b\r\n" * 20_000, step=1000) == 400


def streamed(data):
    """A frame that does not say how long its content is, as a streaming client sends it."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("pack", [zstandard.compress, streamed])
@pytest.mark.parametrize(
    "names", [("Compression",), ("Content-Encoding",), ("Compression", "Content-Encoding")]
)
def test_zstd_bodies_are_unpacked(pack, names):
    request = read(post(pack(MESSAGE), *[f"{name}: zstd" for name in names]))
    assert request.body == MESSAGE
    assert request.is_compressed


@pytest.mark.parametrize("pack", [zstandard.compress, streamed])
def test_a_bomb_is_refused_at_its_limit(pack):
    bomb = pack(b"\0" * 50_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(BadRequest) as error:
        decompress(bomb, 100_000)
    assert error.value.status == 513
    assert decompress(pack(b"x" * 100_000), 100_000) == b"x" * 100_000


@pytest.mark.parametrize("pack", [zstandard.compress, streamed])
def test_a_truncated_frame_is_never_taken_for_a_message(pack):
    frame = pack(bytes(range(256)) * 40)
    for length in range(1, len(frame)):
        with pytest.raises(BadRequest):
            decompress(frame[:length], 100_000)


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"POST /checkv2 HTTP/1.1\r\n",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Compression: zstd\r\n",
                b"Upgrade: h2c\r\nConnection: upgrade\r\n",
                b"Expect: 100-continue\r\n",
                b"\r\n",
                b"5\r\nabcde\r\n",
                b"0\r\n\r\n",
                b"%d0%b0?&=+",
                zstandard.compress(b"abcde"),
            ]
        ),
    ),
    max_size=12,
)


@given(PIECES, st.integers(0, 5))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_request_or_a_bad_request(pieces, step):
    raw = b"".join(pieces)
    for candidate in (raw, b"POST /checkv2 HTTP/1.1\r\n" + raw):
        try:
            request = read(candidate, step=step)
        except BadRequest as error:
            assert 400 <= error.status < 600
        else:
            assert request is None or len(request.body) <= 1_000
