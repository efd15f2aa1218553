# SPDX-License-Identifier: Apache-2.0
"""Boundary lines are found in one sweep and told apart."""

from __future__ import annotations

import pytest

from gatepost.mail.boundaries import Boundaries, before_newline


def texts(data: bytes, limit: int = 1000) -> list[bytes]:
    return [candidate.text for candidate in Boundaries(data, 0, len(data), limit).candidates]


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"--a\nx\n--B \t\r\n-- \nno --c\n--a--", [b"--a", b"--b", b"--", b"--a--"]),
        (b"--a\rx\r--b\rz", [b"--a", b"--b"]),
        (b"x\r\n--a\r\n--", [b"--a", b"--"]),
        (b"\n--" + b"a" * 2000 + b"\n--b\n", [b"--b"]),
        (b"\r--" + b"a" * 2000 + b"\n--b\n", [b"--b"]),
        (b"", []),
        (b"-", []),
    ],
)
def test_lines_that_begin_with_two_hyphens(data: bytes, expected: list[bytes]) -> None:
    assert texts(data) == expected


def test_whole_lines_are_compared_in_lower_case() -> None:
    data = b"--ab\n--abc\n--AB--\n--ab \n--abc--x\n"
    table = Boundaries(data, 0, len(data), 100)
    assert [(m.start, m.closing) for m in table.marks(b"aB", 0, len(data))] == [
        (0, False),
        (11, True),
        (18, False),
    ]
    assert [m.start for m in table.marks(b"abc", 0, len(data))] == [5]
    assert [m.start for m in table.marks(b"ab", 1, 12)] == [11]
    assert table.marks(b"ab--", 0, len(data))[0].closing is False
    assert table.marks(b"none", 0, len(data)) == []


def test_the_first_line_with_a_name_can_be_adopted() -> None:
    data = b"-- \n------\n--Foo\n"
    table = Boundaries(data, 0, len(data), 100)
    assert table.first_named(0, len(data)) == b"foo"
    assert table.first_named(0, 5) is None


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_candidates_beyond_the_limit_are_ignored(newline: bytes) -> None:
    data = (b"--" + newline) * 1_000_000
    table = Boundaries(data, 0, len(data), 100_000)
    assert len(table.candidates) == 100_000 and table.cut


@pytest.mark.parametrize(
    "data, expected",
    [(b"ab\r\n", 2), (b"ab\n", 2), (b"ab\r", 2), (b"ab\r\r\n", 2), (b"\n", 0), (b"ab", 2)],
)
def test_the_line_end_before_a_boundary_is_not_content(data: bytes, expected: int) -> None:
    assert before_newline(data, len(data), 0) == expected
