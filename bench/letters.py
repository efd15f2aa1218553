# SPDX-License-Identifier: Apache-2.0
"""The letters that are measured, and the requests by which they come."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADERS = [
    ("IP", "10.0.0.5"),
    ("Helo", "client.example.org"),
    ("Hostname", "client.example.org"),
    ("From", "<alice@example.org>"),
    ("Rcpt", "<bob@example.com>"),
    ("User", "alice@example.org"),
    ("Queue-Id", "4ABCDEF"),
    ("MTA-Name", "mail.example.org"),
]
"""The request headers of a user who logged in."""


def sample() -> list[bytes]:
    """The committed sample, 5 KB a letter on the average."""
    return [path.read_bytes() for path in sorted((ROOT / "tests/corpus").glob("*/*.eml"))]


def request(letter: bytes) -> bytes:
    """The HTTP request by which a letter comes to the scan port."""
    lines = [f"{name}: {value}\r\n" for name, value in HEADERS]
    head = f"POST /checkv2 HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(letter)}\r\n\r\n"
    return head.encode() + letter
