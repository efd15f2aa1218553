# SPDX-License-Identifier: Apache-2.0
"""What each kind of map finds."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import MapText
from gatepost.scan.map_kinds import build_lookup


def build(kind, text, complaints=None):
    def report(name, line, message, *, double=False):
        assert complaints is not None, message
        complaints.append((line, message))

    return build_lookup(kind, [MapText("t.map", text.encode())], report)


NETWORKS = """
10.0.0.0/8 big
10.1.0.0/16 middle
10.1.2.3 one
192.0.2.7/24 hostbits
203.0.113.0/255.255.255.0 mask
198.51.100.1,198.51.100.2 two
2001:db8::/32 doc
2001:db8:1::/48
[2001:db8:2::1] bracket
[fd00::]/8 local
::ffff:172.16.0.0/108 mapped
"""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("10.9.9.9", "big"),
        ("10.1.9.9", "middle"),
        ("10.1.2.3", "one"),
        ("192.0.2.200", "hostbits"),
        ("203.0.113.9", "mask"),
        ("198.51.100.2", "two"),
        ("198.51.100.3", None),
        ("2001:db8:9::1", "doc"),
        ("2001:db8:1::1", ""),
        ("2001:db8:2::1", "bracket"),
        ("[2001:db8:2::1]", "bracket"),
        ("fdff::1", "local"),
        ("::ffff:10.1.2.3", "one"),
        ("172.16.5.5", "mapped"),
        ("11.0.0.1", None),
        ("::", None),
        ("no address", None),
        ("", None),
    ],
)
def test_the_longest_prefix_wins(key, value):
    lookup = build("radix", NETWORKS)
    assert lookup.find(key) == value
    assert lookup.find_all(key) == ([] if value is None else [value])
    try:
        assert lookup.find(ip_address(key.strip("[]"))) == value
    except ValueError:
        pass
    assert len(lookup) == 12


def test_everything_is_a_network_too():
    lookup = build("radix", "0.0.0.0/0 any4\n::/0 any6\n10.0.0.1 one")
    assert [lookup.find(a) for a in ("1.2.3.4", "::1", "10.0.0.1")] == ["any4", "any6", "one"]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("set", "A.example", ""),
        ("set", "b.EXAMPLE", ""),
        ("set", "c.example", None),
        ("hash", "a.example", "1 2"),
        ("hash", "B.example", ""),
        ("hash", ip_address("192.0.2.1"), "ip"),
        ("hash", "", None),
    ],
)
def test_keys_are_compared_without_case(kind, key, value):
    lookup = build(kind, "A.Example 1 2\nb.example\n192.0.2.1 ip")
    assert lookup.find(key) == value


PATTERNS = "/foo/i first\n/foo.*bar/ second\n/(?<!x)bar/\n/^ü+$/u umlaut"


@pytest.mark.parametrize(
    ("key", "first", "every"),
    [
        ("a FOO bar", "first", ["first", ""]),
        ("foobar", "first", ["first", "second", ""]),
        ("xbar", None, []),
        ("bar", "", [""]),
        ("üü", "umlaut", ["umlaut"]),
    ],
)
def test_patterns(key, first, every):
    single, multi = build("regexp", PATTERNS), build("regexp_multi", PATTERNS)
    assert single.find(key) == multi.find(key) == first
    assert multi.find_all(key) == every
    assert single.find_all(key) == every[:1]


def test_globs():
    text = "*.example.org 1\nmail?.example.org 2\n*@spam.example 3"
    lookup = build("glob_multi", text)
    assert lookup.find_all("mail1.example.org") == ["1", "2"]
    assert lookup.find("x@spam.example") == "3"
    assert lookup.find("mail1.example.org.evil") is None
    assert build("glob", text).find_all("mail1.example.org") == ["1"]


@pytest.mark.parametrize(
    ("kind", "text", "line", "word", "left"),
    [
        ("radix", "10.0.0.0/8\n10.0.0.0/33\n", 2, "33", 1),
        ("radix", "a.example\n10.0.0.1", 1, "a.example", 1),
        ("radix", "\n10.0.0.300", 2, "300", 0),
        ("regexp", "/a/\n/b(/ x\n", 2, "parenthesis", 1),
        ("regexp", "/a/\n/b/z\n", 2, "flag `z`", 1),
        ("hash", 'a 1\n"b\n', 2, '"b', 1),
        ("hash", "a 1\nA 2\n", 2, "comes twice", 1),
        ("regexp", "/a/ 1\n/a/ 2\n", 2, "comes twice", 1),
        ("radix", "10.0.0.0/8 1\n10.0.0.1/8 2\n", 2, "comes twice", 1),
    ],
)
def test_a_bad_line_is_reported_and_left_out(kind, text, line, word, left):
    complaints = []
    lookup = build(kind, text, complaints)
    assert len(complaints) == 1
    assert complaints[0][0] == line and word in complaints[0][1]
    assert len(lookup) == left


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("hash", "a 1\na 2", "a"),
        ("radix", "10.0.0.0/8 1\n10.0.0.0/8 2", "10.1.1.1"),
        ("regexp", "/a/ 1\n/a/ 2", "a"),
        ("glob", "a 1\na 2", "a"),
    ],
)
def test_the_last_of_two_equal_keys_wins(kind, text, key):
    assert build(kind, text, []).find_all(key) == ["2"]


def test_the_same_line_twice_is_no_mistake():
    for kind in ("set", "hash", "glob"):
        assert len(build(kind, "a 1\na 1")) == 1


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=30),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=100, deadline=None)
def test_prefixes_agree_with_a_plain_search(networks, address):
    text = "\n".join(f"{ip_address(start)}/{prefix} {prefix}" for start, prefix in networks)
    holding = [
        prefix for start, prefix in networks if start >> (32 - prefix) == address >> (32 - prefix)
    ]
    expected = str(max(holding)) if holding else None
    assert build("radix", text, []).find(ip_address(address)) == expected


@given(st.binary(max_size=80), st.sampled_from(["set", "radix", "regexp", "glob_multi"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_make_a_map(text, kind):
    lookup = build_lookup(kind, [MapText("t", text)], lambda *_, **__: None)
    lookup.find("key")
    assert len(lookup.find_all("key")) <= max(len(lookup), 1)
