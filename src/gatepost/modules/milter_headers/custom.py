# SPDX-License-Identifier: Apache-2.0
"""The postmaster's own header routines, written in Python.

``custom { NAME = "FILE.py:FUNCTION" }``, or ``"FILE.py"`` with a function of the routine's name
(a dash in it is an underscore there). It is called with the task and, if it takes a second
argument, with a dict that all own routines of a message share. It returns the headers to add,
or a pair: those to add and those to remove. Rspamd's own are Lua and cannot run here.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gatepost.modules.milter_headers.edits import Edits, is_header_name
from gatepost.scan.python_files import load_function
from gatepost.scan.task import Task


class CustomRoutine:
    """One routine under its name in ``use``."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.shares = _takes_two(function)

    async def write(self, task: Task, edits: Edits, shared: dict[str, Any]) -> None:
        """Calls it. A mistake in it is logged, and costs only what it would have written."""
        try:
            said = self.function(task, shared) if self.shares else self.function(task)
            if inspect.isawaitable(said):
                said = await said
            additions, removals = said if isinstance(said, tuple) else (said, None)
            added, removed = list(_added(additions)), list(_removed(removals))
        except Exception as error:  # his code, whatever it does, is not to undo other headers
            kind = type(error).__name__
            task.log(logging.ERROR, "milter_headers: %s: %s: %s", self.name, kind, error)
            return
        for name, which in removed:
            edits.remove(name, which)
        for name, value, order in added:
            edits.add(name, value, order)


def load_routine(name: str, given: str, folder: Path) -> CustomRoutine:
    """Raises ``PythonFileError`` when there is no such function."""
    if given.strip().endswith(".py"):
        given = f"{given.strip()}:{name.replace('-', '_')}"
    return CustomRoutine(name, load_function(given, folder))


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    return True


def _added(said: Any) -> Iterator[tuple[str, str, int | None]]:
    if said is None:
        return
    if not isinstance(said, Mapping):
        raise TypeError(f"expected a dict of headers to add, found {type(said).__name__}")
    for name, values in said.items():
        _check_name(name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, Mapping):
                order = value.get("order")
                yield name, str(value["value"]), None if order is None else int(order)
            else:
                yield name, str(value), None


def _removed(said: Any) -> Iterator[tuple[str, int | list[int]]]:
    if said is None:
        return
    for name in said:
        _check_name(name)
        which = said[name] if isinstance(said, Mapping) else 0
        yield name, [int(n) for n in which] if isinstance(which, list) else int(which)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not is_header_name(name):
        raise ValueError(f"{name!r:.80} is no name of a header")
