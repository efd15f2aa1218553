# SPDX-License-Identifier: Apache-2.0
"""Messages with the result as headers."""

import base64
import json

import pytest

from gatepost.cli.gpc_client import ScanReply
from gatepost.cli.gpc_mime import insert_headers, mime_failure, mime_message
from gatepost.cli.gpc_options import parse_arguments

RESULT = {
    "score": 6.2,
    "required_score": 15.0,
    "action": "add header",
    "symbols": {"B": {"score": 1}, "A": {"score": 2}},
    "dkim-signature": "v=1;\r\n\tb=abc",
    "milter": {
        "add_headers": {
            "X-One": "1",
            "X-Two": {"value": "2", "order": 0},
            "X-Three": [{"value": "3"}, {"value": "4\nEvil: x"}],
        }
    },
}


def mime(message, *argv, result=RESULT, new=None):
    reply = ScanReply(result, [], 0.1234, new)
    return mime_message(message, reply, "m.eml", parse_arguments(["-m", *argv]))


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_headers_go_behind_the_messages_own_in_its_line_ends(newline):
    message = newline.join([b"From: a", b"Subject: b", b"", b"text", b"", b"more"])
    assert mime(message) == newline.join(
        [
            b"From: a",
            b"Subject: b",
            b"X-Spam-Scanner: gpc 0.1.0",
            b"X-Spam-Scan-Time: 0.123",
            b"X-Spam: yes",
            b"X-Spam-Action: add header",
            b"X-Spam-Score: 6.20 / 15.00",
            b"X-Spam-Level: *******",
            b"X-Spam-Symbols: A,B",
            b"DKIM-Signature: v=1;",
            b"\tb=abc",
            b"X-One: 1",
            b"X-Two: 2",
            b"X-Three: 3",
            b"X-Three: 4",
            b" Evil: x",
            b"",
            b"text",
            b"",
            b"more",
        ]
    )


def test_with_json_the_whole_result_is_a_header():
    headers = mime(b"A: b\n\n", "-j").partition(b"X-Spam-Result: ")[2].split(b"\nX-")[0]
    assert json.loads(base64.b64decode(headers))["score"] == 6.2


@pytest.mark.parametrize(
    ("message", "head"),
    [
        (b"A: b\n\ntext", b"A: b\nX: y\n\ntext"),
        (b"A: b\n", b"A: b\nX: y\n\n"),
        (b"A: b", b"A: b\r\nX: y\r\n\r\n"),
        (b"\ntext", b"X: y\n\ntext"),
        (b"", b"\r\nX: y\r\n\r\n"),
        (b"A: b\r\rtext", b"A: b\rX: y\r\rtext"),
    ],
)
def test_messages_without_a_proper_end_of_headers(message, head):
    assert insert_headers(message, [("X", "y")]) == head


@pytest.mark.parametrize(
    ("score", "stars"), [(0, 0), (-3, 0), (0.1, 1), (5.0, 5), (99, 32), (1e300, 32), (None, 0)]
)
def test_one_star_for_each_point_up_to_32(score, stars):
    lines = mime(b"A: b\n\n", result={"score": score}).splitlines()
    assert b"X-Spam-Level: " + b"*" * stars in lines


def test_many_symbols_are_folded():
    result = {"symbols": {f"SYMBOL_NUMBER_{n:02}": {} for n in range(20)}}
    lines = mime(b"A: b\n\n", result=result).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count(b"SYMBOL_NUMBER_") for line in lines) == 20


def test_a_message_that_the_server_rewrote_replaces_ours():
    assert mime(b"A: b\n\nold", new=b"A: c\n\nnew").startswith(b"A: c\nX-Spam-Scanner")
    assert mime(b"A: b\n\nold", new=b"new").endswith(b"\n\nnew")


def test_without_a_result_the_header_says_why():
    assert mime_failure(b"A: b\n\ntext", "IO\ntimeout") == (
        b"A: b\nX-Spam-Scanner: gpc 0.1.0\nX-Spam-Error: IO\n timeout\n\ntext"
    )
