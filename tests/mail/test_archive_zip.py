# SPDX-License-Identifier: Apache-2.0
"""Zip archives are listed from their central directory."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.archive_listing import Archive, Listing
from gatepost.mail.archive_zip import list_zip


def listed(data: bytes, most: int = 1000) -> Archive:
    listing = Listing("zip", most)
    list_zip(data, listing)
    return listing.finish()


def zipped(*names: str, comment: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "x" * 1000 if not name.endswith("/") else "")
        archive.comment = comment
    return packed.getvalue()


def changed(data: bytes, offset: int, value: bytes) -> bytes:
    """The archive with bytes of its first directory record replaced."""
    at = data.index(b"PK\x01\x02") + offset
    return data[:at] + value + data[at + len(value) :]


TWO = zipped("invoice.exe", "docs/", "docs/ünï.txt")


def test_files_are_listed_with_their_sizes() -> None:
    found = listed(TWO)
    assert [file.name for file in found.files] == ["invoice.exe", "docs/ünï.txt"]
    assert found.files[0].size == 1000 and 0 < found.files[0].compressed_size < 50
    assert found == Archive("zip", found.files)


@pytest.mark.parametrize(
    "data",
    [b"MZ program in front of it" * 9 + TWO, zipped("invoice.exe", comment=b"c" * 900)],
)
def test_what_stands_around_the_archive_does_not_hide_it(data: bytes) -> None:
    assert listed(data).files[0].name == "invoice.exe"


@pytest.mark.parametrize("bit", [0x01, 0x40])
def test_encrypted_members_are_noticed(bit: int) -> None:
    found = listed(changed(TWO, 8, struct.pack("<H", bit)))
    assert found.encrypted and found.files[0].encrypted and not found.files[1].encrypted


@pytest.mark.parametrize("name", ["invoice\u202ecod.exe", "in\u200bvoice.exe", "a\x07.exe"])
def test_names_that_hide_something_are_obfuscated(name: str) -> None:
    found = listed(zipped(name))
    assert found.obfuscated and found.files[0].obfuscated


def test_names_that_are_not_in_their_charset_are_obfuscated() -> None:
    data = changed(zipped("abcd.exe"), 8, struct.pack("<H", 0x0800))
    assert listed(data.replace(b"abcd", b"ab\xff\xfe")).obfuscated


def test_old_code_pages_are_not_obfuscated() -> None:
    data = zipped("abcd.exe").replace(b"abcd", "Prüf".encode("cp437"))
    found = listed(data)
    assert not found.obfuscated and found.files[0].name == "Prüf.exe"


def test_the_limit_of_entries_truncates() -> None:
    found = listed(zipped(*(f"{number}.txt" for number in range(20))), 5)
    assert found.truncated and len(found.files) == 5


@pytest.mark.parametrize("data", [TWO[:-30], b"PK\x03\x04" + bytes(50), TWO[:60]])
def test_an_archive_without_its_end_is_unreadable(data: bytes) -> None:
    assert listed(data).unreadable


def test_a_bad_record_ends_the_list() -> None:
    second = TWO.rindex(b"PK\x01\x02")
    found = listed(TWO[:second] + b"XX" + TWO[second + 2 :])
    assert found.unreadable and [file.name for file in found.files] == ["invoice.exe"]


def test_an_empty_archive_is_no_trouble() -> None:
    assert listed(zipped()) == Archive("zip")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TWO)), st.binary(max_size=60))
def test_broken_archives_are_no_error(at: int, junk: bytes) -> None:
    listed(TWO[:at] + junk + TWO[at + len(junk) :])
    listed(TWO[:at] + junk)
