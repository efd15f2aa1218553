# SPDX-License-Identifier: Apache-2.0
"""What do a map's files say now, and did they change?

All of it is blocking file work: it is called while starting, and later on a thread. A file that
is not there (yet) is an empty one. Compressed files (``.zst``) are unpacked within a bound.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import zstandard

from gatepost.net.errors import MapError
from gatepost.net.map_definition import MapDefinition

INLINE = "inline"
"""The name of the source that the configuration itself is."""

MAX_SIZE = 256 * 1024 * 1024
"""Bytes of one map, unpacked and all sources together: Rspamd's limit."""

Signature = tuple[int, int, int, int]
"""Device, inode, size and mtime in nanoseconds: what tells that a file is another one."""


class MapText(NamedTuple):
    """One source's text, and the name that its lines are reported by."""

    name: str
    text: bytes


class MapSources:
    """The sources of one definition."""

    def __init__(self, definition: MapDefinition, *, max_size: int = MAX_SIZE) -> None:
        self.definition = definition
        self.max_size = max_size
        self.seen: dict[Path, Signature | None] = {}
        self.missing: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are watched."""
        return self.definition.files + self.definition.fallbacks

    def changed(self) -> bool:
        """Whether any file is another than at the last :meth:`read`."""
        return any(find_signature(path) != self.seen.get(path, ()) for path in self.files)

    def read(self) -> list[MapText]:
        """The text of all sources, in order.

        Raises :class:`MapError` for a file that is there and cannot be read; the next
        :meth:`changed` then says yes again. A file replaced while it is read is noticed next time,
        since what is remembered was looked up before.
        """
        self.seen = {}
        signatures = {path: find_signature(path) for path in self.files}
        texts: list[MapText] = []
        left = self.max_size
        if self.definition.inline:
            texts.append(MapText(INLINE, "\n".join(self.definition.inline).encode()))
        found = [path for path in self.definition.files if signatures[path] is not None]
        if not found and not self.definition.inline:
            found = [path for path in self.definition.fallbacks if signatures[path] is not None]
        for path in found:
            text = read_file(path, left)
            left -= len(text)
            texts.append(MapText(str(path), text))
        self.missing = tuple(path for path in self.definition.files if signatures[path] is None)
        self.seen = signatures
        return texts


def find_signature(path: Path) -> Signature | None:
    """What the file is now; ``None`` while it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_file(path: Path, max_size: int) -> bytes:
    """The unpacked content, at most ``max_size`` bytes. Raises :class:`MapError`."""
    try:
        # Not blocking: a map that is a FIFO would otherwise wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise MapError(f"{path}: not a file")
            content = file.read(max_size + 1)
            if path.suffix == ".zst":
                content = unpack(path, content, max_size)
    except OSError as error:
        raise MapError(f"{path}: {error.strerror}") from error
    if len(content) > max_size:
        raise MapError(f"{path}: a map may have {max_size} bytes at most")
    return content


def unpack(path: Path, content: bytes, max_size: int) -> bytes:
    """Zstandard frames, one or several, never more than a byte above ``max_size``."""
    reader = zstandard.ZstdDecompressor(max_window_size=128 * 1024 * 1024).stream_reader(
        content, read_across_frames=True
    )
    try:
        return reader.read(max_size + 1)
    except zstandard.ZstdError as error:
        raise MapError(f"{path}: {error}") from error
