# SPDX-License-Identifier: Apache-2.0
"""A page tells what its reader sees and where its links, pictures and forms lead."""

from __future__ import annotations

import time

import pytest

from gatepost.mail import Limits, Message
from gatepost.mail.html import MAX_DISPLAYED, Html, Image, Link, parse_html

GIF = "data:image/gif;base64,R0lGODlhAwACAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@pytest.mark.parametrize(
    "page, text",
    [
        ("<p>Hello <b>Bob</b>,</p><p>see you.</p>", "Hello Bob,\nsee you."),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<p>a\n  b\t c</p>", "a b c"),
        ("in<i>s</i>i<!-- no -->de a <b>word</b>", "inside a word"),
        ("<h1>Title</h1>text<ul><li>a<li>b</ul>", "Title\ntext\na\nb"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a\nb\nc"),
        ("&lt;b&gt; &amp; &eacute;&#233;&#xe9;&nbsp;x", "<b> & ééé x"),
        ("<script>x</script>a<style>y</style><title>t</title>", "a"),
        ("<noscript>shown</noscript><template>never</template>", "shown"),
        ("<iframe>old</iframe><noembed>x</noembed>a", "a"),
        ("<img alt='a picture'>of me", "a picture of me"),
        ("<unknown>x</unknown>", "x"),
        ("no tags at all", "no tags at all"),
        ("a\0b", "a\ufffdb"),
        ("<p>unclosed <b>to <i>the end", "unclosed to the end"),
        ("a < b and c > d", "a < b and c > d"),
        ("a<!--[if mso]>Outlook<![endif]-->b", "ab"),
        ("", ""),
        ("<", "<"),
        ("<p", ""),
        ("a\ud800b", "ab"),
    ],
)
def test_what_the_reader_sees(page: str, text: str) -> None:
    assert parse_html(page).text == text


def links(page: str) -> list[tuple[str, str]]:
    return [(link.href, link.displayed) for link in parse_html(page).links]


@pytest.mark.parametrize(
    "page, expected",
    [
        ("<a href=http://a.example/>an <b>offer</b></a>", [("http://a.example/", "an offer")]),
        ("<A HREF='http://a.example/'>x</A>", [("http://a.example/", "x")]),
        ("<a href='&#104;ttp://a.example'>x</a>", [("http://a.example", "x")]),
        ("<a href='http://a.example'>a<br>b\n c</a>", [("http://a.example", "a b c")]),
        ("<a href=x1>one<a href=x2>two", [("x1", "one"), ("x2", "two")]),
        ("<a name=top>x</a><a href=''>y</a>", []),
        ("<map><area href=http://a.example></map>", [("http://a.example", "")]),
        ("<iframe src=http://a.example></iframe>", [("http://a.example", "")]),
        ("<frameset><frame src=http://a.example></frameset>", [("http://a.example", "")]),
        ("<link href=http://a.example><embed src=b>", [("http://a.example", ""), ("b", "")]),
        ("<video src=a><source src=b><track src=c></video>", [("a", ""), ("b", ""), ("c", "")]),
        ("<form action=http://a.example></form>", [("http://a.example", "")]),
        ("<img src=http://a.example/1><img src=cid:2>", [("http://a.example/1", "")]),
        ("<img src=//a.example/1>", [("//a.example/1", "")]),
        ("<svg><a href=http://a.example>x</a></svg>", [("http://a.example", "x")]),
        ("<base href=http://a.example/d/><a href=x>y</a>", [("http://a.example/d/x", "y")]),
        ("<base href=http://a.example/d/><a href=/x>y</a>", [("http://a.example/x", "y")]),
        ("<base href=http://a.example/d/><a href=#x>y</a>", [("#x", "y")]),
        ("<base href=http://a.example/><img src=x>", [("http://a.example/x", "")]),
        ("<base href='http://['><a href='http://[x'>y</a>", [("http://[x", "y")]),
        ("<meta http-equiv=refresh content='0;url=http://a.example'>", []),
        (
            "<a href=x><span style='display:none'>zz</span>http://b.example</a>",
            [("x", "http://b.example")],
        ),
        ("<a href=x>a<script>b</script></a>", [("x", "a")]),
        ("<a href=x><span style='visibility:hidden'>b</span>c</a>", [("x", "c")]),
    ],
)
def test_where_it_leads_and_what_it_shows(page: str, expected: list[tuple[str, str]]) -> None:
    assert links(page) == expected


@pytest.mark.parametrize(
    "page, invisible",
    [
        ("<a href=x>y</a>", [False]),
        ("<div style='display:none'><a href=x>y</a></div><a href=z>y</a>", [True, False]),
        ("<div hidden><p><a href=x>y</a></p></div>", [True]),
        ("<div hidden><div hidden><a href=x>y</a></div><a href=z>y</a></div>", [True, True]),
        ("<a href=x style='display:none'>y</a>", [True]),
        ("<div style='visibility:hidden'><a href=x>y</a></div>", [True]),
        ("<div style='font-size:0'><a href=x>y</a><a href=z style='font-size:9px'>y</a></div>",
         [True, False]),
        ("<div style='font-size:0'><div hidden><a href=x>y</a></div></div>", [True]),
        ("<style>a{display:none}</style><a href=x>y</a>", [True]),
        ("<style>.h a{display:none} .x{opacity:0}</style><p class=x><a href=x>y</a>", [True]),
        ("<div hidden><img src=http://a.example/></div>", [True]),
        ("<div style='color:#fff'><a href=x>y</a></div>", [False]),
    ],
)  # fmt: skip
def test_links_in_hidden_blocks(page: str, invisible: list[bool]) -> None:
    assert [link.invisible for link in parse_html(page).links] == invisible


@pytest.mark.parametrize(
    "tag, image",
    [
        ("<img src=http://a.example/i>", Image("http://a.example/i", external=True)),
        ("<img src=//a.example/i>", Image("//a.example/i", external=True)),
        ("<img src=' https://a.example/ '>", Image("https://a.example/", external=True)),
        ("<img src=CID:1 width=10 height=20px>", Image("CID:1", 10, 20, embedded=True)),
        ("<img src=i width=100% height=1.5>", Image("i", 0, 1)),
        ("<img src=i width=5 style='width:9px;height:7px'>", Image("i", 5, 7)),
        ("<img src=i style='max-width:9px'>", Image("i")),
        ("<img alt=x>", Image("", alt="x")),
        (f"<img src='{GIF}'>", Image(GIF, 3, 2, embedded=True, data=True)),
        (f"<img src='{GIF}' width=9>", Image(GIF, 9, 2, embedded=True, data=True)),
        ("<img src='data:image/gif;base64,??'>",
         Image("data:image/gif;base64,??", embedded=True, data=True)),
        ("<img src='data:,x'>", Image("data:,x", embedded=True, data=True)),
    ],
)  # fmt: skip
def test_pictures(tag: str, image: Image) -> None:
    assert parse_html(tag).images == [image]


@pytest.mark.parametrize(
    "page, form",
    [
        ("<form action=http://a.example/ method=POST></form>", ("http://a.example/", "post", 0)),
        ("<form><input type=text></form>", ("", "get", 0)),
        ("<form action=x><table><tr><td><input type=PassWord></table></form>", ("x", "get", 1)),
    ],
)
def test_forms(page: str, form: tuple[str, str, int]) -> None:
    (found,) = parse_html(page).forms
    assert (found.action, found.method, found.has_password) == form


def test_a_password_outside_of_the_form_is_not_its_own() -> None:
    assert not parse_html("<input type=password><form action=x></form>").forms[0].has_password
    assert parse_html("<input type=password>").forms == []


@pytest.mark.parametrize(
    "page, title",
    [
        ("<title> My\n page </title>", "My page"),
        ("<head><TITLE>a &amp; b</TITLE></head>", "a & b"),
        ("<p>none</p>", ""),
    ],
)
def test_title(page: str, title: str) -> None:
    assert parse_html(page).title == title


def test_text_that_is_hidden_is_kept_apart() -> None:
    page = parse_html(
        "<p>seen</p><p hidden>never <b>seen</b></p><font color=white>pale</font><p>again</p>"
    )
    assert page.text == "seen\nagain"
    assert page.invisible_text == "never seen"
    assert page.transparent_text == "pale"


@pytest.mark.parametrize(
    "page, flags",
    [
        ("<html><body><p>x</p></body></html>", set()),
        ("Hello <b>x</b>", {"BAD_START"}),
        ("<?xml version='1.0'?><html></html>", {"XML"}),
        ("<p>a \0 b", {"HAS_ZEROS"}),
        ("<p>" * 9, {"TOO_MANY_TAGS"}),
        ("<a b=1 c=2 d=3 e=4 f=5>x</a>" + "<p>" + " " * 3000, {"TOO_MANY_ATTRS"}),
    ],
)
def test_what_is_odd_about_the_document(page: str, flags: set[str]) -> None:
    limits = Limits(max_html_tags=8, max_tag_attributes=4)
    assert parse_html(page, limits).flags == flags


def test_features_are_counted_over_the_whole_page() -> None:
    page = parse_html(
        "<a href=http://a.example.org/?q=1>x</a><a href=mailto:a@b.example>m</a>"
        "<img src=http://c.example.net/1 width=1 height=1><form action=http://d.example.com/>"
        "<input type=password></form><p style='display:none'>hid</p>"
    )
    features = page.features
    assert (features.http_links, features.mailto_links, features.query_links) == (2, 1, 1)
    assert (features.images, features.tiny_external_images) == (1, 1)
    assert (features.form_targets, features.password_inputs) == (("example.com",), 1)
    assert (features.hidden_blocks, features.hidden_bytes) == (1, 3)


def test_what_a_link_shows_is_bounded() -> None:
    (link,) = parse_html("<a href=x>" + "word " * 100_000 + "</a>").links
    assert isinstance(link, Link) and len(link.displayed) <= MAX_DISPLAYED


def test_only_the_first_bytes_are_read() -> None:
    page = parse_html("<p>begin</p>" + "x" * 100 + "<p>end</p>", Limits(max_html_len=50))
    assert page.text.startswith("begin") and "end" not in page.text


def test_html_of_a_letter_is_what_its_part_says() -> None:
    letter = b"Content-Type: text/html; charset=iso-8859-1\n\n<p>caf\xe9 <a href=x>y</a></p>"
    html = Message(letter).text_parts[0].html
    assert isinstance(html, Html)
    assert (html.text, [link.href for link in html.links]) == ("café y", ["x"])


@pytest.mark.parametrize(
    "piece",
    [
        "<div style='display:none'><a href=http://a.example/>x",
        "<div style='color:#fff'>x",
        "<div style='visibility:hidden'>x<b style='visibility:visible'>",
        "<svg style='display:none'><a href=http://a.example/>",
        "<a href=x><div>t",
        "<b><p>",
        "<font color=red><p>",
        "<table><tr><td>",
        "<a ",
        "&",
        "<!--",
        "<img width='1" + " " * 50_000 + "x'>",
    ],
)
def test_floods_cost_no_square_of_their_size(piece: str) -> None:
    page = piece * (300_000 // len(piece))
    begin = time.process_time()
    html = parse_html(page)
    assert html.text is not None and html.images is not None
    assert time.process_time() - begin < 1.5
