# SPDX-License-Identifier: Apache-2.0
"""One letter as everything else sees it: bytes in, and whatever is asked of it out.

Nothing is computed that nobody asks for, everything is computed once, and nothing here ever
raises, whatever the bytes are. Entry rules: content reference §1.2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from gatepost.mail.addresses import Address, parse_addresses
from gatepost.mail.content_type import parse_content_type
from gatepost.mail.dates import parse_date
from gatepost.mail.headers import (
    NO_HEADERS,
    Headers,
    newline_of,
)
from gatepost.mail.lazy import lazy
from gatepost.mail.limits import Limits
from gatepost.mail.links import collect_urls
from gatepost.mail.mime import Tree
from gatepost.mail.part import Part
from gatepost.mail.received import ReceivedHop, read_hop
from gatepost.mail.text import TextPart
from gatepost.mail.urls import Url, UrlSet

DEFAULT_LIMITS = Limits()
BLANKS = re.compile(rb"[ \t\r\n\f\v]*+")
# Exim hands over the mbox line too (reference §1.2).
MBOX_LINE = re.compile(rb"From [^\r\n]*+[ \t\r\n\f\v]*+")
COMMENT = re.compile(r"\([^()]*\)")
NOT_GRAPH = re.compile(r"[^!-~]")


class Message:
    """A letter. ``raw`` is kept as it came.

    ``check_text_attachements`` (Rspamd's spelling): attached text counts as text.
    ``mime=False``: the bytes are one opaque part, of ``content_type`` and ``filename`` if
    the request named them.

    ``client``: the hop that the MTA knows of, set before ``received`` is read; with
    ``client_on_top`` it is there even if the top header tells of the same client.
    """

    client: ReceivedHop | None = None
    client_on_top = False

    def __init__(
        self,
        raw: bytes,
        *,
        limits: Limits = DEFAULT_LIMITS,
        check_text_attachements: bool = True,
        mime: bool = True,
        content_type: str = "",
        filename: str = "",
    ) -> None:
        self.raw = raw
        self.limits = limits
        self.check_text_attachements = check_text_attachements
        self.mime = mime
        self._request_type = content_type
        self._request_filename = filename

    # The bytes

    @lazy
    def start(self) -> int:
        """Where the letter begins in ``raw``: after blanks and an mbox line."""
        if not self.mime:
            return 0
        blanks = BLANKS.match(self.raw)
        start = blanks.end() if blanks else 0
        mbox = MBOX_LINE.match(self.raw, start)
        return mbox.end() if mbox else start

    @property
    def is_empty(self) -> bool:
        """True when there is nothing but blanks: only rules for empty letters run."""
        return self.start >= len(self.raw)

    @property
    def body_offset(self) -> int:
        """Where the body begins in ``raw``: ``raw[body_offset:]`` is exactly the body."""
        return self.root.body_start

    @lazy
    def header_bytes(self) -> bytes:
        """The header block with the line end of its last line, without the empty line."""
        tree = self._tree
        return self.raw[self.start : tree.header_end] if tree is not None else b""

    @lazy
    def newline(self) -> bytes:
        """The line end that most lines of the header have: CRLF, LF or CR."""
        return newline_of(self.header_bytes)

    # The header

    @property
    def headers(self) -> Headers:
        """The letter's header fields."""
        return self.root.headers

    @property
    def header_fields(self) -> Headers:
        """The same fields to go through from the top; each has its ``raw_line``."""
        return self.root.headers

    @lazy
    def subject(self) -> str:
        """The first Subject, decoded; empty when there is none."""
        return self.headers.get("Subject") or ""

    @lazy
    def message_id(self) -> str:
        """The Message-ID without brackets, comments and blanks; ``undef`` when there is none."""
        if not self.mime:
            return f"{self.digest}@gatepost.invalid"
        header = self.headers.first("Message-ID")
        if header is None:
            return "undef"
        text = header.raw.decode("latin-1")
        if "(" in text:
            text = COMMENT.sub("", text)
        text = "".join(text.split()).removeprefix("<").removesuffix(">")
        return NOT_GRAPH.sub("?", text) or "undef"

    @lazy
    def date(self) -> float | None:
        """The Date header in seconds since the epoch; ``None``: missing or unreadable."""
        value = self.headers.get("Date")
        return parse_date(value) if value is not None else None

    @lazy
    def from_(self) -> list[Address]:
        """The authors (From)."""
        return self._addresses("From")

    @lazy
    def to(self) -> list[Address]:
        return self._addresses("To")

    @lazy
    def cc(self) -> list[Address]:
        return self._addresses("Cc")

    @lazy
    def bcc(self) -> list[Address]:
        return self._addresses("Bcc")

    @lazy
    def reply_to(self) -> list[Address]:
        return self._addresses("Reply-To")

    @lazy
    def sender(self) -> list[Address]:
        return self._addresses("Sender")

    @lazy
    def recipients(self) -> list[Address]:
        """To, Cc and Bcc together, bounded as one list."""
        return (self.to + self.cc + self.bcc)[: self.limits.max_recipients]

    @lazy
    def return_path(self) -> Address | None:
        """The first Return-Path."""
        found = self._addresses("Return-Path")
        return found[0] if found else None

    @lazy
    def delivered_to(self) -> str | None:
        """The first Delivered-To, without brackets."""
        value = self.headers.get("Delivered-To")
        return value.strip().strip("<>") if value else None

    @lazy
    def received(self) -> list[ReceivedHop]:
        """The hops from the last to the first; on top ``client``, where no header tells of it.

        Milters do not see the header that their own MTA writes (direction-modules reference §0.1).
        """
        hops: list[ReceivedHop] = []
        for header in self.headers.get_all("Received")[: self.limits.max_received]:
            hop = read_hop(header, self.limits)
            if hop is not None:
                hops.append(hop)
        client = self.client
        if not hops or client is None:
            return hops
        told = hops[0].real_ip == client.real_ip and not self.client_on_top
        return hops if told else [client, *hops]

    def _addresses(self, name: str) -> list[Address]:
        """The addresses of all headers of this name, in order."""
        found: list[Address] = []
        limits = self.limits
        for header in self.headers.get_all(name):
            if len(found) >= limits.max_recipients:
                break
            found += parse_addresses(header.raw, limits)
        return found[: limits.max_recipients]

    # The parts

    @lazy
    def _tree(self) -> Tree | None:
        return Tree(self.raw, self.start, self.limits) if self.mime else None

    @lazy
    def root(self) -> Part:
        """The letter itself as a part."""
        return self._tree.root if self._tree is not None else self._opaque_part()

    @property
    def parts(self) -> Sequence[Part]:
        """All parts as they stand in the letter; the letter itself is the first."""
        return self._tree.parts if self._tree is not None else [self.root]

    def _opaque_part(self) -> Part:
        kind = self._request_type or "application/octet-stream"
        content_type = parse_content_type(kind.encode("utf-8", "replace"))
        part = Part(
            self.raw,
            0,
            0,
            min(len(self.raw), self.limits.max_message),
            headers=NO_HEADERS,
            content_type=content_type,
            limits=self.limits,
        )
        part.filename = self._request_filename or content_type.name or None
        return part

    @lazy
    def text_parts(self) -> Sequence[TextPart]:
        """The parts that are text, attached ones only with ``check_text_attachements``."""
        return [TextPart(part) for part in self.parts if part.is_text and self._counts(part)]

    def _counts(self, part: Part) -> bool:
        if self.check_text_attachements or not part.is_attachment:
            return True
        return part.parent is not None and part.parent.content_type.subtype == "alternative"

    @lazy
    def attachments(self) -> Sequence[Part]:
        """The parts with content that are files: attached by label, or no text to look at."""
        return [
            part
            for part in self.parts
            if part.is_leaf and (part.is_attachment or part.filename or not part.is_text)
        ]

    @lazy
    def archives(self) -> Sequence[Part]:
        """The parts whose ``archive`` is a listing; the limit of files is the letter's."""
        return [part for part in self.parts if part.archive is not None]

    # What is in the text

    @lazy
    def url_set(self) -> UrlSet:
        """The URLs of HTML, text and subject, each once."""
        return collect_urls(self.text_parts, self.subject, self.limits)

    @lazy
    def urls(self) -> Sequence[Url]:
        """The URLs that lead somewhere, without mail addresses; HTML's first."""
        return [url for url in self.url_set if url.scheme != "mailto"]

    @lazy
    def emails(self) -> Sequence[str]:
        """The mail addresses in text and links."""
        return [url.address for url in self.url_set if url.scheme == "mailto"]

    # All of it

    @lazy
    def digest(self) -> str:
        """128 bits in hex over the contents of all parts and the subject."""
        digest = hashlib.blake2b(digest_size=16)
        for part in self.parts:
            if part.is_leaf:
                digest.update(part.digest)
        digest.update(self.subject.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    @property
    def has_broken_headers(self) -> bool:
        """True when header or structure are broken, or a limit was hit (BROKEN_HEADERS)."""
        return self._tree is not None and self._tree.broken

    @lazy
    def has_bad_unicode(self) -> bool:
        """True when zero-width characters were in a text (BAD_UNICODE)."""
        return any(text.has_zero_width for text in self.text_parts)

    @property
    def flags(self) -> frozenset[str]:
        """Rspamd's names for what is wrong; looks at all texts, so ask for one where you can."""
        found = set()
        if self.has_broken_headers:
            found.add("BROKEN_HEADERS")
        if self.has_bad_unicode:
            found.add("BAD_UNICODE")
        if self.is_empty:
            found.add("SKIP_PROCESS")
        return frozenset(found)

    def __repr__(self) -> str:
        return f"Message({len(self.raw)} bytes)"
