# SPDX-License-Identifier: Apache-2.0
"""The line grammar of maps (content reference §9.1)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.map_lines import BadLine, line_number, normal_text, parse_lines


def lines(text):
    return [
        line.text if isinstance(line, BadLine) else (line.key, line.value)
        for line in parse_lines(normal_text(text))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a", [("a", "")]),
        (b"a b", [("a", "b")]),
        (b"  a\t b c  \n", [("a", "b c")]),
        (b"a\nb\n\n \t\nc", [("a", ""), ("b", ""), ("c", "")]),
        (b"a\r\nb 1\r\nc\rd\r\n", [("a", ""), ("b", "1"), ("c", ""), ("d", "")]),
        (b"# all\n  # of\n#it", []),
        (b"a # note\nb 1 # note\nc# note", [("a", ""), ("b", "1"), ("c", "")]),
        (b"a\\#b 1\\#2 # note", [("a#b", "1#2")]),
        (b'"a b" c\n"a \\"q\\" \\\\"', [("a b", "c"), ('a "q" \\', "")]),
        (b'"# no note" v#n', [("# no note", "v")]),
        (b'"" empty', [("", "empty")]),
        (b"/a b#c/iu value", [("/a b#c/iu", "value")]),
        (b"/a\\/b c/ 5", [("/a\\/b c/", "5")]),
        (b"/no/slash 1\n/etc x", [("/no/slash", "1"), ("/etc", "x")]),
        (b"m{a}i 1", [("m{a}i", "1")]),
        (b'"open\nnext', ['"open', ("next", "")]),
        (b'"a"b\nnext', ['"a"b', ("next", "")]),
        (b"\xef\xbb\xbfa", [("a", "")]),
        (b"a\\", [("a\\", "")]),
        (b"a b\\\nc", [("a", "b\\"), ("c", "")]),
        ("ü ä\n例 1".encode(), [("ü", "ä"), ("例", "1")]),
        (b"\xff 1", [("\udcff", "1")]),
        (b"", []),
    ],
)
def test_lines(text, expected):
    assert lines(text) == expected


def test_a_bad_line_has_a_number():
    text = normal_text(b'# note\r\na\r\n\r\n"bad\r\nb')
    bad = [line for line in parse_lines(text) if isinstance(line, BadLine)]
    assert [line_number(text, line.offset) for line in bad] == [4]


@pytest.mark.parametrize(
    "line", [b"\\" * 200_000, b'"' + b'\\"' * 100_000, b"/" + b"\\a" * 100_000]
)
def test_a_hostile_line_costs_no_more_than_its_length(line):
    assert len(lines(line + b"\nlast")) == 2


@given(st.text(alphabet='ab"\\/# \t\r\n', max_size=60))
@settings(max_examples=300, deadline=None)
def test_every_line_is_an_entry_a_comment_or_bad(text):
    text = normal_text(text.encode())
    found = {line_number(text, line.offset) for line in parse_lines(text)}
    for number, line in enumerate(text.split("\n"), 1):
        plain = line.strip()
        assert (number in found) == bool(plain and not plain.startswith("#"))


@given(st.text(alphabet="ab\"\\# '/x", max_size=20), st.text(alphabet="ab\\ 1", max_size=10))
@settings(max_examples=200, deadline=None)
def test_quoting_holds_any_key(key, value):
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    assert lines(f'"{quoted}" {value}'.encode()) == [(key, value.strip())]
