# SPDX-License-Identifier: Apache-2.0
"""What would a reader see of this text part, and what is hidden in it?

Everything is computed when first asked for: the text, its stripped form, its statistics, its
words. Source: content reference §1.6.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from gatepost.mail.charset import Decoded, decode_text
from gatepost.mail.html import Html, parse_html
from gatepost.mail.lazy import lazy
from gatepost.mail.part import Part
from gatepost.mail.words import Words, split_words

NEWLINE = re.compile(r"\r\n|\r|\n")
EMPTY_LINES = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?=\r|\n)")
ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\ufeff\u00ad]")
# A URL in angle brackets may be broken over lines (RFC 3986 C); longer things are no URL.
IN_BRACKETS = re.compile(r"<[^<>\r\n]{0,4096}+[\r\n][^<>]{0,4096}+>")
SPACE_BYTES = b" \t\r\n\f\v"
CAPITALS = bytes(range(0x41, 0x5B))
DIGITS = b"0123456789"


class TextStatistics(NamedTuple):
    """Counts of characters and lines; capitals and digits are 0 in a text of one line."""

    spaces: int
    double_spaces: int
    non_spaces: int
    ascii: int
    non_ascii: int
    capitals: int
    digits: int
    lines: int
    empty_lines: int


class TextPart:
    """A part as text. ``part`` is where it stands in the letter."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_html = part.is_html
        self.language: str | None = None

    @lazy
    def decoding(self) -> Decoded:
        """The source text with the charset it was in."""
        return decode_text(self.part.decoded, self.part.content_type.charset)

    @property
    def charset(self) -> str:
        """The codec the bytes were decoded with, empty when none fitted."""
        return self.decoding.charset

    @property
    def is_raw(self) -> bool:
        """True when the bytes are no text in any charset; each is then one character."""
        return self.decoding.text is None

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to see."""
        return not self.text or self.text.isspace()

    @lazy
    def source(self) -> str:
        """The decoded text as it was sent: with tags if it is HTML."""
        text = self.decoding.text
        return self.part.decoded.decode("latin-1") if text is None else text

    @lazy
    def html(self) -> Html | None:
        """The parsed HTML, ``None`` for other text."""
        return parse_html(self.source, self.part.limits) if self.is_html else None

    @lazy
    def text(self) -> str:
        """The visible text, with its line ends."""
        return self.html.text if self.html is not None else self.source

    @lazy
    def _without_zero_width(self) -> tuple[str, bool]:
        text = self.text
        if text.isascii():
            return text, False
        clean = ZERO_WIDTH.sub("", text)
        return clean, len(clean) != len(text)

    @property
    def has_zero_width(self) -> bool:
        """True when characters without width were in the text: BAD_UNICODE."""
        return self._without_zero_width[1]

    @lazy
    def stripped(self) -> str:
        """The text on one line, without zero-width characters; URLs in ``<…>`` glued together."""
        text = self._without_zero_width[0]
        if "\n" not in text and "\r" not in text:
            return text
        if "<" in text and not self.is_html:
            text = IN_BRACKETS.sub(_glued, text)
        if "\r" in text:
            text = text.replace("\r", "\n")
        while "\n\n" in text:  # halves the longest run each time
            text = text.replace("\n\n", "\n")
        return text.replace("\n", " ")

    @lazy
    def statistics(self) -> TextStatistics:
        """Counts over the visible text."""
        text = self.text
        data = text.encode("utf-8", "surrogatepass")
        lines = len(NEWLINE.findall(text))
        spaces = len(data) - len(data.translate(None, SPACE_BYTES))
        length = len(text)
        ascii_count = length if text.isascii() else len(text.encode("ascii", "ignore"))
        capitals = digits = 0
        if lines:
            capitals = len(data) - len(data.translate(None, CAPITALS))
            digits = len(data) - len(data.translate(None, DIGITS))
            if length != ascii_count:
                capitals += sum(
                    count
                    for char, count in Counter(text).items()
                    if char > "\x7f" and char.isupper()
                )
        return TextStatistics(
            spaces=spaces,
            double_spaces=text.count("  "),
            non_spaces=length - spaces,
            ascii=ascii_count,
            non_ascii=length - ascii_count,
            capitals=capitals,
            digits=digits,
            lines=lines,
            empty_lines=len(EMPTY_LINES.findall(text)),
        )

    @lazy
    def words(self) -> Words:
        """The words of the visible text."""
        return split_words(self.stripped)

    @lazy
    def alternative(self) -> Part | None:
        """The other half of the multipart/alternative around this: text for HTML, or HTML.

        Searched in the other branches, not inside nested letters (§1.6).
        """
        branch, parent = self.part, self.part.parent
        while parent is not None and parent.content_type.full != "multipart/alternative":
            if not parent.is_multipart:
                return None
            branch, parent = parent, parent.parent
        if parent is None:
            return None
        stack = [child for child in reversed(parent.children) if child is not branch]
        for _ in range(self.part.limits.max_alternative_search):
            if not stack:
                return None
            part = stack.pop()
            if part.is_multipart:
                stack.extend(reversed(part.children))
            elif part.is_text and part.is_html != self.is_html and not part.is_attachment:
                return part
        return None

    def __repr__(self) -> str:
        return f"TextPart({self.part!r}, html={self.is_html})"


def _glued(found: re.Match[str]) -> str:
    inner: str = found.group()
    return inner.replace("\r", "").replace("\n", "")
