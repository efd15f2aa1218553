# SPDX-License-Identifier: Apache-2.0
"""One node of a letter's MIME tree: its header, and its content decoded when asked for.

A part keeps offsets into the bytes it was found in and copies nothing until then.
"""

from __future__ import annotations

import hashlib
import re

from msgspec import structs

from gatepost.mail.archives import Archive, list_archive
from gatepost.mail.content_type import (
    NAMED_ATTACHMENT,
    NO_DISPOSITION,
    ContentType,
    Disposition,
    parse_disposition,
)
from gatepost.mail.filetype import FileType, detect
from gatepost.mail.headers import Headers
from gatepost.mail.lazy import lazy
from gatepost.mail.limits import Limits
from gatepost.mail.transfer_encoding import Cte, DecodedBody, decode_body, parse_cte

# Reference §1.2.6: this key makes the digest the one that fuzzy storages hold for attachments.
DIGEST_KEY = hashlib.blake2b(b"rspamd").digest()
# What a part that calls itself text may really be; worth the full look only then.
NOT_TEXT = re.compile(
    rb"PK\x03\x04|PK\x05\x06|Rar!\x1a\x07|7z\xbc\xaf|\x1f\x8b|%PDF|[^\0]{0,511}\0"
)
LOOKS_LIKE_HTML = re.compile(
    rb"[^\0]{0,1024}?<(?:!doctype\s+html|html|head|body|meta)\b", re.IGNORECASE
)
MEDIA = frozenset(("image", "audio", "video", "font"))


class Allowance:
    """What is left of a bound that all parts of a letter share."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Part:
    """A MIME part. ``parent`` is ``None`` for the letter itself; ``number`` counts from 0.

    ``source[start:end]`` is the whole part, ``source[body_start:end]`` its content as sent.
    """

    def __init__(
        self,
        source: bytes,
        start: int,
        body_start: int,
        end: int,
        *,
        headers: Headers,
        content_type: ContentType,
        parent: Part | None = None,
        number: int = 0,
        limits: Limits,
        archive_files: Allowance | None = None,
    ) -> None:
        self.source = source
        self.start = start
        self.body_start = body_start
        self.end = end
        self.headers = headers
        self.content_type = content_type
        self.parent = parent
        self.number = number
        self.limits = limits
        self._archive_files = archive_files or Allowance(limits.max_archive_files)
        self.children: list[Part] = []

    @property
    def raw(self) -> bytes:
        """The part as sent, header included."""
        return self.source[self.start : self.end]

    @property
    def raw_headers(self) -> bytes:
        """The part's header block as sent, with the line end of its last line."""
        return self.source[self.start : self.body_start]

    @lazy
    def raw_body(self) -> bytes:
        """The content as sent."""
        return self.source[self.body_start : self.end]

    @lazy
    def cte(self) -> Cte:
        """The transfer encoding; one that is not named is that of the multipart around it."""
        value = self.headers.get("Content-Transfer-Encoding")
        if value is not None:
            return parse_cte(value)
        if self.parent is not None and self.parent.is_multipart:
            return self.parent.cte
        return Cte.UNKNOWN

    @lazy
    def body(self) -> DecodedBody:
        """The decoded content, and whether its transfer encoding was broken."""
        if self.is_multipart:
            return DecodedBody(self.raw_body, False)
        return decode_body(self.raw_body, self.cte)

    @property
    def decoded(self) -> bytes:
        """The content with its transfer encoding undone; a multipart's as it is."""
        return self.body.data

    @lazy
    def digest(self) -> bytes:
        """64 bytes: keyed BLAKE2b-512 of the decoded content, the fuzzy hash of attachments."""
        return hashlib.blake2b(self.decoded, key=DIGEST_KEY).digest()

    @lazy
    def disposition(self) -> Disposition:
        """Content-Disposition; without one, a part with a name is an attachment (§1.4)."""
        header = self.headers.first("Content-Disposition")
        if header is not None:
            return parse_disposition(header.raw, self.limits.max_parameters)
        return NAMED_ATTACHMENT if self.content_type.name else NO_DISPOSITION

    @property
    def is_attachment(self) -> bool:
        """True when the part wants to be a file, not something to look at."""
        return self.disposition.kind == "attachment"

    @lazy
    def filename(self) -> str | None:
        """The file name, of the disposition first; as sent, so it may hold anything."""
        return self.disposition.filename or self.content_type.name or None

    @lazy
    def content_id(self) -> str:
        """The Content-ID without its brackets, empty when there is none."""
        return (self.headers.get("Content-ID") or "").strip().strip("<>")

    @property
    def is_multipart(self) -> bool:
        return self.content_type.is_multipart

    @property
    def is_leaf(self) -> bool:
        """True when no other parts are inside."""
        return not self.children and not self.is_multipart

    @lazy
    def detected_type(self) -> FileType:
        """The type that the content itself shows (§1.13)."""
        return detect(self.decoded, self.filename)

    @lazy
    def is_text(self) -> bool:
        """True when the content is text to look at, by its label or by the look of it."""
        if not self.is_leaf:
            return False
        declared = self.content_type
        data = self.decoded
        if declared.is_text:
            if declared.missing and self.cte is not Cte.SEVEN_BIT and not _is_unicode(data):
                return False
            return not self._is_disguised
        if not data or declared.type in MEDIA or b"\0" in data[:160]:
            return False
        return self.detected_type.category == "text"

    @lazy
    def is_html(self) -> bool:
        """True for text that is HTML by its label or by the look of it."""
        if self.content_type.type == "text" and self.content_type.subtype in ("html", "xhtml"):
            return True
        if not LOOKS_LIKE_HTML.match(self.decoded):
            return False
        return self.detected_type.extension == "html"

    @lazy
    def _is_disguised(self) -> bool:
        """An archive or document that calls itself text."""
        if NOT_TEXT.match(self.decoded) is None:
            return False
        return self.detected_type.category in ("archive", "office", "executable", "image")

    @property
    def is_broken(self) -> bool:
        """True when Content-Type, or what it says of the content, is wrong (§1.4, §1.5)."""
        if self.content_type.broken or self.body.broken:
            return True
        return self.content_type.is_text and self.is_leaf and self._is_disguised

    @lazy
    def archive(self) -> Archive | None:
        """The listing of an archive; ``None`` when the part is none. Nothing is unpacked."""
        if not self.is_leaf or not self.decoded:
            return None
        if self.content_type.is_text and not self._is_disguised:
            return None
        detected = self.detected_type
        if detected.category != "archive":
            return None
        allowance = self._archive_files
        limits = structs.replace(self.limits, max_archive_files=allowance.left)
        listing = list_archive(self.decoded, detected, limits)
        allowance.left = max(allowance.left - len(listing.files), 0)
        return listing

    def __repr__(self) -> str:
        return f"Part({self.number}, {self.content_type.full}, {self.end - self.body_start} bytes)"


def _is_unicode(data: bytes) -> bool:
    if data.isascii():
        return b"\0" not in data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
