# SPDX-License-Identifier: Apache-2.0
"""A letter is opened lazily, exactly, and whatever its bytes are."""

from __future__ import annotations

import base64
import io
import zipfile
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatepost.mail import Limits, Message, ReceivedHop

TEMPLATE = b"""Return-Path: <bounce@example.org>\r
Delivered-To: <you@example.com>\r
Received: from mx1 (mx1.example.org [192.0.2.1]) by mx2 with ESMTPS id 1;\r
\tTue, 1 Jul 2025 08:00:00 +0000\r
Received: from laptop ([198.51.100.7]) by mx1 with ESMTPA id 2;\r
\tTue, 1 Jul 2025 07:59:00 +0000\r
From: =?utf-8?q?Ann_=C3=84?= <ann@example.org>\r
To: you@example.com, "O, ther" <other@example.net>\r
Cc: third@example.net\r
Bcc: fourth@example.net\r
Reply-To: ann@example.org\r
Sender: list@example.org\r
Subject: =?utf-8?B?R3LDvMOfZQ==?=\r
Subject: second\r
Date: Tue, 1 Jul 2025 08:00:00 +0000\r
Message-ID: (c) <a b@example.org>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="b"\r
\r
--b\r
Content-Type: multipart/alternative; boundary="c"\r
\r
--c\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
caf=E9 http://example.org/\r
--c\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: base64\r
\r
PHA+aGVsbG8gPGEgaHJlZj0iaHR0cDovL2V4YW1wbGUub3JnL2EiPng8L2E+PC9wPg==\r
--c--\r
--b\r
Content-Type: message/rfc822\r
\r
Subject: inner\r
\r
inner\r
--b\r
Content-Type: application/zip; name="=?utf-8?q?a.zip?="\r
Content-Disposition: attachment; filename*0*=utf-8''a%2E; filename*1=zip\r
Content-Transfer-Encoding: base64\r
\r
@ZIP@\r
--b--\r
"""


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("invoice.txt", b"pay")
    return base64.b64encode(packed.getvalue())


LETTER = TEMPLATE.replace(b"@ZIP@", zipped())


def test_what_the_header_says() -> None:
    message = Message(LETTER)
    assert message.subject == "Grüße"
    assert [(a.addr, a.name) for a in message.from_] == [("ann@example.org", "Ann Ä")]
    assert [a.addr for a in message.recipients] == [
        "you@example.com",
        "other@example.net",
        "third@example.net",
        "fourth@example.net",
    ]
    assert message.reply_to[0].domain == "example.org"
    assert message.sender[0].addr == "list@example.org"
    assert message.message_id == "ab@example.org"
    assert message.date == 1751356800.0
    assert message.return_path is not None and message.return_path.addr == "bounce@example.org"
    assert message.delivered_to == "you@example.com"
    assert [str(hop.real_ip) for hop in message.received] == ["192.0.2.1", "198.51.100.7"]
    assert [hop.authenticated for hop in message.received] == [False, True]
    assert message.newline == b"\r\n"
    assert message.flags == frozenset()


def test_what_the_parts_are() -> None:
    message = Message(LETTER)
    assert [part.content_type.full for part in message.parts] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "message/rfc822",
        "text/plain",
        "application/zip",
    ]
    assert [text.charset for text in message.text_parts] == ["cp1252", "utf-8", "utf-8"]
    assert [text.is_html for text in message.text_parts] == [False, True, False]
    assert message.text_parts[0].text.startswith("café")
    assert [part.filename for part in message.attachments] == ["a.zip"]
    assert [part.number for part in message.archives] == [6]


@pytest.mark.parametrize("prefix", [b"", b"\r\n \n", b"From ann@example.org Tue Jul 1\n\n"])
@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_original_bytes_can_be_had_for_signing(prefix: bytes, newline: bytes) -> None:
    header = newline.join([b"From: a@b", b"Subject: x", b"\tfolded ", b"X:y", b""])
    body = b"body" + newline + newline + b"more"
    message = Message(prefix + header + newline + body)
    assert message.header_bytes == header
    assert message.raw[message.body_offset :] == body
    assert b"".join(field.raw_line + newline for field in message.header_fields) == header
    assert message.newline == newline
    assert message.subject == "x folded "


@pytest.mark.parametrize(
    "raw, subject, body, flags",
    [
        (b"Subject: x\n\nbody", "x", b"body", set()),
        (b"Subject: x\nTo: y", "x", b"", {"BROKEN_HEADERS"}),
        (b"just some words", "", b"just some words", set()),
        (b"just\n\nsome words", "", b"just\n\nsome words", set()),
        (b"Subject: x\nsome text: y\n\nbody", "x", b"body", {"BROKEN_HEADERS"}),
        (b"Subject: x\nFrom ann\n\nbody", "x", b"body", {"BROKEN_HEADERS"}),
        (b"", "", b"", {"SKIP_PROCESS"}),
        (b" \r\n\t", "", b"", {"SKIP_PROCESS"}),
        (b"From ann Tue\n", "", b"", {"SKIP_PROCESS"}),
        (b"S\0ubject: a\0b\n\n\0", "ab", b"\0", set()),
    ],
)
def test_where_the_header_ends(raw: bytes, subject: str, body: bytes, flags: set[str]) -> None:
    message = Message(raw)
    assert (message.subject, message.raw[message.body_offset :]) == (subject, body)
    assert message.flags == flags
    assert message.is_empty is ("SKIP_PROCESS" in flags)


@pytest.mark.parametrize(
    "header, expected",
    [
        (b"", "undef"),
        (b"Message-ID: ", "undef"),
        (b"Message-ID: <a@b>", "a@b"),
        (b"message-id: a@b (comment)", "a@b"),
        (b"Message-ID:\r\n <a\xff@b>", "a?@b"),
    ],
)
def test_message_id(header: bytes, expected: str) -> None:
    assert Message(header + b"\r\nX: y\r\n\r\n").message_id == expected


def test_bytes_that_are_no_mime_are_one_part() -> None:
    message = Message(b"a: b\n\n\0", mime=False, content_type="application/x-foo", filename="f.bin")
    assert len(message.parts) == 1
    assert message.root.content_type.full == "application/x-foo"
    assert message.root.filename == "f.bin"
    assert message.root.decoded == b"a: b\n\n\0"
    assert message.message_id.startswith(message.digest)


def test_attached_text_counts_unless_switched_off() -> None:
    raw = b"Content-Type: text/plain; name=a.txt\n\nhello"
    assert len(Message(raw).text_parts) == 1
    assert Message(raw, check_text_attachements=False).text_parts == []


def test_digest_is_of_contents_and_subject() -> None:
    digest = Message(b"Subject: x\n\nbody").digest
    assert len(digest) == 32
    assert Message(b"Subject: x\nX-Other: y\n\nbody").digest == digest
    assert Message(b"Subject: y\n\nbody").digest != digest
    assert Message(b"Subject: x\n\nbodY").digest != digest


def test_lists_are_bounded() -> None:
    many = b", ".join(b"a%d@b.c" % n for n in range(3000))
    message = Message(b"To: " + many + b"\nCc: " + many + b"\n\n", limits=Limits(max_recipients=9))
    assert len(message.to) == 9 and len(message.recipients) == 9
    hops = Message(b"Received: by x\n" * 3000 + b"\n").received
    assert len(hops) == 1024


def test_fifty_thousand_headers_of_one_name_are_kept_apart() -> None:
    message = Message(b"X: y\n" * 150_000 + b"\nbody")
    assert message.headers.count("X") == 100_000
    assert message.has_broken_headers


def touch_everything(message: Message) -> None:
    """Reads whatever can be read of a letter."""
    for name in dir(Message):
        if not name.startswith("_"):
            getattr(message, name)
    for things in (message.parts, message.text_parts, message.received, message.headers):
        for thing in things:
            for name in dir(type(thing)):
                if not name.startswith("_"):
                    getattr(thing, name)
    assert message.raw[message.body_offset :] == message.root.raw_body
    message.subject.encode()
    "".join(address.addr + address.name for address in message.recipients).encode()


SPLICES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b"--b\r\n", b"--b--\r\n", b"--c--", b"--", b"\r\n\r\n", b" "),
    *(
        b"=?utf-8?B?",
        b"?=",
        b"=\r\n",
        b"=",
        b'"',
        b"(",
        b"<",
        b">",
        b";",
        b":",
        b"\xff\xfe",
        b"\x80",
    ),
    *(b"Content-Type: ", b"message/rfc822\r\n", b"boundary=", b"charset=utf-16", b"charset=utf-7"),
    *(b"base64", b"quoted-printable", b"x-uue", b"begin 644 x\r\n", b"<html>", b"From ", b"by "),
]


def test_nothing_is_wrong_with_the_untouched_letter() -> None:
    touch_everything(Message(LETTER))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LETTER)),
            st.integers(0, 40),
            st.sampled_from(SPLICES) | st.binary(max_size=6),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_letter_never_raises(damages: list[tuple[int, int, bytes]]) -> None:
    raw = LETTER
    for at, length, splice in damages:
        raw = raw[:at] + splice + raw[at + length :]
    touch_everything(Message(raw))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_letter(raw: bytes) -> None:
    touch_everything(Message(raw))


CLIENT = ReceivedHop(
    from_hostname="laptop", real_ip=ip_address("203.0.113.7"), flags=frozenset(("artificial",))
)
BY_CLIENT = b"Received: from laptop ([203.0.113.7]) by mx.example\r\n"
BY_OTHER = b"Received: from other ([192.0.2.1]) by mx.example\r\n"
BY_NOBODY = b"Received: by mx.example (Postfix, from userid 1000)\r\n"


@pytest.mark.parametrize(
    "headers, on_top, artificial",
    [
        (b"", False, []),  # the letter was written there
        (BY_CLIENT, False, [False]),  # told already
        (BY_CLIENT + BY_OTHER, False, [False, False]),
        (BY_OTHER + BY_CLIENT, False, [True, False, False]),
        (BY_NOBODY, False, [True, False]),
        (BY_CLIENT, True, [True, False]),
        (b"", True, []),
    ],
)
def test_the_client_is_a_hop_where_no_header_tells_of_it(
    headers: bytes, on_top: bool, artificial: list[bool]
) -> None:
    message = Message(headers + b"\r\n")
    message.client, message.client_on_top = CLIENT, on_top
    assert [hop.artificial for hop in message.received] == artificial
