# SPDX-License-Identifier: Apache-2.0
"""URLs and addresses in plain text end where a reader would say they end."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail import Limits
from gatepost.mail.url_text import find_located_urls, find_text_urls, first_url

LIMITS = Limits()


def full(text: str) -> list[str]:
    return [url.text for url in find_text_urls(text, strict=False, limits=LIMITS)]


def strict(text: str) -> list[str]:
    return [url.text for url in find_text_urls(text, strict=True, limits=LIMITS)]


@pytest.mark.parametrize(
    "text, url",
    [
        ("see http://example.org/a.", "http://example.org/a"),
        ("is it http://example.org/a?", "http://example.org/a"),
        ("(http://example.org/a)", "http://example.org/a"),
        ("(http://example.org/a_(b))", "http://example.org/a_(b)"),
        ("(see http://example.org/a_(b))", "http://example.org/a_(b)"),
        ("http://example.org/wiki/A_(b)", "http://example.org/wiki/A_(b)"),
        ("<http://example.org/a>", "http://example.org/a"),
        ('"http://example.org/a"', "http://example.org/a"),
        ("'http://example.org/a'", "http://example.org/a"),
        ("[http://example.org/a]", "http://example.org/a"),
        ("[link](http://example.org/a)", "http://example.org/a"),
        ("{http://example.org/a}", "http://example.org/a"),
        ("`http://example.org/a`", "http://example.org/a"),
        ("*http://example.org/a*", "http://example.org/a"),
        ("_http://example.org/a_", "http://example.org/a"),
        ("\u201ehttp://example.org/a\u201c", "http://example.org/a"),
        ("\u300chttp://example.org/a\u300d", "http://example.org/a"),
        ("http://example.org/a\u2026", "http://example.org/a"),
        ("http://example.org/a'b", "http://example.org/a'b"),
        ("http://example.org...", "http://example.org"),
        ("http://example.org?x=1&y=2!", "http://example.org?x=1&y=2"),
        ("http://example.org/a;b", "http://example.org/a;b"),
        ("http://example.org/a\tb", "http://example.org/a"),
        ("http://example.org/a\u3000b", "http://example.org/a"),
        ("http://example.org\u3067\u3059", "http://example.org"),
        ("http://\u4f8b\u3048.jp/\u30d1", "http://xn--r8jz45g.jp/\u30d1"),
        ("HTTPS://EXAMPLE.ORG/A", "https://example.org/A"),
        ("www.example.org", "http://www.example.org"),
        ("WWW.EXAMPLE.ORG/a.", "http://www.example.org/a"),
        ("ftp.example.org/f", "ftp://ftp.example.org/f"),
        ("http:/\\example.org", "http://example.org"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://user:pw@example.org/", "http://user@example.org/"),
        ("mailto:ann@example.org", "mailto:ann@example.org"),
        ("ann@example.org.", "mailto:ann@example.org"),
        ("Ann <ann@example.org>, Bob", "mailto:ann@example.org"),
        ("ann+tag@example.org", "mailto:ann+tag@example.org"),
        ("ann@b\u00fccher.example.org", "mailto:ann@xn--bcher-kva.example.org"),
        ("ann@[192.0.2.1]", "mailto:ann@192.0.2.1"),
        ("call tel:+1-555-0100 now", "tel:+15550100"),
        ("sip:ann@example.org", "sip:ann@example.org"),
    ],
)
def test_found_in_any_text(text: str, url: str) -> None:
    assert strict(text) == [url]
    assert full(text) == [url]


@pytest.mark.parametrize(
    "text, urls",
    [
        ("visit example.org today", ["http://example.org"]),
        ("visit example.org.", ["http://example.org"]),
        ("example.org: read it", ["http://example.org"]),
        ("example.org:read", ["http://example.org"]),
        ("example.org:8080/x", ["http://example.org:8080/x"]),
        ("example.org,example.net", ["http://example.org", "http://example.net"]),
        ("example.org/path?x", ["http://example.org/path?x"]),
        ("a.example.co.uk/x", ["http://a.example.co.uk/x"]),
        ("example.org's", ["http://example.org"]),
        ("b\u00fccher.example.org", ["http://xn--bcher-kva.example.org"]),
        ("hxxp://example.org", ["http://example.org"]),
        ("2.example.org", ["http://2.example.org"]),
    ],
)
def test_hosts_without_a_scheme_only_in_full_search(text: str, urls: list[str]) -> None:
    assert full(text) == urls
    assert strict(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e.g. this",
        "index.html",
        "Mr.Smith said.Then",
        "3.14 and 192.0.2.1",
        "http://",
        "http://@",
        "http://localhost/",
        "http://host.invalid/",
        "http://example.org:99999",
        "www.host.invalid",
        "ann@localhost",
        "ann@",
        "@example",
        "javascript:alert(1)",
        "http://a..b",
        "http://256.1.1.1/",
        "tel:x",
        "re: a: b",
        "\u0130" * 10,
    ],
)
def test_nothing_to_find(text: str) -> None:
    assert strict(text) == []
    if "example" not in text:
        assert full(text) == []


@pytest.mark.parametrize(
    "text, flags",
    [
        ("http://example.org/", {"from_text"}),
        ("www.example.org", {"from_text", "schemaless"}),
        ("example.org", {"from_text", "schemaless"}),
        ("ann@example.org", {"from_text", "schemaless", "has_user"}),
        ("http://example.org/" + "a" * 40_000, {"from_text", "truncated"}),
    ],
)
def test_flags(text: str, flags: set[str]) -> None:
    (url, *_) = find_text_urls(text, strict=False, limits=LIMITS)
    assert url.flags == flags


def test_places_are_those_in_the_text() -> None:
    text = "\u0130 see http://example.org/a, or mailto:ann@example.org!"
    found = find_located_urls(text, strict=True, limits=LIMITS)
    assert [text[one.start : one.end] for one in found] == [
        "http://example.org/a",
        "mailto:ann@example.org",
    ]


@pytest.mark.parametrize(
    "text, url",
    [
        ("example.org and more", "http://example.org"),
        ("https://example.org", "https://example.org"),
        ("see example.org", None),
        ("no url", None),
    ],
)
def test_what_a_text_begins_with(text: str, url: str | None) -> None:
    found = first_url(text, LIMITS)
    assert (found.text if found else None) == url


def test_at_most_so_many() -> None:
    text = " ".join(f"http://a{number}.example.org" for number in range(50))
    assert len(find_text_urls(text, strict=True, limits=Limits(max_urls=7))) == 7


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["http://", "www.", "example.org", "@", ".", ":", "/", "(", ")", "\u00fc", " ", "a",
             "\u0130", "%", "[", "]", "0x7f", "mailto:", "tel:", "1", "\\", "?", "#", "'"]
        ),
        max_size=30,
    )
)  # fmt: skip
def test_found_urls_stand_in_the_text_one_after_another(pieces: list[str]) -> None:
    text = "".join(pieces)
    for only_strict in (True, False):
        last = 0
        for found in find_located_urls(text, strict=only_strict, limits=LIMITS):
            assert last <= found.start < found.end <= len(text)
            last = found.end


@pytest.mark.parametrize(
    "piece",
    ["http://", "http:", "www.", "www.a!", "a.com:1:", "a.com:99999", "http://\u00fc", "(http://e.org/",
     "a@", "a.", "((((", "tel:+1", "http://e.org/)", "\u00fc.com", "http://e.org/?u="],
)  # fmt: skip
def test_floods_cost_no_square_of_their_size(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    begin = time.process_time()
    find_text_urls(text, strict=False, limits=LIMITS)
    assert time.process_time() - begin < 1.5
