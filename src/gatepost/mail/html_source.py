# SPDX-License-Identifier: Apache-2.0
"""What must happen to HTML before a parser may see it?

Lexbor follows the HTML standard, which grows quadratically on some input: unclosed formatting
elements are copied into every following paragraph (50 KB become eight million nodes), and
attributes of one tag are compared pair by pair. So tags and attributes are bounded here, by
content reference §1.1, in the text itself. Block tags get a form feed in front of them, which
HTML ignores wherever it means nothing and which shows later where lines break.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from gatepost.mail.limits import Limits

BREAK = "\f"

# Below this many tags even the worst nesting stays within some ten thousand nodes.
HARMLESS_TAGS = 300
MAX_FORMATTING = 64
# Below this size comparing all attributes of one tag takes a few milliseconds at most.
HARMLESS_SIZE = 16 * 1024
LONG_TAG = 2048
LONG_VALUE = 1024

# Tags that begin or end a line. Told by their first two letters where these are enough, because
# every tag of the page is held against this.
BLOCK_TAG = re.compile(
    r"<(?=/?(?:[pP](?:[rR][eE])?|(?:[dD][iIdDlLtT]|[tT][dDrRhHaAbBfF]|[bBhH][rR]|[lLdD][iI]|[uUoO][lL]"
    r"|[hH][1-6eE]|[cC][eEaA]|[bB][lLoO]|[sS][eE]|[sS][uU][mM]|[aA][rRsSdD]|[nN][aA]"
    r"|[fF](?:[oO][oOrR]|[iI][eEgG])|[mM][aA][iI]|[oO][pP]|[lL][eE])[a-zA-Z]*)[\s/>])"
)
OPENING = re.compile(r"<[a-zA-Z]")
CLOSING = re.compile(r"</")
# Spelt out, because ignoring case costs as much again.
FORMATTING = re.compile(
    r"<(/?)(?:[bBiIsSuU]|[bB][iI][gG]|[cC][oO][dD][eE]|[eE][mM]|[fF][oO][nN][tT]|[tT]{2}"
    r"|[sS][mM][aA][lL]{2}|[sS][tT][rR][iI][kK][eE]|[sS][tT][rR][oO][nN][gG]|[nN][oO][bB][rR])"
    r"(?=[\s/>])"
)
# HTML 13.2.5.33 ff.: an attribute's name goes on to blank, slash, > or =.
_ATTRIBUTE = (
    r"[\s/]*+[^\s/>][^\s/>=]*+"
    rf"(?:\s*+=\s*+(?:\"[^\"]{{0,{LONG_VALUE}}}+\"|'[^']{{0,{LONG_VALUE}}}+'|[^\s>\"'][^\s>]*+)?+)?+"
)
QUOTED_END = re.compile(r"=\s*+(?:\"[^\">]*+>|'[^'>]*+>)")


class Source(NamedTuple):
    """HTML that is safe to parse, and what was wrong with it."""

    text: str
    too_many_tags: bool
    too_many_attributes: bool
    has_zeros: bool


def prepare_source(text: str, limits: Limits) -> Source:
    """Bounds ``text`` and marks its blocks. Costs are linear in its length."""
    text = text[: limits.max_html_len]
    has_zeros = "\0" in text
    if has_zeros:
        text = text.replace("\0", "�")
    tags = text.count("<")
    cut = tags > limits.max_html_tags
    if cut:
        text, cut = _cut_tags(text, limits.max_html_tags)
    too_many_attributes = False
    if text.count("=") > limits.max_html_attributes:
        text = text[: _nth(text, "=", limits.max_html_attributes)]
        too_many_attributes = True
    if len(text) > LONG_TAG and _may_have_long_tags(text):
        text, found = _many_attributes(limits.max_tag_attributes).subn(r"\1>", text)
        too_many_attributes = too_many_attributes or found > 0
    if tags > HARMLESS_TAGS and _has_much(FORMATTING, text, MAX_FORMATTING):
        # Only their style counts here, and a span has that too without being copied about.
        text = FORMATTING.sub(_span, text)
    if BREAK in text:
        text = text.replace(BREAK, " ")
    return Source(BLOCK_TAG.sub(BREAK + "<", text), cut, too_many_attributes, has_zeros)


def _cut_tags(text: str, most: int) -> tuple[str, bool]:
    """Cut before the opening tag, or far too many closing ones, beyond the limit."""
    ends = []
    for pattern, count in ((OPENING, most), (CLOSING, 2 * most)):
        beyond = next(islice(pattern.finditer(text), count, None), None)
        if beyond is not None:
            ends.append(beyond.start())
    return (text[: min(ends)], True) if ends else (text, False)


def _has_much(pattern: re.Pattern[str], text: str, most: int) -> bool:
    return next(islice(pattern.finditer(text), most, None), None) is not None


def _span(found: re.Match[str]) -> str:
    return "</span" if found[1] else "<span"


def _nth(text: str, char: str, count: int) -> int:
    found = next(islice(re.finditer(re.escape(char), text), count, None), None)
    return found.start() if found is not None else len(text)


def _may_have_long_tags(text: str) -> bool:
    """A tag ends at ``>`` unless that stands in quotes."""
    half = LONG_TAG // 2  # what is longer holds one of these windows
    windows = range(0, len(text) - half + 1, half)
    if (
        any(text.find(">", at, at + half) < 0 for at in windows)
        and max(map(len, text.split(">"))) > LONG_TAG
    ):
        return True
    return len(text) > HARMLESS_SIZE and QUOTED_END.search(text) is not None


_compiled: dict[int, re.Pattern[str]] = {}


def _many_attributes(most: int) -> re.Pattern[str]:
    """A tag with more than ``most`` attributes: its head as group 1, then the rest of it."""
    if most not in _compiled:
        _compiled.clear()
        _compiled[most] = re.compile(
            rf"(<[a-zA-Z][^\s/>]*+(?:{_ATTRIBUTE}){{{most}}})[\s/]*+[^\s/>][^>]*+>?"
        )
    return _compiled[most]
