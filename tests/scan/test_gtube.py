# SPDX-License-Identifier: Apache-2.0
"""The test letters, one for each action: core reference §3.2, end."""

from __future__ import annotations

import base64

import pytest

from gatepost.mail import Message
from gatepost.scan.gtube import GtubePatterns, find_gtube

GTUBE = "{}JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def letter(text: str, kind: str = "text/plain", *, encode: bool = False) -> Message:
    body = text.encode()
    transfer = b"7bit"
    if encode:
        body, transfer = base64.encodebytes(body), b"base64"
    return Message(
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: %b\r\n"
        b"Content-Transfer-Encoding: %b\r\n\r\n%b" % (kind.encode(), transfer, body)
    )


@pytest.mark.parametrize(
    "first, patterns, action",
    [
        ("X", "reject", "reject"),
        ("X", "all", "reject"),
        ("Y", "all", "add header"),
        ("Z", "all", "rewrite subject"),
        ("A", "all", "no action"),
        ("Y", "reject", None),
        ("A", "reject", None),
        ("X", "disabled", None),
        ("Q", "all", None),
        ("", "all", None),
    ],
)
def test_the_first_letter_names_the_action(
    first: str, patterns: GtubePatterns, action: str | None
) -> None:
    assert find_gtube(letter(GTUBE.format(first)), patterns) == action


@pytest.mark.parametrize(
    "message, found",
    [
        (letter("Dear all,\r\n\r\n" + GTUBE.format("X") + "\r\nYours\r\n"), True),
        (letter(GTUBE.format("X"), encode=True), True),
        (letter(f"<p>{GTUBE.format('X')}</p>", "text/html"), True),
        (letter(GTUBE.format("Q") + " " + GTUBE.format("X")), True),
        (letter("\0\1\2\3" * 9 + GTUBE.format("X"), "image/png", encode=True), False),
        (letter(GTUBE.format("X") + "x" * 8192), False),  # parts of at most 8 KiB
        (letter(GTUBE.format("X")[:-1]), False),
        (letter(""), False),
        (Message(b""), False),
    ],
)
def test_where_it_is_looked_for(message: Message, found: bool) -> None:
    assert (find_gtube(message, "reject") == "reject") is found
