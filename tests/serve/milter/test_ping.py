# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.ping import MAX_REQUEST, answer_ping


@pytest.mark.parametrize(
    "target, status, body",
    [
        (b"/ping", b"200 OK", b"pong\r\n"),
        (b"/PING?x=1", b"200 OK", b"pong\r\n"),
        (b"/", b"404 Not Found", b"this is a milter\r\n"),
        (b"", b"404 Not Found", b"this is a milter\r\n"),
    ],
)
def test_a_monitor_is_answered(target, status, body):
    answer = answer_ping(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.endswith(b"\r\n\r\n" + body)


def test_half_a_request_waits():
    assert answer_ping(b"GET /ping HTTP/1.1\r\nHost: x\r\n") is None


def test_an_endless_request_is_refused():
    with pytest.raises(MilterError):
        answer_ping(b"GET /" + b"x" * MAX_REQUEST)


def test_a_bare_request_is_answered():
    assert answer_ping(b"GET /ping\r\n\r\n").endswith(b"pong\r\n")
    assert b"404" in answer_ping(b"GET \r\n\r\n")
