# SPDX-License-Identifier: Apache-2.0
"""The options that stand for an envelope become request headers."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from gatepost.cli.errors import CliError, UsageError
from gatepost.cli.letters import add_envelope_arguments, envelope_headers, letters


def headers(*arguments: str) -> list[tuple[str, str]]:
    parser = argparse.ArgumentParser()
    add_envelope_arguments(parser)
    return envelope_headers(parser.parse_args(arguments))


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ([], []),
        (["--user", "al"], [("User", "al")]),
        (["--user", ""], [("User", "")]),
        (["--from", "<>"], [("From", "<>")]),
        (["--rcpt", "a@x", "--rcpt", "b@x"], [("Rcpt", "a@x"), ("Rcpt", "b@x")]),
        (["--ip", "::1", "--helo", "h"], [("IP", "::1"), ("Helo", "h")]),
        (["--hostname", "n"], [("Hostname", "n")]),
        (["--settings-id", "out"], [("Settings-ID", "out")]),
        (["--settings", '{"a":\n1}'], [("Settings", '{"a": 1}')]),
        (["--header", "X-A: b", "--header", "Y=z"], [("X-A", "b"), ("Y", "z")]),
    ],
)
def test_each_option_is_its_header(arguments: list[str], expected: list[tuple[str, str]]) -> None:
    # Rspamd's own client is told apart by its name: scans by hand count in no limit.
    assert headers(*arguments) == [("User-Agent", "rspamc"), *expected]


def test_a_line_break_forges_no_header() -> None:
    with pytest.raises(UsageError):
        headers("--user", "al\nIP: 10.0.0.1")


@pytest.mark.parametrize("arguments", [("--ip", "10.0.0"), ("--settings", "{")])
def test_what_an_mta_would_never_send_is_wrong_usage(arguments: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=arguments[0]):
        headers(*arguments)


def test_files_and_folders_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b.eml", "a.eml"):
        (tmp_path / name).write_bytes(name.encode())
    assert [content for _, content in letters([str(tmp_path)])] == [b"a.eml", b"b.eml"]


def test_a_file_that_cannot_be_read_is_not_left_out_silently(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"none\.eml"):
        list(letters([str(tmp_path / "none.eml")]))
