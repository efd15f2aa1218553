# SPDX-License-Identifier: Apache-2.0
"""7z archives, as libarchive writes them, are listed from their header."""

from __future__ import annotations

import base64
import lzma
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.archive_7z import MAX_HEADER, list_7z
from gatepost.mail.archive_listing import Archive, Listing

# bsdtar --format 7zip of invoice.exe, docs/ünï.txt and empty.txt: packed header, then stored.
PACKED = base64.b64decode(
    b"N3q8ryccAAPZ0pJJpwAAAAAAAAAiAAAAAAAAADEuOKMANBlJ7o3dFqphhKs1CWFp6//9NcAAAACBMweuD89dLwwHyE"
    b"OAg4Fb/6x2z3g/Dmy7/bUF4MmfvtLkt0EHdaajN/8CNOHwyN3o8qU5fvkDkAzE8coOg74F9VPb4eYtiTevbgYBGIrg"
    b"vjtgjJjiigfyJwmMht6RtipP5CPWP1YisdelXBTd8PKNrIfWQDkktXRJrDmIuzr11LBQt5htSW5pMWX//HXAABcGFg"
    b"EJgJEABwsBAAEjAwEBBV0AAIAADIEICgGojxwfAAA="
)
STORED = base64.b64decode(
    b"N3q8ryccAAPKrfzjDAAAAAAAAAABAQAAAAAAAFoz21JoZWxsbwp3b3JsZAoBBAYAAgkGBgAHCwIAAQEAAQEADAYGAA"
    b"gKASAwOjaoYTjdAAAFBA4BMA8BgBFRAGkAbgB2AG8AaQBjAGUALgBlAHgAZQAAAGQAbwBjAHMALwD8AG4A7wAuAHQA"
    b"eAB0AAAAZQBtAHAAdAB5AC4AdAB4AHQAAABkAG8AYwBzAAAAFCIBAAmCKog3fN0BCYIqiDd83QEJgiqIN3zdAQmCKo"
    b"g3fN0BEiIBAAmCKog3fN0BCYIqiDd83QEJgiqIN3zdAQmCKog3fN0BEyIBAEkeK4g3fN0BSR4riDd83QEJgiqIN3zd"
    b"AUkeK4g3fN0BFRIBACCApIEggKSBIICkgRCA7UEAAA=="
)
NAMES = ["invoice.exe", "docs/ünï.txt", "empty.txt"]


def listed(data: bytes, most: int = 1000) -> Archive:
    listing = Listing("7z", most)
    list_7z(data, listing)
    return listing.finish()


def number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([0x80 | value >> 8, value & 0xFF])


def archive(header: bytes, packed: bytes = b"") -> bytes:
    start = struct.pack("<QQI", len(packed), len(header), 0)
    return b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4) + start + packed + header


def streams(coder: bytes, unpacked: int, size: int = 4) -> bytes:
    return (
        b"\x06\0\1\x09" + number(size) + b"\0"
        b"\x07\x0b\1\0\1" + coder + b"\x0c" + number(unpacked) + b"\0\0"
    )


def files(*names: str) -> bytes:
    raw = b"\0" + b"".join(name.encode("utf-16-le") + b"\0\0" for name in names)
    return b"\x05" + number(len(names)) + b"\x11" + number(len(raw)) + raw + b"\0\0"


AES = b"\x24\x06\xf1\x07\x01\x01\0"


@pytest.mark.parametrize("data", [PACKED, STORED])
def test_names_are_listed(data: bytes) -> None:
    found = listed(data)
    assert [file.name for file in found.files] == NAMES
    assert not (found.encrypted or found.unreadable or found.truncated)


def test_encrypted_contents_are_noticed() -> None:
    found = listed(archive(b"\1\4" + streams(AES, 4) + files("secret.doc"), b"abcd"))
    assert found.encrypted and [file.name for file in found.files] == ["secret.doc"]
    assert found.files[0].encrypted


def test_an_encrypted_header_hides_the_list() -> None:
    found = listed(archive(b"\x17" + streams(AES, 4), b"abcd"))
    assert found.encrypted and not found.files


def test_a_header_packed_in_an_unknown_way_is_unreadable() -> None:
    ppmd = b"\x23\x03\x04\x01\x01\0"
    assert listed(archive(b"\x17" + streams(ppmd, 4), b"abcd")).unreadable


def test_a_header_that_unpacks_to_very_much_is_not_unpacked() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = lzma.compress(bytes(MAX_HEADER * 2), lzma.FORMAT_RAW, filters=filters)
    coder = b"\x21\x21\x01\x14"
    large = b"\xe0" + struct.pack("<I", MAX_HEADER * 2)[:3]
    header = b"\x17\x06\0\1\x09" + number(len(packed)) + b"\0"
    header += b"\x07\x0b\1\0\1" + coder + b"\x0c" + large + b"\0\0"
    assert listed(archive(header, packed)).unreadable


def test_an_empty_archive_has_no_files() -> None:
    assert listed(archive(b"")) == Archive("7z")


def test_the_limit_of_entries_truncates() -> None:
    found = listed(STORED, 1)
    assert found.truncated and len(found.files) == 1


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([PACKED, STORED]), st.integers(0, 300), st.binary(max_size=40))
def test_broken_archives_are_no_error(data: bytes, at: int, junk: bytes) -> None:
    listed(data[:at] + junk + data[at + len(junk) :])
    listed(data[:at])
