# SPDX-License-Identifier: Apache-2.0
"""What an archive's listing is made of, and how one is collected within bounds.

The readers of the formats (``archive_zip`` …) fill a ``Listing``; ``archives`` chooses the
reader. Source: content reference §1.12.
"""

from __future__ import annotations

import re

import msgspec

from gatepost.mail.charset import guess_codec

MAX_NAME = 4096  # characters of a member's name that are kept
# Zero-width, direction and control characters: nobody names a file so by accident.
SUSPICIOUS = re.compile(
    "[\0-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]"
)


class ArchiveFile(msgspec.Struct, frozen=True):
    """One member. Sizes are in bytes as the archive claims them, 0 when it does not say."""

    name: str
    size: int = 0
    compressed_size: int = 0
    encrypted: bool = False
    obfuscated: bool = False
    """The name is not valid in its charset, or holds characters that hide what it is."""


class Archive(msgspec.Struct, frozen=True):
    """A listing. ``kind`` is ``zip``, ``rar``, ``7z``, ``gz`` …, as the file type's extension."""

    kind: str
    files: tuple[ArchiveFile, ...] = ()
    encrypted: bool = False
    """Members or the whole archive are encrypted."""
    unreadable: bool = False
    """There is no list, or it broke off: what is inside cannot be known."""
    obfuscated: bool = False
    """At least one member's name is."""
    truncated: bool = False
    """The limit of entries was reached (FILES_TRUNCATED)."""


class Listing:
    """Collects members up to a limit; readers stop as soon as ``full``."""

    def __init__(self, kind: str, max_files: int) -> None:
        self.kind = kind
        self.max_files = max_files
        self.files: list[ArchiveFile] = []
        self.encrypted = False
        self.unreadable = False
        self.truncated = False

    @property
    def full(self) -> bool:
        """True when no more members are taken; marks the listing as truncated."""
        if len(self.files) >= self.max_files:
            self.truncated = True
        return self.truncated

    def add(
        self,
        name: bytes | str,
        *,
        size: int = 0,
        compressed_size: int = 0,
        encrypted: bool = False,
        utf8: bool = False,
    ) -> None:
        """Takes a member; ``utf8``: the archive says that the name is in UTF-8."""
        text, clean = (name, True) if isinstance(name, str) else decode_name(name, utf8=utf8)
        text = text[:MAX_NAME]
        self.encrypted = self.encrypted or encrypted
        self.files.append(
            ArchiveFile(
                text,
                size,
                compressed_size,
                encrypted,
                not clean or SUSPICIOUS.search(text) is not None,
            )
        )

    def finish(self) -> Archive:
        """The listing as it stands."""
        return Archive(
            kind=self.kind,
            files=tuple(self.files),
            encrypted=self.encrypted,
            unreadable=self.unreadable,
            obfuscated=any(file.obfuscated for file in self.files),
            truncated=self.truncated,
        )


def decode_name(raw: bytes, *, utf8: bool = False) -> tuple[str, bool]:
    """A member's name as text, and whether its bytes are valid in the charset they seem to be in.

    Names without a declared charset are UTF-8 on today's systems, and in some code page on old.
    """
    raw = raw[:MAX_NAME]
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        if utf8:
            return raw.decode("utf-8", "replace"), False
    codec = guess_codec(raw) if len(raw) >= 24 else None
    for candidate in (codec, "cp437"):
        if candidate is not None and candidate != "utf-8":
            try:
                return raw.decode(candidate), True
            except (UnicodeError, LookupError):
                continue
    return raw.decode("latin-1"), False
