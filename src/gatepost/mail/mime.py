# SPDX-License-Identifier: Apache-2.0
"""Which parts is a letter made of, however badly it was put together?

Each buffer (the letter, and every nested letter once decoded) is swept once for boundary
lines (``boundaries``); a multipart is then cut at its own lines, within the range that its
parent left it. The limits are counted over the whole letter, nested ones included, so that
time stays linear in its size; where one is hit, parsing stops and ``broken`` is set.
Rules: content reference §1.4 and §1.5.
"""

from __future__ import annotations

import re
from itertools import pairwise

from gatepost.mail.boundaries import Boundaries, Mark, before_newline
from gatepost.mail.content_type import MISSING, ContentType, parse_content_type
from gatepost.mail.headers import (
    NO_HEADERS,
    Headers,
    find_body,
    looks_like_headers,
    split_headers,
)
from gatepost.mail.limits import Limits
from gatepost.mail.part import MEDIA, Allowance, Part
from gatepost.mail.smime import signed_payload
from gatepost.mail.transfer_encoding import Cte, decode_body

ALPHANUMERIC = re.compile(rb"[A-Za-z0-9]")
DIGEST_CHILD = ContentType(type="message", subtype="rfc822", missing=True)  # RFC 2046 5.1.5
ENCODED = frozenset((Cte.QUOTED_PRINTABLE, Cte.BASE64, Cte.UUENCODE))
HEAD = 512  # encoded bytes that are looked at to tell whether an attachment is a letter


class Tree:
    """The parts of one letter, in the order in which they stand in it; the letter is first.

    ``broken``: a boundary was missing, a header block had garbage, or a limit was hit.
    ``header_end``: where the last line of the letter's own header ends; its start without one.
    """

    def __init__(self, source: bytes, start: int, limits: Limits) -> None:
        self.limits = limits
        self.parts: list[Part] = []
        self.broken = False
        self.header_end = start
        self._archive_files = Allowance(limits.max_archive_files)
        self._headers_left = limits.max_headers
        self._boundaries_left = limits.max_boundaries
        self._decoded_left = 2 * limits.max_message  # copies that nested letters are parsed in
        end = len(source)
        if end > limits.max_message:
            end = max(start, limits.max_message)
            self.broken = True
        self.root = self._letter(source, start, end, None, 0)

    def _letter(self, source: bytes, start: int, end: int, parent: Part | None, depth: int) -> Part:
        """Parses a whole letter, which has a table of boundaries of its own."""
        part = self._part(source, start, end, parent)
        if part.is_multipart:
            table = Boundaries(source, part.body_start, end, self._boundaries_left)
            self._boundaries_left -= len(table.candidates)
            self.broken |= table.cut
            self._open_multipart(part, table, depth, top=True)
        else:
            self._open_leaf(part, depth)
        return part

    def _part(self, source: bytes, start: int, end: int, parent: Part | None) -> Part:
        """Splits header from content and files the part in the tree."""
        headers, body_start = self._headers(source, start, end, top=not self.parts)
        part = Part(
            source,
            start,
            body_start,
            end,
            headers=headers,
            content_type=self._content_type(headers, parent),
            parent=parent,
            number=len(self.parts),
            limits=self.limits,
            archive_files=self._archive_files,
        )
        self.parts.append(part)
        if parent is not None:
            parent.children.append(part)
        return part

    def _headers(self, source: bytes, start: int, end: int, *, top: bool) -> tuple[Headers, int]:
        if not top and source.startswith((b"\n", b"\r"), start, end):
            width = 2 if source.startswith(b"\r\n", start, end) else 1
            return NO_HEADERS, min(start + width, end)
        found = find_body(source, start, end)
        if found is None:
            if not looks_like_headers(source, start):
                return NO_HEADERS, start
            self.broken = True
            found = end, end
        split = split_headers(source[start : found[0]], self._headers_left)
        self._headers_left -= len(split.headers)
        self.broken |= split.cut or (top and split.garbage)
        if not len(split.headers) and not split.cut:  # text where a header should be
            return NO_HEADERS, start
        if top and len(split.headers):
            self.header_end = found[0]
        return split.headers, found[1]

    def _content_type(self, headers: Headers, parent: Part | None) -> ContentType:
        """The first Content-Type that can be read, unless another is a multipart (§1.4)."""
        fields = headers.get_all("Content-Type")
        if not fields:
            digest = parent is not None and parent.content_type.full == "multipart/digest"
            return DIGEST_CHILD if digest else MISSING
        limit = self.limits.max_parameters
        if len(fields) == 1:
            return parse_content_type(fields[0].raw, limit)
        types = [parse_content_type(field.raw, limit) for field in fields[:16]]
        readable = [kind for kind in types if not kind.broken] or types
        return next((kind for kind in types if kind.is_multipart), readable[0])

    def _may_open(self, depth: int) -> bool:
        if depth >= self.limits.max_depth or len(self.parts) >= self.limits.max_parts:
            self.broken = True
            return False
        return True

    def _open_multipart(self, part: Part, table: Boundaries, depth: int, *, top: bool) -> None:
        if not self._may_open(depth):
            return
        boundary = part.content_type.boundary.encode("utf-8", "surrogateescape")
        found = boundary or table.first_named(part.body_start, part.end)
        marks = table.marks(found, part.body_start, part.end) if found else []
        if marks:
            self._cut(part, table, marks, depth)
        else:
            self.broken = True
            self._add_region(part, table, part.body_start, part.end, depth, only_text=True)
        if top and marks and marks[-1].closing:
            self._add_left_over(part, table, marks[-1].after, depth)

    def _cut(self, part: Part, table: Boundaries, marks: list[Mark], depth: int) -> None:
        """Cuts a multipart at its boundary lines; the part is closed at its end anyway."""
        source = part.source
        for mark, following in pairwise(marks):
            end = before_newline(source, following.start, mark.after)
            if not self._add_region(part, table, mark.after, end, depth, only_text=mark.closing):
                return
        last = marks[-1]
        if not last.closing:
            self.broken = True
            self._add_region(part, table, last.after, part.end, depth)

    def _add_left_over(self, part: Part, table: Boundaries, start: int, depth: int) -> None:
        """Parts that somebody put behind the closing boundary under another name (§1.5)."""
        rest = [c for c in table.from_position(start) if c.start < part.end]
        for number, candidate in enumerate(rest):
            if candidate.text.endswith(b"--"):
                continue
            end = part.end
            if number + 1 < len(rest):
                end = before_newline(part.source, rest[number + 1].start, candidate.after)
            if not self._add_region(part, table, candidate.after, end, depth, only_text=True):
                return

    def _add_region(
        self,
        parent: Part,
        table: Boundaries,
        start: int,
        end: int,
        depth: int,
        *,
        only_text: bool = False,
    ) -> bool:
        """Parses ``start … end`` as a child. False when the limit of parts was reached."""
        if only_text and ALPHANUMERIC.search(parent.source, start, end) is None:
            return True
        if len(self.parts) >= self.limits.max_parts:
            self.broken = True
            return False
        child = self._part(parent.source, start, end, parent)
        if child.is_multipart:
            self._open_multipart(child, table, depth + 1, top=False)
        else:
            self._open_leaf(child, depth + 1)
        return True

    def _open_leaf(self, part: Part, depth: int) -> None:
        """Parses the letter in a part, if there is one."""
        kind = part.content_type
        if kind.type == "text" or kind.type in MEDIA:
            return
        if kind.is_smime:
            inner = signed_payload(part.decoded)
        elif kind.is_message or (kind.type != "message" and _holds_letter(part)):
            if part.cte not in ENCODED:  # parsed where it stands: nesting costs no copies
                if part.body_start < part.end and self._may_open(depth):
                    self._letter(part.source, part.body_start, part.end, part, depth + 1)
                return
            inner = part.decoded
        else:
            return
        if inner and self._may_open(depth) and self._may_copy(len(inner)):
            self._letter(inner, 0, len(inner), part, depth + 1)

    def _may_copy(self, size: int) -> bool:
        self._decoded_left -= size
        if self._decoded_left < 0:
            self.broken = True
        return self._decoded_left >= 0


def _holds_letter(part: Part) -> bool:
    """Whether an attachment of another type is a letter by its name or its first bytes."""
    head = decode_body(part.source[part.body_start : part.body_start + HEAD], part.cte).data
    if not looks_like_headers(head, 0):
        return False
    if (part.filename or "").lower().endswith(".eml"):
        return True
    return part.detected_type.category == "message"
