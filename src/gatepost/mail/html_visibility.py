# SPDX-License-Identifier: Apache-2.0
"""Which text of a page does the reader see, and which is there only for filters?

Elements whose style changes what is seen are found with native selectors. Each is then bracketed
by marks in the tree, so that one native read of the whole text shows where hidden stretches
begin and end. A mark starts with NUL, which no text of an HTML tree can contain. Source: content
reference §1.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from gatepost.mail.html_source import BREAK
from gatepost.mail.html_style import (
    BLACK,
    NO_STYLE,
    WHITE,
    Color,
    Rule,
    Style,
    are_alike,
    parse_sheet,
    parse_style,
)

MAX_COLORS = 64  # distinct ones that are compared
MAX_SHEET_HITS = 4096  # elements that rules of sheets match, together
MARK = 5  # characters of a mark: hidden, invisible, tiny, transparent, one each
END_MARK = "\0E---"


class Styled(NamedTuple):
    """An element with a style that may matter."""

    node: LexborNode
    style: Style


class Seen(NamedTuple):
    """Texts with a form feed where lines break, and how many blocks of each kind there are."""

    visible: str
    invisible: str
    transparent: str
    hidden_blocks: int
    transparent_blocks: int
    off_screen_blocks: int
    hidden_ids: frozenset[int]
    """``mem_id`` of links in hidden elements."""


def find_styled(tree: LexborHTMLParser, lower: str) -> dict[int, Styled]:
    """All elements with a style that can hide something; ``lower`` is the lower-case source."""
    written: dict[int, str] = {}
    nodes: dict[int, LexborNode] = {}
    for node, text in _presentational(tree, lower):
        key = node.mem_id
        nodes[key] = node
        written[key] = written.get(key, "") + text
    if "<style" in lower:
        for node, text in _from_sheets(tree):
            key = node.mem_id
            nodes[key] = node
            written[key] = f"{written.get(key, '')};{text}"
    styled: dict[int, Styled] = {}
    if "style=" in lower or "style " in lower:
        for node in tree.css("[style]"):
            text = node.attributes.get("style") or ""
            key = node.mem_id
            if key in written:
                text = f"{written.pop(key)};{text}"
            style = parse_style(text)
            if style is not NO_STYLE and style != NO_STYLE:
                styled[key] = Styled(node, style)
    for key, text in written.items():
        style = parse_style(text)
        if style != NO_STYLE:
            styled[key] = Styled(nodes[key], style)
    return styled


def _presentational(tree: LexborHTMLParser, lower: str) -> Iterable[tuple[LexborNode, str]]:
    """HTML's own attributes as the declarations that they stand for."""
    if "hidden" in lower:
        for node in tree.css("[hidden]"):
            yield node, "display:none;"
    if "bgcolor" in lower:
        for node in tree.css("[bgcolor]"):
            yield node, f"background-color:{node.attributes.get('bgcolor') or ''};"
    if "background=" in lower:
        for node in tree.css("[background]"):
            yield node, "background:url(x);"
    if "<font" in lower or "<span color" in lower:
        for node in tree.css("font[color],span[color]"):
            yield node, f"color:{node.attributes.get('color') or ''};"
    if "<body" in lower:
        body = tree.body
        if body is not None and (color := body.attributes.get("text")):
            yield body, f"color:{color};"


def _from_sheets(tree: LexborHTMLParser) -> Iterable[tuple[LexborNode, str]]:
    rules: list[Rule] = []
    for sheet in tree.css("style"):
        rules += parse_sheet(sheet.text())
    if not rules:
        return
    hits = 0
    for rule in rules:
        for node in tree.css(rule.selector):
            hits += 1
            if hits > MAX_SHEET_HITS:
                return
            yield node, rule.declarations


def read_text(
    tree: LexborHTMLParser, body: LexborNode, styled: dict[int, Styled], links: str
) -> Seen:
    """Splits the page's text. Puts marks into the tree: what follows must not read its text."""
    base, marked, off_screen = _marks(tree, body, styled)
    if not marked and base == "----":
        return Seen(body.text(), "", "", 0, 0, 0, frozenset())
    hidden_ids: set[int] = set()
    hidden = transparent = 0
    for node, mark in marked:
        if mark[0] == "1":
            hidden_ids.update(link.mem_id for link in node.css(links))
        hidden += "1" in mark[:3]
        transparent += mark[3] == "1"
        node.insert_before("\0" + mark)
        node.insert_after(END_MARK)
    texts = _split(body.text(), base)
    return Seen(*texts, hidden, transparent, off_screen, frozenset(hidden_ids))


def _marks(
    tree: LexborHTMLParser, body: LexborNode, styled: dict[int, Styled]
) -> tuple[str, list[tuple[LexborNode, str]], int]:
    """The state at the body's start, and the elements that change it."""
    if not styled:
        return "----", [], 0
    any_tiny = any_invisible = False
    off_screen = 0
    for _, style in styled.values():
        any_tiny = any_tiny or style.tiny is True
        any_invisible = any_invisible or style.invisible is True
        off_screen += style.off_screen
    transparent = _transparent(styled)
    page = {node.mem_id for node in (tree.root, body) if node is not None}
    base = "----"
    marked: list[tuple[LexborNode, str]] = []
    for key, (node, style) in styled.items():
        mark = (
            ("1" if style.hidden or style.off_screen else "-")
            + (_sign(style.invisible) if any_invisible else "-")
            + (_sign(style.tiny) if any_tiny else "-")
            + (_sign(transparent.get(key)) if transparent else "-")
        )
        if mark == "----":
            continue
        if key in page:
            base = "".join(new if new != "-" else old for old, new in zip(base, mark, strict=True))
        else:
            marked.append((node, mark))
    return base, marked, off_screen


def _sign(value: bool | None) -> str:
    return "-" if value is None else "1" if value else "0"


def _split(text: str, base: str) -> tuple[str, str, str]:
    """Sorts the stretches between marks into visible, invisible and transparent ones."""
    visible: list[str] = []
    invisible: list[str] = []
    transparent: list[str] = []
    states = [base]
    for index, piece in enumerate(text.split("\0")):
        if index:
            mark, piece = piece[: MARK - 1], piece[MARK - 1 :]
            if mark[0] == "E":
                if len(states) > 1:
                    states.pop()
            else:
                old = states[-1]
                states.append(
                    "".join([new if new != "-" else was for was, new in zip(old, mark, strict=True)])
                )
        if not piece:
            continue
        state = states[-1]
        if "1" in state[:3]:
            invisible.append(piece)
            # Blocks break lines even where their text is hidden.
            visible.append(BREAK if BREAK in piece else "")
        elif state[3] == "1":
            transparent.append(piece)
            visible.append(BREAK if BREAK in piece else " ")
        else:
            visible.append(piece)
    return "".join(visible), "\f".join(invisible), "\f".join(transparent)


# Colours


def _transparent(styled: dict[int, Styled]) -> dict[int, bool]:
    """Which elements make their text transparent (True), or readable again (False)."""
    colors: set[Color] = {BLACK}
    backgrounds: set[Color] = {WHITE}
    clear = False
    for _, style in styled.values():
        if style.color is not None:
            colors.add(style.color)
            clear = clear or style.clear
        if style.background is not None:
            backgrounds.add(style.background)
    if len(colors) > MAX_COLORS or len(backgrounds) > MAX_COLORS:
        # A painting, not a letter: look for exact matches only.
        bad = colors & backgrounds
        bad_colors = bad_backgrounds = bad
    else:
        pairs = [(one, two) for one in colors for two in backgrounds if are_alike(one, two)]
        bad_colors = {one for one, _ in pairs}
        bad_backgrounds = {two for _, two in pairs}
    if not bad_colors and not clear:
        return {}
    found: dict[int, bool] = {}
    for key, (node, style) in styled.items():
        if style.clear or style.color in bad_colors or style.background in bad_backgrounds:
            color, background, is_clear = _effective(node, styled)
            if is_clear or are_alike(color, background):
                found[key] = True
    if found:
        for key, (_, style) in styled.items():
            if key not in found and (style.color is not None or style.background is not None):
                found[key] = False
    return found


def _effective(node: LexborNode, styled: dict[int, Styled]) -> tuple[Color, Color, bool]:
    """Text colour and background at an element, its own or inherited."""
    color: Color | None = None
    background: Color | None = None
    clear = False
    at: LexborNode | None = node
    while at is not None and (color is None or background is None):
        found = styled.get(at.mem_id)
        if found is not None:
            if color is None and found.style.color is not None:
                color, clear = found.style.color, found.style.clear
            if background is None:
                background = found.style.background
        at = at.parent
    return color or BLACK, background or WHITE, clear
