# SPDX-License-Identifier: Apache-2.0
"""How much of this letter's text is links?

Source: direction-modules reference §14. Where there is HTML, its last part counts, and what its
links show; else the plain text, and the URLs in it.
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.mail import Message, TextPart

ASSUMED_SCHEME = len("http://")


class LinkShare(NamedTuple):
    """``share`` of the text's characters that are links; ``lines`` counts line ends."""

    kind: str
    share: float
    lines: int


def find_link_share(message: Message) -> LinkShare | None:
    """How much is links; ``None`` where there is no text, or no link in it."""
    parts = message.text_parts
    html = next((part for part in reversed(parts) if part.html is not None), None)
    if html is not None:
        return _share("html", [html], _shown(html))
    return _share("plain", list(parts), _written(message)) if parts else None


def _share(kind: str, parts: list[TextPart], linked: int) -> LinkShare | None:
    length = sum(len(part.text) for part in parts)
    if not linked or not length:
        return None
    return LinkShare(kind, linked / length, sum(part.statistics.lines for part in parts))


def _shown(part: TextPart) -> int:
    links = part.html.links if part.html is not None else ()
    return sum(len(link.displayed) for link in links if link.element == "a")


def _written(message: Message) -> int:
    """Characters of URLs as they stand in the text: a scheme that was left out does not count."""
    total = 0
    for url in message.urls:
        if "from_text" in url.flags:
            assumed = ASSUMED_SCHEME if "schemaless" in url.flags else 0
            total += (len(url.text) - assumed) * url.count
    return total
