# SPDX-License-Identifier: Apache-2.0
"""Links lead somewhere, sometimes not where they say; each URL is kept once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail import Limits, Message
from gatepost.mail.html import Link
from gatepost.mail.url_parse import parse_url
from gatepost.mail.urls import UrlSet, mark_displayed, url_from_href, urls_in_query


@pytest.mark.parametrize(
    "href, url, flags",
    [
        ("http://example.org/a", "http://example.org/a", ""),
        (" http://exa mple.org/a\n", "http://example.org/a", ""),
        ("ht\ntp://example.org", "http://example.org", "obscured"),
        ("http://exam\x01ple.org", "http://example.org", "obscured"),
        ("//example.org/a", "http://example.org/a", "schemaless"),
        ("\\\\example.org/a", "http://example.org/a", "schemaless obscured"),
        ("example.org/a", "http://example.org/a", "schemaless"),
        ("www.example.org", "http://www.example.org", "schemaless"),
        ("example.org:8080", "http://example.org:8080", "schemaless has_port"),
        ("ann@example.org", "mailto:ann@example.org", "schemaless has_user"),
        ("first.last@example.org", "mailto:first.last@example.org", "schemaless has_user"),
        ("http:%2F%2Fexample.org/a", "http://example.org/a",
         "obscured schema_encoded"),
        ("http://example.org%2Fa", "http://example.org/a", "obscured schema_encoded"),
        ("http://intranet/", "http://intranet/", "no_tld"),
        ("mailto:ann@example.org?subject=x", "mailto:ann@example.org", "has_user"),
        ("tel:+15550100", "tel:+15550100", ""),
        ("http://" + "a." * 20_000, None, ""),
        ("", None, ""),
        ("#top", None, ""),
        ("page.html", None, ""),
        ("/path", None, ""),
        ("?query", None, ""),
        ("javascript:alert(1)", None, ""),
        ("java\nscript:alert(1)", None, ""),
        ("data:text/html,x", None, ""),
        ("cid:part@example.org", None, ""),
        ("file.invalid/x", None, ""),
        ("   ", None, ""),
    ],
)  # fmt: skip
def test_where_an_attribute_leads(href: str, url: str | None, flags: str) -> None:
    found = url_from_href(href)
    assert (found.text if found else None) == url
    if found is not None:
        assert found.flags == frozenset(flags.split())


@pytest.mark.parametrize(
    "href, url",
    [
        ("x", "http://example.org/d/x"),
        ("/x", "http://example.org/x"),
        ("?x", "http://example.org/d/e?x"),
        ("//example.net/x", "http://example.net/x"),
        ("http://example.net/", "http://example.net/"),
        ("#x", None),
    ],
)
def test_relative_links(href: str, url: str | None) -> None:
    found = url_from_href(href, base="http://example.org/d/e")
    assert (found.text if found else None) == url


def test_a_page_without_an_address_of_its_own_is_no_base() -> None:
    assert url_from_href("x", base="cid:1") is None
    relative = url_from_href("x", base="http://[2001:db8::1]:81/")
    assert relative is not None and relative.text == "http://[2001:db8::1]:81/x"


@pytest.mark.parametrize(
    "href, shown, flags",
    [
        ("http://evil.example.org/", "http://bank.example.com/", "phished display_url"),
        ("http://evil.example.org/", "https://www.bank.example.com", "phished display_url"),
        ("http://evil.example.org/", "www.bank.example.com", "phished display_url"),
        ("http://evil.example.org/", "bank.example.com, your bank", "phished display_url"),
        ("http://evil.example.org/", "  bank.example.com", "phished display_url"),
        ("http://192.0.2.1/", "http://bank.example.com/", "phished display_url numeric"),
        ("http://xn--bnk-0na.example.net/", "http://bank.example.com/", "phished display_url idn"),
        ("http://evil.example.org/", "https://bnk .", "phished obscured"),
        ("http://evil.example.org/", "http://", "phished obscured"),
        ("http://a.example.org/", "http://b.example.org/", "display_url"),
        ("http://example.org/x", "http://example.org/y", "display_url"),
        ("http://a.b.example.org/", "example.org", "display_url"),
        ("https://www.example.org/", "HTTP://EXAMPLE.ORG/", "display_url"),
        ("http://example.org/?u=http://bank.example.com/", "bank.example.com", "display_url"),
        ("http://example.org/?u=http%3A%2F%2Fbank.example.com", "bank.example.com",
         "display_url query_encoded"),
        ("http://example.org/?u=http://a.example.net/&v=http://bank.example.com/",
         "bank.example.com", "phished display_url"),
        ("http://example.org/", "ann@example.net", "display_url"),
        ("mailto:ann@example.org", "http://example.net/", "display_url has_user"),
        ("http://evil.example.org/", "Go to http://bank.example.com/", ""),
        ("http://evil.example.org/", "Click here", ""),
        ("http://evil.example.org/", "Read more...", ""),
        ("http://evil.example.org/", "Version 2.0", ""),
        ("http://evil.example.org/", "", ""),
    ],
)  # fmt: skip
def test_links_that_show_something_else(href: str, shown: str, flags: str) -> None:
    url = parse_url(href)
    assert url is not None
    displayed = mark_displayed(url, shown)
    assert url.flags == frozenset(flags.split())
    assert url.displayed == shown.strip()
    assert (displayed is not None) is ("display_url" in url.flags)
    if displayed is not None:
        assert "html_displayed" in displayed.flags and "from_text" not in displayed.flags


@pytest.mark.parametrize(
    "text, inner",
    [
        ("http://example.org/?u=http://a.example.net/x", ["http://a.example.net/x"]),
        ("http://example.org/?u=http%3A%2F%2Fa.example.net%2F", ["http://a.example.net/"]),
        ("http://example.org/?a=b&u=www.example.net", ["http://www.example.net"]),
        ("http://example.org/?http://a.example.net/", ["http://a.example.net/"]),
        ("http://example.org/?a=http://b.example.net/;c=http://d.example.net/",
         ["http://b.example.net/", "http://d.example.net/"]),
        ("http://example.org/?u=ann@example.net", []),
        ("http://example.org/?u=plain", []),
        ("http://example.org/http://a.example.net/", []),
    ],
)  # fmt: skip
def test_urls_in_a_query(text: str, inner: list[str]) -> None:
    url = parse_url(text)
    assert url is not None
    found = urls_in_query(url)
    assert [one.text for one in found] == inner
    assert all("query" in one.flags for one in found)


def test_each_url_is_kept_once_and_counted() -> None:
    urls = UrlSet()
    for text in ("http://a.example/", "http://b.example/", "HTTP://A.example/"):
        parsed = parse_url(text)
        assert parsed is not None
        urls.add(parsed)
    assert [(one.text, one.order, one.count) for one in urls] == [
        ("http://a.example/", 1, 2),
        ("http://b.example/", 2, 1),
    ]
    assert len(urls) == 2
    assert "http://b.example/" in urls and "http://c.example/" not in urls


def test_queries_are_followed_five_levels_deep() -> None:
    text = "http://level9.example.org/"
    for level in range(8, -1, -1):
        text = f"http://level{level}.example.org/?u={text.replace('%', '%25').replace('?', '%3f')}"
    urls = UrlSet()
    outer = parse_url(text)
    assert outer is not None
    urls.add(outer)
    assert [one.host for one in urls] == [f"level{level}.example.org" for level in range(6)]


def test_no_more_than_the_limit() -> None:
    urls = UrlSet(Limits(max_urls=2))
    for name in "abcab":
        parsed = parse_url(f"http://{name}.example/")
        assert parsed is not None
        urls.add(parsed)
    assert [(one.host, one.count) for one in urls] == [("a.example", 2), ("b.example", 2)]


@pytest.mark.parametrize(
    "links, flags",
    [
        ([Link("http://a.example.org/", "x", "a", True)], "invisible"),
        ([Link("http://a.example.org/", "x", "a", True), Link("http://a.example.org/", "x", "a")],
         ""),
        ([Link("http://a.example.org/", "", "img")], "image"),
        ([Link("http://a.example.org/", "x", "a"),
          Link("http://a.example.org/", "http://b.example.com", "a")], "phished display_url"),
        ([Link("http://b.example.com/", "http://a.example.org/", "a"),
          Link("http://a.example.org/", "", "a")], ""),
    ],
)  # fmt: skip
def test_what_several_links_say_together(links: list[Link], flags: str) -> None:
    urls = UrlSet()
    for link in links:
        urls.add_link(link)
    found = {one.text: one.flags for one in urls}
    assert found["http://a.example.org/"] == frozenset(flags.split())


def test_a_letter_has_what_it_shows_beside_what_it_leads_to() -> None:
    letter = (
        b"Content-Type: text/html\n\n<a href='http://evil.example.org/x'>"
        b"<span style='display:none'>.</span>http://bank.example.com/</a>"
        b"<div style='font-size:0'><a href='http://hidden.example.net/'>h</a></div>"
    )
    found = {one.host: one.flags for one in Message(letter).urls}
    assert found["evil.example.org"] == {"phished", "display_url"}
    assert found["bank.example.com"] == {"html_displayed"}
    assert found["hidden.example.net"] == {"invisible"}


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60) | st.text(alphabet="htp:/\\%2fFa.org@?#&;=[]1 \n", max_size=60),
    st.text(max_size=40) | st.text(alphabet="htps:/ww.com@", max_size=40),
)
def test_any_attribute_and_any_text_is_read(href: str, shown: str) -> None:
    urls = UrlSet()
    urls.add_link(Link(href, shown, "a"))
    found = url_from_href(href, base="http://example.org/")
    if found is not None:
        mark_displayed(found, shown)
        urls_in_query(found)
