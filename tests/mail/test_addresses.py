# SPDX-License-Identifier: Apache-2.0
"""Address headers name whom they name, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.addresses import parse_address, parse_addresses
from gatepost.mail.limits import Limits

LIMITS = Limits()


def read(raw: bytes) -> list[tuple[str, str]]:
    return [(address.addr, address.name) for address in parse_addresses(raw, LIMITS)]


@pytest.mark.parametrize(
    "raw, expected",
    [
        (b"a@b.c", [("a@b.c", "")]),
        (b"John Doe <a@b.c>", [("a@b.c", "John Doe")]),
        (b'"Doe, J" <a@b.c>, x@y.z', [("a@b.c", "Doe, J"), ("x@y.z", "")]),
        (b'"a\\"b" <x@y.z>', [("x@y.z", 'a"b')]),
        (b"Name<a@b.c>", [("a@b.c", "Name")]),
        (b"< a@b.c >", [("a@b.c", "")]),
        (b"=?utf-8?B?0J8=?= <p@q.r>", [("p@q.r", "П")]),
        (b'"=?utf-8?B?0J8=?=" <p@q.r>', [("p@q.r", "П")]),
        (b"=?utf-8?q?a=2Cb?= <p@q.r>", [("p@q.r", "a,b")]),
        ("Jürgen <j@b.c>".encode(), [("j@b.c", "Jürgen")]),
        (b"a@b.c (Real Name)", [("a@b.c", "Real Name")]),
        (b"(c (nested \\) x)) a@b.c", [("a@b.c", "c (nested \\) x)")]),
        (b"undisclosed-recipients:;", []),
        (b"Team: a@b.c, D <d@e.f>;, g@h.i", [("a@b.c", ""), ("d@e.f", "D"), ("g@h.i", "")]),
        (b"<@r1.org,@r2.org:u@c.d>", [("u@c.d", "")]),
        (b"user @ example.org", [("user@example.org", "")]),
        (b"user@ example.org", [("user@example.org", "")]),
        (b"user @example.org", [("user@example.org", "")]),
        (b"<a@b.c> <d@e.f>", [("a@b.c", ""), ("d@e.f", "")]),
        (b"a@b.c; d@e.f", [("a@b.c", ""), ("d@e.f", "")]),
        (b"x@y.z <q@w.e>", [("q@w.e", "x@y.z")]),
        (b'"x@y.z" <q@w.e>', [("q@w.e", "x@y.z")]),
        (b"Foo <a@b.c", [("a@b.c", "Foo")]),
        (b"mailto:a@b.c", [("a@b.c", "")]),
        (b"MAILER-DAEMON", [("MAILER-DAEMON", "")]),
        (b"<>", [("", "")]),
        (b",, ,", []),
        (b"", []),
    ],
)
def test_addresses_and_names(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    "raw, user, domain, flags",
    [
        (b"a@B.C", "a", "b.c", {"valid"}),
        (b'"john doe"@b.c', "john doe", "b.c", {"valid", "quoted"}),
        (b"a@[192.0.2.1]", "a", "[192.0.2.1]", {"valid", "ip"}),
        (b"a@[IPv6:2001:db8::1]", "a", "[ipv6:2001:db8::1]", {"valid", "ip"}),
        (b"a@[300.0.2.1]", "a", "[300.0.2.1]", set()),
        ("ü@b.c".encode(), "ü", "b.c", {"valid", "8bit"}),
        (b"a\\b@c.d", "a\\b", "c.d", {"backslash"}),
        (b"<>", "", "", {"valid", "empty"}),
        (b"root", "root", "", set()),
        (b"a..b@c.d", "a..b", "c.d", set()),
        (b"a@-b.c", "a", "-b.c", set()),
        (b"a@b@c.d", "a@b", "c.d", set()),
    ],
)
def test_parts_and_flags(raw: bytes, user: str, domain: str, flags: set[str]) -> None:
    (address,) = parse_addresses(raw, LIMITS)
    assert (address.user, address.domain, address.flags) == (user, domain, flags)


def test_at_most_so_many_recipients_are_read() -> None:
    raw = b", ".join(b"a%d@b.c" % n for n in range(5000))
    assert len(parse_addresses(raw, LIMITS)) == 1024
    assert len(parse_addresses(b"<a@b>" * 5000, Limits(max_recipients=7))) == 7


@pytest.mark.parametrize("junk", [b"(", b")", b'"', b"<", b"a ", b"\\", b'<"', b"[", b'"a"', b":"])
def test_a_megabyte_of_junk_is_read_to_its_end(junk: bytes) -> None:
    assert len(parse_addresses(junk * (1_000_000 // len(junk)), LIMITS)) <= 1024


def test_one_address_of_a_text() -> None:
    address = parse_address("Ann <ann@example.org>, bob@example.org")
    assert address is not None and address.addr == "ann@example.org" and address.is_valid
    assert parse_address(" ") is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab@.,;:<>()[]"\\ ü=?q\0', max_size=60))
def test_any_text_is_a_list(text: str) -> None:
    for address in parse_addresses(text.encode(), LIMITS):
        address.addr.encode() + address.name.encode() + address.raw.encode()


MAILBOXES = st.sampled_from(
    [
        *("a@b.c", "Ann <a@b.c>", '"Doe, J" <a.b@c-d.e>', "=?utf-8?q?=C3=BC?= <a@b.c>", "<a@b>"),
        *(" x+y@z.org ", "A. B. <a@b>", "a@b-.c", "a..b@c", "a@b.", "x <a@b> ", "", "a b <c@d>"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(MAILBOXES, min_size=1, max_size=5))
def test_the_short_way_for_usual_shapes_gives_what_the_long_way_gives(texts: list[str]) -> None:
    text = ",".join(texts)
    found = parse_addresses(text.encode(), LIMITS)
    # A comment changes nothing but the way.
    assert found == parse_addresses(text.encode() + b",(comment)", LIMITS)
