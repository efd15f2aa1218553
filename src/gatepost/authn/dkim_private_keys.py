# SPDX-License-Identifier: Apache-2.0
"""Private keys that are in use: each is read once, and a file again when it has changed.

A key that is missing or wrong is logged when that is found out and when it changes, not for
each letter; whoever asked gets ``None``. Keys given as text are known by their digest.
A file is the operator's; a text may be somebody's who sent it with a request.
"""

import hashlib
import logging
import os
from typing import Any, NamedTuple, TypeVar

from gatepost.authn.dkim_keys import MAX_KEY_BYTES, PrivateKey, load_private_key
from gatepost.authn.errors import PrivateKeyError

log = logging.getLogger("gatepost.dkim")

MAX_KEYS = 10_000
"""Keys, and names of files that are not there, that are remembered."""

Name = TypeVar("Name", str, bytes)
Stamp = tuple[int, int, int]


class Known(NamedTuple):
    """A file as it was when last looked at; ``stamp`` is ``None`` while it is not there.

    ``problem`` says why there is no ``key``. ``legible``: the file could be read.
    """

    stamp: Stamp | None
    key: PrivateKey | None = None
    problem: str = ""
    legible: bool = False


class PrivateKeys:
    """All private keys of one module. ``size``: how many are kept; the one longest kept goes."""

    def __init__(self, size: int = MAX_KEYS) -> None:
        self.size = size
        self.files: dict[str, Known] = {}
        self.texts: dict[bytes, PrivateKey | None] = {}

    def find(self, path: str, text: str, whose: str) -> PrivateKey | None:
        """The key in the file ``path`` if there is one given, else in ``text``."""
        return self.in_file(path) if path else self.in_text(text, whose)

    def in_file(self, path: str) -> PrivateKey | None:
        """The key in this file as it is now; ``None`` if there is none, or none that signs."""
        old = self.files.get(path)
        known = self.look(path)
        if known is not old:
            self._tell(path, known, had_key=old is not None and old.key is not None)
        return known.key

    def look(self, path: str) -> Known:
        """The same with what is wrong, for a check of the configuration; nothing is logged."""
        stamp = stamp_of(path)
        known = self.files.get(path)
        if known is None or known.stamp != stamp:
            known = read_known(path, stamp)
            make_room(self.files, self.size)
            self.files[path] = known
        return known

    def _tell(self, path: str, known: Known, *, had_key: bool) -> None:
        if known.key is not None:
            log.info("signing key %s: %s, %d bits", path, known.key.kind, known.key.bits)
        elif known.stamp is None and not had_key:  # most domains have none, and need none
            log.info("no signing key: %s %s", path, known.problem)
        else:
            log.error("no signing key: %s %s", path, known.problem)

    def in_text(self, text: str, whose: str) -> PrivateKey | None:
        """The key in this text, of whatever form; ``whose`` names it in the log."""
        digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        if digest in self.texts:
            return self.texts[digest]
        key = None
        try:
            key = load_private_key(text)
        except PrivateKeyError as error:
            log.error("no signing key: that of %s: %s", whose, error)
        make_room(self.texts, self.size)
        self.texts[digest] = key
        return key


def read_known(path: str, stamp: Stamp | None) -> Known:
    if stamp is None:
        return Known(None, problem="is not there")
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        return Known(stamp, problem=f"cannot be read: {error.strerror}")
    try:
        return Known(stamp, load_private_key(text, trusted=True), legible=True)
    except PrivateKeyError as error:
        return Known(stamp, problem=f"is no signing key: {error}", legible=True)


def stamp_of(path: str) -> Stamp | None:
    """What changes with a file's content; ``None`` if there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def make_room(known: dict[Name, Any], size: int) -> None:
    """Forgets what was kept first, until there is room for one more in ``size``."""
    while known and len(known) >= size:
        del known[next(iter(known))]
