# SPDX-License-Identifier: Apache-2.0
"""Which members does a zip's central directory name? (PKWARE APPNOTE 4.3.12, 4.3.16)"""

from __future__ import annotations

import struct

from gatepost.mail.archive_listing import Listing

END = b"PK\x05\x06"
END_SIZE = 22
# Rspamd looks 1 KiB further back; a longer comment is legal (64 KiB) but found nowhere.
END_SEARCH = 1024 + END_SIZE
ENTRY = struct.Struct("<4s6H3I5H2I")
FLAG_ENCRYPTED = 0x0001
FLAG_STRONG = 0x0040
FLAG_UTF8 = 0x0800
EXTRA_STRONG = 0x0017
EXTRA_ZIP64 = 0x0001
EXTRA_UNICODE_NAME = 0x7075


def list_zip(data: bytes, listing: Listing) -> None:
    """Walks the central directory; a bad record ends the listing as unreadable."""
    end = data.rfind(END, max(0, len(data) - END_SEARCH))
    if end < 0 or end + END_SIZE > len(data):
        listing.unreadable = True
        return
    position = _directory_start(data, end)
    while position < end and data.startswith(b"PK\x01\x02", position):
        if listing.full:
            return
        after = _entry(data, position, listing)
        if not after:
            break
        position = after
    if position < end and not data.startswith((b"PK\x06\x06", b"PK\x05\x05"), position):
        listing.unreadable = True


def _directory_start(data: bytes, end: int) -> int:
    """Where the directory is. Something may stand before the zip, so its end counts too."""
    size, offset = struct.unpack_from("<II", data, end + 12)
    for start in (offset, end - size):
        if 0 <= start < end and data.startswith(b"PK\x01\x02", start):
            return int(start)
    if size == 0:
        return end
    if data.startswith(b"PK\x06\x07", end - 20):  # zip64
        (where,) = struct.unpack_from("<Q", data, end - 12)
        if where + 56 <= end and data.startswith(b"PK\x06\x06", where):
            (start,) = struct.unpack_from("<Q", data, where + 48)
            return int(start)
    return 0 if not data.startswith(b"PK\x01\x02") else end


def _entry(data: bytes, position: int, listing: Listing) -> int:
    """One record; the position after it, or 0 when it is broken."""
    if position + ENTRY.size > len(data):
        return 0
    fields = ENTRY.unpack_from(data, position)
    flags, packed, size = fields[3], fields[8], fields[9]
    name_length, extra_length, comment_length = fields[10:13]
    name_start = position + ENTRY.size
    extra_start = name_start + name_length
    after = extra_start + extra_length + comment_length
    if after > len(data):
        return 0
    name = data[name_start:extra_start]
    extra = data[extra_start : extra_start + extra_length]
    strong, unicode_name, sizes = _extra_fields(extra)
    if size == 0xFFFFFFFF and sizes:
        size = sizes.pop(0)
    if packed == 0xFFFFFFFF and sizes:
        packed = sizes.pop(0)
    if name.endswith(b"/") and not size:
        return int(after)  # a folder
    listing.add(
        unicode_name or name,
        size=size,
        compressed_size=packed,
        encrypted=strong or bool(flags & (FLAG_ENCRYPTED | FLAG_STRONG)),
        utf8=bool(unicode_name) or bool(flags & FLAG_UTF8),
    )
    return int(after)


def _extra_fields(extra: bytes) -> tuple[bool, bytes, list[int]]:
    """Strong encryption, the name in UTF-8, and sizes too large for their fields."""
    strong, name, sizes = False, b"", list[int]()
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == EXTRA_STRONG:
            strong = True
        elif kind == EXTRA_UNICODE_NAME and len(body) > 5 and body[0] == 1:
            name = body[5:]
        elif kind == EXTRA_ZIP64:
            sizes = [int.from_bytes(body[i : i + 8], "little") for i in range(0, len(body) - 7, 8)]
        position += 4 + length
    return strong, name, sizes[:3]
