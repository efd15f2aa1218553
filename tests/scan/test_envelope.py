# SPDX-License-Identifier: Apache-2.0
"""What the MTA told us, in Rspamd's words: core reference §6.1."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.envelope import (
    MAX_RECIPIENTS,
    Envelope,
    client_hop,
    envelope_address,
    is_rspamc,
    parse_envelope,
)


def envelope(*headers: tuple[str, str], protocol: str = "http") -> Envelope:
    return parse_envelope(headers, protocol=protocol)


@pytest.mark.parametrize(
    "value, ip, path, broken",
    [
        ("192.0.2.1", "192.0.2.1", "", ()),
        (" 192.0.2.1 ", "192.0.2.1", "", ()),
        ("[192.0.2.1]", "192.0.2.1", "", ()),
        ("2001:db8::1", "2001:db8::1", "", ()),
        ("[IPv6:2001:db8::1]", "2001:db8::1", "", ()),
        ("fe80::1%eth0", "fe80::1", "", ()),
        ("::ffff:192.0.2.1", "192.0.2.1", "", ()),
        ("/run/gatepost.sock", None, "/run/gatepost.sock", ()),
        ("", None, "", ()),
        ("unknown", None, "", ("IP",)),
        ("192.0.2.1:25", None, "", ("IP",)),
        ("1" * 10_000, None, "", ("IP",)),
    ],
)
def test_the_client(value: str, ip: str | None, path: str, broken: tuple[str, ...]) -> None:
    found = envelope(("IP", value))
    assert found.ip == (ip_address(ip) if ip else None)
    assert (found.socket_path, found.broken) == (path, broken)


@pytest.mark.parametrize(
    "value, hostname",
    [
        ("mx.example.org", "mx.example.org"),
        ("unknown", None),
        ("[192.0.2.1]", None),
        ("NXDOMAIN", None),
        ("DNSERROR", None),
        ("", None),
    ],
)
def test_a_failed_look_up_is_no_name(value: str, hostname: str | None) -> None:
    assert envelope(("Hostname", value)).hostname == hostname


@pytest.mark.parametrize(
    "text, addr, user, domain",
    [
        ("<anna@example.org>", "anna@example.org", "anna", "example.org"),
        ("anna@example.org", "anna@example.org", "anna", "example.org"),
        (" <anna@EXAMPLE.org> ", "anna@EXAMPLE.org", "anna", "example.org"),
        ("<>", "", "", ""),
        ("", "", "", ""),
        ("<@a.example,@b.example:anna@example.org>", "anna@example.org", "anna", "example.org"),
        ('<"a@b"@example.org>', '"a@b"@example.org', '"a@b"', "example.org"),
        ("<postmaster>", "postmaster", "postmaster", ""),
        ("<ännä@exämple.org>", "ännä@exämple.org", "ännä", "exämple.org"),
    ],
)
def test_paths_as_smtp_has_them(text: str, addr: str, user: str, domain: str) -> None:
    found = envelope_address(text)
    assert found is not None
    assert (found.addr, found.user, found.domain) == (addr, user, domain)


@pytest.mark.parametrize(
    "text", ["a <b@c>", "<a@b>\r\nX: 1", "a\0@b", "x" * 2000 + "@example.org", "<<a@b>>"]
)
def test_what_is_no_path(text: str) -> None:
    assert envelope_address(text) is None


@pytest.mark.parametrize(
    "headers, sender, broken",
    [
        ((), None, ()),
        ((("From", "<>"),), "", ()),
        ((("From", ""),), "", ()),
        ((("From", "<a@example.org>"),), "a@example.org", ()),
        ((("from", "<a@example.org>"), ("FROM", "<b@example.org>")), "a@example.org", ()),
        ((("From", "Anna <a@example.org>"),), None, ("From",)),
    ],
)
def test_the_sender_is_unknown_a_bounce_or_somebody(
    headers: tuple[tuple[str, str], ...], sender: str | None, broken: tuple[str, ...]
) -> None:
    found = envelope(*headers)
    assert (found.sender.addr if found.sender else None) == sender
    assert found.broken == broken


@pytest.mark.parametrize(
    "values, addresses, broken",
    [
        (["<a@x.example>"], ["a@x.example"], ()),
        (["<a@x.example>", "<b@x.example>"], ["a@x.example", "b@x.example"], ()),
        (["a@x.example, <b@x.example>,c@x.example"], "a@ b@ c@", ()),
        (['"a,b"@x.example,<c@x.example>'], ['"a,b"@x.example', "c@x.example"], ()),
        (['<"a,b"@x.example>,<c@x.example>'], ['"a,b"@x.example', "c@x.example"], ()),
        ([r'"a\",b"@x.example'], [r'"a\",b"@x.example'], ()),
        (["<@r.example,@s.example:a@x.example>,b@x.example"], "a@ b@", ()),
        (["<>", ""], [], ()),
        ([",,a@x.example,"], "a@", ()),
        (["Anna <a@x.example>", "x <y>", "<b@x.example>"], "b@", ("Rcpt",)),
        (['"never closed, <a@x.example>'], [], ("Rcpt",)),
        (["<never closed, b@x.example"], [], ("Rcpt",)),
    ],
)
def test_recipients_from_lines_and_lists(
    values: list[str], addresses: list[str] | str, broken: tuple[str, ...]
) -> None:
    if isinstance(addresses, str):
        addresses = [f"{user}x.example" for user in addresses.split()]
    found = envelope(*(("Rcpt", value) for value in values))
    assert [address.addr for address in found.recipients] == addresses
    assert found.broken == broken


def test_recipients_are_bounded() -> None:
    lines = [("Rcpt", f"<u{n}@x.example>") for n in range(MAX_RECIPIENTS + 5)]
    assert len(envelope(*lines).recipients) == MAX_RECIPIENTS
    assert len(parse_envelope([("Rcpt", "a@b,c@d,e@f")], max_recipients=2).recipients) == 2


@pytest.mark.parametrize(
    "value, protocol, user",
    [
        ("anna", "http", "anna"),
        (" anna@example.org ", "milter", "anna@example.org"),
        ("", "http", None),  # rspamd counts it as authenticated; we do not
        ("  ", "http", None),
        ("anna", "spamc", None),  # whose preferences to use, not who sent it
    ],
)
def test_who_is_authenticated(value: str, protocol: str, user: str | None) -> None:
    assert envelope(("User", value), protocol=protocol).user == user


@pytest.mark.parametrize(
    "header, flags",
    [
        (("Flags", "no_log, No-Stat,,skip"), {"no_log", "no_stat", "skip"}),
        (("Pass", "All"), {"pass_all"}),
        (("Pass", "none"), set()),
        (("Log", "no"), {"no_log"}),
        (("Milter", "yes"), {"milter"}),
        (("URL-Format", "extended"), {"ext_urls"}),
        (("Raw", "yes"), {"raw"}),
        (("Profile", "any"), {"profile"}),
        (("TLS-Cipher", "TLS_AES_256_GCM_SHA384"), {"ssl"}),
    ],
)
def test_flags(header: tuple[str, str], flags: set[str]) -> None:
    assert envelope(header).flags == flags


@pytest.mark.parametrize(
    "header, rspamc",
    [
        (("User-Agent", "rspamc"), True),
        (("User-Agent", "curl/8"), False),
        (("Password", "q1"), True),
        (("X-Other", "rspamc"), False),
    ],
)
def test_a_scan_by_hand(header: tuple[str, str], rspamc: bool) -> None:
    assert is_rspamc(envelope(header)) is rspamc


def test_everything_else_is_kept_as_it_came() -> None:
    found = envelope(
        ("MTA-Name", "ORIGINATING"),
        ("X-Own", "1"),
        ("x-own", "2"),
        ("Queue-Id", "4F1"),
        ("Helo", "client.example"),
        ("Deliver-To", "<Bob@Example.net>"),
    )
    assert found.header("mta-name") == "ORIGINATING"
    assert found.headers["x-own"] == ["1", "2"]
    assert found.header("nothing") is None
    assert (found.queue_id, found.helo, found.deliver_to) == (
        "4F1",
        "client.example",
        "bob@example.net",
    )
    assert envelope().queue_id == "undef"


NAMES = st.sampled_from(
    ["IP", "From", "Rcpt", "User", "Hostname", "Helo", "Flags", "Deliver-To", "Pass", "X"]
)
VALUES = st.text(st.sampled_from('<>@,:"\\[]%/.ab1 \r\n\0é'), max_size=40) | st.text(max_size=40)


@settings(max_examples=100)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_no_header_is_too_strange(headers: list[tuple[str, str]]) -> None:
    found = parse_envelope(headers)
    for address in (*found.recipients, *([found.sender] if found.sender else ())):
        assert not set(address.addr) & set("\r\n\0<>")
        assert len(address.raw) <= 1024
    assert all(address.addr for address in found.recipients)
    assert found.user is None or found.user.strip()
    assert set(found.broken) <= {"IP", "From", "Rcpt"}


def test_a_long_list_of_junk_takes_no_time() -> None:
    for junk in ('"' * 300_000, "<" * 300_000, '<"' * 150_000, "\\," * 150_000, ',"\\' * 100_000):
        assert envelope(("Rcpt", junk + ",")).recipients is not None


@pytest.mark.parametrize(
    "more, flags",
    [
        ([], {"artificial"}),
        ([("User", "al")], {"artificial", "authenticated"}),
        ([("TLS-Cipher", "x")], {"artificial", "ssl"}),
        ([("User", "al"), ("TLS-Cipher", "x")], {"artificial", "authenticated", "ssl"}),
    ],
)
def test_the_client_as_a_hop(more: list[tuple[str, str]], flags: set[str]) -> None:
    client = [("IP", "203.0.113.7"), ("Helo", "laptop"), ("Hostname", "a.example")]
    hop = client_hop(envelope(*client, *more))
    assert (str(hop.real_ip), hop.from_hostname, hop.real_hostname) == (
        "203.0.113.7",
        "laptop",
        "a.example",
    )
    assert hop.flags == flags and hop.artificial
    assert (hop.by_hostname, hop.proto, hop.for_, hop.timestamp) == (None, "", "", None)
