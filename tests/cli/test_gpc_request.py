# SPDX-License-Identifier: Apache-2.0
"""From options to request headers."""

import pytest

from gatepost.cli.errors import UsageError
from gatepost.cli.gpc_options import parse_arguments
from gatepost.cli.gpc_request import custom_header, read_password, request_headers

ALWAYS = [("User-Agent", "rspamc"), ("Flags", "body_block")]


@pytest.mark.parametrize(
    ("argv", "headers"),
    [
        ([], []),
        (["-u", "alice"], [("User", "alice")]),
        (["-u", ""], [("User", "")]),
        (["-F", "<>"], [("From", "<>")]),
        (["-r", "a@x", "-r", "b@y"], [("Rcpt", "a@x"), ("Rcpt", "b@y")]),
        (["-i", "2001:db8::1"], [("Ip", "2001:db8::1")]),
        (["-d", "bob", "--helo", "h", "--hostname", "n"],
         [("Deliver-To", "bob"), ("Helo", "h"), ("Hostname", "n")]),
        (["--queue-id", "1", "--log-tag", "t"], [("Queue-Id", "1"), ("Log-Tag", "t")]),
        (["--settings", '{"a":\n 1}'], [("Settings", '{"a":  1}')]),
        (["--settings-id", "outbound"], [("Settings-ID", "outbound")]),
        (["-P", "secret"], [("Password", "secret")]),
        (["-p"], [("Pass", "all")]),
        (["--raw"], [("Raw", "yes")]),
        (["--extended-urls"], [("URL-Format", "extended")]),
        (["--msgpack"], [("Accept", "application/msgpack")]),
        (["--header", "A: b:c", "--header", "D=e: f"], [("A", "b:c"), ("D", "e: f")]),
    ],
)  # fmt: skip
def test_options_become_headers(argv, headers):
    assert request_headers(parse_arguments(argv)) == [ALWAYS[0], *headers, ALWAYS[1]]


def test_user_agent_and_flags_can_be_changed():
    headers = request_headers(parse_arguments(["-U", "mta", "--profile"]))
    assert headers == [("User-Agent", "mta"), ("Flags", "profile,body_block")]


@pytest.mark.parametrize(
    ("text", "header"),
    [("A: b", ("A", "b")), ("A=b", ("A", "b")), ("A", ("A", "")), ("X-A:", ("X-A", ""))],
)
def test_custom_headers_in_both_forms(text, header):
    assert custom_header(text) == header


@pytest.mark.parametrize(
    "argv",
    [
        ["--header", ": b"],
        ["--header", "a b: c"],
        ["--header", "a: b\r\nUser: mallory"],
        ["-F", "a\nRcpt: b"],
        ["-u", "a\0"],
    ],
)
def test_what_would_break_the_request_is_wrong_usage(argv):
    with pytest.raises(UsageError):
        request_headers(parse_arguments(argv))


def test_a_password_may_be_in_a_file(tmp_path):
    (tmp_path / "word").write_text("secret\n")
    assert read_password(str(tmp_path / "word")) == "secret"
    assert read_password("/no/such/file") == "/no/such/file"
    assert read_password("secret") == "secret"
    assert read_password(None) is None
