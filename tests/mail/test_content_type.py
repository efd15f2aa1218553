# SPDX-License-Identifier: Apache-2.0
"""Content-Type and Content-Disposition are read as mailers write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.content_type import parse_content_type, parse_disposition


@pytest.mark.parametrize(
    "raw, full, parameters",
    [
        (b"text/plain", "text/plain", {}),
        (b"TEXT/HTML; Charset=UTF-8", "text/html", {"charset": "utf-8"}),
        (b'multipart/mixed; boundary="=_A;b\\"c"', "multipart/mixed", {"boundary": '=_A;b"c'}),
        (b"multipart/mixed; boundary=----=_1 (c)", "multipart/mixed", {"boundary": "----=_1"}),
        (b"text/plain (comment); format=flowed;", "text/plain", {"format": "flowed"}),
        (b"text/plain;;; ; charset = x ;", "text/plain", {"charset": "x"}),
        (b"text/html charset=utf-8", "text/html", {"charset": "utf-8"}),
        (b"text/plain; charset='utf-8'", "text/plain", {"charset": "utf-8"}),
        (b"text/plain; a=1; a=2", "text/plain", {"a": "1"}),
        (b'a/b; name="Brief \xc3\xbc.txt"', "a/b", {"name": "Brief ü.txt"}),
        (b'a/b; name="=?utf-8?B?0J8=?=.Txt"', "a/b", {"name": "П.Txt"}),
        (b"a/b; name*=utf-8''%D0%9F.txt", "a/b", {"name": "П.txt"}),
        (b"a/b; name*1=b; name*0=a; name*2=c", "a/b", {"name": "abc"}),
        (b"a/b; name*0*=koi8-r'ru'%F0; name*1=rest", "a/b", {"name": "Пrest"}),
        (b"a/b; name=x; name*=''y", "a/b", {"name": "y"}),
        (b'a/b; name*="=?utf-8?B?0J8=?="', "a/b", {"name": "П"}),
        (b'text/plain; x="unterminated; y=1', "text/plain", {"x": "unterminated; y=1"}),
    ],
)
def test_type_and_parameters(raw: bytes, full: str, parameters: dict[str, str]) -> None:
    found = parse_content_type(raw)
    assert (found.full, found.parameters, found.broken) == (full, parameters, False)


@pytest.mark.parametrize(
    "raw, full",
    [
        (b"text", "text/plain"),
        (b"html", "text/html"),
        (b"application", "application/octet-stream"),
        (b"multipart/alternate", "multipart/alternative"),
        (b"charset=utf-8", "text/plain"),
        (b"", "text/plain"),
        (b";;;", "text/plain"),
        (b"a/b; name*=no-such-charset''x", "a/b"),
        (b'a/b; name="\xfc"', "a/b"),
    ],
)
def test_what_is_written_badly_is_understood_and_marked(raw: bytes, full: str) -> None:
    found = parse_content_type(raw)
    assert (found.full, found.broken) == (full, True)


@pytest.mark.parametrize(
    "raw, text, message, dsn, smime",
    [
        (b"message/rfc822", False, True, False, False),
        (b"message/delivery-status", True, False, True, False),
        (b"message/disposition-notification", True, False, True, False),
        (b"application/x-pkcs7-mime", False, False, False, True),
        (b"text/calendar", True, False, False, False),
    ],
)
def test_kinds(raw: bytes, text: bool, message: bool, dsn: bool, smime: bool) -> None:
    found = parse_content_type(raw)
    assert (found.is_text, found.is_message, found.is_dsn, found.is_smime) == (
        text,
        message,
        dsn,
        smime,
    )


@pytest.mark.parametrize(
    "raw, kind, filename",
    [
        (b'attachment; filename="a b.exe"', "attachment", "a b.exe"),
        (b"inline", "inline", ""),
        (b"nonsense; filename=x.Y", "attachment", "x.Y"),
        (b"attachment; filename*=UTF-8''%e2%82%ac.pdf; filename=\"e.pdf\"", "attachment", "€.pdf"),
        (b"", "inline", ""),
    ],
)
def test_disposition(raw: bytes, kind: str, filename: str) -> None:
    found = parse_disposition(raw)
    assert (found.kind, found.filename) == (kind, filename)


def test_parameters_beyond_the_limit_are_ignored() -> None:
    raw = b"a/b" + b"".join(b"; p%d=1" % n for n in range(3000))
    found = parse_content_type(raw)
    assert len(found.parameters) == 1024 and found.broken


@pytest.mark.parametrize("junk", [b"(", b'"', b"(;", b"a=", b"\\", b'"\\', b"*0*=", b"=", b"' "])
def test_a_megabyte_of_junk_is_read_to_its_end(junk: bytes) -> None:
    assert parse_content_type(b"a/b;" + junk * (1_000_000 // len(junk))).full == "a/b"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="atext/;=\"\\'*0%( )ü\0\n", max_size=60))
def test_any_text_is_a_type(text: str) -> None:
    found = parse_content_type(text.encode())
    assert found.type and found.subtype
    parse_disposition(text.encode())
