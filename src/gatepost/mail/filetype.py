# SPDX-License-Identifier: Apache-2.0
"""Which kind of file is this, whatever it calls itself?

Only the first 64 KiB and the last 32 KiB are looked at. Order: signatures, then what is inside
OLE and zip containers and PE programs, then whether it reads as text and as which. Source:
content reference §1.13.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gatepost.mail.file_signatures import (
    KINDS,
    OLE_CLASSES,
    OLE_STREAMS,
    SIGNATURES,
    TAIL_SIGNATURES,
    ZIP_MEMBERS,
    ZIP_MIMETYPES,
    Signature,
)

HEAD = 64 * 1024  # bytes looked at from the start
TAIL = 32 * 1024  # bytes looked at from the end
ZIP_NAMES = 100  # members whose names are read
OLE_ENTRIES = 512
MAX_UNPRINTABLE = 0.78  # per cent of a text's bytes
CSV_ROWS = 10
HTML_ENOUGH = 40

PRINTABLE = bytes(set(range(0x20, 0x7F)) | set(b"\t\r\n\f") | set(range(0x80, 0x100)))
PDF = re.compile(rb"[\s\S]{0,1024}?%PDF-\d")
SVG = re.compile(
    rb"\s*+(?:<\?xml[^>]{0,512}>|<!--[^>]{0,512}>|<!DOCTYPE[^>]{0,512}>|\s)*+<svg\b", re.IGNORECASE
)
UUE = re.compile(rb"begin [0-7]{3,4} [^\r\n]{1,255}\r?\n[ -`]")
MAIL_START = re.compile(
    rb"(?:(?:Received|Return-Path|Delivered-To|Message-ID|MIME-Version|From|To|Subject|Date|"
    rb"DKIM-Signature|X-[!-9;-~]{1,60}):[ \t][^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n){0,40}){3}",
    re.IGNORECASE,
)
XML_START = re.compile(rb"\s{0,64}<\?xml\s+version", re.IGNORECASE)
# Weights as §1.13 wants them: only together do weak signs make a page.
HTML_WEIGHTS: tuple[tuple[re.Pattern[bytes], int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), weight)
    for pattern, weight in (
        (rb"<!doctype\s+html", 60),
        (rb"<html\b", 50),
        (rb"<head\b", 25),
        (rb"<body\b", 30),
        (rb"<meta\s", 20),
        (rb"<script\b", 30),
        (rb"<style\b", 20),
        (rb"<title\b", 20),
        (rb"<table\b", 20),
        (rb"<div\b", 20),
        (rb"<span\b", 15),
        (rb"<p\b[^<]*>", 15),
        (rb"<br\s*/?>", 15),
        (rb"<a\s[^>]{0,256}href", 25),
        (rb"<img\s[^>]{0,256}src", 25),
        (rb"<font\b", 20),
        (rb"<form\b", 20),
        (rb"</(?:p|div|a|span|b|i|td|li|h\d|font|table|body|html)>", 15),
    )
)
TEXT_KINDS = {"htm": "html", "html": "html", "xhtml": "html", "xml": "xml", "csv": "csv"}


class FileType(NamedTuple):
    """``extension`` without its dot, empty for the unknown. ``category`` is ``archive``,
    ``office``, ``image``, ``executable``, ``text``, ``binary``, ``encrypted`` or ``message``."""

    extension: str
    mime_type: str
    category: str


TYPES = {kind: FileType(kind, *about) for kind, about in KINDS.items()}
UNKNOWN = FileType("", "application/octet-stream", "binary")


def _by_first_byte() -> dict[int, tuple[Signature, ...]]:
    """Signatures at the very start, longest first, so that the special beat the general."""
    table: dict[int, list[Signature]] = {}
    for signature in SIGNATURES:
        if not signature.offset:
            table.setdefault(signature.magic[0], []).append(signature)
    return {
        byte: tuple(sorted(found, key=lambda signature: -len(signature.magic)))
        for byte, found in table.items()
    }


AT_START = _by_first_byte()
FURTHER_ON = tuple(signature for signature in SIGNATURES if signature.offset)


def detect(data: bytes, filename: str | None = None) -> FileType:
    """The type that the content shows; ``filename`` only settles which kind of text it is.

    ``UNKNOWN`` when nothing fits. Never raises.
    """
    if not data:
        return UNKNOWN
    kind = _signature(data)
    if kind == "zip":
        kind = _zip_kind(data)
    elif kind == "ole":
        kind = _ole_kind(data)
    elif kind == "exe":
        kind = _pe_kind(data)
    elif not kind:
        kind = _markup_or_text(data, filename)
    return TYPES.get(kind, UNKNOWN)


def _signature(data: bytes) -> str:
    for signature in AT_START.get(data[0], ()):
        if data.startswith(signature.magic) and _confirmed(signature.kind, data):
            return signature.kind
    for signature in FURTHER_ON:
        if data.startswith(signature.magic, signature.offset) and _confirmed(signature.kind, data):
            return signature.kind
    for signature in TAIL_SIGNATURES:
        if len(data) >= signature.offset and data.startswith(
            signature.magic, len(data) - signature.offset
        ):
            return signature.kind
    return "pdf" if PDF.match(data, 0, 2048) else ""


def _confirmed(kind: str, data: bytes) -> bool:
    """Short signatures begin ordinary text too; these need a second look."""
    if kind == "bmp":
        return len(data) >= 26 and data[6:10] == b"\0\0\0\0" and data[15:18] == b"\0\0\0"
    if kind == "exe":
        return len(data) >= 64 or not _is_text(data)
    if kind == "bz2":
        return len(data) > 9 and 0x31 <= data[3] <= 0x39 and data[4:10] == b"1AY&SY"
    if kind == "lha":
        return len(data) > 7 and data[6] == 0x2D and data[5] in b"0123456789ds"
    if kind == "swf":
        return len(data) > 8 and data[3] < 64 and not _is_text(data[:64])
    if kind == "uue":
        return UUE.match(data) is not None
    if kind == "class":
        # A Mach-O binary for several processors begins alike; its second word is their number.
        return len(data) > 8 and int.from_bytes(data[4:8], "big") > 40
    if kind in ("ico", "cur"):
        return len(data) > 22 and 0 < data[4] < 64 and data[5] == 0
    return True


def _zip_kind(data: bytes) -> str:
    """What a zip carries, by the names of its first members, from both of its ends."""
    head = data[:HEAD]
    if head.startswith(b"mimetype", 30):
        size = int.from_bytes(head[22:26], "little")
        start = 38 + int.from_bytes(head[28:30], "little")
        content = head[start : start + min(size, 128) if size else start + 128]
        for mime_type, kind in ZIP_MIMETYPES.items():
            if content.startswith(mime_type):
                return kind
    names = list(_zip_names(head, b"PK\x03\x04", 30, 26))
    names += _zip_names(data[-TAIL:], b"PK\x01\x02", 46, 28)
    for prefix, kind in ZIP_MEMBERS:
        if any(name.startswith(prefix) for name in names):
            return kind
    return "zip"


def _zip_names(data: bytes, magic: bytes, fixed: int, length_at: int) -> list[bytes]:
    names: list[bytes] = []
    position = data.find(magic)
    while position >= 0 and len(names) < ZIP_NAMES:
        length = int.from_bytes(data[position + length_at : position + length_at + 2], "little")
        names.append(data[position + fixed : position + fixed + min(length, 512)])
        position = data.find(magic, position + fixed)
    return names


def _ole_kind(data: bytes) -> str:
    """Class id of the root entry first, then the streams of its directory (MS-CFB 2.6)."""
    if len(data) < 512:
        return "ole"
    shift = int.from_bytes(data[30:32], "little")
    if shift not in (9, 12):
        return "ole"
    start = (int.from_bytes(data[48:52], "little") + 1) << shift
    directory = data[start : start + OLE_ENTRIES * 128]
    if not directory:
        directory = data[-TAIL:]
    elif directory[80:96] in OLE_CLASSES:
        return OLE_CLASSES[directory[80:96]]
    names = {_ole_name(directory, entry) for entry in range(0, len(directory) - 127, 128)}
    for stream, kind in OLE_STREAMS:
        if stream in names:
            return kind
    return "msi" if any("䡀" <= name[:1] <= "䡿" for name in names if name) else "ole"


def _ole_name(directory: bytes, entry: int) -> str:
    length = int.from_bytes(directory[entry + 64 : entry + 66], "little")
    if not 2 <= length <= 64:
        return ""
    return directory[entry : entry + length - 2].decode("utf-16-le", "replace").upper()


def _pe_kind(data: bytes) -> str:
    """exe or dll by the characteristics in the COFF header."""
    header = int.from_bytes(data[60:64], "little")
    if data[header : header + 4] == b"PE\0\0":
        characteristics = int.from_bytes(data[header + 22 : header + 24], "little")
        if characteristics & 0x2000:
            return "dll"
    return "exe"


def _markup_or_text(data: bytes, filename: str | None) -> str:
    head = data[:HEAD]
    if SVG.match(head, 0, 4096):
        return "svg"
    if not _is_text(data):
        return ""
    if MAIL_START.match(head.lstrip()[:16384]):
        return "eml"
    is_xml = XML_START.match(head) is not None
    if b"<" in head and _html_weight(head) >= HTML_ENOUGH:
        return "html"
    if is_xml:
        return "xml"
    upper = head[:256].upper().lstrip()
    if upper.startswith(b"BEGIN:VCALENDAR"):
        return "ics"
    if upper.startswith(b"BEGIN:VCARD"):
        return "vcf"
    named = TEXT_KINDS.get(filename.rpartition(".")[2].lower()) if filename else None
    if named == "csv" or _is_csv(head):
        return "csv" if _is_csv(head) else "txt"
    return "html" if named == "html" and b"<" in head else "txt"


def _html_weight(head: bytes) -> int:
    sample = head[:8192]
    return sum(weight for pattern, weight in HTML_WEIGHTS if pattern.search(sample))


def _is_text(data: bytes) -> bool:
    """§1.13: less than 0.78 % of the first 160 and last 80 bytes are not printable."""
    sample = data[:160] if len(data) <= 160 else data[:160] + data[max(160, len(data) - 80) :]
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        sample = sample[2:].replace(b"\0", b"")
    unprintable = len(sample.translate(None, PRINTABLE))
    if unprintable * 100 >= MAX_UNPRINTABLE * len(sample):
        return False
    if sample.isascii():
        return True
    return _reads_in_a_charset(sample)


def _reads_in_a_charset(sample: bytes) -> bool:
    """Random bytes have few controls too: they need to be UTF-8, or mostly ASCII letters."""
    try:
        sample[:160].decode("utf-8")
        return True
    except UnicodeDecodeError as error:
        if error.start >= min(len(sample), 160) - 3:
            return True
    runs = len(sample.translate(None, bytes(range(0x80, 0xA0))))
    return runs >= 0.97 * len(sample)


def _is_csv(head: bytes) -> bool:
    """Ten rows (or all) with one and the same number of commas or semicolons, at least two."""
    lines = head[:16384].splitlines()
    rows = [line for line in lines[:CSV_ROWS] if line.strip()]
    if len(rows) < 3 or b"<" in rows[0]:
        return False
    for separator in (b",", b";", b"\t"):
        counts = {re.sub(rb'"[^"]*"', b"", row).count(separator) for row in rows}
        if len(counts) == 1 and counts.pop() >= 2:
            return not any(separator + b" " in row for row in rows)
    return False
