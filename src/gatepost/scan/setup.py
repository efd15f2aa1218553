# SPDX-License-Identifier: Apache-2.0
"""What a module may use while it is being made: its section, maps, selectors, folders.

One ``Setup`` is made for each module. Mistakes found here are configuration mistakes:
they go to ``problem`` with the place where the option was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatepost.config import Configuration, OptionsSection, Problems, did_you_mean
from gatepost.scan.actions import ALIASES, SEVERITY, action_name
from gatepost.scan.actions_section import EXTRAS, find_actions
from gatepost.scan.envelope import IPAddress
from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import Map, MapLibrary
from gatepost.scan.python_files import PythonFileError, load_function
from gatepost.scan.regexps import Regexp, RegexpError, parse_regexp
from gatepost.scan.selectors import Selector, parse_selector
from gatepost.ucl import Object, Value, Where


@dataclass
class Setup:
    """The configuration around one module.

    ``section`` is the module's own section as written, ``name`` its path in messages, ``core``
    the section ``options``. ``config`` has the folders: ``config.folder`` holds the files (None
    without any), ``config.state`` is Rspamd's DBDIR, ``config.variables`` are CONFDIR, DBDIR ...
    """

    name: str
    core: OptionsSection
    problems: Problems
    maps: MapLibrary
    section: Object
    config: Configuration
    is_local: Callable[[IPAddress], bool] = lambda _: False

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

    def known_actions(self) -> set[str]:
        """The names of all actions, aliases and those of the configuration among them."""
        return {*SEVERITY, *ALIASES, *find_actions(self.config)} - {*EXTRAS}

    def action(self, name: str, *, option: str) -> str:
        """The canonical name of the action given in ``option``; reports one that nobody knows."""
        known = self.known_actions()
        if name not in known:
            self.problem(option, f"expected an action, found `{name}`{did_you_mean(name, known)}")
        return action_name(name)

    def selector(self, text: str, *, option: str, delimiter: str = "") -> Selector | None:
        """Compiles a selector given in ``option``; ``None`` when it is wrong."""
        try:
            return parse_selector(text, delimiter=delimiter, maps=self.maps)
        except ExpressionError as error:
            self.problem(option, str(error))
            return None

    def regexps(self, patterns: Iterable[str], *, option: str) -> list[Regexp]:
        """Compiles the patterns given in ``option``, without those that are wrong."""
        found: list[Regexp] = []
        for pattern in patterns:
            try:
                found.append(parse_regexp(pattern))
            except RegexpError as error:
                self.problem(option, f"not a pattern: {error}")
        return found

    def function(self, given: str | None, *, option: str) -> Callable[..., Any] | None:
        """The Python function that ``option`` names as ``FILE.py:NAME``, from the configuration
        folder on; ``None`` when there is none or it cannot be used."""
        if given is None:
            return None
        try:
            return load_function(given, self.config.folder or Path("."))
        except PythonFileError as error:
            self.problem(option, str(error))
            return None
