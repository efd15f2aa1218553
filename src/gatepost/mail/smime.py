# SPDX-License-Identifier: Apache-2.0
"""What was signed in this S/MIME envelope (RFC 5652 5.1, RFC 8551 3.5.2)?

Only *signed-data* with the content inside is opened; nothing is verified. Reads just the
few ASN.1 elements on the way to the content, in DER and in BER with indefinite lengths.
"""

from __future__ import annotations

from typing import NamedTuple

SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
SEQUENCE, SET, OID, INTEGER, OCTETS, OCTETS_BUILT, CONTEXT_0 = 0x30, 0x31, 6, 2, 4, 0x24, 0xA0
MAX_SKIPPED = 256  # elements that are stepped over to find the end of an indefinite one
MAX_PIECES = 1_000_000  # segments of a content; a segment is normally 1000 bytes


class Element(NamedTuple):
    """An ASN.1 element; ``end`` is where its content ends, ``None`` when it says so itself."""

    tag: int
    start: int
    end: int | None


def signed_payload(data: bytes) -> bytes | None:
    """The content of a signed-data envelope; ``None`` when it is anything else."""
    try:
        return _payload(data)
    except IndexError:  # cut off somewhere on the way
        return None


def _payload(data: bytes) -> bytes | None:
    at = _open(data, 0, SEQUENCE).start
    at, oid = _read(data, at, OID)
    if oid != SIGNED_DATA:
        return None
    at = _open(data, at, CONTEXT_0).start
    at = _open(data, at, SEQUENCE).start
    at, _ = _read(data, at, INTEGER)
    algorithms = _open(data, at, SET)
    if algorithms.end is None:
        return None
    at = _open(data, algorithms.end, SEQUENCE).start
    at, oid = _read(data, at, OID)
    if oid != DATA:
        return None
    at = _open(data, at, CONTEXT_0).start
    return _octets(data, at)


def _element(data: bytes, at: int) -> Element:
    tag, size = data[at], data[at + 1]
    if size < 0x80:
        return Element(tag, at + 2, at + 2 + size)
    if size == 0x80:
        return Element(tag, at + 2, None)
    count = size & 0x7F
    if count > 8:
        raise IndexError
    length = int.from_bytes(data[at + 2 : at + 2 + count], "big")
    return Element(tag, at + 2 + count, at + 2 + count + length)


def _open(data: bytes, at: int, tag: int) -> Element:
    element = _element(data, at)
    if element.tag != tag:
        raise IndexError
    return element


def _read(data: bytes, at: int, tag: int) -> tuple[int, bytes]:
    element = _open(data, at, tag)
    if element.end is None or element.end - element.start > MAX_SKIPPED:
        raise IndexError
    return element.end, data[element.start : element.end]


def _octets(data: bytes, at: int) -> bytes | None:
    """An OCTET STRING in one piece or in many; one that is cut off gives what there is."""
    element = _element(data, at)
    if element.tag == OCTETS:
        return data[element.start : element.end]
    if element.tag != OCTETS_BUILT:
        return None
    pieces: list[bytes] = []
    at = element.start
    end = len(data) if element.end is None else min(element.end, len(data))
    while at + 2 <= end and len(pieces) < MAX_PIECES:
        piece = _element(data, at)
        if piece.tag != OCTETS or piece.end is None:
            break
        pieces.append(data[piece.start : piece.end])
        at = piece.end
    return b"".join(pieces)
