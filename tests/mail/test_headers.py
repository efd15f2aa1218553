# SPDX-License-Identifier: Apache-2.0
"""Header blocks are split and unfolded as real mail needs it."""

from __future__ import annotations

import pytest

from gatepost.mail.headers import (
    find_body,
    looks_like_headers,
    newline_of,
    split_headers,
    unfold,
)


def fields(block: bytes) -> list[tuple[str, bytes]]:
    return [(field.name, field.raw) for field in split_headers(block, 1000).headers]


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_every_kind_of_line_end_separates_fields(newline: bytes) -> None:
    block = newline.join([b"Subject: a", b" b", b"From: x@y", b"To:", b"\tz", b""])
    assert fields(block) == [("Subject", b"a b"), ("From", b"x@y"), ("To", b"z")]


@pytest.mark.parametrize(
    "block, expected, garbage",
    [
        (b"A: 1\r\nno colon here\r\nB: 2\r\n", [("A", b"1"), ("B", b"2")], True),
        (b"A: 1\r\nBlank name: x\r\nB: 2\r\n", [("A", b"1"), ("B", b"2")], True),
        (b"A : 1\nB: 2\n", [("B", b"2")], True),
        (b"A: 1\n-not: a name\n1x: y\n: z\nB: 2", [("A", b"1"), ("B", b"2")], False),
        (b"nocolon\nB: 2", [("B", b"2")], False),
        (b" folded first\nB: 2\n", [("B", b"2")], False),
        (b"Su\0bject: a\0b\n", [("Subject", b"ab")], False),
        (b"A:\nB:   \n", [("A", b""), ("B", b"")], False),
        (b"A: 1\n\t\n 2\nB:3", [("A", b"1 2"), ("B", b"3")], False),
        (b"", [], False),
    ],
)
def test_lines_that_are_no_fields_are_skipped(
    block: bytes, expected: list[tuple[str, bytes]], garbage: bool
) -> None:
    assert fields(block) == expected
    assert split_headers(block, 1000).garbage is garbage


def test_original_bytes_of_a_field_are_kept_for_signing() -> None:
    block = b"Subject:  a\r\n\tb \r\nX-Y:z\r\n"
    headers = split_headers(block, 10).headers
    assert [field.raw_line for field in headers] == [b"Subject:  a\r\n\tb ", b"X-Y:z"]
    assert [field.order for field in headers] == [0, 1]
    assert b"".join(field.raw_line + b"\r\n" for field in headers) == block


@pytest.mark.parametrize(
    "line, empty, tab",
    [
        (b"Subject: x", False, False),
        (b"Subject:x", True, False),
        (b"Subject:\tx", False, True),
        (b"Subject:\r\n x", False, False),
        (b"Subject:", False, False),
    ],
)
def test_what_follows_the_colon_is_remembered(line: bytes, empty: bool, tab: bool) -> None:
    field = split_headers(line, 10).headers[0]
    assert (field.empty_separator, field.tab_separated) == (empty, tab)


def test_lookup_ignores_case_unless_strong() -> None:
    headers = split_headers(b"X-mailer: 1\nx-MAILER: 2\nTo: a\n", 10).headers
    assert headers.get("X-Mailer") == "1"
    assert [field.value for field in headers.get_all("X-Mailer")] == ["1", "2"]
    assert [field.value for field in headers.get_all("X-mailer", strong=True)] == ["1"]
    assert "TO" in headers and "Cc" not in headers
    assert headers.get("Cc") is None and headers.get_all("Cc") == []
    assert headers.count("x-mailer") == 2
    assert headers.names() == ["x-mailer", "to"]


def test_fields_beyond_the_limit_are_left_out() -> None:
    split = split_headers(b"A: 1\n" * 100_000, 50)
    assert len(split.headers) == 50 and split.cut


def test_a_header_of_a_million_folds_is_one_field() -> None:
    split = split_headers(b"A: x" + b"\n a" * 1_000_000, 50)
    assert len(split.headers) == 1
    assert len(split.headers[0].raw) == 1 + 2 * 1_000_000


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"A: 1\r\n\r\nbody", (6, 8)),
        (b"A: 1\n\nbody", (5, 6)),
        (b"A: 1\r\rbody", (5, 6)),
        (b"A: 1\n\r\nbody", (5, 7)),
        (b"A: 1\r\r\nB: 2\r\r\n\r\r\nbody", (14, 17)),
        (b"A: 1\r\nB: 2\n\nbody\r\n\r\n", (11, 12)),
        (b"A: 1\nB: 2\r\n\r\nbody\n\n", (11, 13)),
        (b"A: 1\r\n\n\r\nbody", (6, 7)),
        (b"A: 1\r\nB: 2\r\n", None),
        (b"", None),
    ],
)
def test_body_begins_after_the_first_empty_line(
    data: bytes, expected: tuple[int, int] | None
) -> None:
    assert find_body(data, 0, len(data)) == expected


@pytest.mark.parametrize(
    "data, expected",
    [(b"Subject: x", True), (b"Subject:", False), (b"Hello: ", False), (b"Hello you", False)],
)
def test_text_without_an_empty_line_may_be_a_header(data: bytes, expected: bool) -> None:
    assert looks_like_headers(data, 0) is expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (b" x ", b"x "),
        (b"\r\n x\r\n\t y", b"x y"),
        (b" a \r\n b", b"a  b"),
        (b" a\r\n ", b"a"),
        (b"a\n \n b", b"a b"),
        (b"a\r\r\n b\r c", b"a b c"),
        (b" a\0b", b"ab"),
    ],
)
def test_unfolding_makes_one_space_of_a_fold(value: bytes, expected: bytes) -> None:
    assert unfold(value) == expected


@pytest.mark.parametrize(
    "block, expected",
    [
        (b"a\r\nb\r\nc\n", b"\r\n"),
        (b"a\nb\nc\r\n", b"\n"),
        (b"a\rb\rc\n", b"\r"),
        (b"", b"\n"),
    ],
)
def test_the_line_end_of_most_lines_is_the_newline(block: bytes, expected: bytes) -> None:
    assert newline_of(block) == expected
