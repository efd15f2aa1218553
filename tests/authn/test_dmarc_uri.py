# SPDX-License-Identifier: Apache-2.0
"""Report URIs: what is read, what is refused, and how large a report may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.dmarc_uri import MAX_URIS, ReportUri, parse_report_uri, parse_report_uris


@pytest.mark.parametrize(
    "text, address, size",
    [
        ("mailto:dmarc@example.org", "dmarc@example.org", None),
        ("MAILTO:D.m+x@Example.ORG", "D.m+x@example.org", None),
        ("mailto:d@example.org!10m", "d@example.org", 10 * 1024 * 1024),
        ("mailto:d@example.org!50K", "d@example.org", 50 * 1024),
        ("mailto:d@example.org!1g", "d@example.org", 1024**3),
        ("mailto:d@example.org!2t", "d@example.org", 2 * 1024**4),
        ("mailto:d@example.org!512", "d@example.org", 512),
        ("mailto:d@example.org!0", "d@example.org", 0),
        ("mailto:d@example.org!18446744073709551615", "d@example.org", 2**64 - 1),
        ("mailto:d%21m@example.org!1k", "d!m@example.org", 1024),
        ("mailto:d@example.org?subject=x", "d@example.org", None),
        ("https://report.example/in?x=1!5m", "", 5 * 1024 * 1024),
    ],
)
def test_a_uri_with_its_size_limit(text: str, address: str, size: int | None) -> None:
    uri = parse_report_uri(text)
    assert uri is not None
    assert (uri.address, uri.max_size) == (address, size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dmarc@example.org",
        "mailto:",
        "mailto:@example.org",
        "mailto:d@",
        "mailto:d@localhost",
        "mailto:a@b@example.org",
        "mailto:a%2Cb@example.org",
        "mailto:a@example.org%2Cb@example.org",
        "mailto:a%0D%0ABcc%3A%20v@example.org",
        "mailto:a%00@example.org",
        "mailto:a%20b@example.org",
        "mailto:%22a%20b%22@example.org",
        "mailto:%FF@example.org",
        "mailto:.a@example.org",
        "mailto:a..b@example.org",
        "mailto:d@exa mple.org",
        "mailto:d@[192.0.2.1]",
        "mailto:d@-",
        "mailto:d@example.org!10x",
        "mailto:d@example.org!m",
        "mailto:d@example.org!1m!1m",
        "mailto:d@example.org!18446744073709551616",
        "mailto:ü@example.org",
        "mailto:" + "a" * 65 + "@example.org",
        "mailto:a@" + "b." * 200 + "org",
        "https:///path",
        "https://",
        "1a:b",
        "mailto:d@example.org\n",
    ],
)
def test_what_is_no_destination(text: str) -> None:
    assert parse_report_uri(text) is None


def test_the_host_of_a_mailbox_and_of_a_url() -> None:
    for text in (
        "mailto:x@Reports.Example",
        "https://u:p@reports.EXAMPLE:443/x",
        "x://reports.example",
    ):
        uri = parse_report_uri(text)
        assert uri is not None and uri.host == "reports.example"


def test_a_list_keeps_its_order_and_names_what_it_leaves_out() -> None:
    found = parse_report_uris("mailto:b@x.example!1m , junk,mailto:a@x.example,mailto:a@x.example")
    assert [uri.address for uri in found.uris] == ["b@x.example", "a@x.example"]
    assert found.faults == ("no report URI: 'junk'",)


def test_a_long_list_is_cut() -> None:
    found = parse_report_uris(",".join(f"mailto:a{n}@x.example" for n in range(5000)))
    assert [uri.address for uri in found.uris] == [f"a{n}@x.example" for n in range(MAX_URIS)]
    assert found.faults == (f"more than {MAX_URIS} report URIs",)
    assert (
        parse_report_uris(",".join(f"mailto:a{n}@x.example" for n in range(MAX_URIS))).faults == ()
    )


@pytest.mark.parametrize("size, takes", [(1023, True), (1024, True), (1025, False)])
def test_a_size_limit_is_inclusive(size: int, takes: bool) -> None:
    assert ReportUri("mailto:a@x.example", "x.example", "a@x.example", 1024).takes(size) is takes


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"\Amailto:[ -~]{0,30}@[ -~]{0,30}(![0-9]+[kmgt]?)?\Z"))
def test_an_address_never_breaks_out_of_a_header(text: str) -> None:
    for uri in parse_report_uris(text).uris:
        assert uri.address.isascii() and not set(uri.address) & set(' \t\r\n\0<>,;:"()\\')
        assert uri.address.count("@") == (1 if uri.address else 0)
        assert uri.host
