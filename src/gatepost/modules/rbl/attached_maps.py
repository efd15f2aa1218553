# SPDX-License-Identifier: Apache-2.0
"""Maps that selectors of rules may name: ``attached_maps``, each under its ``selector_alias``."""

from __future__ import annotations

from collections.abc import Mapping

from gatepost.scan.maps import Map, MapLibrary
from gatepost.ucl import Where


class AttachedMaps(MapLibrary):
    """The library of all maps, in which some have a name of their own as well."""

    def __init__(self, library: MapLibrary, attached: Mapping[str, Map]) -> None:
        super().__init__(library.maps_folder, library.reports)
        self.maps = library.maps  # what is opened here is watched there
        self.attached = attached

    def open(
        self,
        definition: object,
        *,
        kind: str = "set",
        where: Where | None = None,
        name: str = "",
    ) -> Map | None:
        """As ``MapLibrary.open``; ``map:ALIAS`` is the attached map of this alias."""
        if isinstance(definition, str):
            found = self.attached.get(definition.removeprefix("map:"))
            if found is not None:
                return found
        return super().open(definition, kind=kind, where=where, name=name)
