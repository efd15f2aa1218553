# SPDX-License-Identifier: Apache-2.0
"""How large is this picture, by its header alone? Nothing is decoded.

PNG, JPEG, GIF and BMP, as content reference §1.10; other kinds have a type but no size.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAX_JPEG_SEGMENTS = 1024  # before the frame header; cameras write about ten
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length


class ImageInfo(NamedTuple):
    """``kind`` is ``png``, ``jpeg``, ``gif`` or ``bmp``; sizes are in pixels."""

    kind: str
    width: int
    height: int


def image_size(data: bytes) -> ImageInfo | None:
    """Kind and size of a picture; ``None``: none of the four kinds, or cut before the size."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        if len(data) < 24 or data[12:16] != b"IHDR":
            return None
        return ImageInfo("png", *struct.unpack_from(">II", data, 16))
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        return ImageInfo("gif", *struct.unpack_from("<HH", data, 6))
    if data.startswith(b"BM"):
        return _bmp_size(data)
    return None


def _jpeg_size(data: bytes) -> ImageInfo | None:
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        position = data.find(b"\xff", position)
        if position < 0 or position + 9 > len(data):
            return None
        marker = data[position + 1]
        if marker in (0xFF, 0x00):  # fill bytes
            position += 1
        elif marker in JPEG_BARE:
            position += 2
        elif marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return ImageInfo("jpeg", width, height)
        else:
            length = int.from_bytes(data[position + 2 : position + 4], "big")
            position += 2 + max(length, 2)
    return None


def _bmp_size(data: bytes) -> ImageInfo | None:
    if len(data) < 26:
        return None
    header = int.from_bytes(data[14:18], "little")
    if header == 12:  # OS/2
        return ImageInfo("bmp", *struct.unpack_from("<HH", data, 18))
    if header < 40 or header > 256:
        return None
    width, height = struct.unpack_from("<ii", data, 18)
    return ImageInfo("bmp", abs(width), abs(height))  # a negative height: rows from the top
