# SPDX-License-Identifier: Apache-2.0
"""A letter as signatures see it: its header fields and its body, canonicalised once for all.

Several signatures over one letter share everything that is costly: body, body hashes, fields.
Bytes in, nothing raised, whatever they are.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from gatepost.authn.dkim_canonical import Canonical, canonical_body, canonical_field, to_crlf
from gatepost.mail import Message

# One field with its folded lines, or a line that is none. RFC 5322 2.2: any printable US-ASCII
# but the colon may stand in a name; 4.5.8 lets blanks precede the colon.
FIELD = re.compile(rb"(?:([!-9;-~]++)[ \t]*+:)?[^\r]*+(?:\r\n[ \t][^\r]*+)*+\r\n")

HASHES = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}


class Letter:
    """``header``: the block without the empty line; ``body``: all after it; any line ends.

    ``fields`` are the header fields from the top, with CRLF, folded as they came; ``index`` says
    where those of each name (in lower case) stand among them. ``keep_cr``
    takes a CR of its own in the body for text instead of a line end.
    """

    __slots__ = (
        "_bodies",
        "_canonical",
        "_digests",
        "_raw_body",
        "_source",
        "fields",
        "index",
    )

    def __init__(self, header: bytes, body: bytes, *, keep_cr: bool = False) -> None:
        self._read_header(header)
        self._source = body
        self._raw_body = to_crlf(body, keep_cr=keep_cr)
        self._bodies: dict[Canonical, bytes] = {}
        self._digests: dict[tuple[Canonical, str, int | None], bytes] = {}

    def _read_header(self, header: bytes) -> None:
        block = to_crlf(header)
        if block and not block.endswith(b"\r\n"):
            block += b"\r\n"
        self.fields: list[bytes] = []
        self.index: dict[str, list[int]] = {}
        for match in FIELD.finditer(block):
            name = match[1]
            if name is not None:
                key = name.decode("ascii").lower()
                self.index.setdefault(key, []).append(len(self.fields))
                self.fields.append(match[0])
        self._canonical: dict[int, bytes] = {}

    @classmethod
    def from_message(cls, message: Message, *, keep_cr: bool = False) -> "Letter":
        """The letter that the mail room has read."""
        return cls(message.header_bytes, message.raw[message.body_offset :], keep_cr=keep_cr)

    @classmethod
    def from_bytes(cls, raw: bytes, *, keep_cr: bool = False) -> "Letter":
        """The letter in ``raw``; a mbox line before it is left out."""
        return cls.from_message(Message(raw), keep_cr=keep_cr)

    def with_header(self, header: bytes) -> "Letter":
        """The same body, with all that is known of it, under another header block."""
        other = Letter.__new__(Letter)
        other._read_header(header)
        other._source, other._raw_body = self._source, self._raw_body
        other._bodies, other._digests = self._bodies, self._digests
        return other

    def with_lone_cr(self) -> "Letter | None":
        """The letter with each CR of its own in the body as text; ``None`` if there is none."""
        body = to_crlf(self._source, keep_cr=True)
        return None if body == self._raw_body else Letter(b"", body, keep_cr=True)

    def count(self, name: str) -> int:
        """How many fields have this name, given in lower case."""
        return len(self.index.get(name, ()))

    def select(self, names: Iterable[str]) -> list[int]:
        """The fields that these names mean, each instance once, from the bottom of the header up.

        A name that is left over means that no such field was there (RFC 6376 5.4.2).
        """
        left: dict[str, int] = {}
        chosen = []
        for name in names:
            name = name.lower()
            places = self.index.get(name)
            if places is None:
                continue
            count = left.get(name, len(places))
            if count:
                chosen.append(places[count - 1])
                left[name] = count - 1
        return chosen

    def field(self, at: int, canonical: Canonical) -> bytes:
        """The field at that place, canonicalised, with its CRLF."""
        if canonical == "simple":
            return self.fields[at]
        found = self._canonical.get(at)
        if found is None:
            found = self._canonical[at] = canonical_field(self.fields[at], canonical)
        return found

    def header_text(self, names: Iterable[str], canonical: Canonical) -> bytes:
        """All fields that ``names`` mean, canonicalised, in the order of the names."""
        return b"".join([self.field(at, canonical) for at in self.select(names)])

    def body(self, canonical: Canonical) -> bytes:
        """The canonicalised body."""
        found = self._bodies.get(canonical)
        if found is None:
            found = self._bodies[canonical] = canonical_body(self._raw_body, canonical)
        return found

    def body_hash(self, canonical: Canonical, hash_name: str, length: int | None = None) -> bytes:
        """The digest (``sha256``, ``sha1``) of the canonicalised body, or of its first bytes."""
        key = (canonical, hash_name, length)
        found = self._digests.get(key)
        if found is None:
            body = self.body(canonical)
            text = body if length is None else memoryview(body)[:length]
            found = self._digests[key] = digest(hash_name, text)
        return found


def shared_letter(message: Message, kept: dict[str, Any], header: bytes | None = None) -> Letter:
    """The letter of ``message``, which all who work on it share: the first one to ask makes it
    and leaves it in ``kept`` (the scanner's ``task.variables``) as ``letter``. With a ``header``
    block, the letter as it will be under that one."""
    letter = kept.get("letter")
    if not isinstance(letter, Letter):
        letter = kept["letter"] = Letter.from_message(message)
    return letter if header is None else letter.with_header(header)


def digest(hash_name: str, text: bytes | memoryview) -> bytes:
    """The digest of ``text``."""
    return HASHES[hash_name](text).digest()
