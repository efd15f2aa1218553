# SPDX-License-Identifier: Apache-2.0
"""The table: which bytes at which place mean which kind of file, and what kinds there are.

Source: content reference §1.13 names the kinds; the bytes are those of the formats' own
specifications.
"""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """``magic`` stands at ``offset`` bytes from the start; ``kind`` is a key of ``KINDS``."""

    kind: str
    magic: bytes
    offset: int = 0


# Kind (which is the usual extension) → MIME type and category.
KINDS: dict[str, tuple[str, str]] = {
    # documents
    "pdf": ("application/pdf", "binary"),
    "ps": ("application/postscript", "binary"),
    "djvu": ("image/vnd.djvu", "office"),
    "rtf": ("application/rtf", "office"),
    "doc": ("application/msword", "office"),
    "xls": ("application/vnd.ms-excel", "office"),
    "ppt": ("application/vnd.ms-powerpoint", "office"),
    "vsd": ("application/vnd.visio", "office"),
    "msg": ("application/vnd.ms-outlook", "message"),
    "ole": ("application/x-ole-storage", "office"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "office"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "office"),
    "pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "office"),
    "vsdx": ("application/vnd.ms-visio.drawing", "office"),
    "odt": ("application/vnd.oasis.opendocument.text", "office"),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet", "office"),
    "odp": ("application/vnd.oasis.opendocument.presentation", "office"),
    "odg": ("application/vnd.oasis.opendocument.graphics", "office"),
    "epub": ("application/epub+zip", "office"),
    "asice": ("application/vnd.etsi.asic-e+zip", "office"),
    "asics": ("application/vnd.etsi.asic-s+zip", "office"),
    "chm": ("application/vnd.ms-htmlhelp", "binary"),
    "one": ("application/onenote", "office"),
    "mdb": ("application/x-msaccess", "office"),
    "psd": ("image/vnd.adobe.photoshop", "image"),
    "dwg": ("image/vnd.dwg", "image"),
    # archives
    "zip": ("application/zip", "archive"),
    "rar": ("application/x-rar", "archive"),
    "7z": ("application/x-7z-compressed", "archive"),
    "gz": ("application/gzip", "archive"),
    "bz2": ("application/x-bzip2", "archive"),
    "xz": ("application/x-xz", "archive"),
    "lzma": ("application/x-lzma", "archive"),
    "zst": ("application/zstd", "archive"),
    "lz4": ("application/x-lz4", "archive"),
    "lz": ("application/x-lzip", "archive"),
    "z": ("application/x-compress", "archive"),
    "tar": ("application/x-tar", "archive"),
    "cab": ("application/vnd.ms-cab-compressed", "archive"),
    "arj": ("application/x-arj", "archive"),
    "ace": ("application/x-ace", "archive"),
    "zoo": ("application/x-zoo", "archive"),
    "lha": ("application/x-lha", "archive"),
    "egg": ("application/x-egg", "archive"),
    "alz": ("application/x-alz", "archive"),
    "xar": ("application/x-xar", "archive"),
    "iso": ("application/x-iso9660-image", "archive"),
    "dmg": ("application/x-apple-diskimage", "archive"),
    "vhd": ("application/x-vhd", "archive"),
    "vhdx": ("application/x-vhdx", "archive"),
    "szdd": ("application/x-ms-compress-szdd", "archive"),
    "wim": ("application/x-ms-wim", "archive"),
    "rpm": ("application/x-rpm", "archive"),
    "deb": ("application/vnd.debian.binary-package", "archive"),
    "jar": ("application/java-archive", "archive"),
    "apk": ("application/vnd.android.package-archive", "archive"),
    "xpi": ("application/x-xpinstall", "archive"),
    # executables
    "exe": ("application/x-ms-application", "executable"),
    "dll": ("application/x-msdownload", "executable"),
    "elf": ("application/x-elf-executable", "executable"),
    "macho": ("application/x-mach-binary", "executable"),
    "msi": ("application/x-msi", "executable"),
    "lnk": ("application/x-ms-application", "executable"),
    "class": ("application/x-java-applet", "executable"),
    "bat": ("application/x-bat", "executable"),
    "dex": ("application/x-dex", "executable"),
    # pictures
    "jpg": ("image/jpeg", "image"),
    "png": ("image/png", "image"),
    "gif": ("image/gif", "image"),
    "bmp": ("image/bmp", "image"),
    "tiff": ("image/tiff", "image"),
    "webp": ("image/webp", "image"),
    "svg": ("image/svg+xml", "image"),
    "ico": ("image/x-icon", "image"),
    "cur": ("image/x-icon", "image"),
    "pcx": ("image/x-pcx", "image"),
    "pic": ("image/x-pict", "image"),
    "heic": ("image/heic", "image"),
    "avif": ("image/avif", "image"),
    # sound and film: named so that they are told from the unknown
    "swf": ("application/x-shockwave-flash", "binary"),
    "mp3": ("audio/mpeg", "binary"),
    "mp4": ("video/mp4", "binary"),
    "wav": ("audio/wav", "binary"),
    "avi": ("video/x-msvideo", "binary"),
    "mkv": ("video/x-matroska", "binary"),
    "ogg": ("application/ogg", "binary"),
    "flac": ("audio/flac", "binary"),
    "sqlite": ("application/vnd.sqlite3", "binary"),
    "tnef": ("application/ms-tnef", "binary"),
    "wasm": ("application/wasm", "executable"),
    # sealed things
    "pgp": ("application/encrypted", "encrypted"),
    "uue": ("text/x-uuencode", "binary"),
    "p7m": ("application/pkcs7-mime", "encrypted"),
    # text
    "txt": ("text/plain", "text"),
    "html": ("text/html", "text"),
    "xml": ("application/xml", "text"),
    "csv": ("text/csv", "text"),
    "ics": ("text/calendar", "text"),
    "vcf": ("text/vcard", "text"),
    "eml": ("message/rfc822", "message"),
}

# Checked in order; the first that fits wins.
SIGNATURES: tuple[Signature, ...] = (
    Signature("rtf", b"{\\rt"),
    Signature("ps", b"%!PS-Adobe"),
    Signature("ps", b"\xc5\xd0\xd3\xc6"),
    Signature("chm", b"ITSF"),
    Signature("djvu", b"AT&TFORM"),
    Signature("ole", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    Signature("one", b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"),
    Signature("mdb", b"Standard Jet DB", 4),
    Signature("mdb", b"Standard ACE DB", 4),
    Signature("exe", b"MZ"),
    Signature("elf", b"\x7fELF"),
    Signature("macho", b"\xcf\xfa\xed\xfe"),
    Signature("macho", b"\xce\xfa\xed\xfe"),
    Signature("macho", b"\xfe\xed\xfa\xcf"),
    Signature("macho", b"\xfe\xed\xfa\xce"),
    Signature("lnk", b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"),
    Signature("bat", b"@echo off"),
    Signature("bat", b"@ECHO OFF"),
    Signature("bat", b"@Echo Off"),
    Signature("class", b"\xca\xfe\xba\xbe"),
    Signature("dex", b"dex\n035"),
    Signature("wasm", b"\0asm"),
    Signature("ics", b"BEGIN:VCALENDAR"),
    Signature("vcf", b"BEGIN:VCARD"),
    Signature("arj", b"\x60\xea"),
    Signature("ace", b"**ACE**", 7),
    Signature("cab", b"MSCF\0\0\0\0"),
    Signature("tar", b"ustar", 257),
    Signature("bz2", b"BZh"),
    Signature("lz4", b"\x04\x22\x4d\x18"),
    Signature("lz4", b"\x02\x21\x4c\x18"),
    Signature("zst", b"\x28\xb5\x2f\xfd"),
    Signature("zoo", b"\xdc\xa7\xc4\xfd", 20),
    Signature("zip", b"PK\x03\x04"),
    Signature("zip", b"PK\x05\x06"),
    Signature("zip", b"PK\x07\x08PK\x03\x04"),
    Signature("rar", b"Rar!\x1a\x07\x00"),
    Signature("rar", b"Rar!\x1a\x07\x01\x00"),
    Signature("gz", b"\x1f\x8b\x08"),
    Signature("z", b"\x1f\x9d"),
    Signature("xar", b"xar!"),
    Signature("iso", b"CD001", 0x8001),
    Signature("iso", b"CD001", 0x8801),
    Signature("egg", b"EGGA"),
    Signature("alz", b"ALZ\x01"),
    Signature("szdd", b"SZDD\x88\xf0\x27\x33"),
    Signature("xz", b"\xfd7zXZ\0"),
    Signature("7z", b"7z\xbc\xaf\x27\x1c"),
    Signature("lz", b"LZIP\x01"),
    Signature("lha", b"-lh", 2),
    Signature("wim", b"MSWIM\0\0\0"),
    Signature("vhdx", b"vhdxfile"),
    Signature("vhd", b"conectix"),
    Signature("rpm", b"\xed\xab\xee\xdb"),
    Signature("deb", b"!<arch>\ndebian-binary"),
    Signature("psd", b"8BPS"),
    Signature("ico", b"\0\0\x01\0"),
    Signature("cur", b"\0\0\x02\0"),
    Signature("pcx", b"\x0a\x05\x01\x08"),
    Signature("pic", b"\x11\x01\x11\x00", 522),
    Signature("swf", b"FWS"),
    Signature("swf", b"CWS"),
    Signature("swf", b"ZWS"),
    Signature("tiff", b"II*\0"),
    Signature("tiff", b"MM\0*"),
    Signature("webp", b"WEBP", 8),
    Signature("wav", b"WAVEfmt", 8),
    Signature("avi", b"AVI LIST", 8),
    Signature("pgp", b"\x84\x8c\x03"),
    Signature("pgp", b"\x85\x01\x0c\x03"),
    Signature("pgp", b"\x85\x02\x0c\x03"),
    Signature("pgp", b"-----BEGIN PGP MESSAGE-----"),
    Signature("uue", b"begin 6"),
    Signature("dwg", b"AC10"),
    Signature("jpg", b"\xff\xd8\xff"),
    Signature("jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
    Signature("png", b"\x89PNG\r\n\x1a\n"),
    Signature("gif", b"GIF8"),
    Signature("bmp", b"BM"),
    Signature("heic", b"ftypheic", 4),
    Signature("heic", b"ftypheix", 4),
    Signature("heic", b"ftyphevc", 4),
    Signature("heic", b"ftypmif1", 4),
    Signature("heic", b"ftypmsf1", 4),
    Signature("avif", b"ftypavif", 4),
    Signature("mp4", b"ftyp", 4),
    Signature("mp3", b"ID3"),
    Signature("mkv", b"\x1a\x45\xdf\xa3"),
    Signature("ogg", b"OggS"),
    Signature("flac", b"fLaC"),
    Signature("sqlite", b"SQLite format 3\0"),
    Signature("tnef", b"\x78\x9f\x3e\x22"),
)

# At the end of the file, counted from its last byte.
TAIL_SIGNATURES: tuple[Signature, ...] = (Signature("dmg", b"koly", 512),)

# Names at the front of a zip that say what it carries.
ZIP_MEMBERS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "docx"),
    (b"xl/", "xlsx"),
    (b"ppt/", "pptx"),
    (b"visio/", "vsdx"),
    (b"AndroidManifest.xml", "apk"),
    (b"classes.dex", "apk"),
    (b"META-INF/MANIFEST.MF", "jar"),
)
# The content of a zip's member ``mimetype``.
ZIP_MIMETYPES: dict[bytes, str] = {
    KINDS[kind][0].encode(): kind for kind in ("odt", "ods", "odp", "odg", "epub", "asice", "asics")
}
# Names in an OLE directory, upper case; the first that is there wins.
OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("__PROPERTIES_VERSION1.0", "msg"),
    ("__NAMEID_VERSION1.0", "msg"),
    ("WORDDOCUMENT", "doc"),
    ("WORKBOOK", "xls"),
    ("BOOK", "xls"),
    ("POWERPOINT DOCUMENT", "ppt"),
    ("VISIODOCUMENT", "vsd"),
)
# Class ids of an OLE root entry, as they stand in the file.
OLE_CLASSES: dict[bytes, str] = {
    bytes.fromhex(text): kind
    for text, kind in (
        ("0609020000000000c000000000000046", "doc"),
        ("0009020000000000c000000000000046", "doc"),
        ("1008020000000000c000000000000046", "xls"),
        ("2008020000000000c000000000000046", "xls"),
        ("108d81649b4fcf1186ea00aa00b929e8", "ppt"),
        ("7046abec80a4d011852900c04fd8d503", "ppt"),
        ("0b0d020000000000c000000000000046", "msg"),
        ("84100c0000000000c000000000000046", "msi"),
        ("86100c0000000000c000000000000046", "msi"),
        ("131a020000000000c000000000000046", "vsd"),
        ("141a020000000000c000000000000046", "vsd"),
    )
}
