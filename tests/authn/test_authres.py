# SPDX-License-Identifier: Apache-2.0
"""Authentication-Results: examples of RFC 8601, what real services write, and hostile fields."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.authres import (
    MAX_PROPERTIES,
    MAX_RESULTS,
    Property,
    find_own,
    parse_authentication_results,
)
from gatepost.authn.authres_format import format_authentication_results
from gatepost.mail import Headers, Message

# RFC 8601 appendix B, folded as there.
SIMPLE = b"example.com;\r\n          spf=pass smtp.mailfrom=example.net"
AUTH = (
    b" example.com;\r\n"
    b"          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
    b"          spf=pass smtp.mailfrom=example.net"
)
TWO_DKIM = (
    b"example.com;\r\n"
    b'      dkim=pass reason="good signature"\r\n'
    b"        header.i=@mail-router.example.net;\r\n"
    b'      dkim=fail reason="bad signature"\r\n'
    b"        header.i=@newyork.example.com"
)
COMMENTS = (
    b"foo.example.net (foobar) 1 (baz);\r\n"
    b"    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
    b"      policy (A dot can go here) . (like that) expired\r\n"
    b"      (this surprised me) = (as I wasn't expecting it) 1362471462"
)


def headers_of(*fields: bytes) -> Headers:
    block = b"".join(b"Authentication-Results: " + field + b"\r\n" for field in fields)
    return Message(block + b"Subject: x\r\n\r\nbody\r\n").headers


class TestReading:
    def test_one_statement(self) -> None:
        parsed = parse_authentication_results(SIMPLE)
        assert parsed.authserv_id == "example.com"
        assert [(r.method, r.result) for r in parsed.results] == [("spf", "pass")]
        assert parsed.results[0].value("smtp", "mailfrom") == "example.net"

    def test_several_methods_and_a_comment(self) -> None:
        parsed = parse_authentication_results(AUTH)
        (auth,) = parsed.of("auth")
        assert (auth.result, auth.comment) == ("pass", "cram-md5")
        assert auth.value("smtp", "auth") == "sender@example.net"
        assert parsed.of("spf")[0].result == "pass"

    def test_two_signatures_with_reasons(self) -> None:
        good, bad = parse_authentication_results(TWO_DKIM).of("dkim")
        assert (good.result, good.reason) == ("pass", "good signature")
        assert (bad.result, bad.reason) == ("fail", "bad signature")
        assert good.value("header", "i") == "@mail-router.example.net"

    def test_comments_between_everything(self) -> None:
        parsed = parse_authentication_results(COMMENTS)
        assert (parsed.authserv_id, parsed.version) == ("foo.example.net", 1)
        (dkim,) = parsed.results
        assert (dkim.method, dkim.version, dkim.result) == ("dkim", 1, "fail")
        assert dkim.properties == (Property("policy", "expired", "1362471462"),)

    @pytest.mark.parametrize(
        "raw",
        [b"example.org; none", b"example.org 1; none", b"example.org;none ", b"example.org", b"x;"],
    )
    def test_no_results(self, raw: bytes) -> None:
        parsed = parse_authentication_results(raw)
        assert parsed.results == ()
        assert parsed.authserv_id in ("example.org", "x")

    def test_exchange_names_no_service(self) -> None:
        parsed = parse_authentication_results(
            b"spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.org; dkim=pass\r\n"
            b" (signature was verified) header.d=example.org;dmarc=pass action=none\r\n"
            b" header.from=example.org;compauth=pass reason=100"
        )
        assert parsed.authserv_id == ""
        assert [r.method for r in parsed.results] == ["spf", "dkim", "dmarc", "compauth"]
        assert parsed.results[0].comment == "sender IP is 192.0.2.1"
        assert parsed.results[1].value("header", "d") == "example.org"
        assert parsed.results[3].reason == "100"

    def test_google_writes_base64_without_quotes(self) -> None:
        parsed = parse_authentication_results(
            b"mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=s1 "
            b"header.b=aB/c+d==;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) "
            b"header.from=example.org"
        )
        assert parsed.of("dkim")[0].value("header", "b") == "aB/c+d=="
        assert parsed.of("dmarc")[0].comment == "p=REJECT sp=REJECT dis=NONE"

    def test_arc_instance(self) -> None:
        parsed = parse_authentication_results(b" i=12; example.org; arc=pass")
        assert (parsed.instance, parsed.authserv_id) == (12, "example.org")
        assert parsed.of("arc")[0].result == "pass"

    @pytest.mark.parametrize(
        "value, read",
        [
            (b'"a b"', "a b"),
            (b'"a\\"b;c"', 'a"b;c'),
            (b'"odd one"@example.org', '"odd one"@example.org'),
            (b"user@example.org", "user@example.org"),
            (b"(c) plain (c)", "plain"),
            ("ü@bücher.example".encode(), "ü@bücher.example"),
            (b'""', ""),
            (b"", ""),
            (b'"unclosed', ""),
        ],
    )
    def test_values(self, value: bytes, read: str) -> None:
        parsed = parse_authentication_results(b"x; spf=pass smtp.mailfrom=" + value)
        assert parsed.results[0].value("smtp", "mailfrom") == read

    def test_a_broken_statement_costs_only_itself(self) -> None:
        parsed = parse_authentication_results(
            b'x; spf=pass; =fail; "quoted;dkim=fail"; (dkim=fail; nothing) ; dkim=none junk; '
            b"arc=fail (c"
        )
        assert [f"{r.method}={r.result}" for r in parsed.results] == [
            "spf=pass",
            "dkim=none",
            "arc=fail",
        ]

    def test_results_in_quotes_or_comments_are_no_results(self) -> None:
        parsed = parse_authentication_results(
            b'x (; dkim=pass); spf=fail reason="; dkim=pass" smtp.helo="; dkim=pass"'
        )
        assert [r.method for r in parsed.results] == ["spf"]

    def test_counts_are_bounded(self) -> None:
        parsed = parse_authentication_results(b"x" + b"; a=b" * 2000)
        assert len(parsed.results) == MAX_RESULTS
        parsed = parse_authentication_results(b"x; a=b" + b" p.q=r" * 1000 + b"; c=d")
        assert [len(r.properties) for r in parsed.results] == [MAX_PROPERTIES, 0]

    @pytest.mark.parametrize(
        "unit",
        [
            b"(",
            b"()",
            b"(()",
            b'"',
            b'\\"',
            b"(((((" + b"()" * 50,
            b"; a=b c.d=",
            b"a.",
            b"=",
            b"\0",
        ],
    )
    def test_hostile_fields_are_read_in_linear_time(self, unit: bytes) -> None:
        raw = (b"x; a=b " + unit * (1_000_000 // len(unit)))[:1_000_000]
        start = time.process_time()
        parse_authentication_results(raw)
        assert time.process_time() - start < 0.25

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300) | st.text('ab=;.()"\\ \r\n/1é', max_size=200).map(str.encode))
    def test_never_raises(self, raw: bytes) -> None:
        parsed = parse_authentication_results(raw)
        again = format_authentication_results(parsed.authserv_id, parsed.results)
        assert len(parse_authentication_results(again.encode()).results) == len(parsed.results)


class TestFindingOurOwn:
    @pytest.mark.parametrize(
        "field",
        [
            b"mx.example.org; spf=pass",
            b"MX.Example.ORG; none",
            b"mx.example.org 1; spf=pass",
            b"mx.example.org 99; spf=pass",
            b'"mx.example.org"; spf=pass',
            b"(hello (you)) mx.example.org (x); spf=pass",
            b"mx.example.org.; spf=pass",
            b"\r\n\tmx.example.org;\r\n\tspf=pass",
            b"mx.example.org",
            b"mx.exam\0ple.org; spf=pass",
            b"(" + b"x" * 2000 + b") mx.example.org; spf=pass",
            b"(((((((((nested))))))))) mx.example.org; spf=pass",
        ],
    )
    def test_whatever_the_spelling(self, field: bytes) -> None:
        headers = headers_of(b"other.example; spf=pass", field, b"third.example; none")
        assert find_own(headers, "mx.example.org") == [2]

    @pytest.mark.parametrize(
        "field",
        [
            b"mx.example.org.evil.example; spf=pass",
            b"notmx.example.org; spf=pass",
            b"other.example; spf=pass smtp.mailfrom=mx.example.org",
            b"other.example (mx.example.org); spf=pass",
            b"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org",
        ],
    )
    def test_others_stay(self, field: bytes) -> None:
        assert find_own(headers_of(field), "mx.example.org") == []

    def test_several_services_and_all_hosts_below(self) -> None:
        headers = headers_of(
            b"a.example.org; none", b"example.org; none", b"b.c.EXAMPLE.org; none", b"mx.net; none"
        )
        assert find_own(headers, ".example.org", "mx.net") == [1, 3, 4]
        assert find_own(headers, "") == []

    def test_a_message_without_any(self) -> None:
        assert find_own(Message(b"Subject: x\r\n\r\n").headers, "mx.example.org") == []
