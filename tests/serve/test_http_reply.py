# SPDX-License-Identifier: Apache-2.0
"""Verdicts and errors as HTTP replies."""

import json
import re

import msgspec
import pytest
import zstandard

from gatepost.serve.http_reply import error_reply, http_reply, valid_text, verdict_reply
from gatepost.serve.reply import HeaderValue, MilterReply, SymbolReply
from scan_port_client import parse_answer, verdict


def test_a_verdict_is_compact_json_with_rspamds_names():
    reply = verdict(
        "add header",
        message_id="m1@example.org",
        dkim_signature="v=1; a=…",
        milter=MilterReply(add_headers={"X-A": HeaderValue("b", 0)}, remove_headers={"X-Spam": 0}),
    )
    reply.symbols["A"] = SymbolReply("A", 1.0, 2.0, options=["x"])
    answer = parse_answer(verdict_reply(reply, msgpack=False, zstd=False))
    assert answer.status == 200
    assert b", " not in answer.body
    assert answer.json == {
        "is_skipped": False,
        "score": 1.5,
        "required_score": 15.0,
        "action": "add header",
        "messages": {},
        "thresholds": {"reject": 15.0},
        "symbols": {"A": {"name": "A", "score": 1.0, "metric_score": 2.0, "options": ["x"]}},
        "time_real": 0.25,
        "message-id": "m1@example.org",
        "dkim-signature": "v=1; a=…",
        "milter": {
            "add_headers": {"X-A": {"value": "b", "order": 0}},
            "remove_headers": {"X-Spam": 0},
        },
    }


def test_the_reply_has_rspamds_header_lines():
    answer = parse_answer(http_reply(200, "OK", b"pong\r\n", "text/plain"))
    assert answer.reason == "OK"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers.pop("Date"))
    assert answer.headers.pop("Server").startswith("gatepost/")
    assert answer.headers == {
        "Connection": "close",
        "Content-Length": "6",
        "Content-Type": "text/plain",
    }
    assert answer.body == b"pong\r\n"


def test_head_gets_the_header_alone():
    answer = parse_answer(http_reply(200, "OK", b"pong\r\n", "text/plain", head=True))
    assert (answer.headers["Content-Length"], answer.body) == ("6", b"")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_has_not_are_null(bad):
    reply = verdict()
    reply.score = bad
    assert parse_answer(verdict_reply(reply, msgpack=False, zstd=False)).json["score"] is None


@pytest.mark.parametrize("msgpack", [False, True])
@pytest.mark.parametrize("zstd", [False, True])
def test_broken_text_is_made_valid(msgpack, zstd):
    reply = verdict(message_id="a\udcffb", urls=["é", "\ud800"])
    reply.symbols["\udc80"] = SymbolReply("\udc80", 1.0, 1.0, options=["\udcff"])
    answer = parse_answer(verdict_reply(reply, msgpack=msgpack, zstd=zstd))
    body = zstandard.decompress(answer.body) if zstd else answer.body
    found = msgspec.msgpack.decode(body) if msgpack else json.loads(body.decode("utf-8"))
    assert found["message-id"] == "a?b"
    assert found["urls"] == ["é", "?"]
    assert found["symbols"]["?"]["options"] == ["?"]
    kind = "application/msgpack" if msgpack else "application/json"
    assert answer.headers["Content-Type"] == kind
    for name in ("Compression", "Content-Encoding"):
        assert answer.headers.get(name) == ("zstd" if zstd else None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("invalid command", "invalid command"),
        ("é\r\nSet-Cookie: x", "???Set-Cookie: x"),
        ("", "Error"),
        ("x" * 500, "x" * 200),
    ],
)
def test_an_error_is_an_object_with_error_alone(message, reason):
    answer = parse_answer(error_reply(message, 500))
    assert (answer.status, answer.reason) == (500, reason)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"error": message}


def test_plain_values_keep_their_shape():
    assert valid_text({"a": [1, None, ("\udcff",)]}) == {"a": [1, None, ["?"]]}
