# SPDX-License-Identifier: Apache-2.0
"""Which members do the blocks of a RAR 4 or RAR 5 archive name? (RARLAB technote)"""

from __future__ import annotations

import struct

from gatepost.mail.archive_listing import Listing

MAGIC_4 = b"Rar!\x1a\x07\x00"
MAGIC_5 = b"Rar!\x1a\x07\x01\x00"
MAX_HEADER = 2 * 1024 * 1024  # bytes; the format's own limit for RAR 5
# RAR 4
MAIN_4, FILE_4, END_4 = 0x73, 0x74, 0x7B
MAIN_ENCRYPTED = 0x0080
HAS_DATA = 0x8000
FILE_ENCRYPTED, FILE_LARGE, FILE_UNICODE = 0x0004, 0x0100, 0x0200
DIRECTORY_4 = 0x00E0
# RAR 5
FILE_5, ENCRYPTION_5, END_5 = 2, 4, 5
HAS_EXTRA_5, HAS_DATA_5 = 0x01, 0x02
FILE_DIRECTORY_5, FILE_TIME_5, FILE_CRC_5 = 0x01, 0x02, 0x04
EXTRA_ENCRYPTION_5 = 1


def list_rar(data: bytes, listing: Listing) -> None:
    """Walks the blocks; packed contents are stepped over."""
    if data.startswith(MAGIC_5):
        _list_5(data, listing)
    elif data.startswith(MAGIC_4):
        _list_4(data, listing)
    else:
        listing.unreadable = True


def _list_4(data: bytes, listing: Listing) -> None:
    position = len(MAGIC_4)
    while position + 7 <= len(data):
        kind, flags, size = struct.unpack_from("<xxBHH", data, position)
        if size < 7 or kind < 0x72 or kind > END_4:
            listing.unreadable = True
            return
        if kind == END_4:
            return
        if kind == MAIN_4 and flags & MAIN_ENCRYPTED:
            listing.encrypted = True
            return
        packed = 0
        if kind == FILE_4:
            if listing.full:
                return
            packed = _file_4(data, position, flags, size, listing)
            if packed < 0:
                listing.unreadable = True
                return
        elif flags & HAS_DATA and position + 11 <= len(data):
            packed = int.from_bytes(data[position + 7 : position + 11], "little")
        position += size + packed


def _file_4(data: bytes, position: int, flags: int, size: int, listing: Listing) -> int:
    """A file block; the bytes of packed content after it, or -1 when it is broken."""
    if size < 32 or position + size > len(data):
        return -1
    packed, unpacked = struct.unpack_from("<II", data, position + 7)
    (name_length,) = struct.unpack_from("<H", data, position + 26)
    name_start = position + 32
    if flags & FILE_LARGE:
        high_packed, high_unpacked = struct.unpack_from("<II", data, name_start)
        packed += high_packed << 32
        unpacked += high_unpacked << 32
        name_start += 8
    if name_start + name_length > position + size:
        return -1
    name = data[name_start : name_start + name_length]
    if flags & DIRECTORY_4 != DIRECTORY_4:
        listing.add(
            _unicode_name_4(name) if flags & FILE_UNICODE else name,
            size=unpacked,
            compressed_size=packed,
            encrypted=bool(flags & FILE_ENCRYPTED),
        )
    return int(packed)


def _unicode_name_4(raw: bytes) -> bytes | str:
    """RAR 4's own packing of UTF-16: plain name, NUL, then two-bit instructions."""
    plain, zero, packed = raw.partition(b"\0")
    if not zero or not packed:
        return plain
    high, position = packed[0], 1
    units = bytearray()
    bits, left = 0, 0
    while position < len(packed) and len(units) < 2 * len(raw) * 4:
        if not left:
            bits, left = packed[position], 4
            position += 1
        operation = bits >> 6
        bits, left = (bits << 2) & 0xFF, left - 1
        chunk = packed[position : position + 2]
        if operation == 3:
            if not chunk:
                break
            units += _run_4(chunk, plain, len(units) // 2, high)
            position += 2 if chunk[0] & 0x80 else 1
        elif operation == 2:
            units += chunk.ljust(2, b"\0")
            position += 2
        elif chunk:
            units += bytes((chunk[0], high if operation == 1 else 0))
            position += 1
    return bytes(units).decode("utf-16-le", "replace")


def _run_4(chunk: bytes, plain: bytes, at: int, high: int) -> bytes:
    """Up to 129 characters of the plain name, as they are or moved to the other page."""
    run = plain[at : at + (chunk[0] & 0x7F) + 2]
    if chunk[0] & 0x80 and len(chunk) == 2:
        return b"".join(bytes(((byte + chunk[1]) & 0xFF, high)) for byte in run)
    return b"".join(bytes((byte, 0)) for byte in run)


def _vint(data: bytes, position: int) -> tuple[int, int]:
    """RAR 5's variable integer: the value and the position after it, -1 when it is broken."""
    value = 0
    for shift in range(0, 63, 7):
        if position >= len(data):
            return 0, -1
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
    return 0, -1


def _list_5(data: bytes, listing: Listing) -> None:
    position = len(MAGIC_5)
    while position + 6 < len(data):
        size, start = _vint(data, position + 4)
        end = start + size
        if start < 0 or not 0 < size <= MAX_HEADER or end > len(data):
            listing.unreadable = True
            return
        kind, at = _vint(data, start)
        flags, at = _vint(data, at) if at > 0 else (0, -1)
        if at < 0 or kind == END_5:
            return
        if kind == ENCRYPTION_5:
            listing.encrypted = True
            return
        extra = packed = 0
        if flags & HAS_EXTRA_5:
            extra, at = _vint(data, at)
        if flags & HAS_DATA_5 and at > 0:
            packed, at = _vint(data, at)
        if kind == FILE_5 and at > 0:
            if listing.full:
                return
            if not _file_5(data[at:end], extra, packed, listing):
                listing.unreadable = True
                return
        position = end + packed


def _file_5(header: bytes, extra: int, packed: int, listing: Listing) -> bool:
    flags, at = _vint(header, 0)
    size, at = _vint(header, at) if at > 0 else (0, -1)
    _, at = _vint(header, at) if at > 0 else (0, -1)  # attributes
    if at < 0:
        return False
    at += (4 if flags & FILE_TIME_5 else 0) + (4 if flags & FILE_CRC_5 else 0)
    for _ in range(2):  # compression, host system
        _, at = _vint(header, at) if at > 0 else (0, -1)
    length, at = _vint(header, at) if at > 0 else (0, -1)
    if at < 0 or at + length > len(header):
        return False
    if not flags & FILE_DIRECTORY_5:
        listing.add(
            header[at : at + length],
            size=size,
            compressed_size=packed,
            encrypted=_is_encrypted_5(header[len(header) - extra :] if extra else b""),
            utf8=True,
        )
    return True


def _is_encrypted_5(records: bytes) -> bool:
    position = 0
    while position < len(records):
        size, start = _vint(records, position)
        kind, at = _vint(records, start) if start > 0 else (0, -1)
        if at < 0 or not size:
            return False
        if kind == EXTRA_ENCRYPTION_5:
            return True
        position = start + size
    return False
