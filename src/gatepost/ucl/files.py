# SPDX-License-Identifier: Apache-2.0
"""Which files were read, and what is in them?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gatepost.ucl.errors import UclError
from gatepost.ucl.source import Source, Where
from gatepost.ucl.templates import render, select_environment

LARGEST_FILE: Final = 64 * 1024 * 1024  # bytes
LARGEST_SUM: Final = 256 * 1024 * 1024  # bytes of all files together
MOST_FILES: Final = 10_000  # readings; a stock Rspamd needs about 350
DEEPEST_INCLUDE: Final = 16  # as libucl


class Files:
    """Reads files within bounds and remembers which."""

    def __init__(self, environment: Mapping[str, str], *, template: bool) -> None:
        self.read: list[Path] = []
        self._names = select_environment(environment)
        self._template = template
        self._open: list[Path] = []
        self._bytes = 0
        self._readings = 0

    def read_source(self, path: Path, where: Where) -> Source:
        """The text of a file of UCL, its template worked out."""
        text = self.read_text(path, where)
        return render(text, str(path), self._names) if self._template else Source(str(path), text)

    def read_text(self, path: Path, where: Where) -> str:
        """The text of any file. Raises ``UclError`` at ``where`` if it cannot be read."""
        self._readings += 1
        if self._readings > MOST_FILES:
            raise UclError(where, f"more than {MOST_FILES} files are included")
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UclError(where, f"cannot read {path}: {reason}") from error
        self._bytes += len(content)
        if len(content) > LARGEST_FILE or self._bytes > LARGEST_SUM:
            raise UclError(where, f"{path}: too much configuration (64 MiB a file, 256 together)")
        if path not in self.read:
            self.read.append(path)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise UclError(Where(str(path), line), "this line is not UTF-8 text") from error

    @contextmanager
    def opened(self, path: Path, where: Where) -> Iterator[Path]:
        """Hold ``path`` as being read: it cannot be included again until it is done."""
        real = path.resolve()
        if real in self._open:
            raise UclError(where, f"{path} includes itself")
        if len(self._open) >= DEEPEST_INCLUDE:
            raise UclError(where, f"included more than {DEEPEST_INCLUDE} files deep")
        self._open.append(real)
        try:
            yield real
        finally:
            self._open.pop()
