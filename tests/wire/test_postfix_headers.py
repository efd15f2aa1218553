# SPDX-License-Identifier: Apache-2.0
"""What Postfix delivers of the headers that a scan writes and removes, inbound and outbound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from gatepost.authn import parse_authentication_results
from gatepost_server import run_gatepost
from letters import letter
from servers_postfix import PostfixServer, needs_postfix, run_postfix

pytestmark = needs_postfix

ALICE = "alice@example.org"
OWN = "mx.example.org"
CONFIG = {
    "local.d/milter_headers.conf": f"""
        use = ["x-spamd-result", "x-spam-level", "authentication-results", "own"];
        authenticated_headers = ["authentication-results"];
        local_headers = ["authentication-results"];
        routines {{ authentication-results {{ authserv_id = "{OWN}"; }} }}
        custom {{ own = "../headers.py:own"; }}
    """,
    "headers.py": "def own(task):\n"
    "    return {'X-Queue': task.envelope.queue_id}, {'X-Internal': [1, -1]}\n",
    "local.d/external_relay.conf": """
        enabled = true;
        rules { BEHIND_GATEWAY { strategy = ip_map; ip_map = ["192.0.2.25"]; } }
    """,
}
FORGED = [
    f"Authentication-Results: {OWN}; spf=pass smtp.mailfrom=bank.example",
    "Authentication-Results: mx.other.example; dkim=pass header.d=other.example",
    f"Authentication-Results: {OWN.upper()} 1;\r\n\tdkim=pass header.d=bank.example",
    "X-Spam-Level: *",
    "X-Spam: Yes",
    "X-Internal: first",
    "X-Internal: second",
    "X-Internal: third",
]


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostfixServer]:
    folder: Path = tmp_path_factory.mktemp("headers")
    with ExitStack() as stack:
        gatepost = stack.enter_context(run_gatepost(folder, CONFIG))
        yield stack.enter_context(run_postfix(gatepost.smtpd_milters, users=[ALICE]))


def with_fields(*fields: str) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode() + letter("Hello\r\n")


def receive(postfix: PostfixServer, message: bytes, ip: str) -> Message:
    """What is delivered of a letter from this client."""
    with postfix.inbound(ip) as client:
        client.sendmail("eve@example.net", [ALICE], message)
    return message_from_bytes(postfix.sink.next().content)


def claims(delivered: Message) -> list[tuple[str, list[str]]]:
    """Who says what was authenticated, from the top."""
    parsed = [
        parse_authentication_results(value.encode())
        for value in delivered.get_all("Authentication-Results", [])
    ]
    return [(one.authserv_id, [f"{r.method}={r.result}" for r in one.results]) for one in parsed]


def test_inbound_mail_gets_headers_and_loses_forged_ones(postfix: PostfixServer) -> None:
    delivered = receive(postfix, with_fields(*FORGED), "203.0.113.7")
    assert [authserv_id for authserv_id, _ in claims(delivered)] == [OWN, "mx.other.example"]
    assert "dkim=none" in claims(delivered)[0][1]
    (result,) = delivered.get_all("X-Spamd-Result", [])
    assert result.startswith("default: False [")
    assert "\n\t" in result  # one line a symbol
    assert delivered["X-Spam"] is None
    assert delivered.get_all("X-Spam-Level", []) != ["*"]
    assert delivered.get_all("X-Internal") == ["second"]
    assert delivered["X-Queue"] not in (None, "undef")


def test_outbound_mail_shows_no_score(postfix: PostfixServer) -> None:
    with postfix.submission(ALICE) as client:
        client.sendmail(ALICE, ["bob@example.com"], with_fields("X-Spam: Yes"))
    delivered = message_from_bytes(postfix.sink.next().content)
    assert delivered["X-Spamd-Result"] is None
    assert delivered["X-Spam"] is None
    assert delivered["X-Queue"] is not None
    assert claims(delivered) == [(OWN, ["auth=pass"])]


def test_behind_a_gateway_the_client_before_it_counts(postfix: PostfixServer) -> None:
    before = "from pc.example ([203.0.113.9]) by gate.example; Thu, 1 Jan 2026 00:00:00 +0000"
    delivered = receive(postfix, with_fields(f"Received: {before}"), "192.0.2.25")
    assert "BEHIND_GATEWAY(0.00)[203.0.113.9]" in delivered["X-Spamd-Result"]
    delivered = receive(postfix, with_fields(f"Received: {before}"), "192.0.2.26")
    assert "BEHIND_GATEWAY" not in delivered["X-Spamd-Result"]
