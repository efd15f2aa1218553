# SPDX-License-Identifier: Apache-2.0
"""How the store keeps what is known of domains and hosts: in Rspamd's words."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.mx_check.records import Domain, Host, parse_domain, parse_host
from gatepost.net import Mx

FOUR, SIX = ip_address("8.8.8.8"), ip_address("2a00::1")
MX = (Mx(10, "a.example"), Mx(20, "b.example"))


@pytest.mark.parametrize(
    "domain, text",
    [
        (Domain("mx", MX), "mx:a.example:10,b.example:20"),
        (Domain("a", host=Host("ok", "v4", (FOUR,))), "a:v4:8.8.8.8"),
        (Domain("a", host=Host("ok", "v4", (FOUR, FOUR + 1))), "a:v4:8.8.8.8,8.8.8.9"),
        (Domain("no"), "no"),
        (Domain("null"), "null"),
        (Domain("bkn"), "bkn"),
        (Domain("df"), "df"),
    ],
)
def test_domains_are_kept_and_read(domain: Domain, text: str) -> None:
    assert domain.to_text() == text
    assert parse_domain(text, "v4") == domain


@pytest.mark.parametrize(
    "text, wanted, host",
    [
        ("v4:8.8.8.8", "v4", Host("ok", "v4", (FOUR,))),
        ("v6:2a00::1", "v6", Host("ok", "v6", (SIX,))),
        ("v64:8.8.8.8,2a00::1", "v64", Host("ok", "v64", (FOUR, SIX))),
        ("v64:8.8.8.8,2a00::1", "v4", Host("ok", "v4", (FOUR,))),
        ("v64:8.8.8.8", "v6", None),  # whether there are others is to be asked
        ("v4:8.8.8.8", "v64", None),
        ("v4:8.8.8.8", "v6", None),
        ("no", "v4", Host("no")),
        ("df", "v4", Host("df")),
        ("", "v4", None),
        ("v4:", "v4", None),
        ("v5:8.8.8.8", "v4", None),
        ("8.8.8.8", "v4", None),
    ],
)
def test_hosts_are_read_for_the_families_wanted(text, wanted, host) -> None:  # type: ignore[no-untyped-def]
    assert parse_host(text, wanted) == host
    if host is not None and host.families == wanted:
        assert parse_host(host.to_text(), wanted) == host


@pytest.mark.parametrize("text", ["", "mx", "mx:", "mx:a", "mx:a:x", "mx::1", "a:", "no:1", "what"])
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    assert parse_domain(text, "v4") is None


@given(st.text(max_size=200) | st.text(alphabet="mxav46:,.0123456789", max_size=60))
@settings(max_examples=150)
def test_any_text_is_read(text: str) -> None:
    found = parse_domain(text, "v64")
    assert found is None or parse_domain(found.to_text(), "v64") == found
    host = parse_host(text, "v64")
    assert host is None or parse_host(host.to_text(), "v64") == host
