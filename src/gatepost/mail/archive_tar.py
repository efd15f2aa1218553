# SPDX-License-Identifier: Apache-2.0
"""Which members are in a tar, or what a gzip says of its one? (POSIX ustar, GNU tar, RFC 1952)"""

from __future__ import annotations

from gatepost.mail.archive_listing import MAX_NAME, Listing

BLOCK = 512
MAX_PAX = 64 * 1024  # bytes of an extended header that are read
FLAG_CRC, FLAG_EXTRA, FLAG_NAME, FLAG_ENCRYPTED = 0x02, 0x04, 0x08, 0x20


def list_tar(data: bytes, listing: Listing) -> None:
    """Walks the headers; contents are stepped over."""
    position, long_name = 0, b""
    while position + BLOCK <= len(data):
        header = data[position : position + BLOCK]
        if not header.strip(b"\0"):
            return
        size = _number(header[124:136])
        if size < 0 or not _checksum_fits(header):
            listing.unreadable = True
            return
        content = position + BLOCK
        kind = header[156:157]
        if kind == b"L":  # GNU: the content is the next member's name
            long_name = data[content : content + min(size, MAX_NAME)].rstrip(b"\0")
        elif kind in (b"x", b"g"):
            long_name = _pax_path(data[content : content + min(size, MAX_PAX)]) or long_name
        elif kind not in (b"K", b"5", b"V"):
            if listing.full:
                return
            listing.add(long_name or _name(header), size=size, compressed_size=size)
            long_name = b""
        else:
            long_name = b""
        position = content + (size + BLOCK - 1) // BLOCK * BLOCK
    listing.unreadable = listing.unreadable or not listing.files


def list_gzip(data: bytes, listing: Listing, filename: str | None) -> None:
    """The one member: FNAME, else the attachment's name without its last extension."""
    if len(data) < 18:
        listing.unreadable = True
        return
    flags = data[3]
    position = 10
    if flags & FLAG_EXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    name = b""
    if flags & FLAG_NAME:
        end = data.find(b"\0", position, position + MAX_NAME)
        if end < 0:
            listing.unreadable = True
            return
        name = data[position:end]
    fallback = (filename or "").rpartition(".")[0]
    if listing.full:
        return
    listing.add(
        name or fallback,
        size=int.from_bytes(data[-4:], "little"),
        compressed_size=len(data),
        encrypted=bool(flags & FLAG_ENCRYPTED),
    )


def _number(field: bytes) -> int:
    """Octal digits, or GNU's base 256 for sizes above 8 GiB; -1 when it is neither."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return -1


def _checksum_fits(header: bytes) -> bool:
    found = _number(header[148:156])
    return found == sum(header) - sum(header[148:156]) + 8 * 0x20


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:262] == b"ustar" else b""
    return prefix + b"/" + name if prefix and header[262:264] != b" \0" else name


def _pax_path(records: bytes) -> bytes:
    """The record ``LENGTH path=NAME``."""
    start = records.find(b" path=")
    if start < 0:
        return b""
    return records[start + 6 :].split(b"\n", 1)[0][:MAX_NAME]
