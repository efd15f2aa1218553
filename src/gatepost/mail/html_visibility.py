# SPDX-License-Identifier: Apache-2.0
"""Which text of a page does the reader see, and which is there only for filters?

Elements whose style changes what is seen are found with native selectors. Each is then bracketed
by marks in the tree, so that one native read of the whole text shows where hidden stretches
begin and end. A mark starts with NUL, which no text of an HTML tree can contain. Source: content
reference §1.7.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import islice
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
MAX_INSIDE = 10_000  # elements in transparent ones that are told apart
MAX_HIDDEN = 65_536  # elements in hidden ones that are visited
MAX_NESTING = 512  # of elements, as in browsers
MAX_LINKS = 4096  # links whose visibility is told by marks of their own
MARK = 5  # characters of a mark: hidden, invisible, tiny, transparent, one each
END_MARK = "\0E---"
DROP_MARK = "\0X---"
LINK_MARK = "\0L"  # and three hexadecimal digits


PRESENTATIONAL = "[hidden],[bgcolor],[background],[color],body[text]"


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
    """``mem_id`` of links in hidden elements, beside other elements."""


class Marks(NamedTuple):
    """What ``mark_tree`` has put into the tree, and the state at the body's start."""

    base: str
    links: list[int]
    """``mem_id`` by the number in the link's mark."""
    hidden_ids: set[int]
    hidden_blocks: int
    transparent_blocks: int
    off_screen_blocks: int


def find_styled(tree: LexborHTMLParser) -> dict[int, Styled]:
    """All elements with a style that can hide something, or show it again."""
    written: dict[int, str] = {}
    nodes: dict[int, LexborNode] = {}
    for source in (_presentational, _from_sheets):
        for node, text in source(tree):
            key = node.mem_id
            nodes[key] = node
            written[key] = f"{written[key]};{text}" if key in written else text
    styled: dict[int, Styled] = {}
    for node in tree.css("[style]"):
        text = node.attributes["style"] or ""
        key = node.mem_id
        if key in written:
            text = f"{written.pop(key)};{text}"
        style = parse_style(text)
        if style is not NO_STYLE:
            styled[key] = Styled(node, style)
    for key, text in written.items():
        style = parse_style(text)
        if style is not NO_STYLE:
            styled[key] = Styled(nodes[key], style)
    return styled


def _presentational(tree: LexborHTMLParser) -> Iterable[tuple[LexborNode, str]]:
    """HTML's own attributes as the declarations that they stand for."""
    for node in tree.css(PRESENTATIONAL):
        attributes = node.attributes
        declarations = "display:none;" if "hidden" in attributes else ""
        if color := attributes.get("bgcolor"):
            declarations += f"background-color:{color};"
        if attributes.get("background"):
            declarations += "background:url(x);"
        if color := attributes.get("color"):
            declarations += f"color:{color};"
        if (color := attributes.get("text")) and node.tag == "body":
            declarations += f"color:{color};"
        yield node, declarations


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


def mark_tree(
    tree: LexborHTMLParser,
    body: LexborNode,
    styled: dict[int, Styled],
    dropped: list[LexborNode],
    links: Container[str | None],
) -> Marks:
    """Brackets what is hidden. From here on only ``read_text`` and ``shown`` understand the text.

    ``dropped`` are elements whose text nobody sees in any way, such as scripts; ``links`` are
    the tags of the elements whose visibility ``read_text`` is to tell.
    """
    base, marked, off_screen = _marks(tree, body, styled)
    inside: set[int] = set()
    seen: set[int] = set()
    maybe: list[LexborNode] = []  # links that are hidden unless something shows them again
    visits = hidden = transparent = 0
    for node, mark in marked:
        hidden += "1" in mark[:3]
        transparent += mark[3] == "1"
        if node.mem_id in inside:
            continue
        if mark[0] == "1" and visits < MAX_HIDDEN:
            ids = [child.mem_id for child in node.css("*")]
            visits += len(ids)
            inside.update(ids)
        elif "1" in mark[1:3] and node.mem_id not in seen and visits < MAX_HIDDEN:
            below = node.css("*")
            visits += len(below)
            maybe += [child for child in below if child.tag in links]
            seen.update([child.mem_id for child in below])
        node.insert_before("\0" + mark)
        node.insert_after(END_MARK)
    numbered = {link.mem_id: link for link in maybe if link.mem_id not in inside}
    for number, link in enumerate(islice(numbered.values(), MAX_LINKS)):
        link.insert_before(f"{LINK_MARK}{number:03x}")
    for node in dropped:
        node.insert_before(DROP_MARK)
        node.insert_after(END_MARK)
    return Marks(base, list(numbered), inside, hidden, transparent, off_screen)


def read_text(body: LexborNode, marks: Marks) -> Seen:
    """Splits the page's text at the marks."""
    text = body.text()
    hidden_ids = marks.hidden_ids
    visible, invisible, transparent = text, "", ""
    if "\0" in text or marks.base != "----":
        visible, invisible, transparent, links = _split(text, marks.base)
        hidden_ids.update([marks.links[number] for number in links])
    return Seen(
        visible,
        invisible,
        transparent,
        marks.hidden_blocks,
        marks.transparent_blocks,
        marks.off_screen_blocks,
        frozenset(hidden_ids),
    )


def shown(node: LexborNode) -> str:
    """The text inside an element without what is hidden further in."""
    text = node.text()
    return _split(text, "----")[0] if "\0" in text else text


def _marks(
    tree: LexborHTMLParser, body: LexborNode, styled: dict[int, Styled]
) -> tuple[str, list[tuple[LexborNode, str]], int]:
    """The state at the body's start, and the elements that change it."""
    if not styled:
        return "----", [], 0
    off_screen = sum([style.off_screen for _, style in styled.values()])
    transparent = _transparent(styled)
    if not transparent and not any([_hides(style) for _, style in styled.values()]):
        return "----", [], 0
    inside = _undone_inside(styled, transparent)
    page = {node.mem_id for node in (tree.root, body) if node is not None}
    base = "----"
    marked: list[tuple[LexborNode, str]] = []
    for key, (node, style) in styled.items():
        clear = key in transparent
        may_undo = key in inside
        if style.hidden or style.off_screen:
            mark = "1---"
        elif clear or style.invisible or style.tiny or may_undo:
            colored = style.color is not None or style.background is not None
            mark = (
                "-"
                + _sign(style.invisible, may_undo)
                + _sign(style.tiny, may_undo)
                + _sign(clear if colored else None, may_undo)
            )
        else:
            continue
        if key in page:
            base = _inside(base, mark)
        elif mark != "----":
            marked.append((node, mark))
    return base, marked, off_screen


def _hides(style: Style) -> bool:
    return bool(style.hidden or style.off_screen or style.invisible or style.tiny)


def _sign(value: bool | None, may_undo: bool) -> str:
    if value:
        return "1"
    return "0" if value is False and may_undo else "-"


def _undone_inside(styled: dict[int, Styled], transparent: set[int]) -> set[int]:
    """Elements inside of ones whose hiding can be undone further in."""
    inside: set[int] = set()
    visits = 0
    for key, (node, style) in styled.items():
        if style.hidden or not (style.invisible or style.tiny or key in transparent):
            continue
        if key not in inside:
            found = [child.mem_id for child in node.css("*")]
            visits += len(found)
            inside.update(found)
        if visits > MAX_INSIDE:
            return set(styled)
    return inside


def _split(text: str, base: str) -> tuple[str, str, str, list[int]]:
    """Sorts the stretches between marks into visible, invisible and transparent ones.

    The numbers are those of links that stand in invisible ones.
    """
    visible: list[str] = []
    invisible: list[str] = []
    transparent: list[str] = []
    links: list[int] = []
    states = [base]
    for index, piece in enumerate(text.split("\0")):
        if index:
            mark, piece = piece[: MARK - 1], piece[MARK - 1 :]
            if mark[0] == "E":
                if len(states) > 1:
                    states.pop()
            elif mark[0] == "L":
                if "1" in states[-1][:3]:
                    links.append(int(mark[1:], 16))
            else:
                states.append(_inside(states[-1], mark))
        if not piece:
            continue
        state = states[-1]
        if state[0] == "X":
            continue
        if "1" in state[:3]:
            invisible.append(piece)
            # Blocks break lines even where their text is hidden.
            visible.append(BREAK if BREAK in piece else "")
        elif state[3] == "1":
            transparent.append(piece)
            visible.append(BREAK if BREAK in piece else " ")
        else:
            visible.append(piece)
    return "".join(visible), "\f".join(invisible), "\f".join(transparent), links


def _inside(outer: str, mark: str) -> str:
    """The state in an element: what its mark does not say is as outside. Scripts stay scripts."""
    if outer[0] == "X":
        return outer
    return "".join([new if new != "-" else was for was, new in zip(outer, mark, strict=True)])


# Colours


class Painted(NamedTuple):
    """Text colour and background, and whether the text is transparent."""

    color: Color
    background: Color
    clear: bool


def _transparent(styled: dict[int, Styled]) -> set[int]:
    """Elements whose text cannot be told from what is behind it."""
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
        return set()
    found: set[int] = set()
    known: dict[int, Painted] = {}
    for key, (node, style) in styled.items():
        if style.hidden:
            continue  # nobody sees its colours
        if style.clear or style.color in bad_colors or style.background in bad_backgrounds:
            color, background, is_clear = known[key] = _effective(node, styled, known)
            if is_clear or are_alike(color, background):
                found.add(key)
    return found


def _effective(node: LexborNode, styled: dict[int, Styled], known: dict[int, Painted]) -> Painted:
    """The colours at an element, its own or inherited; ``known``: those of elements around it."""
    color: Color | None = None
    background: Color | None = None
    clear = False
    at: LexborNode | None = node
    for _ in range(MAX_NESTING):
        if at is None or (color is not None and background is not None):
            break
        key = at.mem_id
        found = styled.get(key)
        if found is not None:
            if color is None and found.style.color is not None:
                color, clear = found.style.color, found.style.clear
            if background is None:
                background = found.style.background
            if (outer := known.get(key)) is not None:
                if color is None:
                    color, clear = outer.color, outer.clear
                background = background or outer.background
        at = at.parent
    return Painted(color or BLACK, background or WHITE, clear)
