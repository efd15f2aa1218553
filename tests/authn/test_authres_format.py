# SPDX-License-Identifier: Apache-2.0
"""Authentication-Results as we write it: what Rspamd writes, and values from hostile letters."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.authres import (
    MethodResult,
    Property,
    build_result,
    parse_authentication_results,
)
from gatepost.authn.authres_format import format_authentication_results


class TestWriting:
    def test_what_rspamd_writes(self) -> None:
        value = format_authentication_results(
            "mx.example.org",
            [
                build_result(
                    "dkim", "pass", header_d="example.net", header_s="s1", header_b="aB/c"
                ),
                build_result(
                    "spf", "pass", comment="mx.example.org: ok", smtp_mailfrom="a@example.net"
                ),
                build_result(
                    "dmarc",
                    "fail",
                    reason="No valid SPF",
                    comment="policy=reject",
                    header_from="example.net",
                ),
            ],
        )
        assert value == (
            "mx.example.org;\r\n"
            '\tdkim=pass header.d=example.net header.s=s1 header.b="aB/c";\r\n'
            "\tspf=pass (mx.example.org: ok) smtp.mailfrom=a@example.net;\r\n"
            '\tdmarc=fail reason="No valid SPF" header.from=example.net (policy=reject)'
        )

    def test_nothing_was_checked(self) -> None:
        assert format_authentication_results("mx.example.org", []) == "mx.example.org;\r\n\tnone"

    def test_arc_authentication_results(self) -> None:
        value = format_authentication_results(
            "mx.example.org", [build_result("arc", "none")], instance=2, newline="\n"
        )
        assert value == "i=2; mx.example.org;\n\tarc=none"

    @pytest.mark.parametrize(
        "value, written",
        [
            ("example.org", "example.org"),
            ("user+tag@example.org", "user+tag@example.org"),
            ("@example.org", "@example.org"),
            ('"odd one"@example.org', '"odd one"@example.org'),
            ("aB/c+d==", '"aB/c+d=="'),
            ("a b", '"a b"'),
            ('say "hi" \\o', '"say \\"hi\\" \\\\o"'),
            ("", '""'),
            ("2001:db8::1", '"2001:db8::1"'),
            ("a;dkim=pass", '"a;dkim=pass"'),
            ("a(b", '"a(b"'),
            ("ü@example.org", '"ü@example.org"'),
            ("bad\ud800", '"bad?"'),
        ],
    )
    def test_values_are_quoted_when_they_have_to_be(self, value: str, written: str) -> None:
        text = format_authentication_results("x", [build_result("auth", "pass", smtp_auth=value)])
        assert text == f"x;\r\n\tauth=pass smtp.auth={written}"

    def test_long_statements_are_folded(self) -> None:
        results = [
            build_result("dkim", "pass", header_d=f"{'d' * 20}{n}.example.org", header_s="s" * 20)
            for n in range(3)
        ]
        lines = format_authentication_results("mx.example.org", results).split("\r\n")
        assert len(lines) == 7 and all(len(line) <= 78 for line in lines)
        wide = MethodResult(
            "x", "pass", tuple(Property("policy", "p", "v" * 30) for _ in range(10))
        )
        lines = format_authentication_results("mx.example.org", [wide]).split("\r\n")
        assert len(lines) > 4 and all(len(line) <= 78 for line in lines)

    @pytest.mark.parametrize("evil", ["\r\nBcc: a@b", "\nX: y", "\r", "\0", "\x85x", "\u2028x"])
    def test_a_header_cannot_be_smuggled_in(self, evil: str) -> None:
        text = format_authentication_results(
            "mx" + evil,
            [
                build_result(
                    "spf",
                    "fail",
                    reason=evil,
                    comment=evil,
                    smtp_mailfrom=evil,
                    smtp_helo="a" + evil,
                ),
                build_result("dkim", "fail", comment=f"){evil}; dkim=pass (\\"),
            ],
        )
        assert len(text.split("\r\n\t")) == len(text.splitlines())
        letter = message_from_bytes(
            f"Authentication-Results: {text}\r\n\r\n".encode(), policy=policy.compat32
        )
        assert letter.keys() == ["Authentication-Results"]
        read = parse_authentication_results(text.encode())
        assert [(r.method, r.result) for r in read.results] == [("spf", "fail"), ("dkim", "fail")]

    @pytest.mark.parametrize("name", ["", "a b", "a=b", "a\r\nb", "é", "a;b", "a.b"])
    def test_words_are_refused_when_they_are_none(self, name: str) -> None:
        for result in (
            MethodResult(name, "pass"),
            MethodResult("spf", name),
            MethodResult("spf", "pass", (Property(name, "x", ""),)),
            MethodResult("spf", "pass", (Property("x", name, ""),)),
        ):
            with pytest.raises(ValueError, match="is no word"):
                format_authentication_results("x", [result])

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
    def test_whatever_a_sender_writes_it_is_one_statement(
        self, value: str, reason: str, comment: str
    ) -> None:
        result = build_result("spf", "fail", reason=reason, comment=comment, smtp_mailfrom=value)
        text = format_authentication_results("mx.example.org", [result, build_result("a", "b")])
        assert len(text.splitlines()) == text.count("\r\n") + 1
        read = parse_authentication_results(text.encode())
        assert [(r.method, r.result) for r in read.results] == [("spf", "fail"), ("a", "b")]
        if value.isprintable() and value.isascii():
            assert read.results[0].value("smtp", "mailfrom") == value
        if reason.isprintable() and reason.isascii():
            assert read.results[0].reason == reason
