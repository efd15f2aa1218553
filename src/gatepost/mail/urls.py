# SPDX-License-Identifier: Apache-2.0
"""Which URLs does a letter hold, where do its links lead, and do they show something else?

``find_text_urls`` (plain text), ``url_from_href`` (attributes) and ``mark_displayed`` (link texts)
make URLs; a ``UrlSet`` keeps each once. Source: content reference §1.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from gatepost.mail import url_flags
from gatepost.mail.limits import Limits
from gatepost.mail.public_suffix import has_public_suffix
from gatepost.mail.url_flags import NO_FLAGS
from gatepost.mail.url_parse import (
    KNOWN_SCHEMES,
    PLAIN,
    WEB_SCHEMES,
    Url,
    parse_url,
    url_of_plain,
)
from gatepost.mail.url_text import Located, find_located_urls, find_text_urls, first_url

__all__ = [
    "Located",
    "Url",
    "UrlSet",
    "find_located_urls",
    "find_text_urls",
    "mark_displayed",
    "url_from_href",
    "urls_in_query",
]

DEFAULT_LIMITS = Limits()
MAX_QUERY_DEPTH = 5
MAX_PARAMETERS = 64  # of one query that are looked at
MAX_DISPLAYED = 2048  # characters of a link's text that are looked at

BLANKS = re.compile(r"[\s\x00-\x20\u200b\ufeff]+")
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
HIDDEN = re.compile(r"%(?:40|3[aAfF]|7[cC]|5[cC]|2[fF])")
HIDDEN_CHARACTERS = {"40": "@", "3a": ":", "3f": "?", "7c": "|", "5c": "\\", "2f": "/"}
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})(?::|%3[aA])")
SCHEMALESS_HOST = re.compile(r"[^/?#:@\\\s]{1,255}(?::\d{1,5})?(?=[/?#\\]|\Z)")
PARAMETERS = re.compile(r"[&;]")
MAY_HOLD_URL = re.compile(r"https?:|ftp:|www\.|https?%3a|//", re.IGNORECASE)
# A host's dot or a scheme's colon in the first word, with something after it.
STARTS_LIKE_URL = re.compile(r"[^\s.:@]{1,255}[.:@](?=\S)|https?\s*:\s*[/\\]{2}", re.IGNORECASE)
WEB_START = re.compile(r"https?\s*:\s*[/\\]{2}", re.IGNORECASE)


class Link(Protocol):
    """What ``UrlSet.add_link`` needs of an HTML link."""

    @property
    def href(self) -> str: ...
    @property
    def displayed(self) -> str: ...
    @property
    def invisible(self) -> bool: ...
    @property
    def element(self) -> str: ...


def url_from_href(href: str, *, base: str | None = None) -> Url | None:
    """The URL that an attribute leads to; ``None``: a place in the page, a script, or broken.

    ``base`` is the page's own address (``<base href>``), for links relative to it.
    """
    plain = PLAIN.match(href, 0, DEFAULT_LIMITS.max_url_length + 1)
    if plain is not None and (url := url_of_plain(plain)) is not None:
        return url
    flags = NO_FLAGS
    href = href[: DEFAULT_LIMITS.max_url_length * 2]
    clean = BLANKS.sub("", href)
    if CONTROLS.search(href.strip()):
        flags = frozenset((url_flags.OBSCURED,))
    if len(clean) > DEFAULT_LIMITS.max_url_length:
        clean = clean[: DEFAULT_LIMITS.max_url_length]
        flags = flags | {url_flags.TRUNCATED}
    if not clean or clean[0] == "#":
        return None
    scheme = SCHEME.match(clean)
    if scheme is not None:
        name = scheme.group(1).lower()
        if name in KNOWN_SCHEMES:
            return parse_url(clean, flags) or _unhidden(clean, flags)
        if "." not in name:
            return None  # javascript:, data:, cid: and whatever else has no host
    return _without_scheme(clean, flags, base)


def _unhidden(clean: str, flags: frozenset[str]) -> Url | None:
    """A URL whose structure itself is percent-encoded: ``http:%2F%2Fexample.org``."""
    plain = HIDDEN.sub(lambda found: HIDDEN_CHARACTERS[found.group()[1:].lower()], clean)
    if plain == clean:
        return None
    return parse_url(plain, flags | {url_flags.OBSCURED, url_flags.SCHEMA_ENCODED})


def _without_scheme(clean: str, flags: frozenset[str], base: str | None) -> Url | None:
    schemaless = flags | {url_flags.SCHEMALESS}
    if clean.startswith(("//", "\\\\", "/\\", "\\/")):
        return parse_url("http:" + clean, schemaless)
    if base:
        return _relative(clean, flags, base)
    if clean[0] in "/?.&;=":
        return None
    host = SCHEMALESS_HOST.match(clean)
    if host is not None:
        name = host.group().partition(":")[0]
        # Without a known suffix it is the name of a page, not of a host.
        return parse_url("http://" + clean, schemaless) if has_public_suffix(name) else None
    if "@" in clean.partition("/")[0]:
        return parse_url("mailto:" + clean, schemaless)
    return None


def _relative(clean: str, flags: frozenset[str], base: str) -> Url | None:
    page = url_from_href(base)
    if page is None or page.scheme not in WEB_SCHEMES:
        return None
    host = f"[{page.host}]" if ":" in page.host else page.host
    root = f"{page.scheme}://{host}{f':{page.port}' if page.port else ''}"
    if clean[0] in "/\\":
        return parse_url(root + clean, flags)
    if clean[0] == "?":
        return parse_url(root + (page.path or "/") + clean, flags)
    return parse_url(f"{root}{page.path.rpartition('/')[0]}/{clean}", flags)


def urls_in_query(url: Url, limits: Limits = DEFAULT_LIMITS) -> list[Url]:
    """The URLs in the parameters of a URL's query, and only those right in it."""
    query = url.query
    if not query or not MAY_HOLD_URL.search(query):
        return []
    found: list[Url] = []
    for parameter in PARAMETERS.split(query, MAX_PARAMETERS)[:MAX_PARAMETERS]:
        value = parameter.partition("=")[2] or parameter
        inner = url_from_href(value) if MAY_HOLD_URL.match(value) else None
        inside = [inner] if inner else find_text_urls(value, strict=True, limits=limits)
        for nested in inside:
            nested.flags = (nested.flags - {url_flags.FROM_TEXT}) | {url_flags.QUERY}
            found.append(nested)
    return found


def mark_displayed(url: Url, displayed_text: str, limits: Limits = DEFAULT_LIMITS) -> Url | None:
    """Notes what a link shows, and PHISHED when that is a URL of somebody else.

    Gives the displayed URL, flagged ``html_displayed``, when the text begins with one.
    """
    text = displayed_text[:MAX_DISPLAYED].strip()
    url.displayed = text
    if STARTS_LIKE_URL.match(text) is None:
        return None
    shown = first_url(text, limits)
    if shown is None:
        if WEB_START.match(text):
            url.add_flags(url_flags.PHISHED, url_flags.OBSCURED)
        return None
    url.add_flags(url_flags.DISPLAY_URL)
    shown.flags = (shown.flags - {url_flags.FROM_TEXT}) | {url_flags.HTML_DISPLAYED}
    if _pretends(url, shown, limits):
        url.add_flags(url_flags.PHISHED)
    return shown


def _pretends(url: Url, shown: Url, limits: Limits) -> bool:
    if url.host == shown.host or url.tld == shown.tld:
        return False
    if (url.scheme in WEB_SCHEMES) != (shown.scheme in WEB_SCHEMES):
        return False
    if url.host.endswith("." + shown.host) or shown.host.endswith("." + url.host):
        return False
    embedded = urls_in_query(url, limits)
    # A redirector that leads where it says is no lie.
    return not (len(embedded) == 1 and embedded[0].tld == shown.tld)


class UrlSet:
    """The URLs of a letter, each once, in the order in which they were first added.

    At most ``limits.max_urls``; further ones only count up those that are known.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._urls: dict[str, Url] = {}

    def add(self, url: Url) -> Url | None:
        """Takes a URL and those in its query; gives the one that is kept, ``None`` when full."""
        kept = self._keep(url)
        if kept is url and url.query:
            self._add_nested(url)
        return kept

    def add_link(self, link: Link) -> Url | None:
        """Takes an HTML link: its target, and the URL that it shows."""
        url = url_from_href(link.href)
        if url is None:
            return None
        shown = None
        if link.element in ("a", "area") and link.displayed:
            shown = mark_displayed(url, link.displayed, self.limits)
        if link.invisible:
            url.add_flags(url_flags.INVISIBLE)
        if link.element == "img":
            url.add_flags(url_flags.IMAGE)
        kept = self.add(url)
        if shown is not None:
            self._keep(shown)
        return kept

    def _keep(self, url: Url) -> Url | None:
        known = self._urls.get(url.text)
        if known is not None:
            known.count += 1
            _merge(known, url)
            return known
        if len(self._urls) >= self.limits.max_urls:
            return None
        url.order = len(self._urls) + 1
        self._urls[url.text] = url
        return url

    def _add_nested(self, url: Url) -> None:
        level = [url]
        for _ in range(MAX_QUERY_DEPTH):
            level = [inner for outer in level for inner in urls_in_query(outer, self.limits)]
            level = [inner for inner in level if self._keep(inner) is inner]
            if not level:
                return

    def __iter__(self) -> Iterator[Url]:
        return iter(self._urls.values())

    def __len__(self) -> int:
        return len(self._urls)

    def __contains__(self, text: object) -> bool:
        return text in self._urls


def _merge(known: Url, again: Url) -> None:
    """Findings of a further occurrence; origins stay those of the first."""
    found = again.flags & {url_flags.PHISHED, url_flags.OBSCURED, url_flags.DISPLAY_URL}
    if found - known.flags:
        known.flags = known.flags | found
    if url_flags.PHISHED in again.flags or known.displayed is None:
        known.displayed = again.displayed or known.displayed
    if url_flags.INVISIBLE in known.flags and url_flags.INVISIBLE not in again.flags:
        known.flags = known.flags - {url_flags.INVISIBLE}
    only_shown = {url_flags.HTML_DISPLAYED, url_flags.FROM_TEXT}
    if url_flags.HTML_DISPLAYED in known.flags and only_shown.isdisjoint(again.flags):
        # What was only shown so far is now led to as well.
        known.flags = (known.flags - {url_flags.HTML_DISPLAYED}) | again.flags
