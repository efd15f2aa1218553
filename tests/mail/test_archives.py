# SPDX-License-Identifier: Apache-2.0
"""Whatever the kind of archive, its list comes by one door."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.archives import READERS, Archive, list_archive
from gatepost.mail.filetype import TYPES, detect
from gatepost.mail.limits import Limits

LIMITS = Limits(max_archive_files=3)


def zipped(count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"")
    return packed.getvalue()


def test_the_kind_is_that_of_the_file_type() -> None:
    data = zipped(2)
    found = list_archive(data, detect(data), LIMITS)
    assert (found.kind, len(found.files)) == ("zip", 2)


def test_the_limit_is_that_of_the_letter() -> None:
    data = zipped(9)
    found = list_archive(data, detect(data), LIMITS)
    assert found.truncated and len(found.files) == 3


def test_gzip_may_take_the_name_of_its_attachment() -> None:
    data = gzip.compress(b"x")
    assert list_archive(data, detect(data), LIMITS, filename="a.js.gz").files[0].name == "a.js"


def test_kinds_without_a_reader_have_an_empty_list() -> None:
    assert list_archive(b"MSCF\0\0\0\0", TYPES["cab"], LIMITS) == Archive("cab")


@pytest.mark.parametrize("kind", [*READERS, "gz"])
def test_nothing_is_no_archive(kind: str) -> None:
    assert list_archive(b"", TYPES[kind], LIMITS).files == ()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*READERS, "gz"]), st.binary(max_size=200))
def test_any_bytes_are_listed_within_the_limit(kind: str, data: bytes) -> None:
    assert len(list_archive(data, TYPES[kind], LIMITS).files) <= 3
