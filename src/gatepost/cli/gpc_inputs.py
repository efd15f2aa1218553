# SPDX-License-Identifier: Apache-2.0
"""Which messages is ``gpc`` to scan: files, folders, lists of files, or stdin?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from gatepost.cli.errors import CliError


class Input:
    """One message: ``name`` as it is shown, ``read`` for its bytes."""

    def __init__(self, name: str, path: Path | None = None, content: bytes | None = None) -> None:
        self.name = name
        self._path = path
        self._content = content

    def read(self) -> bytes:
        """The message; stdin when it is neither a file nor given. Raises ``CliError``."""
        try:
            if self._content is not None:
                return self._content
            if self._path is not None:
                return self._path.read_bytes()
            if sys.stdin.isatty():
                print("gpc: reads a message from the terminal; Ctrl-D ends it", file=sys.stderr)
            return sys.stdin.buffer.read()
        except OSError as error:
            raise CliError(f"cannot open file {self.name}: {error.strerror or error}") from error


def find_inputs(
    names: Sequence[str], *, files_list: str | None, exclude: Sequence[str], empty: bool
) -> Iterator[Input | CliError]:
    """The messages, one at a time; a folder that can't be read comes as an error.

    Folders are walked in order of names; hidden files are left out, as is what ``exclude``
    (globs over the whole path) matches. Raises ``CliError`` when ``files_list`` is unreadable.
    """
    if files_list is not None:
        names = [*names, *_listed(files_list)]
    elif not names:
        yield Input("empty", content=b"") if empty else Input("stdin")
        return
    for name in names:
        if name == "-":
            yield Input("stdin")
        elif os.path.isdir(name):
            yield from _folder(name, exclude)
        else:
            yield Input(name, Path(name))


def _listed(name: str) -> list[str]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(errors="surrogateescape")
    except OSError as error:
        raise CliError(f"cannot open list {name}: {error.strerror or error}") from error
    return [line for line in text.splitlines() if line.strip()]


def _folder(name: str, exclude: Iterable[str]) -> Iterator[Input | CliError]:
    try:
        entries = sorted(os.scandir(name), key=lambda entry: entry.name)
    except OSError as error:
        yield CliError(f"cannot open directory {name}: {error.strerror or error}")
        return
    for entry in entries:
        path = entry.path
        if entry.name.startswith(".") or any(fnmatchcase(path, glob) for glob in exclude):
            continue
        # Links to folders are not followed: they may lead in circles.
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(path, exclude)
        elif entry.is_file():
            yield Input(path, Path(path))
