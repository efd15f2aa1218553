# SPDX-License-Identifier: Apache-2.0
"""Ordinary letters, as a mail client hands them over, for tests with real servers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

REST = "JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
GTUBE = "X" + REST
"""The line that every scanner refuses; its siblings ask for another action."""
ADD_HEADER, REWRITE_SUBJECT, NO_ACTION = "Y" + REST, "Z" + REST, "A" + REST


def letter(
    text: str = "See you at noon.",
    *,
    subject: str = "Lunch",
    sender: str = "Alice <alice@example.org>",
    recipient: str = "bob@example.com",
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A plain letter with CRLF line ends, complete, and dated now."""
    fields = [
        ("From", sender),
        ("To", recipient),
        ("Subject", subject),
        ("Date", format_datetime(datetime.now(UTC))),
        ("Message-ID", "<letter@example.org>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        *headers,
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{head}\r\n{text}\r\n".encode()


def check(address: str, message: bytes, headers: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The reply of ``/checkv2`` at ``HOST:PORT`` to a message with request headers."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.putrequest("POST", "/checkv2")
        for name, value in [*headers, ("Content-Length", str(len(message)))]:
            connection.putheader(name, value)
        connection.endheaders(message)
        answer = connection.getresponse()
        assert answer.status == 200, (answer.status, answer.read())
        reply: dict[str, Any] = json.loads(answer.read())
        return reply
    finally:
        connection.close()
