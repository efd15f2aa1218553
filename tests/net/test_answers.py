# SPDX-License-Identifier: Apache-2.0
"""Names as they are asked for, and what an answer says about itself."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import Answer, Mx, find_query_name, reversed_labels


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Example.ORG.", "example.org"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("a/b.c=d.example", "a/b.c=d.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("_dkim.bücher.example", "_dkim.xn--bcher-kva.example"),
        ("", None),
        (".", None),
        ("a..b", None),
        (".a", None),
        ("a b.example", None),
        ("a\\046b.example", None),
        ("a\0.example", None),
        ("x" * 63 + ".example", "x" * 63 + ".example"),
        ("x" * 64 + ".example", None),
        (".".join(["x" * 49] * 5), ".".join(["x" * 49] * 5)),
        (".".join(["x" * 63] * 4), None),
        ("ü" * 100, None),
        ("a\u200b.example", "a.example"),
    ],
)
def test_names_as_they_are_asked_for(name, asked):
    assert find_query_name(name) == asked


@pytest.mark.parametrize(
    ("address", "labels"),
    [
        ("192.0.2.1", "1.2.0.192"),
        ("2001:db8::1", "1." + "0." * 23 + "8.b.d.0.1.0.0.2"),
    ],
)
def test_addresses_are_asked_for_backwards(address, labels):
    assert reversed_labels(ip_address(address)) == labels


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_name_or_none(text):
    name = find_query_name(text)
    assert name is None or (name.isascii() and 0 < len(name) <= 253)
    assert name is None or find_query_name(name) == name


@pytest.mark.parametrize(
    ("answer", "ok", "nothing", "failed"),
    [
        (Answer("noerror", ("192.0.2.1",)), True, False, False),
        (Answer("norec"), False, True, False),
        (Answer("nxdomain"), False, True, False),
        (Answer("badname"), False, False, False),
        (Answer("servfail"), False, False, True),
        (Answer("timeout"), False, False, True),
        (Answer("limit"), False, False, True),
    ],
)
def test_an_answer_is_found_nothing_or_failed(answer, ok, nothing, failed):
    assert (answer.ok, answer.found_nothing, answer.failed) == (ok, nothing, failed)


def test_names_among_records():
    assert Answer("noerror", ("a", b"x", Mx(1, "m"))).texts == ("a",)
