# SPDX-License-Identifier: Apache-2.0
"""Which style declarations hide an element or its text from the reader?

Only the properties that can are read, from ``style`` attributes and from ``<style>`` sheets with
simple selectors (tag, class, id). Source: content reference §1.7.
"""

from __future__ import annotations

import re
from colorsys import hls_to_rgb
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from gatepost.mail.html_colors import COLOR_NAMES

MAX_STYLE = 4096  # characters of one style attribute
MAX_SHEET = 128 * 1024  # characters of all sheets of a part
MAX_RULES = 2048
CACHED = 512  # characters of a style that is worth remembering

TINY = 3.0  # px; font sizes up to this are unreadable
FAR_OUTSIDE = 500.0  # px beyond the page's edge
FAINT = 0.1  # opacity
CLEAR = 10 / 255  # alpha of a text
ALIKE = 0.1  # distance of two colours

DECLARATION = re.compile(
    r"(?:^|[;{\s])(display|visibility|opacity|font-size|font|width|height|max-width|max-height"
    r"|overflow|position|left|top|text-indent|clip|clip-path|color|background|background-color)"
    r"\s*:\s*([^;]*)"
)
LENGTH = re.compile(r"([+-]?\d{0,16}\.?\d{1,16})\s*(px|pt|em|rem|ex|ch|%|pc|in|cm|mm|vw|vh)?")
FONT_SIZE = re.compile(r"(?:^|\s)(\d{0,8}\.?\d{1,8}(?:px|pt|em|rem|%)|0)(?=$|[\s/])")
PIXELS = {"pt": 4 / 3, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0, "%": 0.16, "pc": 16.0}
PIXELS |= {"in": 96.0, "cm": 37.8, "mm": 3.78, "vw": 10.0, "vh": 8.0}
IMPORTANT = re.compile(r"!\s*important")
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
RULE = re.compile(r"([^{}]*+)(?:\{([^{}]*+)\}?|\}|\Z)")
SHOWS = re.compile(r"(?:display|opacity|overflow|position)\s*:", re.IGNORECASE)
PLAIN_MEDIA = re.compile(r"@media\s+(?:only\s+)?(?:all|screen)\s*(?:,\s*(?:all|screen)\s*)*\Z")
SELECTOR = re.compile(r"(?:[a-z][a-z0-9]{0,15}|\*)?(?:[.#][a-zA-Z_-][\w-]{0,63}){0,3}\Z")
COLLAPSED = re.compile(
    r"rect\(\s*(\d)(?:px)?[\s,]+\1(?:px)?[\s,]+\1(?:px)?[\s,]+\1(?:px)?\s*\)"
    r"|inset\(\s*(?:[5-9]\d|100)%|(?:circle|ellipse)\(\s*0"
)
COLOR_FUNCTION = re.compile(
    r"rgba?\(\s*([\d.]+%?)[\s,]+([\d.]+%?)[\s,]+([\d.]+%?)(?:[\s,/]+([\d.]+%?))?"
)
HSL = re.compile(
    r"hsla?\(\s*(-?[\d.]{1,16})(?:deg)?[\s,]+([\d.]{1,16})%[\s,]+([\d.]{1,16})%"
    r"(?:[\s,/]+([\d.]+%?))?"
)
HEX_COLOR = re.compile(r"#?([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\Z")

Color = tuple[int, int, int]
BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
PICTURE: Color = (-1, -1, -1)
"""A background of unknown colour: nothing is like it."""


class Style(NamedTuple):
    """What declarations do to sight; ``None``: they say nothing of it.

    ``hidden`` cannot be undone further inside, ``invisible`` (visibility) and ``tiny`` can.
    """

    hidden: bool = False
    off_screen: bool = False
    invisible: bool | None = None
    tiny: bool | None = None
    color: Color | None = None
    clear: bool = False
    """The text is transparent."""
    background: Color | None = None


class Rule(NamedTuple):
    """``selector`` in CSS, the declarations as written, and what they come to."""

    selector: str
    declarations: str
    style: Style


NO_STYLE = Style()


def parse_style(text: str) -> Style:
    """The effect of declarations, later ones over earlier ones. ``NO_STYLE``: none on sight."""
    return _cached_style(text) if len(text) <= CACHED else _style(text[:MAX_STYLE])


def _style(text: str) -> Style:
    found: list[tuple[str, str]] = DECLARATION.findall(COMMENT.sub("", text.lower()))
    if not found:
        return NO_STYLE
    if "!" in text:  # what is important wins over what comes later
        found.sort(key=lambda declaration: IMPORTANT.search(declaration[1]) is not None)
    declared = dict(found)
    color, alpha = _text_color(declared.get("color", ""))
    style = Style(
        hidden=_is_hidden(declared),
        off_screen=_is_off_screen(declared),
        invisible=_visibility(declared.get("visibility", "")),
        tiny=_is_tiny(declared),
        color=color,
        clear=alpha < CLEAR,
        background=_background(declared),
    )
    return style if style != NO_STYLE else NO_STYLE


_cached_style = lru_cache(maxsize=4096)(_style)


def parse_sheet(text: str) -> tuple[Rule, ...]:
    """The rules of a sheet that touch sight, the less specific first. Conditions are not met."""
    return _cached_sheet(text) if len(text) <= 16 * CACHED else _sheet(text[:MAX_SHEET])


def _sheet(text: str) -> tuple[Rule, ...]:
    text = COMMENT.sub(" ", text)
    if "@" in text:
        text = _without_conditions(text)
    rules: list[Rule] = []
    for selectors, declarations in RULE.findall(text):
        style = parse_style(declarations)
        if style is NO_STYLE and not SHOWS.search(declarations):
            continue
        for selector in selectors.split(","):
            selector = selector.strip()
            if selector and SELECTOR.match(selector) and len(rules) < MAX_RULES:
                rules.append(Rule(selector, declarations, style))
    rules.sort(key=_specificity)
    return tuple(rules)


_cached_sheet = lru_cache(maxsize=256)(_sheet)


def _specificity(rule: Rule) -> tuple[int, int]:
    return rule.selector.count("#"), rule.selector.count(".")


def _without_conditions(text: str) -> str:
    """Opens ``@media screen {…}``, drops other blocks that begin with ``@`` and ``@import …;``."""
    pieces: list[str] = []
    position = 0
    while (at := text.find("@", position)) >= 0:
        pieces.append(text[position:at])
        brace, semicolon = text.find("{", at), text.find(";", at)
        if brace < 0 or 0 <= semicolon < brace:
            position = semicolon + 1 if semicolon >= 0 else len(text)
            continue
        end = _block_end(text, brace)
        if PLAIN_MEDIA.match(text[at:brace].strip().lower()):
            pieces.append(text[brace + 1 : end - 1])
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _block_end(text: str, brace: int) -> int:
    depth = 0
    for found in re.finditer(r"[{}]", text[brace:]):
        depth += 1 if found.group() == "{" else -1
        if not depth:
            return brace + found.end()
    return len(text)


# Properties


def _pixels(value: str) -> float | None:
    found = LENGTH.match(value.strip())
    if found is None:
        return None
    return float(found.group(1)) * PIXELS.get(found.group(2) or "", 1.0)


def _is_tiny(declared: dict[str, str]) -> bool | None:
    value = declared.get("font-size")
    if value is None:
        found = FONT_SIZE.search(declared.get("font", ""))
        if found is None:
            return None
        value = found.group(1)
    size = _pixels(value)
    if size is None:
        return False if value.strip() not in ("inherit", "initial", "") else None
    return 0 <= size <= TINY


def _visibility(value: str) -> bool | None:
    if value.startswith(("hidden", "collapse")):
        return True
    return False if value.startswith("visible") else None


def _is_hidden(declared: dict[str, str]) -> bool:
    if declared.get("display", "").startswith("none"):
        return True
    if "opacity" in declared:
        opacity = declared["opacity"].strip()
        found = LENGTH.match(opacity)
        if found is not None:
            value = float(found.group(1)) / (100 if found.group(2) == "%" else 1)
            if value < FAINT:
                return True
    if COLLAPSED.search(declared.get("clip", "") + declared.get("clip-path", "")):
        return True
    if not declared.get("overflow", "").startswith("hidden"):
        return False
    return any(
        _pixels(declared.get(name, "")) == 0
        for name in ("width", "height", "max-width", "max-height")
    )


def _is_off_screen(declared: dict[str, str]) -> bool:
    if (_pixels(declared.get("text-indent", "")) or 0) <= -FAR_OUTSIDE:
        return True
    if not declared.get("position", "").startswith(("absolute", "fixed")):
        return False
    return any((_pixels(declared.get(name, "")) or 0) <= -FAR_OUTSIDE for name in ("left", "top"))


# Colours


def parse_color(value: str) -> tuple[Color, float] | None:
    """A colour and its alpha; ``None`` when it is none that mail uses."""
    value = value.strip().lower()
    if value == "transparent":
        return BLACK, 0.0
    named = COLOR_NAMES.get(value)
    if named is not None:
        return ((named >> 16, named >> 8 & 255, named & 255), 1.0)
    found = HEX_COLOR.match(value)
    if found is not None:
        digits = found.group(1)
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        number = [int(digits[index : index + 2], 16) for index in range(0, len(digits), 2)]
        return ((number[0], number[1], number[2]), number[3] / 255 if len(number) > 3 else 1.0)
    function = COLOR_FUNCTION.match(value)
    if function is None:
        return _hsl(value) if value.startswith("hsl") else None
    red, green, blue = (_channel(part, 255) for part in function.groups()[:3])
    alpha = function.group(4)
    return ((int(red), int(green), int(blue)), _channel(alpha, 1) if alpha else 1.0)


def _hsl(value: str) -> tuple[Color, float] | None:
    found = HSL.match(value)
    if found is None:
        return None
    try:
        hue, saturation, light = (float(part) for part in found.groups()[:3])
    except ValueError:
        return None
    parts = hls_to_rgb(hue % 360 / 360, min(light, 100) / 100, min(saturation, 100) / 100)
    red, green, blue = (round(255 * part) for part in parts)
    alpha = found.group(4)
    return ((red, green, blue), _channel(alpha, 1) if alpha else 1.0)


def _channel(text: str, most: int) -> float:
    try:
        value = float(text[:-1]) * most / 100 if text.endswith("%") else float(text)
    except ValueError:
        return 0.0
    return min(value, most)


def _text_color(value: str) -> tuple[Color | None, float]:
    parsed = parse_color(value.partition("!")[0]) if value else None
    return parsed if parsed is not None else (None, 1.0)


def _background(declared: dict[str, str]) -> Color | None:
    color: Color | None = None
    for name, value in declared.items():
        if name == "background-color":
            color = _opaque(value.partition("!")[0]) or color
        elif name == "background":
            if "url(" in value or "gradient" in value:
                color = PICTURE
            else:
                color = (
                    next(filter(None, map(_opaque, value.split())), None) or _opaque(value) or color
                )
    return color


def _opaque(value: str) -> Color | None:
    parsed = parse_color(value)
    return parsed[0] if parsed is not None and parsed[1] >= 0.5 else None


@lru_cache(maxsize=16_384)
def are_alike(first: Color, second: Color) -> bool:
    """True when text of one colour cannot be read on the other: §1.7's weighted distance."""
    if first is PICTURE or second is PICTURE or first[0] < 0 or second[0] < 0:
        return False
    red, green, blue = (a - b for a, b in zip(first, second, strict=True))
    mean = (first[0] + second[0]) / 2
    square = 2 * red**2 + 4 * green**2 + 3 * blue**2 + mean * (red**2 - blue**2) / 256
    return sqrt(max(square, 0.0)) / 256 < ALIKE
