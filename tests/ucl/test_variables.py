# SPDX-License-Identifier: Apache-2.0
"""Are escapes and variables resolved, once?"""

import pytest

from gatepost.ucl.variables import Variables, unescape, unescape_single_quoted

KNOWN = Variables({"CONFDIR": "/etc/rspamd", "A": "$B \\n", "B": "b"})


@pytest.mark.parametrize(
    "text, value",
    [
        ("$CONFDIR/local.d", "/etc/rspamd/local.d"),
        ("${CONFDIR}x", "/etc/rspamdx"),
        ("$UNKNOWN/$B", "$UNKNOWN/b"),
        ("${UNKNOWN}", "${UNKNOWN}"),
        ("$CONFDIRS", "$CONFDIRS"),
        ("$$ and $B", "$ and b"),
        ("$$ alone", "$$ alone"),
        ("$$B", "$$B"),
        ("$$$B", "$b"),
        ("/end$/", "/end$/"),
        ("$1", "$1"),
        ("$", "$"),
        ("$A", "$B \\n"),
    ],
)
def test_variables(text, value):
    assert KNOWN.expand(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        (r"a\tb $B", "a\tb b"),
        (r"\$B $B", "$B b"),
        (r"\u0024B $B", "$B b"),
        (r"$A", "$B \\n"),
        (r"$$\\$B", "$\\b"),
    ],
)
def test_escapes_and_variables_are_read_in_one_pass(text, value):
    assert KNOWN.resolve(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        (r"\r\n\b\t\f\\\"\u03B4", '\r\n\b\t\f\\"δ'),
        (r"\/", "/"),
        (r"\d", "d"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "�"),
        (r"\ud83d\u0041", "�A"),
        ("trailing\\", "trailing\\"),
    ],
)
def test_escapes(text, value):
    assert unescape(text) == value


@pytest.mark.parametrize(
    "text, value",
    [(r"it\'s", "it's"), (r"\d\n\\", r"\d\n\\"), ("a\\\nb", "ab"), ("a\\\r\nb", "ab")],
)
def test_single_quotes_know_only_two_escapes(text, value):
    assert unescape_single_quoted(text) == value
