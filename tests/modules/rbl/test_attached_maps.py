# SPDX-License-Identifier: Apache-2.0
"""Maps that selectors know by a name of their own."""

from __future__ import annotations

from gatepost.modules.rbl.attached_maps import AttachedMaps
from gatepost.scan.maps import MapLibrary


def test_an_alias_is_the_attached_map_and_all_else_is_the_librarys() -> None:
    library = MapLibrary()
    attached = library.open(["evil.example"], kind="set")
    assert attached is not None
    maps = AttachedMaps(library, {"mine": attached})
    assert maps.open("map:mine", kind="hash") is attached
    assert maps.open("mine", kind="hash") is attached
    other = maps.open(["other.example"], kind="set")
    assert other is not None and other is library.open(["other.example"], kind="set")
    assert other in library.maps.values()
