# SPDX-License-Identifier: Apache-2.0
"""The counts over a page are those that a reader of its source would make."""

from __future__ import annotations

import time

import pytest

from gatepost.mail.html import parse_html


@pytest.mark.parametrize(
    "page, name, count",
    [
        ("<a href=http://a.example.org/>x</a><a href=x>y</a>", "links", 2),
        ("<img src=http://a.example.org/>", "links", 0),
        ("<a href=https://a.example.org/>x</a><a href=ftp://a.example.org/>y</a>", "http_links", 1),
        ("<a href=mailto:ann@example.org>x</a>", "mailto_links", 1),
        ("<a href=http://a.example.org/?x>y</a>", "query_links", 1),
        ("<a href=http://a.example.org/?" + "x" * 64 + ">y</a>", "long_query_links", 0),
        ("<a href=http://a.example.org/?" + "x" * 65 + ">y</a>", "long_query_links", 1),
        ("<a href=http://b\u00fccher.example.org/>y</a>", "idn_links", 1),
        ("<a href=http://192.0.2.1/>y</a>", "ip_links", 1),
        ("<a href=http://a.example.org:8080/>y</a>", "port_links", 1),
        ("<a href='data:text/html,x'>y</a>", "data_links", 1),
        ("<a href=' JavaScript:x()'>y</a>", "javascript_links", 1),
        ("<a href=http://a.example.org/>http://b.example.net/</a>", "mismatched_links", 1),
        ("<a href=http://a.example.org/>http://b.example.org/</a>", "mismatched_links", 0),
        ("<a href=http://a.example.org/><a href=http://b.example.org>", "domains", 1),
        (
            "<a href=http://a.example.org/>x<a href=http://b.example.net>y"
            "<a href=http://c.example.net>z",
            "most_links_to_one_domain",
            2,
        ),
        ("<form></form><form></form>", "forms", 2),
        ("<form action=http://a.example.org/><input type=password></form>", "password_inputs", 1),
        ("<img src=cid:1><img src=x>", "images", 2),
        ("<img src=cid:1><img src=https://a.example.org/>", "external_images", 1),
        ("<img src=data:image/gif;base64,>", "data_images", 1),
        ("<img src=http://a.example.org/ width=2 height=2>", "tiny_external_images", 1),
        ("<img src=http://a.example.org/ width=2 height=3>", "tiny_external_images", 0),
        ("<img src=http://a.example.org/>", "tiny_external_images", 0),
        ("<p>x</p>", "tags", 4),  # html, head and body are there even if nobody wrote them
        ("<p><b><i>x", "depth", 5),
        ("<p>four", "visible_bytes", 4),
        ("<p hidden>four", "hidden_bytes", 4),
        ("<font color=white>four", "transparent_bytes", 4),
        ("<meta http-equiv=Refresh content='0; URL=http://a.example.org'>", "meta_refreshes", 1),
        ("<meta http-equiv=refresh content='0; URL=http://a.example.org'>",
         "meta_refresh_urls", 1),
        ("<meta http-equiv=refresh content=5>", "meta_refresh_urls", 0),
    ],
)  # fmt: skip
def test_counts(page: str, name: str, count: int) -> None:
    assert getattr(parse_html(page).features, name) == count


def test_domains_come_with_their_number_of_links() -> None:
    page = "<a href=http://a.example.org/>x" * 2 + "<a href=http://b.example.net/>x" * 3
    features = parse_html(page).features
    assert features.link_domains == (("example.net", 3), ("example.org", 2))


def test_forms_tell_whom_they_post_to() -> None:
    page = "<form action=http://a.example.org/></form><form action=/here></form>"
    assert parse_html(page + page).features.form_targets == ("example.org",)


@pytest.mark.parametrize(
    "page, flag, holds",
    [
        ("<p>x</p>", "BAD_START", False),
        (" \n<p>x</p>", "BAD_START", False),
        ("x<p>", "BAD_START", True),
        ("<?xml version='1.0'?>", "XML", True),
        ("<p>a <~b> c", "BAD_ELEMENTS", True),
        ("<p>a <b>c</b> < d <3", "BAD_ELEMENTS", False),
        ("<div><div></div>", "UNBALANCED", True),
        ("<div><p>a<p>b<br></div>", "UNBALANCED", False),
        ("<blah>x</blah>", "UNKNOWN_ELEMENTS", True),
        ("<o:p>x</o:p>", "UNKNOWN_ELEMENTS", False),
        ("<html><body><html><body>", "DUPLICATE_ELEMENTS", True),
        ("<html><body>", "DUPLICATE_ELEMENTS", False),
        ("<img src='DATA:image/gif;base64,x'>", "HAS_DATA_URLS", True),
        ("<p>data: 5</p>", "HAS_DATA_URLS", False),
        ("<p>\0", "HAS_ZEROS", True),
        ("<p>" * 8193, "TOO_MANY_TAGS", True),
        ("<p>" * 8192, "TOO_MANY_TAGS", False),
    ],
)
def test_document_flags(page: str, flag: str, holds: bool) -> None:
    assert (flag in parse_html(page).flags) is holds


def test_counting_is_bounded() -> None:
    page = "<a href=http://a.example.org/?q=http://b.example.org>http://c.example.org</a>" * 20_000
    begin = time.process_time()
    features = parse_html(page).features
    assert features.links == 8192 and features.http_links == 1024
    assert time.process_time() - begin < 3
