# SPDX-License-Identifier: Apache-2.0
"""Text that a reader cannot see is told from text that he can."""

from __future__ import annotations

import pytest

from gatepost.mail.html import parse_html


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : None !important",
        "display:none!important; display:block",
        "visibility:hidden",
        "visibility:collapse",
        "opacity:0",
        "opacity:0.09",
        "opacity:5%",
        "font-size:0",
        "font-size:3px",
        "font-size:.1em",
        "font:0/0 a",
        "overflow:hidden;height:0",
        "max-height:0;overflow:hidden",
        "width:0;height:0;overflow:hidden",
        "position:absolute;left:-9999px",
        "position:absolute;top:-600px",
        "text-indent:-9999px",
        "clip:rect(0,0,0,0);position:absolute",
        "clip:rect(1px 1px 1px 1px)",
        "clip-path:inset(100%)",
        "clip-path:circle(0)",
        "dis/**/play:none",
    ],
)
def test_invisible(style: str) -> None:
    page = parse_html(f"see<span style='{style}'>hid</span>n")
    assert (page.text, page.invisible_text) == ("seen", "hid")


@pytest.mark.parametrize(
    "style",
    [
        "display:block",
        "display:none;display:inline",
        "visibility:visible",
        "opacity:.5",
        "font-size:4px",
        "font-size:0;font-size:12px",
        "font-size:medium",
        "height:0",
        "overflow:hidden;height:10px",
        "left:-9999px",
        "position:absolute;left:-10px",
        "text-indent:-20px",
        "line-height:0",
        "color:#333",
        "color:#fff;background:#000",
        "color:#fff;background:url(night.png)",
        "color:nonsense",
        "",
    ],
)
def test_visible(style: str) -> None:
    page = parse_html(f"se<span style='{style}'>en</span>")
    assert (page.text, page.invisible_text, page.transparent_text) == ("seen", "", "")


@pytest.mark.parametrize(
    "page",
    [
        "se<font color=white>hid</font>en",
        "se<font color='#fffffe'>hid</font>en",
        "se<font color='ffffff'>hid</font>en",
        "se<span style='color:white'>hid</span>en",
        "se<span style='color:#FFF !important'>hid</span>en",
        "se<span style='color:rgb(255, 255, 255)'>hid</span>en",
        "se<span style='color:rgb(100%,100%,100%)'>hid</span>en",
        "se<span style='color:rgba(9,9,9,0)'>hid</span>en",
        "se<span style='color:hsl(0,0%,100%)'>hid</span>en",
        "se<span style='color:transparent'>hid</span>en",
        "se<span style='background:#000'>hid</span>en",
        "<body bgcolor=black text=white>se<font color='#010101'>hid</font>en",
        "<div style='background:black;color:white'>se<b style='color:#000'>hid</b>en</div>",
        "<div style='background:#123456;color:#eee'>se<b style='color:#123457'>hid</b>en</div>",
        "<style>.h{color:#fff}</style>se<i class='a h'>hid</i>en",
    ],
)
def test_text_in_the_colour_of_its_background(page: str) -> None:
    found = parse_html(page)
    assert ("".join(found.text.split()), found.transparent_text) == ("seen", "hid")


@pytest.mark.parametrize(
    "page, text, hidden",
    [
        ("<p hidden>a<b style='display:block'>b</b></p>c", "c", "ab"),
        ("<p style='display:none'>a<b style='font-size:9px'>b</b></p>c", "c", "ab"),
        ("<p style='visibility:hidden'>a<b style='visibility:visible'>b</b></p>c", "b\nc", "a"),
        ("<p style='font-size:0'>a<b style='font-size:9px'>b</b></p>c", "b\nc", "a"),
        ("<p style='font-size:0'>a<b style='visibility:visible'>b</b></p>c", "c", "a\nb"),
        ("<body style='display:none'>a", "", "a"),
        ("<body style='visibility:hidden'>a<b style='visibility:visible'>b", "b", "a"),
        ("<p hidden>a<script>s</script></p>b", "b", "a"),
        ("a<p hidden>b", "a", "b"),
        ("<p hidden>a</p><p hidden>b</p>", "", "a\nb"),
    ],
)
def test_what_is_hidden_can_be_shown_again_only_where_css_says_so(
    page: str, text: str, hidden: str
) -> None:
    found = parse_html(page)
    assert (found.text, found.invisible_text) == (text, hidden)


@pytest.mark.parametrize(
    "sheet, element, is_hidden",
    [
        (".h{display:none}", "<p class=h>", True),
        ("#h{display:none}", "<p id=h>", True),
        ("p.h, b{display:none}", "<p class='x h'>", True),
        ("*{display:none}", "<p>", True),
        ("p{display:none}", "<p style='display:block'>", False),
        ("p{display:none !important}", "<p style='display:block'>", True),
        ("#h{display:block} .h{display:none}", "<p class=h id=h>", False),
        ("@media print{p{display:none}}", "<p>", False),
        ("@media screen{p{display:none}}", "<p>", True),
        ("@import 'x'; p{display:none}", "<p>", True),
        ("/* p{} */ p{display:none}", "<p>", True),
        ("<!-- p{display:none} -->", "<p>", True),
        ("p{display:none", "<p>", True),
        ("}p{display:none}", "<p>", True),
        ("p:hover{display:none}", "<p>", False),
        ("p{{{", "<p>", False),
    ],
)
def test_sheets(sheet: str, element: str, is_hidden: bool) -> None:
    page = parse_html(f"<style>{sheet}</style>{element}text</p>")
    assert (page.invisible_text == "text") is is_hidden
    assert (page.text == "text") is not is_hidden


def test_blocks_are_counted_by_what_hides_them() -> None:
    features = parse_html(
        "<p hidden>a</p><p style='font-size:0'>b</p><p style='color:#fff'>c</p>"
        "<p style='position:absolute;left:-999px'>d</p>"
    ).features
    assert features.hidden_blocks == 3
    assert features.transparent_blocks == 1
    assert features.off_screen_blocks == 1


def test_deep_nesting_ends_at_the_depth_of_browsers() -> None:
    page = "<div style='background:#000'>" + "<div>" * 3000 + "<i style='color:#fff'>x</i>"
    assert "x" in parse_html(page).transparent_text + parse_html(page).text
