# SPDX-License-Identifier: Apache-2.0
"""Canonical text is what RFC 6376 3.4 says, byte for byte, and is made at the speed of memory."""

import hashlib
import re
import time
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.dkim_canonical import (
    BLOCK,
    canonical_field,
    relaxed_body,
    simple_body,
    to_crlf,
)

# Few letters, so that runs of each kind come up often.
TEXTS = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n", b"\n", b"\r", b"x", b"\x00", b"\x0b", b"\xff"]),
    max_size=60,
).map(b"".join)


def line_by_line(body: bytes, relaxed: bool) -> bytes:
    """The RFC's text, taken word by word."""
    lines = body.split(b"\r\n")
    if relaxed:
        lines = [re.sub(rb"[ \t]+", b" ", line.rstrip(b" \t")) for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    text = b"".join(line + b"\r\n" for line in lines)
    return text if text or relaxed else b"\r\n"


@given(TEXTS, st.booleans())
def test_bodies_are_those_of_the_rfc(text, keep_cr):
    body = to_crlf(text, keep_cr=keep_cr)
    assert relaxed_body(body) == line_by_line(body, relaxed=True)
    assert simple_body(body) == line_by_line(body, relaxed=False)


@settings(max_examples=60)
@given(TEXTS, st.integers(-4, 4))
def test_the_blocks_of_a_long_body_leave_no_seam(text, shift):
    body = to_crlf(b"x" * (BLOCK + shift) + text + b"  y")
    assert relaxed_body(body) == line_by_line(body, relaxed=True)


# RFC 6376 3.4.5
def test_the_examples_of_the_rfc():
    field_a, field_b = b"A: X\r\n", b"B : Y\t\r\n\tZ  \r\n"
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert canonical_field(field_a, "relaxed") == b"a:X\r\n"
    assert canonical_field(field_b, "relaxed") == b"b:Y Z\r\n"
    assert relaxed_body(body) == b" C\r\nD E\r\n"
    assert canonical_field(field_b, "simple") == field_b
    assert simple_body(body) == b" C \r\nD \t E\r\n"
    # RFC 6376 3.4.3 and 3.4.4 print the hashes of an empty body
    empty = [b64encode(hashlib.sha256(form(b"")).digest()) for form in (simple_body, relaxed_body)]
    assert empty == [
        b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
        b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ]


@pytest.mark.parametrize(
    "field, relaxed",
    [
        (b"Subject:x\r\n", b"subject:x\r\n"),
        (b"Subject: \t\r\n \r\n\tx\t \r\n", b"subject:x\r\n"),
        (b"SUBJECT:a:b  c\r\n", b"subject:a:b c\r\n"),
        (b"Subject:\r\n", b"subject:\r\n"),
        (b"Subject: \x0bx\x0c \r\n", b"subject:\x0bx\x0c\r\n"),  # no WSP in RFC 5234
        (b"X: \xc3\xa9\r\n", b"x:\xc3\xa9\r\n"),
    ],
)
def test_a_relaxed_field_is_on_one_line(field, relaxed):
    assert canonical_field(field, "relaxed") == relaxed


@pytest.mark.parametrize(
    "text, sent, kept",
    [
        (b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\rb\r\n", b"a\r\nb\r\n", b"a\rb\r\n"),
        (b"a\r\r\nb\r", b"a\r\nb\r\n", b"a\r\r\nb\r"),
        (b"\n\r", b"\r\n\r\n", b"\r\n\r"),
        (b"", b"", b""),
    ],
)
def test_line_ends_are_those_that_a_server_sends(text, sent, kept):
    assert to_crlf(text) == sent
    assert to_crlf(text, keep_cr=True) == kept


@given(TEXTS)
def test_every_line_end_is_crlf(text):
    sent = to_crlf(text)
    assert sent.count(b"\r\n") == sent.count(b"\r") == sent.count(b"\n")
    assert to_crlf(sent) == sent


@pytest.mark.slow
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("form", [relaxed_body, simple_body])
def test_ten_megabytes_are_canonical_and_hashed_in_a_twentieth_of_a_second(form, end):
    line = b"The quick  brown fox\tjumps over the lazy dog, and over  all the others  \r\n"
    body = (line * (10_000_000 // len(line))).replace(b"\r\n", end)

    def cost():
        start = time.process_time()
        hashlib.sha256(form(to_crlf(body))).digest()
        return time.process_time() - start

    assert min(cost() for _ in range(7)) < 0.05  # 200 MB/s


@pytest.mark.slow
def test_a_body_of_nothing_but_line_ends_is_no_attack():
    start = time.process_time()
    assert relaxed_body(to_crlf(b"\n" * 10_000_000)) == b""
    assert simple_body(to_crlf(b"\r" * 5_000_000)) == b"\r\n"
    assert len(relaxed_body(to_crlf(b"\r" * 5_000_000, keep_cr=True))) == 5_000_002
    assert time.process_time() - start < 1
