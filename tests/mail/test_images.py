# SPDX-License-Identifier: Apache-2.0
"""Pictures tell their size in their header."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.images import ImageInfo, image_size

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\2\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\x00\x43\0"
    + bytes(64)
    + b"\xff\xff\xc2\x00\x11\x08"
    + struct.pack(">HH", 200, 300)
    + b"\x03"
)
BMP = b"BM" + bytes(12) + struct.pack("<Iii", 40, 32, -16) + bytes(4)
OLD_BMP = b"BM" + bytes(12) + struct.pack("<IHH", 12, 8, 9) + bytes(8)


@pytest.mark.parametrize(
    "data, expected",
    [
        (PNG, ImageInfo("png", 640, 480)),
        (JPEG, ImageInfo("jpeg", 300, 200)),
        (b"GIF89a" + struct.pack("<HH", 1, 2), ImageInfo("gif", 1, 2)),
        (BMP, ImageInfo("bmp", 32, 16)),
        (OLD_BMP, ImageInfo("bmp", 8, 9)),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"", None),
        (b"text", None),
        (PNG[:20], None),
        (JPEG[:90], None),
        (b"\xff\xd8" + b"\xff" * 5000, None),
        (b"GIF8", None),
        (b"BM", None),
    ],
)
def test_size_of_pictures(data: bytes, expected: ImageInfo | None) -> None:
    assert image_size(data) == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([PNG, JPEG, BMP, b"GIF89a"]), st.binary(max_size=80), st.integers(0, 90))
def test_broken_pictures_are_no_error(start: bytes, junk: bytes, cut: int) -> None:
    image_size(start[:cut] + junk)
