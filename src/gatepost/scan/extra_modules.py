# SPDX-License-Identifier: Apache-2.0
"""Modules of other people: ``modules_extra = "package.module"``, which has a list ``ALL``."""

from __future__ import annotations

from importlib import import_module

from gatepost.config import Configuration, Problems
from gatepost.scan.module import Module


def find_extra_modules(config: Configuration, problems: Problems) -> list[type[Module]]:
    """The classes that the packages list; one that cannot be used is a mistake."""
    value = config.tree.get("modules_extra")
    names = value if isinstance(value, list) else [] if value is None else [value]
    found: list[type[Module]] = []
    for name in names:
        try:
            listed = [_as_module(given) for given in import_module(str(name)).ALL]
        except Exception as error:  # other people's code, run for the first time
            message = f"modules_extra: `{name}` cannot be used: {type(error).__name__}: {error}"
            problems.error(config.tree.place("modules_extra"), message)
            continue
        found.extend(listed)
    return found


def _as_module(given: object) -> type[Module]:
    if isinstance(given, type) and issubclass(given, Module):
        return given
    raise TypeError(f"its ALL has {given!r}, expected classes of modules")
