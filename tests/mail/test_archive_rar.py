# SPDX-License-Identifier: Apache-2.0
"""RAR 4 and RAR 5 archives are listed from their blocks."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.archive_listing import Archive, Listing
from gatepost.mail.archive_rar import MAGIC_4, MAGIC_5, list_rar


def listed(data: bytes, most: int = 1000) -> Archive:
    listing = Listing("rar", most)
    list_rar(data, listing)
    return listing.finish()


def block_4(kind: int, flags: int, body: bytes = b"") -> bytes:
    return struct.pack("<HBHH", 0, kind, flags, 7 + len(body)) + body


def file_4(name: bytes, flags: int = 0, content: bytes = b"packed") -> bytes:
    body = struct.pack("<IIBIIBBHI", len(content), 5000, 2, 0, 0, 29, 0x33, len(name), 0x20)
    return block_4(0x74, flags | 0x8000, body + name) + content


def vint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def block_5(kind: int, fields: bytes, *, extra: bytes = b"", data: bytes = b"") -> bytes:
    flags = (1 if extra else 0) | (2 if data else 0)
    head = vint(kind) + vint(flags)
    head += (vint(len(extra)) if extra else b"") + (vint(len(data)) if data else b"")
    head += fields + extra
    return bytes(4) + vint(len(head)) + head + data


def file_5(name: str, *, flags: int = 4, extra: bytes = b"") -> bytes:
    raw = name.encode()
    fields = vint(flags) + vint(5000) + vint(0x20) + bytes(4) + vint(0) + vint(0)
    return block_5(2, fields + vint(len(raw)) + raw, extra=extra, data=b"packed")


MAIN_4, END_4 = block_4(0x73, 0, bytes(6)), block_4(0x7B, 0x4000)
MAIN_5, END_5 = block_5(1, vint(0)), block_5(5, vint(0))
FOUR = MAGIC_4 + MAIN_4 + file_4(b"invoice.exe") + file_4(b"d\\b.txt") + END_4
FIVE = MAGIC_5 + MAIN_5 + file_5("invoice.exe") + file_5("d/ü.txt") + END_5


@pytest.mark.parametrize("data, second", [(FOUR, "d\\b.txt"), (FIVE, "d/ü.txt")])
def test_files_are_listed(data: bytes, second: str) -> None:
    found = listed(data)
    assert [(file.name, file.size, file.compressed_size) for file in found.files] == [
        ("invoice.exe", 5000, 6),
        (second, 5000, 6),
    ]
    assert not (found.encrypted or found.unreadable or found.obfuscated)


@pytest.mark.parametrize(
    "data",
    [
        MAGIC_4 + block_4(0x73, 0x80, bytes(6)) + bytes(100),
        MAGIC_5 + block_5(4, bytes(20)) + bytes(100),
    ],
)
def test_encrypted_headers_hide_the_list(data: bytes) -> None:
    assert listed(data).encrypted and not listed(data).files


@pytest.mark.parametrize(
    "data",
    [
        MAGIC_4 + MAIN_4 + file_4(b"a.doc", 0x04) + END_4,
        MAGIC_5 + MAIN_5 + file_5("a.doc", extra=vint(3) + vint(1) + b"\0\0") + END_5,
    ],
)
def test_encrypted_files_are_noticed(data: bytes) -> None:
    found = listed(data)
    assert found.encrypted and found.files[0].encrypted and found.files[0].name == "a.doc"


def test_other_records_of_a_file_are_not_encryption() -> None:
    assert not listed(MAGIC_5 + MAIN_5 + file_5("a", extra=vint(2) + vint(3) + b"\0")).encrypted


def test_folders_are_no_files() -> None:
    assert not listed(MAGIC_4 + MAIN_4 + file_4(b"docs", 0xE0) + END_4).files
    assert not listed(MAGIC_5 + MAIN_5 + file_5("docs", flags=5) + END_5).files


def test_unicode_names_of_rar_4() -> None:
    # "aü": an ASCII character, then one of the high page 0
    packed = b"a_\0\0" + bytes([0b00000000]) + b"a\xfc"
    found = listed(MAGIC_4 + MAIN_4 + file_4(packed, 0x200) + END_4)
    assert found.files[0].name == "aü"


@pytest.mark.parametrize("data", [FOUR[:40], FIVE[:20], MAGIC_4 + b"\xff" * 50, b"Rar!"])
def test_a_cut_archive_gives_what_it_has(data: bytes) -> None:
    assert not listed(data).files


def test_the_limit_of_entries_truncates() -> None:
    for data in (FOUR, FIVE):
        assert listed(data, 1).truncated


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([FOUR, FIVE]), st.integers(0, 150), st.binary(max_size=40))
def test_broken_archives_are_no_error(data: bytes, at: int, junk: bytes) -> None:
    listed(data[:at] + junk + data[at + len(junk) :])
