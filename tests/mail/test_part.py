# SPDX-License-Identifier: Apache-2.0
"""A part says what it is, is called and holds."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from gatepost.mail.limits import Limits
from gatepost.mail.mime import Tree
from gatepost.mail.part import DIGEST_KEY, Part
from gatepost.mail.transfer_encoding import Cte


def part(text: bytes) -> Part:
    return Tree(text, 0, Limits()).root


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("invoice.exe", b"MZ")
    return packed.getvalue()


def test_digest_is_the_one_that_fuzzy_storages_hold() -> None:
    assert DIGEST_KEY.hex().startswith("ef43ae80cc8dc34c")
    expected = hashlib.blake2b(b"one", key=hashlib.blake2b(b"rspamd").digest()).digest()
    assert part(b"Content-Transfer-Encoding: base64\n\nb25l").digest == expected


@pytest.mark.parametrize(
    "header, filename, attachment",
    [
        (b"Content-Disposition: attachment; filename=a.B", "a.B", True),
        (b"Content-Type: text/plain; name=c.D", "c.D", True),
        (b"Content-Type: a/b; name=c\nContent-Disposition: inline", "c", False),
        (b"Content-Type: a/b; name=c\nContent-Disposition: inline; filename=d", "d", False),
        (b"Content-Disposition: whatever", None, True),
        (b"Subject: x", None, False),
    ],
)
def test_name_and_disposition(header: bytes, filename: str | None, attachment: bool) -> None:
    found = part(header + b"\n\nx")
    assert (found.filename, found.is_attachment) == (filename, attachment)


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"Content-Type: text/plain\n\nhi", True),
        (b"Subject: x\n\nhi", True),
        (b"Subject: x\n\ncaf\xe9", False),
        (b"Content-Transfer-Encoding: 7bit\n\ncaf\xe9", True),
        ("Subject: x\n\nü".encode(), True),
        (b"Content-Type: text/plain\n\ncaf\xe9", True),
        (b"Content-Type: application/octet-stream\n\njust some words to read here", True),
        (b"Content-Type: application/octet-stream\n\n\0\1\2\3", False),
        (b"Content-Type: image/png\n\nhello hello hello", False),
        (b"Content-Type: message/delivery-status\n\nhi", True),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--", False),
        (b"Content-Type: text/plain\n\n" + zipped(), False),
    ],
)
def test_text_is_known_by_label_and_look(text: bytes, expected: bool) -> None:
    assert part(text).is_text is expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"Content-Type: text/html\n\nhi", True),
        (b"Content-Type: text/plain\n\n<html><body><p>hello</p></body></html>", True),
        (b"Content-Type: text/plain\n\n1 < 2", False),
    ],
)
def test_html_is_known_by_label_and_look(text: bytes, expected: bool) -> None:
    assert part(text).is_html is expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"Content-Type: text/plain\n\nhi", False),
        (b"Content-Type: text\n\nhi", True),
        (b"Content-Type: a/b\nContent-Transfer-Encoding: x-uue\n\nhi", True),
        (b"Content-Type: text/plain\n\n" + zipped(), True),
    ],
)
def test_wrong_labels_are_marked_broken(text: bytes, expected: bool) -> None:
    assert part(text).is_broken is expected


def test_archives_are_listed_whatever_they_call_themselves() -> None:
    for kind in (b"application/zip", b"text/plain", b"application/octet-stream"):
        found = part(b"Content-Type: " + kind + b"\n\n" + zipped())
        assert found.archive is not None
        assert found.detected_type.extension == "zip"
    assert part(b"Subject: x\n\nhi").archive is None


def test_bytes_are_kept_as_sent() -> None:
    text = b"Content-ID: <a@b>\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3D\r\n"
    found = part(text)
    assert found.raw == text
    assert found.raw_headers + found.raw_body == text
    assert found.raw_body == b"a=3D\r\n"
    assert found.decoded == b"a=\r\n"
    assert found.content_id == "a@b"
    assert found.cte is Cte.QUOTED_PRINTABLE
