# SPDX-License-Identifier: Apache-2.0
"""Transfer encodings are undone whatever was done to them."""

from __future__ import annotations

import base64
import binascii
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.transfer_encoding import (
    Cte,
    decode_base64,
    decode_body,
    decode_quoted_printable,
    decode_uuencode,
    parse_cte,
)


@pytest.mark.parametrize(
    "value, cte",
    [
        ("base64", Cte.BASE64),
        (" Base-64; ", Cte.BASE64),
        ('"quoted-printable"', Cte.QUOTED_PRINTABLE),
        ("Quoted-Printable (yes)", Cte.QUOTED_PRINTABLE),
        ("7BIT", Cte.SEVEN_BIT),
        ("binary", Cte.EIGHT_BIT),
        ("x-uue", Cte.UUENCODE),
        ("rot13", Cte.UNKNOWN),
        ("", Cte.UNKNOWN),
    ],
)
def test_encoding_is_known_by_its_name(value: str, cte: Cte) -> None:
    assert parse_cte(value) is cte


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"a=3Db", b"a=b"),
        (b"a=\r\nb=\nc", b"abc"),
        (b"a=\rb\rc\n", b"ab\rc\n"),
        (b"a=zzb", b"a=zzb"),
        (b"a=", b"a="),
        (b"a==3D", b"a=="),
        (b"a==b", b"a==b"),
        (b"===", b"==="),
        (b"=c3=bc", "ü".encode()),
        (b"=4", b"=4"),
        (b"=\n", b""),
        (b"a_b", b"a_b"),
        (b"", b""),
    ],
)
def test_quoted_printable_keeps_its_junk(data: bytes, expected: bytes) -> None:
    assert decode_quoted_printable(data) == expected


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"SGVsbG8=", b"Hello"),
        (b"SGVs\r\nbG8=\r\n", b"Hello"),
        (b"SGVsbG8", b"Hello"),
        (b"SGVsbG", b"Hell"),
        (b"SGVsb", b"Hel"),
        (b"SG*Vs!bG8=", b"Hello"),
        (b"SGk=SGk=", b"HiHi"),
        (b"SGk==\n\nSGk=", b"HiHi"),
        (b"====", b""),
        (b"S", b""),
        (b"\0\xff", b""),
        (b"", b""),
    ],
)
def test_base64_gives_what_it_can(data: bytes, expected: bytes) -> None:
    assert decode_base64(data) == expected


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"begin 644 file.bin\n" + b"".join(lines) + b"`\nend\n"


def test_uuencode_is_undone_or_left_as_it_is() -> None:
    data = bytes(range(256))
    assert decode_uuencode(b"hello\n" + uuencoded(data)) == data
    assert decode_uuencode(uuencoded(data).replace(b"\n", b"\r\n")) == data
    assert decode_body(b"no such thing", Cte.UUENCODE) == (b"no such thing", True)
    assert decode_body(b"begin 644 x\n\xff\xff\xff\n", Cte.UUENCODE).broken


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_come_through(data: bytes) -> None:
    for cte in Cte:
        decode_body(data, cte)
    assert decode_base64(base64.encodebytes(data)) == data
    text = data.replace(b"\r", b"")  # quopri leaves line ends as they are
    assert decode_quoted_printable(quopri.encodestring(text, quotetabs=True)) == text
    assert (decode_uuencode(uuencoded(data)) or b"") == data
