# SPDX-License-Identifier: Apache-2.0
"""What does an HTML part show its reader, what does it hide, and where do its links lead?

Lexbor parses; the tree is then asked by native selectors, and Python sees only the elements that
matter. Features that few letters need are counted when asked for. Links have no CTA weight.
Source: content reference §1.7.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urljoin

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

from gatepost.mail.html_features import Features, count_features, document_flags
from gatepost.mail.html_source import BREAK, Source, prepare_source
from gatepost.mail.html_visibility import Seen, find_styled, mark_tree, read_text, shown
from gatepost.mail.images import image_size
from gatepost.mail.lazy import lazy
from gatepost.mail.limits import Limits

DEFAULT_LIMITS = Limits()
MAX_LINKS = 8192
MAX_DISPLAYED = 2048  # characters of a link's text that are kept
MAX_SIZE = 32  # characters of a width or height that are read
MAX_INLINE = 64 * 1024  # characters of a data: picture that are decoded for its size

# Element → the attribute that leads somewhere.
LINK_ATTRIBUTES = {
    **dict.fromkeys(("a", "area", "link", "map"), "href"),
    **dict.fromkeys(("frame", "iframe", "audio", "embed", "source", "track", "video"), "src"),
    "form": "action",
}
LINKS = "a,area,form,frame,iframe,link,map,audio,embed,source,track,video"
LINKING = frozenset((*LINK_ATTRIBUTES, "img"))
USUAL_LINKS = "a,area,form"
UNUSUAL_LINKS = frozenset(
    ("link", "frame", "iframe", "map", "audio", "embed", "source", "track", "video")
)
NOT_SHOWN = ("script", "style", "title", "iframe", "noframes", "noembed", "template")
# Tags that call for a closer look; most of a page's are not among them.
SPECIAL_TAG = re.compile(
    "<(" + "|".join((*UNUSUAL_LINKS, *NOT_SHOWN, "base", "form", "img")) + r")[\s/>]"
)

EXTERNAL = frozenset(("http:", "https"))
DIGITS = re.compile(r"\s*(\d{1,5})(?:\.\d+)?\s*(?:px)?\s*(?:\Z|[;!])")
STYLE_SIZE = re.compile(r"(?:^|[;\s])(width|height)\s*:\s*(\d{1,5})")
DATA_IMAGE = re.compile(r"data:image/[\w.+-]{1,64}+[^,]{0,64}?;base64,", re.IGNORECASE)
NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")


class Link(msgspec.Struct):
    """An element that leads somewhere. ``href`` as written, but absolute if there is a base."""

    href: str
    displayed: str
    """The text inside, on one line."""
    element: str
    invisible: bool = False
    """It is inside a hidden block."""


class Image(msgspec.Struct):
    """An ``<img>``. Sizes are in pixels, 0 where nothing tells them."""

    src: str
    width: int = 0
    height: int = 0
    alt: str = ""
    embedded: bool = False
    """``cid:`` or ``data:``."""
    data: bool = False
    external: bool = False


class Form(msgspec.Struct):
    """A ``<form>``: where it posts to, and whether it asks for a password."""

    action: str
    method: str
    has_password: bool


class Html:
    """A parsed HTML part. ``text`` is what is seen, one line a block."""

    def __init__(self, source: str, prepared: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self._prepared = prepared
        self._tags = frozenset(SPECIAL_TAG.findall(prepared.text.lower()))
        self.links: list[Link] = []
        self._pictures: list[tuple[str, dict[str, str | None]]] = []
        # A tree takes 200 KiB and more, and a letter may have thousands of parts: none is kept.
        tree = self._parsed()
        self.base = self._base(tree)
        nodes = self._read_links(tree)
        self.title = self._title(tree)
        self.forms = self._read_forms(tree)
        self._seen = self._read_text(tree, nodes)
        hidden = self._seen.hidden_ids
        if hidden:
            for link, node in zip(self.links, nodes, strict=True):
                link.invisible = node.mem_id in hidden
            self._seen = self._seen._replace(hidden_ids=frozenset())

    def _parsed(self) -> LexborHTMLParser:
        return LexborHTMLParser(self._prepared.text)

    @lazy
    def text(self) -> str:
        """The visible text with the ``alt`` of images, entities decoded, blanks collapsed."""
        return collapse(self._seen.visible)

    @lazy
    def invisible_text(self) -> str:
        """The text of hidden blocks."""
        return collapse(self._seen.invisible)

    @lazy
    def transparent_text(self) -> str:
        """The text that has the colour of its background."""
        return collapse(self._seen.transparent)

    @lazy
    def flags(self) -> frozenset[str]:
        """Rspamd's document flags: BAD_START, XML, UNBALANCED, TOO_MANY_TAGS …"""
        lower = self._prepared.text.lower()
        return document_flags(lower, self._parsed(), self._prepared)

    @lazy
    def features(self) -> Features:
        """Counts of §1.7, for neural inputs and fuzzy hashes."""
        return count_features(
            self._parsed(),
            links=[(link.href, link.displayed) for link in self.links if link.element != "img"],
            images=[
                (image.external, image.data, image.width, image.height) for image in self.images
            ],
            forms=[(form.action, form.has_password) for form in self.forms],
            seen=self._seen,
        )

    def _base(self, tree: LexborHTMLParser) -> str:
        if "base" not in self._tags:
            return ""
        node = tree.css_first("base[href]")
        return (node.attributes.get("href") or "").strip() if node is not None else ""

    def _title(self, tree: LexborHTMLParser) -> str:
        node = tree.css_first("title") if "title" in self._tags else None
        return " ".join(node.text()[:MAX_DISPLAYED].split()) if node is not None else ""

    def _read_forms(self, tree: LexborHTMLParser) -> list[Form]:
        if "form" not in self._tags:
            return []
        return [
            Form(
                form.attributes.get("action") or "",
                (form.attributes.get("method") or "get").lower(),
                form.css_first("input[type=password i]") is not None,
            )
            for form in tree.css("form")[:MAX_LINKS]
        ]

    def _read_links(self, tree: LexborHTMLParser) -> list[LexborNode]:
        """Fills ``links`` and gives their elements.

        What each one displays is read before marks get into the text.
        """
        nodes: list[LexborNode] = []
        wanted = USUAL_LINKS if UNUSUAL_LINKS.isdisjoint(self._tags) else LINKS
        for node in tree.css(wanted)[:MAX_LINKS]:
            element = node.tag or ""
            attributes = node.attributes
            href = attributes.get(LINK_ATTRIBUTES[element]) or attributes.get("href")
            if not href:
                continue
            displayed = _on_one_line(node.text()) if element == "a" else ""
            self.links.append(Link(self._absolute(href), displayed, element))
            nodes.append(node)
        return nodes

    def _read_images(self, tree: LexborHTMLParser, nodes: list[LexborNode]) -> None:
        """Remembers the pictures, links to those outside, makes ``alt`` text of the tree."""
        for node in tree.css("img")[:MAX_LINKS]:
            attributes = node.attributes
            if alt := attributes.get("alt"):
                node.insert_before(f" {alt} " if "\0" not in alt else " ")
            src = (attributes.get("src") or "").strip()
            if self.base:
                src = self._absolute(src)
            self._pictures.append((src, attributes))
            if src[:5].lower() in EXTERNAL or src[:2] == "//":
                self.links.append(Link(src, "", "img"))
                nodes.append(node)

    @lazy
    def images(self) -> list[Image]:
        """The ``<img>`` elements in order."""
        return [_image(src, attributes) for src, attributes in self._pictures]

    def _absolute(self, href: str) -> str:
        if not self.base or href[:1] == "#":
            return href
        try:
            return urljoin(self.base, href)
        except ValueError:
            return href

    def _read_text(self, tree: LexborHTMLParser, nodes: list[LexborNode]) -> Seen:
        body = tree.body or tree.root
        if body is None:
            return Seen("", "", "", 0, 0, 0, frozenset())
        dropped = [] if self._tags.isdisjoint(NOT_SHOWN) else body.css(",".join(NOT_SHOWN))
        marks = mark_tree(tree, body, find_styled(tree), dropped, LINKING)
        if marks.hidden_blocks or marks.transparent_blocks or dropped:
            self._read_displayed(nodes)
        if "img" in self._tags:
            self._read_images(tree, nodes)
        return read_text(body, marks)

    def _read_displayed(self, nodes: list[LexborNode]) -> None:
        """What links show, once more without the hidden text inside of them."""
        for link, node in zip(self.links, nodes, strict=True):
            if link.displayed:
                link.displayed = _on_one_line(shown(node))


def parse_html(text: str, limits: Limits = DEFAULT_LIMITS) -> Html:
    """The page in ``text``. Bounded by ``limits`` (bytes, tags, attributes); never raises."""
    return Html(text, prepare_source(text, limits), limits)


def _on_one_line(text: str) -> str:
    return " ".join(text[: 2 * MAX_DISPLAYED].split())[:MAX_DISPLAYED]


def collapse(text: str) -> str:
    """Blanks to one, breaks to newlines, empty lines and blanks at the ends away."""
    lines = [" ".join(line.split()) for line in text.split(BREAK) if line]
    return "\n".join([line for line in lines if line])


def _image(src: str, attributes: dict[str, str | None]) -> Image:
    image = Image(src, alt=attributes.get("alt") or "")
    start = src[:8].lower()
    image.data = start.startswith("data:")
    image.embedded = image.data or start.startswith("cid:")
    image.external = start.startswith(("http:", "https:", "//"))
    image.width = _size(attributes.get("width"))
    image.height = _size(attributes.get("height"))
    if not (image.width and image.height) and (style := attributes.get("style")):
        sizes = dict(STYLE_SIZE.findall(style[:4096].lower()))
        image.width = image.width or int(sizes.get("width", 0))
        image.height = image.height or int(sizes.get("height", 0))
    if image.data and not (image.width and image.height):
        _size_by_data(image)
    return image


def _size(value: str | None) -> int:
    found = DIGITS.match(value, 0, MAX_SIZE) if value else None
    return int(found.group(1)) if found is not None else 0


def _size_by_data(image: Image) -> None:
    found = DATA_IMAGE.match(image.src)
    if found is None:
        return
    packed = NOT_BASE64.sub("", image.src[found.end() : found.end() + MAX_INLINE])
    packed = packed[: len(packed) // 4 * 4]
    try:
        known = image_size(base64.b64decode(packed))
    except (binascii.Error, ValueError):
        return
    if known is not None:
        image.width = image.width or known.width
        image.height = image.height or known.height
