# SPDX-License-Identifier: Apache-2.0
"""Rspamd's notation, and that one sweep finds what single searches find."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.regexps import RegexpError, RegexpSet, glob_regexp, parse_regexp


@pytest.mark.parametrize(
    ("text", "pattern", "flags", "types"),
    [
        ("/foo/", "foo", "", ()),
        ("/foo/i", "foo", "i", ()),
        (" /fo o/iu ", "fo o", "iu", ()),
        ("/a/b/", "a/b", "", ()),
        (r"/a\/b/x", r"a\/b", "x", ()),
        ("m{foo}i", "foo", "i", ()),
        ("m{a{2}}", "a{2}", "", ()),
        ("m{a{2}}i{header}", "a{2}", "i", ("header",)),
        ("m!a/b!i", "a/b", "i", ()),
        ("m/foo/i", "foo", "i", ()),
        ("m(a(b))", "a(b)", "", ()),
        ("/foo/{selector}i", "foo", "i", ("selector",)),
        ("/foo/Pi", "foo", "Pi", ()),
        ("/foo/$", "foo", "$", ()),
        ("foo.*bar", "foo.*bar", "", ()),
        ("match", "match", "", ()),
        ("^/foo/", "^/foo/", "", ()),
    ],
)
def test_notation(text, pattern, flags, types):
    found = parse_regexp(text)
    assert (found.pattern, found.flags, found.types) == (pattern, flags, types)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/foo", "closing"),
        ("m{foo", "closing"),
        ("//", "empty"),
        ("", "empty"),
        ("/foo/z", "flag `z`"),
        ("/foo(/", "parenthesis"),
        ("/[z-a]/", "range"),
        ("/a**{/", None),
        ("/(?<n>a)(?<n>b)/", "same name"),
        (r"/\u0041/", "x{"),
        ("/" + "(" * 300 + ")" * 300 + "/", "nested"),
        ("/" + "a" * 70_000 + "/", "longer"),
    ],
)
def test_what_cannot_be_read_is_named(text, word):
    try:
        parse_regexp(text)
    except RegexpError as error:
        assert word is None or word in str(error)
    else:
        assert word is None


@pytest.mark.parametrize(
    ("text", "subject", "found"),
    [
        ("/foo/", "xFOOx", False),
        ("/foo/i", "xFOOx", True),
        ("/^b/", "a\nb", False),
        ("/^b/m", "a\nb", True),
        ("/a.b/", "a\nb", False),
        ("/a.b/s", "a\nb", True),
        ("/a b # c/x", "ab", True),
        (r"/\x{41}\x42\x/", "AB\0", True),
        (r"/[\x{2060}-\x{2064}]/u", "a\u2062", True),
        (r"/\Q\x{41}\E/", r"\x{41}", True),
        ("/^ü$/", "ü", True),
        ("/^.$/", "ü", False),
        ("/^.$/u", "ü", True),
        ("/^.$/ur", "ü", False),
        ("/Ü/iu", "ü", True),
        ("/^ü/u", b"\xc3\xbc\xff", True),
        ("/^.$/u", b"\xff", True),
        (r"/\x{2060}/u", b"\xff", False),
        ("/^$/", "", True),
        (r"/\bfoo\b/", "a foo b", True),
        ("/(?<!no )spam/", "no spam", False),
        (r"/(\w)\1/", "book", True),
        ("/a/", "\ud800a", True),
        (b"\xff", "", None),
    ],
)
def test_flags_and_texts(text, subject, found):
    if found is None:
        return
    regexp = parse_regexp(text)
    assert regexp.test(subject) is found
    assert (regexp.search(subject) is not None) is found
    both = RegexpSet([regexp, parse_regexp("/never there/")])
    assert both.find_all(subject) == ([0] if found else [])
    assert RegexpSet([regexp]).find(subject) == (0 if found else None)


def test_a_match_has_its_place_and_groups():
    found = parse_regexp("/(b+)(x)?(c)/").search("ü abbc")
    assert (found.start, found.end, found.groups) == (4, 7, (b"bb", None, b"c"))


def test_a_set_reports_all_in_its_own_order():
    found = RegexpSet(
        map(parse_regexp, ["/c/", "/(?=a)a/", "/nothing/", "/ü/u", r"/(a)\1?b/", "/a/"])
    )
    assert found.find_all("abcü") == [0, 1, 3, 4, 5]
    assert found.find_all(b"abc\xff") == [0, 1, 4, 5]
    assert found.find("abc") == 0
    assert found.find("zzz") is None
    assert RegexpSet([]).find_all("a") == []


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.example.org", ["a.example.org", ".example.org"], ["a.example.org.evil", "example.org"]),
        ("user?@x", ["user@x", "user1@x"], ["user12@x", "User1@x"]),
        ("a+b", ["a+b"], ["aab", "aaab"]),
        ("[x](y)", ["[x](y)"], ["x(y)"]),
        ("ü?", ["üä", "ü"], ["üäö"]),
        ("a*z", ["az", "a\nz"], ["az\n"]),
    ],
)
def test_globs_hold_the_whole_key(glob, yes, no):
    regexp = glob_regexp(glob)
    both = RegexpSet([regexp, glob_regexp("unrelated")])
    for text in yes:
        assert regexp.test(text) and both.find(text) == 0
    for text in no:
        assert not regexp.test(text) and both.find(text) is None


ATOMS = [
    "a",
    "b",
    ".",
    "^",
    "$",
    r"\b",
    r"\s",
    r"\w",
    "[ab]",
    "[^a]",
    "(?=b)",
    "(?<!a)",
    "(a|b)",
    "ü",
]
PATTERNS = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "", "*", "+", "?", "{2}", "*?", "++"])),
    min_size=1,
    max_size=5,
)


@given(
    st.lists(st.tuples(PATTERNS, st.sampled_from(["", "i", "m", "s", "u", "iu"])), max_size=4),
    st.text(alphabet="abAB \nü", max_size=12),
)
@settings(max_examples=80, deadline=None)
def test_a_sweep_finds_what_single_searches_find(patterns, text):
    regexps = []
    for atoms, flags in patterns:
        try:
            regexps.append(parse_regexp("/" + "".join(a + q for a, q in atoms) + "/" + flags))
        except RegexpError:
            pass
    regexps.append(parse_regexp("/unrelated/"))
    expected = [i for i, regexp in enumerate(regexps) if regexp.test(text)]
    assert RegexpSet(regexps).find_all(text) == expected


@given(st.text(alphabet=r"/m{}()[]\abx*+?^$|.=!<>iu#Q E", max_size=25), st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_an_expression_or_an_error(text, subject):
    try:
        parse_regexp(text).test(subject)
    except RegexpError:
        pass


@given(st.text(alphabet="ab*?+.[]()\\ ü", max_size=10), st.text(alphabet="ab+.", max_size=10))
@settings(max_examples=200, deadline=None)
def test_globs_agree_with_a_plain_reading(glob, text):
    plain = "".join({"*": "(?s:.*)", "?": "(?s:.?)"}.get(c, re.escape(c)) for c in glob)
    assert (not glob) or glob_regexp(glob).test(text) == bool(re.fullmatch(plain, text))
