# SPDX-License-Identifier: Apache-2.0
"""What a module may use while it is being made: its section, maps, selectors, folders.

One ``Setup`` is made for each module. Mistakes found here are configuration mistakes:
they go to ``problem`` with the place where the option was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gatepost.config import OptionsSection, Problems
from gatepost.scan.maps import Map, MapLibrary
from gatepost.ucl import Object, Value, Where


@dataclass
class Setup:
    """The configuration around one module.

    ``section`` is the module's own section as written, ``name`` its path in messages.
    ``config_folder`` is the folder of the configuration, ``state_folder`` Rspamd's DBDIR.
    ``variables`` are the file variables (CONFDIR, DBDIR ...) for templates of paths.
    """

    name: str
    core: OptionsSection
    problems: Problems
    maps: MapLibrary
    section: Object
    config_folder: Path | None = None
    state_folder: Path = Path(".")
    variables: dict[str, str] = field(default_factory=dict)
    is_local: Callable[[object], bool] = lambda _: False

    def place(self, option: str) -> Where:
        """Where ``option`` was written, else where the section starts."""
        return self.section.place(option)

    def problem(self, option: str, message: str) -> None:
        """Reports a configuration mistake in ``option``: it stops ``serve`` from starting."""
        self.problems.error(self.place(option), f"{self.name}.{option}: {message}")

    def warning(self, option: str, message: str) -> None:
        """Reports something that is probably not meant, but works."""
        self.problems.warning(self.place(option), f"{self.name}.{option}: {message}")

    def map(self, definition: Value, *, kind: str, option: str) -> Map | None:
        """Opens a map given in ``option``; ``None`` when there is none or it is wrong."""
        if definition is None:
            return None
        return self.maps.open(
            definition, kind=kind, where=self.place(option), name=f"{self.name}.{option}"
        )
