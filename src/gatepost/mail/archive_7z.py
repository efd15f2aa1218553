# SPDX-License-Identifier: Apache-2.0
"""Which members does a 7z's header name, and is anything in it encrypted? (7zFormat.txt)

The header at the end of the file is plain or itself packed by LZMA; contents stay packed. Where a
packed header would be larger than a listing may need, the archive counts as unreadable.
"""

from __future__ import annotations

import lzma
from typing import NamedTuple

from gatepost.mail.archive_listing import Listing

START = 32  # bytes before the packed streams
MAX_HEADER = 4 * 1024 * 1024  # bytes of an unpacked header
MAX_CODERS = 32
MAX_STREAMS = 100_000
END, HEADER, STREAMS, FILES = 0x00, 0x01, 0x04, 0x05
ARCHIVE_PROPERTIES, ADDITIONAL = 0x02, 0x03
PACK_INFO, UNPACK_INFO, SUBSTREAMS = 0x06, 0x07, 0x08
SIZES, CRC, FOLDER, UNPACK_SIZES, STREAM_COUNTS = 0x09, 0x0A, 0x0B, 0x0C, 0x0D
EMPTY_STREAM, EMPTY_FILE, NAMES = 0x0E, 0x0F, 0x11
PACKED_HEADER = 0x17
LZMA1, LZMA2 = b"\x03\x01\x01", b"\x21"
# AES-256/SHA-256, and the ciphers of zip that 7z may carry.
CIPHERS = (b"\x06\xf1\x07\x01", b"\x06\xf1\x01\x01", b"\x06\xf1\x03\x03", b"\x06\xf1\x03\x02")


class Broken(ValueError):
    """The header ends early or makes no sense; never leaves this file."""


class Packed(NamedTuple):
    """A packed header: where it lies, how it was packed, how large it becomes."""

    start: int
    size: int
    unpacked: int
    codec: bytes
    properties: bytes


class Reader:
    """Reads the header's numbers, each length checked against what is left."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count < 0 or self.position + count > len(self.data):
            raise Broken
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A 7z NUMBER: the first byte's leading ones count the bytes that follow."""
        first = self.byte()
        value = 0
        for index in range(8):
            mask = 0x80 >> index
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * index)
            value |= self.byte() << (8 * index)
        return value

    def count(self) -> int:
        """A NUMBER of things, bounded."""
        value = self.number()
        if value > MAX_STREAMS:
            raise Broken
        return value

    def bits(self, count: int) -> list[bool]:
        """A vector of bits, the highest first."""
        raw = self.take((count + 7) // 8)
        return [bool(raw[index >> 3] & (0x80 >> (index & 7))) for index in range(count)]


def list_7z(data: bytes, listing: Listing) -> None:
    """Reads the header; one that cannot be read leaves the listing unreadable."""
    try:
        _list(data, listing)
    except (Broken, lzma.LZMAError, MemoryError):
        listing.unreadable = True


def _list(data: bytes, listing: Listing) -> None:
    if len(data) < START:
        raise Broken
    offset = int.from_bytes(data[12:20], "little")
    size = int.from_bytes(data[20:28], "little")
    if not size:
        return
    if START + offset + size > len(data) or size > MAX_HEADER:
        raise Broken
    reader = Reader(data[START + offset : START + offset + size])
    kind = reader.byte()
    for _ in range(4):  # packed headers may hold packed headers
        if kind != PACKED_HEADER:
            break
        packed = _streams(reader, listing)
        if packed is None or listing.encrypted:
            if not listing.encrypted:
                raise Broken
            return
        reader = Reader(_unpack(data, packed))
        kind = reader.byte()
    if kind != HEADER:
        raise Broken
    _header(reader, listing)


def _unpack(data: bytes, packed: Packed) -> bytes:
    if packed.unpacked > MAX_HEADER or packed.start + packed.size > len(data):
        raise Broken
    raw = data[packed.start : packed.start + packed.size]
    # A dictionary larger than the result is never used, so it need not be allocated.
    window = max(4096, packed.unpacked)
    if packed.codec == LZMA1 and len(packed.properties) == 5 and packed.properties[0] < 225:
        lc_lp = packed.properties[0]
        spec = {
            "id": lzma.FILTER_LZMA1,
            "dict_size": window,
            "lc": lc_lp % 9,
            "lp": lc_lp // 9 % 5,
            "pb": lc_lp // 45,
        }
    elif packed.codec == LZMA2 and len(packed.properties) == 1:
        spec = {"id": lzma.FILTER_LZMA2, "dict_size": window}
    elif packed.codec == b"\0":
        return raw[: packed.unpacked]
    else:
        raise Broken
    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[spec])
    except ValueError as error:
        raise Broken from error
    return decoder.decompress(raw, max_length=packed.unpacked)


def _header(reader: Reader, listing: Listing) -> None:
    kind = reader.byte()
    if kind == ARCHIVE_PROPERTIES:
        while reader.byte() != END:
            reader.take(reader.number())
        kind = reader.byte()
    if kind == ADDITIONAL:
        _streams(reader, listing)
        kind = reader.byte()
    if kind == STREAMS:
        _streams(reader, listing)
        kind = reader.byte()
    if kind == FILES:
        _files(reader, listing)


def _streams(reader: Reader, listing: Listing) -> Packed | None:
    """PackInfo, UnpackInfo and SubStreamsInfo; what a packed header needs of them."""
    start = size = unpacked = 0
    codec = properties = b""
    folders: list[bool] = []
    while (kind := reader.byte()) != END:
        if kind == PACK_INFO:
            start = START + reader.number()
            size = _pack_info(reader)
        elif kind == UNPACK_INFO:
            folders, codec, properties, unpacked = _unpack_info(reader, listing)
        elif kind == SUBSTREAMS:
            _substreams(reader, folders)
        else:
            raise Broken
    return Packed(start, size, unpacked, codec, properties) if codec else None


def _pack_info(reader: Reader) -> int:
    streams, first = reader.count(), 0
    while (kind := reader.byte()) != END:
        if kind == SIZES:
            sizes = [reader.number() for _ in range(streams)]
            first = sizes[0] if sizes else 0
        elif kind == CRC:
            _digests(reader, streams)
        else:
            raise Broken
    return first


def _unpack_info(reader: Reader, listing: Listing) -> tuple[list[bool], bytes, bytes, int]:
    """Which folders have a digest; codec, properties and unpacked size of the first."""
    if reader.byte() != FOLDER:
        raise Broken
    folders = reader.count()
    if reader.byte():  # folders kept elsewhere: nobody writes that
        raise Broken
    codec = properties = b""
    outputs = 0
    for index in range(folders):
        coders = _folder(reader)
        outputs += sum(streams for _, _, streams in coders)
        if any(name in CIPHERS for name, _, _ in coders):
            listing.encrypted = True
        if not index and coders:
            codec, properties = (coders[0][0], coders[0][1]) if len(coders) == 1 else (b"?", b"")
    unpacked = 0
    known = [False] * folders
    while (kind := reader.byte()) != END:
        if kind == UNPACK_SIZES:
            sizes = [reader.number() for _ in range(outputs)]
            unpacked = sizes[0] if sizes else 0
        elif kind == CRC:
            known = _digests(reader, folders)
        else:
            raise Broken
    return known, codec, properties, unpacked


def _folder(reader: Reader) -> list[tuple[bytes, bytes, int]]:
    """Its coders: codec id, properties, number of output streams."""
    coders = []
    inputs = outputs = 0
    count = reader.number()
    if not 0 < count <= MAX_CODERS:
        raise Broken
    for _ in range(count):
        about = reader.byte()
        name = reader.take(about & 0x0F)
        streams_in, streams_out = (reader.number(), reader.number()) if about & 0x10 else (1, 1)
        if streams_in > MAX_CODERS or streams_out > MAX_CODERS:
            raise Broken
        properties = reader.take(reader.number()) if about & 0x20 else b""
        coders.append((name, properties, streams_out))
        inputs += streams_in
        outputs += streams_out
    pairs = outputs - 1
    for _ in range(2 * max(pairs, 0)):
        reader.number()
    packed = inputs - pairs
    if packed > 1:
        for _ in range(packed):
            reader.number()
    return coders


def _substreams(reader: Reader, known: list[bool]) -> None:
    """Only stepped over. Streams that are a whole folder with a digest have none of their own."""
    counts = [1] * len(known)
    kind = reader.byte()
    if kind == STREAM_COUNTS:
        counts = [reader.count() for _ in known]
        kind = reader.byte()
    if sum(counts) > MAX_STREAMS:
        raise Broken
    if kind == SIZES:
        for count in counts:
            for _ in range(count - 1):
                reader.number()
        kind = reader.byte()
    if kind == CRC:
        whole = (count == 1 and has for count, has in zip(counts, known, strict=True))
        _digests(reader, sum(counts) - sum(whole))
        kind = reader.byte()
    if kind != END:
        raise Broken


def _digests(reader: Reader, count: int) -> list[bool]:
    """Steps over digests; tells which of ``count`` things have one."""
    known = [True] * count if reader.byte() else reader.bits(count)
    reader.take(4 * sum(known))
    return known


def _files(reader: Reader, listing: Listing) -> None:
    count = reader.count()
    names: list[str] = []
    empty: list[bool] = []
    empty_files: list[bool] = []
    while (kind := reader.byte()) != END:
        content = Reader(reader.take(reader.number()))
        if kind == EMPTY_STREAM:
            empty = content.bits(count)
        elif kind == EMPTY_FILE:
            empty_files = content.bits(sum(empty))
        elif kind == NAMES and not content.byte():
            text = content.data[1:].decode("utf-16-le", "replace")
            names = text.split("\0", count)[:count]
    if count and not names:
        raise Broken
    blank = iter(empty_files)
    for index, name in enumerate(names):
        is_empty = index < len(empty) and empty[index]
        if is_empty and not next(blank, False):
            continue  # a folder
        if listing.full:
            return
        listing.add(name, encrypted=listing.encrypted)
