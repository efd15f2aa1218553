# SPDX-License-Identifier: Apache-2.0
"""Tar archives are listed from their headers; gzip from its one."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.archive_listing import Archive, Listing
from gatepost.mail.archive_tar import list_gzip, list_tar

LONG = "a-long-folder-name/" * 9 + "invoice.exe"


def tarred(*names: str, form: int = tarfile.PAX_FORMAT, size: int = 700) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name in names:
            about = tarfile.TarInfo(name)
            about.size = size
            archive.addfile(about, io.BytesIO(bytes(size)))
    return packed.getvalue()


def listed(data: bytes, most: int = 1000) -> Archive:
    listing = Listing("tar", most)
    list_tar(data, listing)
    return listing.finish()


def gzipped(data: bytes, filename: str | None = None) -> Archive:
    listing = Listing("gz", 10)
    list_gzip(data, listing, filename)
    return listing.finish()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_are_listed(form: int) -> None:
    names = ["a.txt", "d/ü.txt", *([LONG] if form != tarfile.USTAR_FORMAT else [])]
    found = listed(tarred(*names, form=form))
    assert [file.name for file in found.files] == names
    assert {file.size for file in found.files} == {700} and not found.unreadable


def test_long_names_of_ustar_have_a_prefix() -> None:
    name = "p" * 90 + "/" + "n" * 60
    assert listed(tarred(name, form=tarfile.USTAR_FORMAT)).files[0].name == name


def test_a_cut_or_broken_archive_is_unreadable() -> None:
    data = tarred("a.txt", "b.txt")
    broken = data[:1536] + b"x" * 512 + data[2048:]
    assert listed(broken).unreadable and len(listed(broken).files) == 1
    assert listed(b"").unreadable


def test_the_limit_of_entries_truncates() -> None:
    assert listed(tarred("a", "b", "c"), 2).truncated


def test_gzip_names_its_member() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile("invoice.exe", "wb", fileobj=packed) as file:
        file.write(bytes(5000))
    found = gzipped(packed.getvalue(), "other.gz").files[0]
    assert (found.name, found.size) == ("invoice.exe", 5000)


@pytest.mark.parametrize(
    "filename, name", [("report.exe.gz", "report.exe"), (None, ""), ("plain", "")]
)
def test_gzip_without_a_name_takes_that_of_the_attachment(filename: str | None, name: str) -> None:
    assert gzipped(gzip.compress(b"x"), filename).files[0].name == name


def test_encrypted_gzip_is_noticed() -> None:
    data = gzip.compress(b"x")
    assert gzipped(data[:3] + b"\x20" + data[4:]).encrypted


def test_cut_gzip_is_unreadable() -> None:
    assert gzipped(b"\x1f\x8b\x08").unreadable
    assert gzipped(b"\x1f\x8b\x08\x08" + b"x" * 5000).unreadable


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=300))
def test_broken_archives_are_no_error(at: int, junk: bytes) -> None:
    data = tarred("a.txt", LONG)
    listed(data[:at] + junk + data[at + len(junk) :])
    gzipped(b"\x1f\x8b\x08" + junk)
