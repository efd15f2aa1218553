# SPDX-License-Identifier: Apache-2.0
"""A search ends, whatever the text, and within the bound it finds what there is."""

import pytest

from gatepost.scan.pcre import QUICK_TEXT, Pattern, PatternError

HOSTILE_PATTERNS = [
    rb"(a+)+$",
    rb"(a|aa)+$",
    rb"(.*a){12}$",
    rb"(?=x?)(a+)+$",
    rb"(?=x?)a.*b.*c.*d",
    rb"^(([a-z])+.)+[A-Z]([a-z])+$",
    rb"(x+x+)+y(?!z)",
    rb"(?<!q)(?:a|b)*c",
    rb"(\w+\s?)*\1!$",
    rb"(?R)?b$|((a+)+)+$",
]
HOSTILE_TEXTS = [
    (b"a" * 16 + b"!") * 200,
    b"a" * 30_000 + b"!",
    b"ab" * 15_000,
    b"x" * 3_000,
    b" " * 300_000 + b"x",
    b"a" * 500 + b"b" * 500 + b"x" * 1_000,
]


@pytest.mark.slow
@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS)
def test_a_hostile_text_does_not_hang_an_operators_expression(pattern):
    compiled = Pattern(pattern)
    for text in HOSTILE_TEXTS:
        compiled.search(text)
        compiled.test(text)


@pytest.mark.parametrize("size", [10, QUICK_TEXT, QUICK_TEXT + 1, 100_000])
@pytest.mark.parametrize(
    ("pattern", "options"),
    [
        (rb"needle(.)$", {}),
        (rb"(?<!x)needle(.)", {}),
        (rb"need le (.) # comment", {"extended": True}),
        (rb"NEEDLE(.)", {"caseless": True}),
        (rb"(?x) needle (.) # comment", {}),
        (rb"needle(.)", {"utf": True}),
        ("(?<=ü)needle(.)".encode(), {"utf": True}),
        (rb"(*UTF)needle(.)", {}),
        (rb"\Qneedle\E(.)", {}),
        (rb"(?:x|\xc3|\xbc)*needle(.)", {}),
    ],
)
def test_what_is_there_is_found_at_any_length(pattern, options, size):
    text = "ü".encode() * (size // 2) + b"needle!"
    if pattern == rb"(?:x|\xc3|\xbc)*needle(.)" and size > 10_000:
        text = b" " + text[-8000:]
    compiled = Pattern(pattern, **options)
    found = compiled.search(text)
    assert found is not None and found.groups == (b"!",) and found.end == len(text)
    assert compiled.test(text)
    assert not compiled.test(text[:-1])


def test_the_first_match_wins_across_windows():
    text = b"-" * 9_999 + b"ab" + b"-" * 9_999 + b"ab"
    assert Pattern(rb"(?<=-)ab").search(text)[:2] == (9_999, 10_001)


def test_a_bad_pattern_says_where():
    with pytest.raises(PatternError, match="at byte 3"):
        Pattern(b"a(b")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (rb"^a", b"aaa", [b"a"]),
        (rb"a*", b"baab", [b"aa"]),
        (rb"b+", b"abbab", [b"bb", b"b"]),
        (rb"(?<=a).", b"abac", [b"b", b"c"]),
        (rb"x", b"ab", []),
        (rb".", b"\xff\xfe", [b"\xff", b"\xfe"]),
    ],
)
def test_all_matches_are_found(pattern, text, found):
    matches = Pattern(pattern, utf=True).find_all(text, 100)
    assert [text[match.start : match.end] for match in matches] == found


def test_all_matches_of_a_long_text_are_found_once():
    text = "ü-".encode() * 10_000
    matches = Pattern("ü".encode(), utf=True).find_all(text, 100_000)
    assert [match.start for match in matches] == list(range(0, len(text), 3))
    assert len(Pattern(rb".").find_all(text, 7)) == 7
