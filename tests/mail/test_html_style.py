# SPDX-License-Identifier: Apache-2.0
"""Style declarations come to what a browser would make of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.html_style import (
    BLACK,
    MAX_RULES,
    NO_STYLE,
    PICTURE,
    WHITE,
    Color,
    are_alike,
    parse_color,
    parse_sheet,
    parse_style,
)


@pytest.mark.parametrize(
    "text, color, alpha",
    [
        ("white", WHITE, 1),
        (" WHITE ", WHITE, 1),
        ("#fff", WHITE, 1),
        ("ffffff", WHITE, 1),
        ("#0000", BLACK, 0),
        ("#00000080", BLACK, 128 / 255),
        ("rgb(1,2,3)", (1, 2, 3), 1),
        ("rgb(1 2 3 / 50%)", (1, 2, 3), 0.5),
        ("rgba(300,0,0,.25)", (255, 0, 0), 0.25),
        ("rgb(100%,0%,50%)", (255, 0, 127), 1),
        ("hsl(0,0%,100%)", WHITE, 1),
        ("hsl(120deg 100% 50%)", (0, 255, 0), 1),
        ("hsla(240,100%,50%,0.1)", (0, 0, 255), 0.1),
        ("transparent", BLACK, 0),
    ],
)
def test_colours(text: str, color: Color, alpha: float) -> None:
    assert parse_color(text) == (color, alpha)


@pytest.mark.parametrize(
    "text",
    ["", "#", "#12", "#12345", "inherit", "rgb(", "rgb(a,b,c)", "hsl(1,2,3)", "hsl(1.2.3,1%,1%)"],
)
def test_no_colour(text: str) -> None:
    assert parse_color(text) is None


@pytest.mark.parametrize(
    "first, second, alike",
    [
        (WHITE, WHITE, True),
        (WHITE, (254, 254, 254), True),
        (WHITE, (250, 250, 250), True),
        (WHITE, (238, 238, 238), False),
        (BLACK, (8, 8, 8), True),
        (BLACK, (20, 20, 20), False),
        (BLACK, WHITE, False),
        (PICTURE, WHITE, False),
        (BLACK, PICTURE, False),
    ],
)
def test_colours_that_cannot_be_told_apart(first: Color, second: Color, alike: bool) -> None:
    assert are_alike(first, second) is alike
    assert are_alike(second, first) is alike


@pytest.mark.parametrize(
    "text", ["", "margin:0", "displayed:none", "color", "x-display:none", ";;;", "font-family:a"]
)
def test_what_hides_nothing(text: str) -> None:
    assert parse_style(text) is NO_STYLE


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("display:none", "hidden", True),
        ("display:none;display:block", "hidden", False),
        ("display:none !important;display:block", "hidden", True),
        ("display:none! important ; display:block", "hidden", True),
        ("opacity:0.0", "hidden", True),
        ("opacity:x", "hidden", False),
        ("overflow:hidden;width:0px", "hidden", True),
        ("overflow:hidden;width:0.5px", "hidden", False),
        ("position:fixed;top:-501px", "off_screen", True),
        ("position:relative;top:-501px", "off_screen", False),
        ("text-indent:-100em", "off_screen", True),
        ("visibility:hidden", "invisible", True),
        ("visibility:visible", "invisible", False),
        ("visibility:inherit", "invisible", None),
        ("font-size:2pt", "tiny", True),
        ("font-size:3pt", "tiny", False),
        ("font-size:10%", "tiny", True),
        ("font-size:small", "tiny", False),
        ("font-size:inherit;color:red", "tiny", None),
        ("font:1px/1 serif", "tiny", True),
        ("font:bold 12px serif", "tiny", False),
        ("font:" + "1" * 4000, "tiny", None),
        ("color:red", "color", (255, 0, 0)),
        ("color:rgba(0,0,0,.03)", "clear", True),
        ("color:rgba(0,0,0,.05)", "clear", False),
        ("background:no-repeat #000", "background", BLACK),
        ("background:url(a.png) #000", "background", PICTURE),
        ("background:linear-gradient(red,blue)", "background", PICTURE),
        ("background-color:rgb(1,2,3)", "background", (1, 2, 3)),
        ("background-color:transparent;color:red", "background", None),
    ],
)
def test_declarations(text: str, name: str, value: object) -> None:
    assert getattr(parse_style(text), name) == value


def test_less_specific_rules_come_first() -> None:
    rules = parse_sheet("#a{color:red} .b{color:red} p{color:red} p.b{color:red}")
    assert [rule.selector for rule in rules] == ["p", ".b", "p.b", "#a"]


@pytest.mark.parametrize(
    "sheet, selectors",
    [
        ("p{color:red}", ["p"]),
        ("p,.b , #c{color:red}", ["p", ".b", "#c"]),
        ("p{margin:0}", []),
        ("p{display:block}", ["p"]),
        ("div p{color:red}", []),
        ("@media print{p{color:red}} b{color:red}", ["b"]),
        ("@media only screen{p{color:red}} b{color:red}", ["p", "b"]),
        ("@font-face{color:red} b{color:red}", ["b"]),
        ("@charset 'x'; b{color:red}", ["b"]),
        ("@media", []),
        ("b{color:red", ["b"]),
        ("{color:red}", []),
        ("a" * 100 + "{color:red}", []),
    ],
)
def test_rules_of_a_sheet(sheet: str, selectors: list[str]) -> None:
    assert [rule.selector for rule in parse_sheet(sheet)] == selectors


def test_rules_are_bounded() -> None:
    assert len(parse_sheet("p{color:red}" * 5000)) == MAX_RULES


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="colr:#f0(),%;{}@/*! displayn-einhtsz.rgb", max_size=200))
def test_any_style_is_read(text: str) -> None:
    parse_style(text)
    parse_sheet(text)
    parse_color(text)


@pytest.mark.parametrize(
    "piece", ["/*", "a,", "{", "}", "@", "@media{", "a{color:red}", "font:1", "!", "rect(0,"]
)
def test_time_is_linear(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    begin = time.process_time()
    parse_sheet(text)
    for _ in range(20):
        parse_style(text[:4096])
    assert time.process_time() - begin < 1
