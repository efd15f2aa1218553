# SPDX-License-Identifier: Apache-2.0
"""However a host is written, it is named by its one canonical form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.url_host import ipv4_of, parse_host, to_ascii, to_unicode


@pytest.mark.parametrize(
    "written, name, tld, flags",
    [
        ("example.org", "example.org", "example.org", ""),
        ("WWW.Example.ORG.", "www.example.org", "example.org", ""),
        ("a.b.example.co.uk", "a.b.example.co.uk", "example.co.uk", ""),
        ("me.github.io", "me.github.io", "me.github.io", ""),
        ("localhost", "localhost", "localhost", "no_tld"),
        ("mail.internal", "mail.internal", "mail.internal", "no_tld"),
        ("a_b.example.org", "a_b.example.org", "example.org", ""),
        ("-a-.example.org", "-a-.example.org", "example.org", ""),
        ("b\u00fccher.example.org", "xn--bcher-kva.example.org", "example.org", "idn"),
        ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org", "example.org", "idn"),
        ("\u4f8b\u3048.jp", "xn--r8jz45g.jp", "xn--r8jz45g.jp", "idn"),
        ("\u0430pple.com", "xn--pple-43d.com", "xn--pple-43d.com", "idn"),
        ("exa%6Dple.org", "example.org", "example.org", "host_encoded"),
        ("%65%78ample%2eorg", "example.org", "example.org", "host_encoded"),
        ("exam\u200bple.org", "example.org", "example.org", "zw_spaces"),
        ("exam\u00adple.org", "example.org", "example.org", "zw_spaces"),
        ("\uff45\uff58\uff41\uff4dple.org", "example.org", "example.org", "unnormalised"),
        ("example\u3002org", "example.org", "example.org", "unnormalised"),
        ("\u24d4xample.org", "example.org", "example.org", "unnormalised"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1", "numeric"),
        ("0xC0.0.2.1", "192.0.2.1", "192.0.2.1", "numeric"),
        ("0300.0.2.1", "192.0.2.1", "192.0.2.1", "numeric"),
        ("3221225985", "192.0.2.1", "192.0.2.1", "numeric"),
        ("0xc0000201", "192.0.2.1", "192.0.2.1", "numeric"),
        ("192.513", "192.0.2.1", "192.0.2.1", "numeric"),
        ("[2001:DB8::1]", "2001:db8::1", "2001:db8::1", "numeric"),
        ("[fe80::1%eth0]", "fe80::1", "fe80::1", "numeric"),
    ],
)
def test_canonical_form(written: str, name: str, tld: str, flags: str) -> None:
    host = parse_host(written)
    assert host is not None
    assert host == (name, tld, frozenset(flags.split()))


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "a..b",
        "a b.example.org",
        "example.org:80",
        "exa<mple.org",
        "a%00.example.org",
        "a%20.example.org",
        "[::1",
        "[not an address]",
        "a:b:c",
        "x" * 64 + ".example.org",
        "a." * 128 + "org",
        "x" * 2000,
        "\u2028.example.org",
        "exa\ufffdmple.org",
    ],
)
def test_what_can_be_no_host(written: str) -> None:
    assert parse_host(written) is None


@pytest.mark.parametrize(
    "name, address",
    [
        ("0", "0.0.0.0"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("08.1.1.1", "8.1.1.1"),
        ("00000000000300.0.2.1", "192.0.2.1"),
        ("4294967295", "255.255.255.255"),
        ("4294967296", ""),
        ("256.1.1.1", ""),
        ("1.2.3.256", ""),
        ("1.2.3.4.5", ""),
        ("1.2.65535", "1.2.255.255"),
        ("1.2.65536", ""),
        ("1..2", ""),
        ("a", ""),
        ("9" * 100, ""),
    ],
)
def test_addresses_as_inet_aton_reads_them(name: str, address: str) -> None:
    assert ipv4_of(name) == address


@pytest.mark.parametrize(
    "name, shown",
    [
        ("xn--bcher-kva.example.org", "b\u00fccher.example.org"),
        ("example.org", "example.org"),
        ("xn--.org", ".org"),
        ("xn--\x80.org", "xn--\x80.org"),
        ("xn--99999999999.org", "xn--99999999999.org"),
    ],
)
def test_what_a_reader_sees(name: str, shown: str) -> None:
    assert to_unicode(name) == shown


@pytest.mark.parametrize("name", ["\u2028", "a\u202eb", "\u00fc" * 64, "a\u0020\u00fc"])
def test_characters_that_no_host_may_have(name: str) -> None:
    assert to_ascii(name) is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="0123456789abcdefx.:[]%-n\u00fc", max_size=60))
def test_the_canonical_form_is_stable(written: str) -> None:
    host = parse_host(written)
    if host is not None:
        again = parse_host(host.name)
        assert again is not None and again.name == host.name
        assert host.name.isascii() and host.name == host.name.lower()
