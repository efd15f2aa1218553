# SPDX-License-Identifier: Apache-2.0
"""The tables of file types fit together."""

from __future__ import annotations

from gatepost.mail.file_signatures import (
    KINDS,
    OLE_CLASSES,
    OLE_STREAMS,
    SIGNATURES,
    TAIL_SIGNATURES,
    ZIP_MEMBERS,
    ZIP_MIMETYPES,
)

CATEGORIES = {"archive", "office", "image", "executable", "text", "binary", "encrypted", "message"}


def test_every_kind_that_is_found_is_described() -> None:
    found = {signature.kind for signature in (*SIGNATURES, *TAIL_SIGNATURES)}
    found |= {kind for _, kind in (*ZIP_MEMBERS, *OLE_STREAMS)}
    found |= {*OLE_CLASSES.values(), *ZIP_MIMETYPES.values()}
    assert found <= set(KINDS)


def test_the_kinds_of_the_reference_are_all_there() -> None:
    wanted = (
        "pdf ps rtf chm djvu ole exe elf lnk bat class ics vcf arj ace cab tar bz2 lz4 zst zoo zip "
        "rar gz xar iso egg alz dmg szdd xz psd ico pcx pic swf tiff webp svg pgp uue dwg jpg png "
        "gif bmp heic doc xls ppt msg msi docx xlsx pptx jar apk odt ods odp epub asice asics dll "
        "html xml csv txt"
    )
    assert set(wanted.split()) <= set(KINDS)


def test_categories_are_the_known_ones() -> None:
    assert {category for _, category in KINDS.values()} == CATEGORIES
