# SPDX-License-Identifier: Apache-2.0
"""A URL is taken apart as browsers do, and every trick is noted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.url_parse import parse_url


@pytest.mark.parametrize(
    "text, canonical, flags",
    [
        ("http://example.org", "http://example.org", ""),
        ("HTTP://EXAMPLE.org/Path", "http://example.org/Path", ""),
        ("https://a.example.org/p?q=1#f", "https://a.example.org/p?q=1#f", ""),
        ("http://example.org:8080/", "http://example.org:8080/", "has_port"),
        ("http://example.org:80/", "http://example.org/", "has_port"),
        ("http://example.org:/", "http://example.org/", ""),
        ("http://user@example.org/", "http://user@example.org/", "has_user"),
        ("http://user:secret@example.org/", "http://user@example.org/", "has_user"),
        ("http://www.bank.example@evil.example.org/", "http://www.bank.example@evil.example.org/",
         "has_user"),
        ("http://a@b@evil.example.org/", "http://a@b@evil.example.org/", "has_user"),
        ("http://bank.com%40evil.example.org", "http://bank.com@evil.example.org",
         "has_user host_encoded"),
        ("http:/example.org", "http://example.org", "missing_slashes obscured"),
        ("http:example.org", "http://example.org", "missing_slashes obscured"),
        ("http:\\\\example.org\\x", "http://example.org/x", "obscured"),
        ("http:/\\example.org", "http://example.org", "obscured"),
        ("http:////example.org", "http://example.org", "obscured"),
        ("http%3A//example.org", "http://example.org", "schema_encoded"),
        ("http://exa%6dple.org/", "http://example.org/", "host_encoded"),
        ("http://example.org/%61", "http://example.org/a", "path_encoded"),
        ("http://example.org/?%61", "http://example.org/?a", "query_encoded"),
        ("http://example.org/#%61", "http://example.org/#a", ""),
        ("http://example.org/a/../b/./c", "http://example.org/a/b/c", "obscured"),
        ("http://example.org/.hidden", "http://example.org/.hidden", ""),
        ("http://192.0.2.1/", "http://192.0.2.1/", "numeric"),
        ("http://0xc0.0.2.1/", "http://192.0.2.1/", "numeric"),
        ("http://3221225985/", "http://192.0.2.1/", "numeric"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x", "numeric has_port"),
        ("http://b\u00fccher.example.org/", "http://xn--bcher-kva.example.org/", "idn"),
        ("http://exam\u200bple.org/", "http://example.org/", "zw_spaces"),
        ("http://intranet/x", "http://intranet/x", "no_tld"),
        ("ftp://ftp.example.org/f", "ftp://ftp.example.org/f", ""),
        ("news://news.example.org/x", "news://news.example.org/x", ""),
        ("mailto:Ann@Example.org", "mailto:Ann@example.org", "has_user"),
        ("mailto:ann@example.org?subject=%41", "mailto:ann@example.org",
         "has_user query_encoded"),
        ("mailto:ann%40example.org", "mailto:ann@example.org", "has_user"),
        ("mailto:ann@example.org,bob@example.org", "mailto:ann@example.org", "has_user"),
        ("mailto:<ann@example.org>", "mailto:ann@example.org", "has_user"),
        ("mailto:ann@[192.0.2.1]", "mailto:ann@192.0.2.1", "has_user numeric"),
        ("sip:ann@example.org", "sip:ann@example.org", "has_user"),
        ("tel:+1-555-0100", "tel:+15550100", ""),
    ],
)  # fmt: skip
def test_canonical_form_and_flags(text: str, canonical: str, flags: str) -> None:
    url = parse_url(text)
    assert url is not None
    assert (url.text, url.flags) == (canonical, frozenset(flags.split()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http",
        "http:",
        "http://",
        "http:///",
        "http://@",
        "http://:80/",
        "http://user@/",
        "http://example.org:99999/",
        "http://example.org:http/",
        "http://a b.example.org/",
        "http://example.org%00.example.net/",
        "http://[::1:/",
        "javascript:alert(1)",
        "data:text/html,x",
        "cid:part",
        "example.org",
        "mailto:ann",
        "mailto:@example.org",
        "mailto:an n@example.org",
        "mailto:ann@192.0.2.1",
        "tel:12",
        "tel:x",
    ],
)
def test_what_is_no_url(text: str) -> None:
    assert parse_url(text) is None


def test_parts() -> None:
    url = parse_url("https://Me:pw@www.b\u00fccher.example.co.uk:444/a%20b?c=d&e#f")
    assert url is not None
    assert (url.scheme, url.user, url.port) == ("https", "Me", 444)
    assert (url.host, url.tld) == ("www.xn--bcher-kva.example.co.uk", "example.co.uk")
    assert (url.path, url.query, url.fragment) == ("/a b", "c=d&e", "f")
    assert url.unicode_host == "www.b\u00fccher.example.co.uk"


def test_address_of_a_mail_url() -> None:
    url = parse_url("mailto:ann@example.org")
    assert url is not None and url.address == "ann@example.org"


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["http://", "https:", "http:\\\\", "mailto:", "tel:", "ftp://a@", "x:"]),
    st.text(max_size=80) | st.text(alphabet="ab.:/@%2e4[]0x?#\\&", max_size=80),
)
def test_anything_is_read_and_its_canonical_form_has_the_same_host(scheme: str, rest: str) -> None:
    url = parse_url(scheme + rest)
    if url is not None and url.host and not url.user and "%" not in url.text:
        again = parse_url(url.text)
        assert again is not None and again.host == url.host


@pytest.mark.parametrize(
    "piece", ["/.", "/..", "@", ":", "%40", "%2f", "[", "a.", "\\", "\u200b", "?", "xn--"]
)
def test_long_urls_cost_little(piece: str) -> None:
    text = "http://example.org/" + piece * 10_000
    begin = time.process_time()
    parse_url(text)
    parse_url("http://" + piece * 10_000)
    assert time.process_time() - begin < 0.2
