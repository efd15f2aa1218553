# SPDX-License-Identifier: Apache-2.0
"""Files are known by what they hold."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.file_signatures import SIGNATURES, Signature
from gatepost.mail.filetype import UNKNOWN, detect


def zipped(*names: str, mimetype: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "x" * 50)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return packed.getvalue()


def program(characteristics: int) -> bytes:
    head = b"MZ" + bytes(58) + struct.pack("<I", 128)
    coff = b"PE\0\0" + bytes(18) + struct.pack("<H", characteristics)
    return head.ljust(128, b"\0") + coff + bytes(200)


def ole(*streams: str, class_id: bytes = bytes(16)) -> bytes:
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", header, 30, 9)
    entries = b""
    for index, name in enumerate(("Root Entry", *streams)):
        raw = name.encode("utf-16-le")
        entry = raw.ljust(64, b"\0") + struct.pack("<H", len(raw) + 2) + bytes(14)
        entries += entry + (class_id if not index else bytes(16)) + bytes(32)
    return bytes(header) + entries.ljust(512, b"\0")


TEXT = b"Dear all,\nplease find the minutes of our last meeting below.\nBest regards\n" * 3
PAGE = b"<html><head><title>x</title></head><body><p>hello</p></body></html>"


@pytest.mark.parametrize(
    "data, extension, category",
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "pdf", "binary"),
        (b"\n\n junk %PDF-1.4", "pdf", "binary"),
        (b"{\\rtf1\\ansi}", "rtf", "office"),
        (b"%!PS-Adobe-3.0", "ps", "binary"),
        (b"ITSF\3\0\0\0", "chm", "binary"),
        (ole("WordDocument"), "doc", "office"),
        (ole("Workbook"), "xls", "office"),
        (ole("PowerPoint Document"), "ppt", "office"),
        (ole("__properties_version1.0"), "msg", "message"),
        (ole("䡀䌏䈯"), "msi", "executable"),
        (
            ole(class_id=bytes.fromhex("84100c0000000000c000000000000046")),
            "msi",
            "executable",
        ),
        (ole("Whatever"), "ole", "office"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole", "office"),
        (program(0x0102), "exe", "executable"),
        (program(0x2102), "dll", "executable"),
        (b"\x7fELF\2\1\1" + bytes(60), "elf", "executable"),
        (b"\x4c\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", "lnk", "executable"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10", "class", "executable"),
        (b"@echo off\r\ndel x", "bat", "executable"),
        (zipped("a.txt"), "zip", "archive"),
        (zipped("[Content_Types].xml", "word/document.xml"), "docx", "office"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx", "office"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "pptx", "office"),
        (zipped("META-INF/MANIFEST.MF", "a.class"), "jar", "archive"),
        (zipped("META-INF/MANIFEST.MF", "AndroidManifest.xml"), "apk", "archive"),
        (
            zipped("content.xml", mimetype="application/vnd.oasis.opendocument.text"),
            "odt",
            "office",
        ),
        (
            zipped("content.xml", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
            "ods",
            "office",
        ),
        (zipped("x", mimetype="application/epub+zip"), "epub", "office"),
        (b"Rar!\x1a\x07\x00", "rar", "archive"),
        (b"Rar!\x1a\x07\x01\x00", "rar", "archive"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "7z", "archive"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gz", "archive"),
        (b"BZh91AY&SY\0", "bz2", "archive"),
        (b"\xfd7zXZ\0\0", "xz", "archive"),
        (b"\x28\xb5\x2f\xfd\4", "zst", "archive"),
        (tarred(), "tar", "archive"),
        (b"MSCF\0\0\0\0", "cab", "archive"),
        (bytes(0x8001) + b"CD001" + bytes(99), "iso", "archive"),
        (bytes(100) + b"koly" + bytes(508), "dmg", "archive"),
        (bytes(7) + b"**ACE**", "ace", "archive"),
        (b"\x89PNG\r\n\x1a\n", "png", "image"),
        (b"\xff\xd8\xff\xe0", "jpg", "image"),
        (b"GIF89a", "gif", "image"),
        (b"BM" + struct.pack("<IIII", 70, 0, 54, 40) + bytes(20), "bmp", "image"),
        (b"RIFF\0\0\0\0WEBP", "webp", "image"),
        (b"\0\0\0\x18ftypheic", "heic", "image"),
        (b"II*\0\x08", "tiff", "image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "svg", "image"),
        (b"-----BEGIN PGP MESSAGE-----\n", "pgp", "encrypted"),
        (b"begin 644 a.exe\nM35J0 \n", "uue", "binary"),
        (TEXT, "txt", "text"),
        (PAGE, "html", "text"),
        (b'<?xml version="1.0"?>' + PAGE, "html", "text"),
        (b'<?xml version="1.0"?><feed><entry/></feed>', "xml", "text"),
        (b"a,b,c\n1,2,3\n4,5,6\n", "csv", "text"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0", "ics", "text"),
        (b"BEGIN:VCARD\r\nVERSION:3.0", "vcf", "text"),
        (b"From: a@b.c\nTo: c@d.e\nSubject: hi\n\ntext", "eml", "message"),
        ("Grüße aus Köln an alle".encode(), "txt", "text"),
        ("Grüße aus Köln an alle".encode("cp1252"), "txt", "text"),
        (b"", "", "binary"),
        (bytes(range(256)), "", "binary"),
        (bytes(64), "", "binary"),
        # Ordinary words that begin like a signature
        (b"BMW is a maker of cars, and so are others.", "txt", "text"),
        (b"MZ is the sign of old programs", "txt", "text"),
        (b"begin 6 days later and be happy", "txt", "text"),
        (b"FWS is an abbreviation used in grammars of mail", "txt", "text"),
    ],
)
def test_type_of_content(data: bytes, extension: str, category: str) -> None:
    found = detect(data)
    assert (found.extension, found.category) == (extension, category)


def test_unknown_content_has_no_extension() -> None:
    assert detect(b"\0\1\2\3") == UNKNOWN == ("", "application/octet-stream", "binary")


def test_a_name_does_not_make_a_program_a_text() -> None:
    assert detect(program(2), "letter.txt").extension == "exe"


def test_only_the_ends_of_a_large_file_are_read() -> None:
    hidden = TEXT * 2000 + b"\0" * 100 + TEXT * 2000
    assert detect(hidden).extension == "txt"


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SIGNATURES),
    st.binary(max_size=200),
    st.one_of(st.none(), st.text(max_size=8)),
)
def test_any_bytes_have_a_type(signature: Signature, junk: bytes, name: str | None) -> None:
    offset, magic = signature.offset, signature.magic
    detect(junk.ljust(offset, b"\0")[:offset] + magic + junk, name)
    detect(junk, name)
