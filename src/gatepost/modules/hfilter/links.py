# SPDX-License-Identifier: Apache-2.0
"""How much of this letter's text is URLs?

Source: direction-modules reference §14. Where there is HTML, its last part counts; a link is a URL
there if it shows one, whatever a button says. Different from Rspamd: what is a link and shows a
URL does not count twice. As there: lines are counted by the line ends before more text, so that
URLs on two lines are the "one line" of the symbol (tried on 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gatepost.mail import Html, Message, TextPart

ASSUMED_SCHEME = len("http://")
LINE_ENDS = re.compile(r"[\r\n]+(?=[^\r\n])")


class LinkShare(NamedTuple):
    """``share`` of the characters of the text in ``parts`` that are URLs."""

    kind: str
    share: float
    parts: Sequence[TextPart]

    @property
    def lines(self) -> int:
        """Line ends in the text; few letters have so many links that it matters."""
        return sum(len(LINE_ENDS.findall(part.text)) for part in self.parts)


def find_link_share(message: Message) -> LinkShare | None:
    """How much is URLs; ``None`` where there is no text, or no URL in it."""
    parts = message.text_parts
    last = next((part for part in reversed(parts) if part.html is not None), None)
    if last is None or last.html is None:
        return _share("plain", parts, _written(message))
    linked = _shown(message, last.html)
    return _share("html", [last], linked + (_written(message) if len(parts) == 1 else 0))


def _share(kind: str, parts: Sequence[TextPart], linked: int) -> LinkShare | None:
    length = sum(len(part.text) for part in parts)
    if not linked or not length:
        return None
    return LinkShare(kind, linked / length, parts)


def _shown(message: Message, html: Html) -> int:
    """Characters of links that show a URL."""
    urls = {url.displayed for url in message.urls if "display_url" in url.flags}
    return sum(len(link.displayed) for link in html.links if link.displayed in urls)


def _written(message: Message) -> int:
    """Characters of URLs as they stand in the text: a scheme that was left out does not count."""
    total = 0
    for url in message.urls:
        if "from_text" in url.flags:
            assumed = ASSUMED_SCHEME if "schemaless" in url.flags else 0
            total += (len(url.text) - assumed) * url.count
    return total
