# SPDX-License-Identifier: Apache-2.0
"""Do tokens end where they should?"""

import pytest

from gatepost.ucl import UclError
from gatepost.ucl.lexer import find_bare_end, read_heredoc, read_quoted, read_single_quoted, skip
from gatepost.ucl.source import Source
from gatepost.ucl.variables import NO_VARIABLES, Variables


@pytest.mark.parametrize(
    "text, rest",
    [
        ("  \t\r\n x", "x"),
        ("# comment\n x", "x"),
        ("#only", ""),
        ("/* a */x", "x"),
        ("/* a /* b */ c */ x", "x"),
        ('/* "*/" */x', "x"),
        ("/**/ # */\n/* */;,;x", "x"),
        ("/x", "/x"),
    ],
)
def test_blanks_and_comments_are_skipped(text, rest):
    assert text[skip(Source("f", text), 0, separators=True) :] == rest


@pytest.mark.parametrize("text", ["/*", "/* /* */", '/* " */', "/*" * 100])
def test_open_comment_is_named_by_its_first_line(text):
    with pytest.raises(UclError, match=r"^f:2: this comment is never closed"):
        skip(Source("f", "\n" + text), 0, separators=True)


@pytest.mark.parametrize(
    "text, value, rest",
    [
        ("abc; d", "abc", "; d"),
        ("a b,c", "a b", ",c"),
        ("http://x/a#b", "http://x/a", "#b"),
        ("a/* c */", "a", "/* c */"),
        ("a{b}c}", "a{b}c", "}"),
        ("a[b]c]", "a[b]c", "]"),
        ("a{b;c}", "a{b", ";c}"),
        (r"a\;b;c", r"a\;b", ";c"),
        ("a\nb", "a", "\nb"),
        ("a\\", "a\\", ""),
    ],
)
def test_bare_string_ends(text, value, rest):
    end = find_bare_end(text, 0)
    assert (text[:end], text[end:]) == (value, rest)


def read_all(text, variables=NO_VARIABLES):
    return read_quoted(Source("f", text), 0, variables)


def test_quoted_string():
    assert read_all(r'"a\"b" rest') == ('a"b', 6)
    assert read_all('"$X\tc"', Variables({"X": "y"})) == ("y\tc", 6)


@pytest.mark.parametrize(
    "text, message",
    [
        ('"abc', "never closed"),
        ('"abc\n"', "unexpected newline"),
        ('"abc\\\n"', "unexpected newline"),
        ('"a\x01"', "control character"),
        (r'"\u12"', "four hexadecimal digits"),
        (r'"\\\u12"', "four hexadecimal digits"),
    ],
)
def test_broken_quoted_string(text, message):
    with pytest.raises(UclError, match=message):
        read_all(text)


def test_escaped_backslash_before_u_is_no_escape():
    assert read_all(r'"\\u12"')[0] == r"\u12"


def test_single_quoted_string():
    assert read_single_quoted(Source("f", r"'it\'s' x"), 0) == ("it's", 7)
    with pytest.raises(UclError, match="never closed"):
        read_single_quoted(Source("f", r"'abc\'"), 0)


@pytest.mark.parametrize(
    "text, value",
    [
        ("<<EOD\none\ntwo\nEOD\n", "one\ntwo"),
        ("<<EOD\none\nEOD", "one"),
        ("<<EOD\none\nEOD;", "one"),
        ("<<EOD\none\nEOD, x", "one"),
        ("<<EOD\none\nEODx\nEOD\n", "one\nEODx"),
        ("<<EOD\none\n EOD\nEOD\n", "one\n EOD"),
        ("<<EOD\n\nx\n\nEOD\n", "\nx\n"),
        ("<<EOD\nEOD\n", ""),
        ("<<EOD\r\none\r\nEOD\r\n", "one"),
        ("<<EOD\n$X \\n\nEOD\n", "y \\n"),
    ],
)
def test_heredoc(text, value):
    assert read_heredoc(Source("f", text), 0, Variables({"X": "y"}))[0] == value


@pytest.mark.parametrize(
    "text", ["<<E1\nx\nE1\n", "<<eod\nx\neod\n", "<<\nx\n", "<EOD\n", "<<EOD x\n"]
)
def test_no_heredoc(text):
    assert read_heredoc(Source("f", text), 0, NO_VARIABLES) is None


def test_open_heredoc_is_an_error():
    with pytest.raises(UclError, match="never ended by a line that starts with EOD"):
        read_heredoc(Source("f", "<<EOD\nx\n EOD"), 0, NO_VARIABLES)
