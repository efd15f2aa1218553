# SPDX-License-Identifier: Apache-2.0
"""How is a page built: how many links, pictures, forms and hidden blocks, and is it broken?

Numbers for neural inputs and structural fuzzy hashes, and Rspamd's document flags. Counted only
when asked for. Source: content reference §1.7.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
from selectolax.lexbor import LexborHTMLParser

from gatepost.mail import url_flags
from gatepost.mail.html_source import BREAK, Source
from gatepost.mail.html_visibility import Seen
from gatepost.mail.urls import mark_displayed, url_from_href

LONG_QUERY = 64
TINY_AREA = 4  # square pixels
MAX_LINKS = 1024  # links that are looked at
MAX_DEPTH_NODES = 8192

_ELEMENTS = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big "
    "blink blockquote body br button canvas caption center cite code col colgroup data datalist "
    "dd del details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer form "
    "frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins isindex kbd "
    "keygen label legend li link listing main map mark marquee math menu menuitem meta meter nav "
    "nobr noembed noframes noscript object ol optgroup option output p param path picture "
    "plaintext pre progress q rb rect rp rt rtc ruby s samp script search section select slot "
    "small source spacer span strike strong style sub summary sup svg table tbody td template "
    "textarea tfoot th thead time title tr track tt u ul var video wbr xmp g circle line polygon "
    "ellipse defs use text"
)
KNOWN = frozenset(_ELEMENTS.split())
PAIRED = re.compile(
    r"<(/?)(a|b|i|u|div|span|table|tr|td|th|ul|ol|center|font|form|strong|em|h[1-6])(?=[\s/>])"
)
DOCUMENT = re.compile(r"<(html|head|body)(?=[\s/>])")
BAD_ELEMENT = re.compile(r"<(?![a-z/!?\s<>=\d]|$)")
META_REFRESH = "meta[http-equiv=refresh i]"


class Features(msgspec.Struct, frozen=True):
    """Counts over one page. Bytes are characters of text."""

    links: int = 0
    http_links: int = 0
    mailto_links: int = 0
    query_links: int = 0
    long_query_links: int = 0
    idn_links: int = 0
    ip_links: int = 0
    port_links: int = 0
    data_links: int = 0
    javascript_links: int = 0
    mismatched_links: int = 0
    """Display mismatch: the link shows a URL of somebody else."""
    domains: int = 0
    most_links_to_one_domain: int = 0
    forms: int = 0
    form_targets: tuple[str, ...] = ()
    """eSLDs that forms post to; who is affiliated is for the scan to say."""
    password_inputs: int = 0
    images: int = 0
    external_images: int = 0
    data_images: int = 0
    tiny_external_images: int = 0
    tags: int = 0
    depth: int = 0
    visible_bytes: int = 0
    hidden_bytes: int = 0
    transparent_bytes: int = 0
    hidden_blocks: int = 0
    transparent_blocks: int = 0
    off_screen_blocks: int = 0
    meta_refreshes: int = 0
    meta_refresh_urls: int = 0
    link_domains: tuple[tuple[str, int], ...] = ()
    """eSLD and number of links to it, most first: for comparison with the sender's."""


def count_features(
    tree: LexborHTMLParser,
    *,
    links: Sequence[tuple[str, str]],
    images: Sequence[tuple[bool, bool, int, int]],
    forms: Sequence[tuple[str, bool]],
    seen: Seen,
) -> Features:
    """Counts everything. ``links`` are (href, displayed), ``images`` (external, data, w, h)."""
    domains: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for href, displayed in links[:MAX_LINKS]:
        counts.update(_link_kinds(href, displayed, domains))
    targets = [url.tld for action, _ in forms if (url := url_from_href(action)) is not None]
    refreshes = tree.css(META_REFRESH)
    return Features(
        links=len(links),
        **counts,
        domains=len(domains),
        most_links_to_one_domain=max(domains.values(), default=0),
        link_domains=tuple(domains.most_common(32)),
        forms=len(forms),
        form_targets=tuple(dict.fromkeys(targets)),
        password_inputs=sum(password for _, password in forms),
        images=len(images),
        external_images=sum(external for external, _, _, _ in images),
        data_images=sum(data for _, data, _, _ in images),
        tiny_external_images=sum(
            external and 0 < width * height <= TINY_AREA for external, _, width, height in images
        ),
        tags=len(tree.css("*")),
        depth=_depth(tree),
        visible_bytes=_length(seen.visible),
        hidden_bytes=_length(seen.invisible),
        transparent_bytes=_length(seen.transparent),
        hidden_blocks=seen.hidden_blocks,
        transparent_blocks=seen.transparent_blocks,
        off_screen_blocks=seen.off_screen_blocks,
        meta_refreshes=len(refreshes),
        meta_refresh_urls=sum(
            "url" in (node.attributes.get("content") or "").lower() for node in refreshes
        ),
    )


def _length(text: str) -> int:
    return len(text) - text.count(BREAK)


def _link_kinds(href: str, displayed: str, domains: Counter[str]) -> list[str]:
    start = href[:32].strip().lower()
    if start.startswith("data:"):
        return ["data_links"]
    if start.startswith("javascript:"):
        return ["javascript_links"]
    url = url_from_href(href)
    if url is None:
        return []
    if url.scheme == "mailto":
        return ["mailto_links"]
    if url.tld:
        domains[url.tld] += 1
    kinds = ["http_links"] if url.scheme in ("http", "https") else []
    if url.query:
        kinds.append("query_links")
    if len(url.query) > LONG_QUERY:
        kinds.append("long_query_links")
    if displayed:
        mark_displayed(url, displayed)
    flags = (
        (url_flags.IDN, "idn_links"),
        (url_flags.NUMERIC, "ip_links"),
        (url_flags.HAS_PORT, "port_links"),
        (url_flags.PHISHED, "mismatched_links"),
    )
    return kinds + [name for flag, name in flags if flag in url.flags]


def _depth(tree: LexborHTMLParser) -> int:
    """The deepest nesting; a parent comes before its children in document order."""
    depths: dict[int, int] = {}
    deepest = 0
    for node in tree.css("*")[:MAX_DEPTH_NODES]:
        parent = node.parent
        depth = depths.get(parent.mem_id, 0) + 1 if parent is not None else 1
        depths[node.mem_id] = depth
        deepest = max(deepest, depth)
    return deepest


def document_flags(lower: str, tree: LexborHTMLParser, prepared: Source) -> frozenset[str]:
    """Rspamd's names for what is odd about the page as a document; ``lower`` is its source."""
    start = lower[:256].lstrip()
    opened = Counter(DOCUMENT.findall(lower))
    balance = Counter(PAIRED.findall(lower))
    names = {name for _, name in balance}
    found = {
        "BAD_START": not start.startswith("<"),
        "XML": start.startswith("<?xml"),
        "BAD_ELEMENTS": BAD_ELEMENT.search(lower) is not None,
        "UNBALANCED": any(balance["", name] != balance["/", name] for name in names),
        "UNKNOWN_ELEMENTS": any(
            (node.tag or "").partition(":")[0] not in KNOWN and ":" not in (node.tag or "")
            for node in tree.css("*")[:MAX_DEPTH_NODES]
        ),
        "DUPLICATE_ELEMENTS": any(count > 1 for count in opened.values()),
        "TOO_MANY_TAGS": prepared.too_many_tags,
        "TOO_MANY_ATTRS": prepared.too_many_attributes,
        "HAS_DATA_URLS": "data:" in lower
        and tree.css_first("[src^='data:' i],[href^='data:' i]") is not None,
        "HAS_ZEROS": prepared.has_zeros,
    }
    return frozenset(name for name, holds in found.items() if holds)
