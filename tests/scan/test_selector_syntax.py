# SPDX-License-Identifier: Apache-2.0
"""How selectors are written, and that any other text is refused with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.errors import ExpressionError
from gatepost.scan.selector_syntax import MAX_ARGUMENTS, MAX_LENGTH, parse_calls


def read(text):
    return [[(call.mark + call.name, *call.args) for call in part] for part in parse_calls(text)]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("user", [[("user",)]]),
        ("user()", [[("user",)]]),
        (" user . lower ", [[("user",), (".lower",)]]),
        ("from:addr.lower", [[("from",), (":addr",), (".lower",)]]),
        ("header(Subject)", [[("header", "Subject")]]),
        ("""header('X-A', "full")""", [[("header", "X-A", "full")]]),
        ("id(a b)", [[("id", "a", "b")]]),
        ("id(a,,b,)", [[("id", "a", "b")]]),
        ("substring(-3, -1)", [[("substring", "-3", "-1")]]),
        ("id('')", [[("id", "")]]),
        (r"id('it\'s')", [[("id", "it's")]]),
        (r"""id("a\"b")""", [[("id", 'a"b')]]),
        (r"regexp('/\d+\/\\/i')", [[("regexp", r"/\d+\/\\/i")]]),
        ("id('a;b').in(';')", [[("id", "a;b"), (".in", ";")]]),
        ("id(größe)", [[("id", "größe")]]),
        ("ip;user", [[("ip",)], [("user",)]]),
        ("ip ; user * to", [[("ip",)], [("user",)], [("to",)]]),
        ("u({limit = 5, flags={a, 'b c'}})", [[("u", {"limit": "5", "flags": ("a", "b c")})]]),
        ("u({content}, {image, 'x'})", [[("u", ("content",), ("image", "x"))]]),
        ("u({})", [[("u", ())]]),
        ("time('connect', '!%w')\n.in(6, 7)", [[("time", "connect", "!%w"), (".in", "6", "7")]]),
    ],
)
def test_what_is_written_is_read(text, calls):
    assert read(text) == calls


@pytest.mark.parametrize(
    ("text", "expected", "place", "found"),
    [
        ("", "an extractor", 1, "the end"),
        ("  ", "an extractor", 3, "the end"),
        (".lower", "an extractor", 1, "`.lower`"),
        ("user;", "an extractor", 6, "the end"),
        ("user.", "a transform", 6, "the end"),
        ("user:", "a method", 6, "the end"),
        ("user lower", "`.`, `:`, `;` or the end", 6, "`lower`"),
        ("header(X", "an argument or `)`", 9, "the end"),
        ("header('X)", "a closing quote", 8, "`'X)`"),
        ("header(X).in(%)", "an argument or `)`", 14, "`%)`"),
        ("u({a = b, c})", "`=`", 12, "`})`"),
        ("u({a, b = c})", "a value or `}`", 9, "`= c})`"),
        ("u({a = })", "a value", 8, "`})`"),
        ("u({a", "a value or `}`", 5, "the end"),
        ("user)", "`.`, `:`, `;` or the end", 5, "`)`"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, expected, place, found):
    with pytest.raises(ExpressionError) as error:
        parse_calls(text)
    assert f"expected {expected} at character {place}, found {found}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x" * (MAX_LENGTH + 1), "longer than"),
        (";".join(["a"] * 33), "more than 32 parts"),
        (".".join(["a"] * 33), "more than 32 stages"),
        (f"id({','.join(['a'] * (MAX_ARGUMENTS + 1))})", "more than 256 values"),
        ("id({" + ",".join(["a"] * (MAX_ARGUMENTS + 1)) + "})", "more than 256 values"),
    ],
)
def test_selectors_are_bounded(text, what):
    with pytest.raises(ExpressionError, match=what):
        parse_calls(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1-_ .:;*(){}=,'\"\\\n\xfc%", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        parts = parse_calls(text)
    except ExpressionError as error:
        assert "expected" in str(error)
    else:
        assert all(call.name for part in parts for call in part)
