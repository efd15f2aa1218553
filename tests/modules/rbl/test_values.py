# SPDX-License-Identifier: Apache-2.0
"""What of a message is asked for: positions of hops, other names of a mail box, odd names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.rbl.options import RuleOptions
from gatepost.modules.rbl.values import (
    ASKABLE,
    Around,
    in_range,
    mailbox_of,
    value_of,
    value_of_address,
    without_aliases,
)
from gatepost.net import find_query_name
from gatepost.scan.envelope import parse_envelope


@pytest.mark.parametrize(
    ("first", "last", "positions"),
    [
        (None, None, "1 2 3 4 5"),
        (2, None, "2 3 4 5"),
        (None, 2, "1 2"),
        (2, 3, "2 3"),
        (-1, None, "5"),
        (-2, None, "4 5"),
        (None, -1, "1 2 3 4 5"),
        (None, -2, "1 2 3 4"),
        (1, -3, "1 2 3"),
        (6, None, ""),
        (None, 0, "1 2 3 4 5"),
        (-9, None, "1 2 3 4 5"),
    ],
)
def test_positions_of_hops_count_from_either_end(
    first: int | None, last: int | None, positions: str
) -> None:
    found = [position for position in range(1, 6) if in_range(position, 5, first, last)]
    assert found == [int(word) for word in positions.split()]


@pytest.mark.parametrize(
    ("address", "box"),
    [
        ("user@example.org", "user@example.org"),
        ("user+tag@example.org", "user@example.org"),
        ("user+a+b@example.org", "user@example.org"),
        ("+user@example.org", "+user@example.org"),
        ("u.ser@example.org", "u.ser@example.org"),
        ("u.s.er@gmail.com", "user@gmail.com"),
        ("u.ser+x@googlemail.com", "user@gmail.com"),
    ],
)
def test_a_mail_box_has_one_name(address: str, box: str) -> None:
    user, _, domain = address.partition("@")
    assert "@".join(without_aliases(user, domain)) == box


@pytest.mark.parametrize(
    ("options", "text", "domain"),
    [
        ({}, "user.www.example.org", "www.example.org"),
        ({"hash": "sha1"}, "user@www.example.org", "www.example.org"),
        ({"emails_delimiter": "_"}, "user_www.example.org", "www.example.org"),
        ({"hash": "sha1", "emails_delimiter": "."}, "user.www.example.org", "www.example.org"),
        ({"emails_domainonly": True}, "example.org", ""),
        ({"emails_domainonly": True, "url_full_hostname": True}, "www.example.org", ""),
    ],
)
def test_how_rules_write_mail_addresses(options: dict[str, object], text: str, domain: str) -> None:
    around = Around(lambda _: False, lambda _: False, 0, None, ())
    rule = RuleOptions(rbl="bl.test", **options)  # type: ignore[arg-type]
    value = mailbox_of(rule, around).value("USER+tag", "www.Example.org")
    assert value is not None
    assert (value.text, value.domain) == (text, domain)


def test_half_an_address_is_none() -> None:
    mailbox = mailbox_of(RuleOptions(rbl="bl.test"), Around(bool, bool, 0, None, ()))
    assert mailbox.value("", "example.org") is None
    assert mailbox.value("user", "") is None


@pytest.mark.parametrize(
    ("address", "octets"),
    [
        ("192.0.2.1", "1.2.0.192"),
        ("2001:db8::1", "1." + "0." * 23 + "8.b.d.0.1.0.0.2"),
    ],
)
def test_addresses_are_asked_for_backwards(address: str, octets: str) -> None:
    ip = parse_envelope([("IP", address)]).ip
    assert ip is not None and value_of_address(ip).name == octets


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG", "example.org"),
        ("user.example.org", "user.example.org"),
        ("user@example.org", "user@example.org"),
        ("münchen.example", "münchen.example"),
        ("a..b", ""),
        (".a", ""),
        ("a.", ""),
        ("-a.example", ""),
        ("a-.example", ""),
        ("x" * 63 + ".example", "x" * 63 + ".example"),
        ("x" * 64 + ".example", ""),
        ("a b.example", ""),
        ("a\n.example", ""),
        ("\udcff.example", ""),
        ("a." * 130 + "b", ""),
        ("", ""),
    ],
)
def test_only_what_can_be_a_name_is_asked_for(text: str, name: str) -> None:
    value = value_of(text)
    assert (value.name, value.text) == (name, text)


@settings(max_examples=300)
@given(st.text(st.characters(), max_size=400))
def test_no_text_is_too_odd(text: str) -> None:
    value = value_of(text)
    assert len(value.shown) <= 256
    if value.name:
        assert ASKABLE.match(text)
        find_query_name(f"{value.name}.bl.test")


@settings(max_examples=200)
@given(st.text("a.+@-é", max_size=30), st.text("a.-é", max_size=30))
def test_no_mailbox_is_too_odd(user: str, host: str) -> None:
    around = Around(lambda _: False, lambda _: False, 0, None, ())
    for options in (RuleOptions(rbl="b.test"), RuleOptions(rbl="b.test", emails_domainonly=True)):
        mailbox_of(options, around).value(user, host)
