# SPDX-License-Identifier: Apache-2.0
"""Python that stands in the configuration: rules, keywords, conditions, in files of their own.

A file is run once when the configuration is loaded, and again for a new configuration: what an
old one left behind is not seen. Whoever can write it can do what Gatepost can do, as with any
file of the configuration.
"""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from gatepost.scan.errors import ScanError

LARGEST = 4 * 1024 * 1024  # bytes
KEPT = 8
"""Loadings of one file that stay known: the present configuration, and those it replaces."""
_numbers = count(1)
_known: dict[Path, deque[str]] = {}


class PythonFileError(ScanError):
    """A file that cannot be read or run. ``line`` is the line of the file that failed, or 0."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")
        self.path = path
        self.line = line
        self.message = message


def load_python(path: Path) -> ModuleType:
    """Runs a file as a module of its own. Raises ``PythonFileError`` with the line that failed."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PythonFileError(path, 0, f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise PythonFileError(path, 0, f"cannot be read: {error}") from error
    if len(source) > LARGEST:
        raise PythonFileError(path, 0, f"is larger than {LARGEST} bytes")
    # Known to sys.modules, as dataclasses and pickles want; by a number, as reloads want.
    name = f"gatepost_python_{next(_numbers)}_{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except SyntaxError as error:
        del sys.modules[name]
        raise PythonFileError(path, error.lineno or 0, f"is not Python: {error.msg}") from error
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        message = f"{type(error).__name__}: {error}"
        raise PythonFileError(path, _line_in(path, error), message) from error
    _forget_old(path, name)
    return module


def load_function(given: str, folder: Path) -> Callable[..., Any]:
    """The function that ``FILE.py:NAME`` names; a relative path starts at ``folder``.

    Raises ``PythonFileError``, also when the text is of another form.
    """
    file, _, name = given.rpartition(":")
    if not file or not name.isidentifier():
        raise PythonFileError(folder, 0, f"expected FILE.py:FUNCTION, found `{given[:200]}`")
    path = folder / file
    function = getattr(load_python(path), name, None)
    if not callable(function):
        raise PythonFileError(path, 0, f"has no function `{name}`")
    return cast(Callable[..., Any], function)


def _forget_old(path: Path, name: str) -> None:
    """A supervisor that reloads every night for years must not keep every night's rules."""
    names = _known.setdefault(path, deque())
    names.append(name)
    while len(names) > KEPT:
        sys.modules.pop(names.popleft(), None)


def _line_in(path: Path, error: BaseException) -> int:
    """The deepest line of the file itself in the error's traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 0 for f in reversed(frames) if f.filename == str(path)), 0)
