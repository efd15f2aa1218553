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
INBOUND = [
    ("IP", "203.0.113.9"),
    ("Helo", "mx.example.net"),
    ("Hostname", "mx.example.net"),
    ("From", "<carol@example.net>"),
    ("Rcpt", "<alice@example.org>"),
    ("Queue-Id", "4ABCDEF"),
    ("MTA-Name", "mail.example.org"),
]
"""Those of a letter from elsewhere."""
LARGER = range(5_500, 40_000)
"""Bytes; the letters of this size are 12 KB on the average, as the budget supposes."""


def sample() -> list[bytes]:
    """The committed sample, 5 KB a letter on the average."""
    return [path.read_bytes() for path in sorted((ROOT / "tests/corpus").glob("*/*.eml"))]


def larger() -> list[bytes]:
    """Those of the sample that are 12 KB on the average."""
    return [letter for letter in sample() if len(letter) in LARGER]


def mean_size(letters: list[bytes]) -> float:
    """In KB."""
    return sum(map(len, letters)) / len(letters) / 1000


def request(letter: bytes, headers: list[tuple[str, str]] = HEADERS) -> bytes:
    """The HTTP request by which a letter comes to the scan port."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    head = f"POST /checkv2 HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(letter)}\r\n\r\n"
    return head.encode() + letter
