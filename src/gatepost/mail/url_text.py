# SPDX-License-Identifier: Apache-2.0
"""Where in a text are URLs and mail addresses, and where does each end?

Strict: what begins with a scheme or ``www.``, and mail addresses. Full: any host below a public
suffix as well. The text is swept for the one character each kind cannot do without (``:``,
``@``, ``.``); Python looks only at those places. Source: content reference §1.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from gatepost.mail import url_flags
from gatepost.mail.limits import Limits
from gatepost.mail.public_suffix import has_public_suffix
from gatepost.mail.url_parse import MAIL_SCHEMES, PHONE_SCHEMES, Url, parse_url

MAX_PLACES = 100_000  # of one character that are looked at in one text
MAX_USER = 64  # octets of a mail address's user (RFC 5321 4.5.3.1.1)
MAX_DOMAIN = 255
MAX_FAILED = 64  # schemes in one stretch without blanks that lead nowhere

_SCHEMES = (
    *("http", "https", "ftp", "sftp", "file", "news", "nntp", "telnet"),
    *("tel", "webcal", "mailto", "callto", "h323", "sip"),
)
AFTER_SCHEME = re.compile(":(?:" + "|".join(f"(?<={name}:)" for name in _SCHEMES) + r")(?=\S)")
# Longest first: ``https`` ends like no other, but ``sftp`` ends in ``ftp``.
_BY_LENGTH = ("https", "http", *sorted(_SCHEMES[2:], key=len, reverse=True))
BARE_SCHEMES = frozenset(("http", "https")) | MAIL_SCHEMES
AT = re.compile(r"@(?=[^\W_]|\[\d)")
PREFIX_DOT = re.compile(r"\.(?:(?<=www\.)|(?<=ftp\.))(?=[^\W_])")
ANY_DOT = re.compile(r"\.(?=[^\W_])")

HOST_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_."
USER_CHARACTERS = HOST_CHARACTERS + "!#$%&'*+/=?^`{|}~"
DOMAIN = re.compile(r"[^\W_][\w-]*+(?:\.[\w-]++)*+")
ADDRESS_LITERAL = re.compile(r"\[(?:ipv6:)?[0-9a-f.:]{2,64}\]")
REST = re.compile(r"[^\s<>\"\x00-\x1f\x7f\u200e\u200f\u2028\u2029\u3000“”«»]*+")
PHONE = re.compile(r"\+?[0-9(][0-9().*# -]{1,40}")
AFTER_DOMAIN = frozenset("/?:#")
CLOSING = {
    "(": ")",
    "[": "]",
    "{": "}",
    "'": "'",
    "`": "`",
    "‘": "’",
    "（": "）",
    "【": "】",
    "「": "」",
}
TRAILING = ".,;:!?'*_~|`’。，、；：！？…"
OPENED_BY = {")": "(", "]": "[", "}": "{", "）": "（", "】": "【", "」": "「"}


class Located(NamedTuple):
    """A URL and where it stands in the text."""

    start: int
    end: int
    url: Url


def find_text_urls(text: str, *, strict: bool, limits: Limits) -> list[Url]:
    """The URLs and mail addresses of ``text`` in order, flagged ``from_text``.

    At most ``limits.max_urls``; those without a known public suffix or an address are left out.
    """
    return [found.url for found in find_located_urls(text, strict=strict, limits=limits)]


def find_located_urls(text: str, *, strict: bool, limits: Limits) -> list[Located]:
    """The same with places: what a URL is to the words around it."""
    return list(islice(_find(text, strict, limits), limits.max_urls))


def first_url(text: str, limits: Limits) -> Url | None:
    """The URL that ``text`` begins with, schemes not needed; for what a link displays."""
    found = next(_find(text, False, limits), None)
    return found.url if found is not None and found.start == 0 else None


class Effort:
    """How often a text was read on in vain, so that a flood of failures does not cost a square.

    Each look at a place reads on to the next blank; so not too many begin before that.
    """

    __slots__ = ("_before", "_failed", "max_length")

    def __init__(self, limits: Limits) -> None:
        self.max_length = limits.max_url_length
        self._failed = self._before = 0

    def is_spent(self, place: int) -> bool:
        return place < self._before and self._failed >= MAX_FAILED

    def note_failure(self, place: int, end: int) -> None:
        if place >= self._before:
            self._failed, self._before = 0, end
        self._failed += 1


def _find(text: str, strict: bool, limits: Limits) -> Iterator[Located]:
    lower = text.lower()
    if len(lower) != len(text):  # İ alone becomes two characters
        lower = text.replace("İ", "i").lower()
        if len(lower) != len(text):
            return
    last = 0
    effort = Effort(limits)
    for place in _places(lower, strict):
        if place < last:
            continue
        sign = lower[place]
        if sign == ":":
            found = _from_scheme(text, lower, place, last, effort)
        elif sign == "@":
            found = _from_at(lower, place, last)
        else:
            found = _from_dot(text, lower, place, last, effort, strict)
        if found is not None:
            last = found.end
            yield found


def _places(lower: str, strict: bool) -> list[int]:
    places = [found.start() for found in islice(AFTER_SCHEME.finditer(lower), MAX_PLACES)]
    if "@" in lower:
        places += [found.start() for found in islice(AT.finditer(lower), MAX_PLACES)]
    dots = PREFIX_DOT if strict else ANY_DOT
    places += [found.start() for found in islice(dots.finditer(lower), MAX_PLACES)]
    places.sort()
    return places


def _from_scheme(text: str, lower: str, colon: int, last: int, effort: Effort) -> Located | None:
    scheme = next((name for name in _BY_LENGTH if lower.endswith(name, last, colon)), "")
    start = colon - len(scheme)
    if not scheme or (start > last and lower[start - 1].isalnum()):
        return None
    if scheme in PHONE_SCHEMES:
        number = PHONE.match(text, colon + 1)
        url = parse_url(text[start : number.end()], FLAGS) if number else None
        return Located(start, number.end(), url) if number and url else None
    if scheme not in BARE_SCHEMES and not lower.startswith("//", colon + 1):
        return None
    return _to_the_end(text, start, colon + 1, "", effort)


FLAGS = frozenset((url_flags.FROM_TEXT,))
SCHEMALESS_FLAGS = FLAGS | {url_flags.SCHEMALESS}


def _to_the_end(text: str, start: int, rest: int, prefix: str, effort: Effort) -> Located | None:
    """The URL from ``start`` to where the text around it goes on."""
    if effort.is_spent(start):
        return None
    found = REST.match(text, rest, start + effort.max_length)
    end = found.end() if found is not None else rest
    flags = SCHEMALESS_FLAGS if prefix else FLAGS
    if end == start + effort.max_length:
        flags = flags | {url_flags.TRUNCATED}
    if start and (closing := CLOSING.get(text[start - 1])) is not None:
        end = _closed_at(text, text[start - 1], closing, rest, end)
    if text[end - 1] in TRAILING or text[end - 1] in OPENED_BY:
        end = _without_trailing(text, rest, end)
    url = parse_url(prefix + text[start:end], flags)
    if url is not None and url_flags.NO_TLD not in url.flags:
        return Located(start, end, url)
    shorter = _cut_at_script_change(text, start, rest, end, prefix, flags)
    if shorter is None:
        effort.note_failure(start, end)
    return shorter


def _closed_at(text: str, opening: str, closing: str, rest: int, end: int) -> int:
    """Where the bracket before a URL closes; brackets that the URL itself opens are its own."""
    stop = text.find(closing, rest, end)
    for _ in range(16):
        if stop < 0:
            return end
        if opening == closing or text.count(opening, rest, stop) == text.count(closing, rest, stop):
            return stop
        stop = text.find(closing, stop + 1, end)
    return end


def _without_trailing(text: str, rest: int, end: int) -> int:
    """Closing punctuation ends the sentence, not the URL; a bracket only if none was opened."""
    for _ in range(64):
        if end <= rest:
            break
        char = text[end - 1]
        if char in OPENED_BY:
            part = text[rest:end]
            if part.count(OPENED_BY[char]) >= part.count(char):
                break
        elif char not in TRAILING:
            break
        end -= 1
    return end


def _cut_at_script_change(
    text: str, start: int, rest: int, end: int, prefix: str, flags: frozenset[str]
) -> Located | None:
    """``http://example.comです``: scripts without blanks go on right after a host."""
    if text[start:end].isascii():
        return None
    stop = next((i for i in range(rest, min(end, rest + MAX_DOMAIN)) if text[i] > "\x7f"), rest)
    url = parse_url(prefix + text[start:stop], flags)
    if url is None or url_flags.NO_TLD in url.flags:
        return None
    return Located(start, stop, url)


def _from_at(lower: str, at: int, last: int) -> Located | None:
    before = lower[max(last, at - MAX_USER) : at]
    user = before[len(before.rstrip(USER_CHARACTERS)) :].lstrip("'.!#$%&*/=?^`{|}~-")
    if not user or user[-1] == ".":
        return None
    domain = DOMAIN.match(lower, at + 1, at + 1 + MAX_DOMAIN) or ADDRESS_LITERAL.match(
        lower, at + 1
    )
    if domain is None:
        return None
    start, end = at - len(user), domain.end()
    if lower.startswith("mailto:", start - 7) and start >= 7:
        start -= 7
    url = parse_url(f"mailto:{user}@{domain.group().rstrip('-_.')}", SCHEMALESS_FLAGS)
    if url is None or url_flags.NO_TLD in url.flags:
        return None
    return Located(start, end, url)


def _from_dot(
    text: str, lower: str, dot: int, last: int, effort: Effort, strict: bool
) -> Located | None:
    before = lower[max(last, dot - MAX_DOMAIN) : dot]
    label = before[len(before.rstrip(HOST_CHARACTERS)) :].lstrip("-_.")
    if not before.isascii() and not strict:
        label = _unicode_label(before) or label
    start = dot - len(label)
    domain = DOMAIN.match(lower, start, start + MAX_DOMAIN)
    if domain is None or domain.end() <= dot:
        return None
    name, end = domain.group(), domain.end()
    following = lower[end : end + 1]
    if following == ":" and not lower[end + 1 : end + 2].isdecimal():
        following = ""  # no port, but a sentence that goes on
    if following == "@":
        return None
    if strict:
        prefix = "ftp://" if name.startswith("ftp.") else "http://"
        if not name.startswith(("www.", "ftp.")):
            return None
        return _to_the_end(text, start, end, prefix, effort)
    if not name[-1].isalpha() and not name.startswith("www.") and following not in AFTER_DOMAIN:
        return None
    if not has_public_suffix(name):
        return None
    prefix = "ftp://" if name.startswith("ftp.") else "http://"
    rest = end if following in AFTER_DOMAIN or name.startswith(("www.", "ftp.")) else -1
    if rest >= 0:
        return _to_the_end(text, start, end, prefix, effort)
    url = parse_url(prefix + name.rstrip("-_"), SCHEMALESS_FLAGS)
    return Located(start, end, url) if url is not None and url.tld else None


def _unicode_label(before: str) -> str:
    """The last label in front of a dot when it is not ASCII."""
    tail = before[-64:]
    start = len(tail)
    while start and (tail[start - 1].isalnum() or tail[start - 1] in "-_."):
        start -= 1
    return tail[start:].lstrip("-_.")
