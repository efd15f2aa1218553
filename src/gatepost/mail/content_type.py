# SPDX-License-Identifier: Apache-2.0
"""What kind of thing does a part say it is, and how does it want to be shown?

Content-Type and Content-Disposition (RFC 2045 5, RFC 2183) with the parameters of RFC 2231,
as real mailers write them. Rules: content reference §1.3 (parameters) and §1.4 (types).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

from gatepost.mail.encoded_words import decode_extended, decode_value, unquote_extended

TYPE = re.compile(r"\s*+(?:\([^()]*\)\s*)*+([^\s/;()]*+)\s*+(/?+)\s*+([^\s;()]*+)")
# name = value; quoted strings may be cut off, unquoted ones may hold anything but a semicolon.
PARAMETER = re.compile(
    r"[;\s]*+([^\s=;\"()]++)\s*+(?:=\s*+(?:\"((?:[^\"\\]++|\\.)*+)(?:\"|\\?\Z)([^;]*+)|([^;]*+)))?+",
    re.DOTALL,
)
SKIP = re.compile(r"[;\s]*+[^;]*+")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
COMMENT_AFTER = re.compile(r"(?<!\s)\s++\([^()]*\)\s*\Z")
SECTION = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?\Z")
KEEPS_CASE = frozenset(("name", "filename", "boundary"))
CACHED = 200  # characters; longer values differ from letter to letter

# What a lone or misspelt type means (reference §1.4); all are marked broken.
LONE = {"text": "plain", "application": "octet-stream", "html": "html", "multipart": "mixed"}


class ContentType(msgspec.Struct, frozen=True, kw_only=True):
    """A media type. ``type`` and ``subtype`` are in lower case.

    ``parameters``: by lower-case name; values are in lower case except ``name`` and
    ``boundary``. ``broken``: not written as it ought to be. ``missing``: no header said so.
    """

    type: str = "text"
    subtype: str = "plain"
    parameters: dict[str, str] = {}
    broken: bool = False
    missing: bool = False

    @property
    def full(self) -> str:
        """``type/subtype``."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str:
        """The declared charset in lower case, empty when there is none."""
        return self.parameters.get("charset", "")

    @property
    def boundary(self) -> str:
        """The boundary as written; it is compared in lower case."""
        return self.parameters.get("boundary", "")

    @property
    def name(self) -> str:
        """The file name that some mailers put here."""
        return self.parameters.get("name", "")

    @property
    def is_multipart(self) -> bool:
        return self.type == "multipart"

    @property
    def is_text(self) -> bool:
        """True for text, and for the delivery reports that are treated as text (DSN)."""
        return self.type == "text" or self.is_dsn

    @property
    def is_dsn(self) -> bool:
        """``message/delivery-status`` and ``message/…notification…``."""
        return self.type == "message" and (
            self.subtype == "delivery-status" or "notification" in self.subtype
        )

    @property
    def is_message(self) -> bool:
        """True when a letter is inside."""
        return self.type == "message" and not self.is_dsn

    @property
    def is_smime(self) -> bool:
        return "pkcs7-mime" in self.subtype


DispositionKind = Literal["inline", "attachment"]


class Disposition(msgspec.Struct, frozen=True, kw_only=True):
    """How a part wants to be shown; an unknown token means attachment (RFC 2183 2.8)."""

    kind: DispositionKind = "inline"
    parameters: dict[str, str] = {}
    missing: bool = False
    broken: bool = False

    @property
    def filename(self) -> str:
        return self.parameters.get("filename", "")


MISSING = ContentType(missing=True)
NO_DISPOSITION = Disposition(missing=True)
NAMED_ATTACHMENT = Disposition(kind="attachment", missing=True)


def parse_content_type(raw: bytes, max_parameters: int = 1024) -> ContentType:
    """Reads a Content-Type value; what is no type at all is a broken ``text/plain``."""
    if len(raw) <= CACHED:
        return _cached_content_type(raw, max_parameters)
    return _content_type(raw, max_parameters)


def parse_disposition(raw: bytes, max_parameters: int = 1024) -> Disposition:
    """Reads a Content-Disposition value."""
    text = _as_text(raw)
    head = TYPE.match(text)
    token = head.group(1).lower() if head else ""
    parameters, broken = _parameters(text, _after(head), max_parameters)
    return Disposition(
        kind="inline" if token == "inline" or not token else "attachment",
        parameters=parameters,
        broken=broken or token not in ("inline", "attachment"),
    )


@lru_cache(maxsize=1024)
def _cached_content_type(raw: bytes, max_parameters: int) -> ContentType:
    return _content_type(raw, max_parameters)


def _content_type(raw: bytes, max_parameters: int) -> ContentType:
    text = _as_text(raw)
    head = TYPE.match(text)
    kind, subtype = (head.group(1).lower(), head.group(3).lower()) if head else ("", "")
    parameters, broken = _parameters(text, _after(head), max_parameters)
    if "=" in kind:  # "charset=utf-8" and nothing else
        kind = ""
    if not kind or not subtype:
        broken = True
        subtype = LONE.get(kind, "plain")
        if kind not in LONE or kind == "html":
            kind = "text"
    elif kind == "multipart" and subtype == "alternate":
        subtype, broken = "alternative", True
    return ContentType(type=kind, subtype=subtype, parameters=parameters, broken=broken)


def _after(head: re.Match[str] | None) -> int:
    """Where the parameters begin; a semicolon after the type may be missing."""
    return 0 if head is None or "=" in head.group(1) else head.end()


def _as_text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape")


def _parameters(text: str, at: int, limit: int) -> tuple[dict[str, str], bool]:
    """The parameters from ``at`` on; the first of two of the same name wins."""
    simple: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    broken = False
    end = len(text)
    count = 0
    while at < end:
        found = PARAMETER.match(text, at)
        if found is None:
            at = _next_parameter(text, at)
            continue
        at = found.end()
        if count >= limit:
            broken = True
            break
        count += 1
        value = _value(found)
        if value is None:
            continue
        name = found.group(1).lower()
        if "*" in name:
            section = SECTION.match(name)
            if section is None:
                broken = True
                continue
            number = int(section.group(2) or 0)
            sections.setdefault(section.group(1), []).append(
                (number, section.group(3) is not None, value)
            )
        elif name not in simple:
            simple[name], bad = _decoded(value)
            broken |= bad
    for name, pieces in sections.items():
        simple[name], bad = _joined(pieces)  # RFC 2231: the extended form is the better one
        broken |= bad
    for name, value in simple.items():
        if name not in KEEPS_CASE:
            simple[name] = value.lower()
    return simple, broken


def _next_parameter(text: str, at: int) -> int:
    skipped = SKIP.match(text, at)
    return max(skipped.end() if skipped else at + 1, at + 1)


def _value(found: re.Match[str]) -> str | None:
    quoted = found.group(2)
    if quoted is not None:
        return ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted
    plain = found.group(4)
    if plain is None:
        return None
    plain = plain.strip()
    if plain.endswith(")"):
        plain = COMMENT_AFTER.sub("", plain)
    return plain.strip("\"'") if plain[:1] in "\"'" else plain


def _decoded(value: str) -> tuple[str, bool]:
    """RFC 2047 words have no place here, but clients put them here all the same."""
    if value.isascii() and "=?" not in value:
        return value, False
    text, broken = decode_value(value.encode("utf-8", "surrogateescape"))
    return text, broken


def _joined(pieces: list[tuple[int, bool, str]]) -> tuple[str, bool]:
    """The continuations of RFC 2231 3 in the order of their numbers."""
    pieces.sort(key=lambda piece: piece[0])
    charset = ""
    extended = False
    data: list[bytes] = []
    for position, (_, encoded, value) in enumerate(pieces):
        if encoded and position == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        raw = value.encode("utf-8", "surrogateescape")
        data.append(unquote_extended(raw) if encoded else raw)
        extended |= encoded
    joined = b"".join(data)
    if not extended:
        text, broken = decode_value(joined)
        return text, broken
    text, broken = decode_extended(charset, joined)
    if "=?" in text:
        text = decode_value(text.encode("utf-8", "replace")).text
    return text, broken
