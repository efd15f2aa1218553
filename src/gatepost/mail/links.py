# SPDX-License-Identifier: Apache-2.0
"""Which URLs are in a letter, each once, in the order that content reference §1.6 gives?

HTML parts first, then plain ones, each kind from the last part to the first; then the
subject. ``urls`` knows what a URL is, ``html`` where one hides; this joins the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatepost.mail.html import Html
from gatepost.mail.limits import Limits
from gatepost.mail.text import TextPart
from gatepost.mail.urls import UrlSet, find_text_urls


def collect_urls(text_parts: Sequence[TextPart], subject: str, limits: Limits) -> UrlSet:
    """All URLs of the parts and the subject; at most ``limits.max_urls``."""
    found = UrlSet(limits)
    in_order = sorted(text_parts, key=lambda text: (not text.is_html, -text.part.number))
    for text in in_order:
        if text.html is not None:
            _add_links(found, text.html)
        _add_text(found, text.stripped, limits, strict=text.is_html or _has_one_sibling(text))
    if subject:
        _add_text(found, subject, limits, strict=True)
    return found


def _add_links(found: UrlSet, html: Html) -> None:
    for link in html.links:
        found.add_link(link)


def _add_text(found: UrlSet, text: str, limits: Limits, *, strict: bool) -> None:
    left = limits.max_url_text_ratio * len(text)
    for url in find_text_urls(text, strict=strict, limits=limits):
        left -= len(url.text)
        if left < 0:
            return
        found.add(url)


def _has_one_sibling(text: TextPart) -> bool:
    """The usual text beside HTML: its URLs are in the HTML too, a full search adds only noise."""
    parent = text.part.parent
    return parent is not None and len(parent.children) == 2
