# SPDX-License-Identifier: Apache-2.0
"""The MIME tree is found in letters that were put together badly."""

from __future__ import annotations

import base64

import pytest

from gatepost.mail.limits import Limits
from gatepost.mail.mime import Tree


def tree(text: bytes, limits: Limits | None = None) -> Tree:
    return Tree(text, 0, limits or Limits())


def shape(text: bytes) -> tuple[list[tuple[str, bytes]], bool]:
    """Type and decoded content of every part (of leaves only), and whether it is broken."""
    found = tree(text)
    parts = [
        (part.content_type.full, part.decoded if part.is_leaf else b"") for part in found.parts
    ]
    return parts, found.broken


MIXED = b'Content-Type: multipart/mixed; boundary="b"\n\n'
PLAIN = ("text/plain", b"one")
ROOT = ("multipart/mixed", b"")


@pytest.mark.parametrize(
    "text, parts, broken",
    [
        pytest.param(b"A: b\n\nhello\n", [("text/plain", b"hello\n")], False, id="no-mime"),
        pytest.param(
            MIXED + b"preamble\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\nepilogue\n",
            [ROOT, PLAIN, ("text/html", b"two")],
            False,
            id="plain-case",
        ),
        pytest.param(
            (MIXED + b"--b\n\none\n--b--\n").replace(b"\n", b"\r\n"),
            [ROOT, PLAIN],
            False,
            id="crlf",
        ),
        pytest.param(
            (MIXED + b"--b\n\none\n--b--\n").replace(b"\n", b"\r"), [ROOT, PLAIN], False, id="cr"
        ),
        pytest.param(MIXED + b"--b\n\none\n", [ROOT, ("text/plain", b"one\n")], True, id="open"),
        pytest.param(MIXED + b"--b--", [ROOT], False, id="only-closed"),
        pytest.param(
            MIXED + b"no boundary here",
            [ROOT, ("text/plain", b"no boundary here")],
            True,
            id="none",
        ),
        pytest.param(
            MIXED + b"--bb\nx\n--B \t\n\none\n--b--", [ROOT, PLAIN], False, id="prefix-and-case"
        ),
        pytest.param(
            b"Content-Type: multipart/mixed\n\n--Found\n\none\n--found--\n",
            [ROOT, PLAIN],
            False,
            id="adopted",
        ),
        pytest.param(
            MIXED + b"--b\n\none\n--b--\n--b\n\ntwo\n--b--",
            [ROOT, PLAIN, ("text/plain", b"two")],
            False,
            id="closed-too-early",
        ),
        pytest.param(
            MIXED + b"--b\n\none\n--b--\n--other\nContent-Type: text/html\n\ntwo\n",
            [ROOT, PLAIN, ("text/html", b"two\n")],
            False,
            id="left-over",
        ),
        pytest.param(
            MIXED + b"--b\n\none\n--b--\n--other\n\n...\n",
            [ROOT, PLAIN],
            False,
            id="left-over-empty",
        ),
        pytest.param(
            MIXED + b"--b\n\none\n--b--\n-- \nlist footer\n", [ROOT, PLAIN], False, id="footer"
        ),
        pytest.param(
            MIXED + b"--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b--\n",
            [ROOT, ("multipart/alternative", b""), PLAIN],
            True,
            id="inner-open",
        ),
        pytest.param(
            MIXED + b"--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n",
            [ROOT, ("multipart/alternative", b""), PLAIN],
            True,
            id="same-boundary-twice",
        ),
        pytest.param(
            MIXED + b"--b\ntext without header\n\nmore\n--b--",
            [ROOT, ("text/plain", b"text without header\n\nmore")],
            False,
            id="no-part-header",
        ),
        pytest.param(
            MIXED + b"--b\nContent-Type: text/html\n--b--",
            [ROOT, ("text/html", b"")],
            True,
            id="part-header-only",
        ),
        pytest.param(
            MIXED + b"--b\nContent-Transfer-Encoding: base64\n\nb25l\n--b--",
            [ROOT, PLAIN],
            False,
            id="base64",
        ),
        pytest.param(
            b"Content-Transfer-Encoding: base64\n" + MIXED + b"--b\n\nb25l\n--b--",
            [ROOT, PLAIN],
            False,
            id="inherited-encoding",
        ),
        pytest.param(
            b"Content-Type: text/html\n" + MIXED + b"--b\n\none\n--b--",
            [ROOT, PLAIN],
            False,
            id="two-types-multipart-wins",
        ),
        pytest.param(
            b"Content-Type: \nContent-Type: text/html\n\none",
            [("text/html", b"one")],
            False,
            id="two-types-readable-wins",
        ),
        pytest.param(
            b"Content-Type: message/rfc822\n\nSubject: x\nContent-Type: text/html\n\none",
            [
                ("message/rfc822", b""),
                ("text/html", b"one"),
            ],
            False,
            id="nested",
        ),
        pytest.param(
            b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b--",
            [("multipart/digest", b""), ("message/rfc822", b""), PLAIN],
            False,
            id="digest",
        ),
        pytest.param(
            MIXED
            + b"--b\nContent-Type: application/octet-stream; name=x.EML\n"
            + b"Content-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(b"Subject: x\n\none")
            + b"--b--",
            [ROOT, ("application/octet-stream", b""), PLAIN],
            False,
            id="attached-eml",
        ),
        pytest.param(
            b"Content-Type: message/delivery-status\n\nStatus: 5.0.0\n\nx",
            [("message/delivery-status", b"Status: 5.0.0\n\nx")],
            False,
            id="dsn",
        ),
        pytest.param(b"Blank name: x\nA: b\n\nx", [("text/plain", b"x")], True, id="garbage"),
        pytest.param(
            b"hello\nworld\n\nx", [("text/plain", b"hello\nworld\n\nx")], False, id="text"
        ),
        pytest.param(b"", [("text/plain", b"")], False, id="empty"),
    ],
)
def test_shape(text: bytes, parts: list[tuple[str, bytes]], broken: bool) -> None:
    assert shape(text) == (parts, broken)


def test_a_nested_letter_hangs_below_its_part() -> None:
    found = tree(MIXED + b"--b\nContent-Type: message/rfc822\n\nSubject: in\n\none\n--b--")
    root, outer, inner = found.parts
    assert root.children == [outer] and outer.children == [inner]
    assert inner.parent is outer and inner.headers.get("Subject") == "in"
    assert [part.number for part in found.parts] == [0, 1, 2]
    assert outer.raw_body == b"Subject: in\n\none"


def nested_multiparts(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )


@pytest.mark.parametrize(
    "text, parts",
    [
        (nested_multiparts(1000), 65),
        (b"Content-Type: message/rfc822\n\n" * 1000, 65),
        (MIXED + b"--b\n\nx\n" * 20_000, 10_000),
        (MIXED + b"--\n" * 200_000 + b"--b\n\nx\n--b--", 2),
        (MIXED + b"--b\nA: 1\n\n" * 20_000, 10_000),
        (MIXED + b"--b\n" + b"A: 1\n" * 200_000 + b"\nx", 2),
    ],
)
def test_limits_stop_the_parsing(text: bytes, parts: int) -> None:
    found = tree(text)
    assert len(found.parts) <= parts
    assert found.broken
    assert sum(len(part.headers) for part in found.parts) <= 100_000


def test_deeply_encoded_letters_stop_at_a_limit_of_copies() -> None:
    letter = b"Subject: x\n\n" + b"x" * 1000
    for _ in range(20):
        encoding = b"Content-Transfer-Encoding: quoted-printable\n\n"
        letter = b"Content-Type: message/rfc822\n" + encoding + letter.replace(b"=", b"=3D")
    found = tree(letter, Limits(max_message=3000))
    assert found.broken and len(found.parts) < 10


def test_only_the_first_bytes_of_a_huge_letter_are_parsed() -> None:
    found = tree(b"A: b\n\n" + b"x" * 1000, Limits(max_message=100))
    assert found.broken
    assert found.root.decoded == b"x" * 94


def test_fifty_megabytes_of_hyphens_are_swept_once() -> None:
    found = tree(MIXED + b"--\n" * (16 * 1024 * 1024))
    assert found.broken
    assert len(found.parts) <= 2
