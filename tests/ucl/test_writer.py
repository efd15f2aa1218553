# SPDX-License-Identifier: Apache-2.0
"""Does what is written read back the same?"""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.ucl import Array, Object, parse, to_plain, to_ucl

EXAMPLE = """\
a = 1;
"two words" = "x \\"y\\"";
section {
    list = [1, 2.5, "three", null, true];
    inner {
        re = "/foo$/";
    }
}
rule {
    a = 1;
}
rule {
    b = 2;
}
"""


def test_example_is_written_as_it_was():
    assert to_ucl(parse(EXAMPLE)) == EXAMPLE


def test_long_lists_get_a_line_for_each_element():
    text = to_ucl(parse("a = [" + ", ".join(["something-long"] * 10) + "]"))
    assert text.count("\n") == 12
    assert parse(text) == {"a": ["something-long"] * 10}


@pytest.mark.parametrize(
    "value, text",
    [(None, "null\n"), (True, "true\n"), (5.0, "5.0\n"), ("yes", '"yes"\n'), (math.inf, "inf\n")],
)
def test_scalars(value, text):
    assert to_ucl(value) == text


def test_strings_are_not_expanded_again():
    text = to_ucl(Object({"a": "$X ${X} $$ $/ $"}))
    assert parse(text, variables={"X": "y"}) == {"a": "$X ${X} $$ $/ $"}


def test_nan_is_written():
    assert math.isnan(parse(to_ucl(Object({"a": math.nan})))["a"])


def test_plain_data_is_json_and_shares_nothing():
    root = parse("a { b = [1, {c = 2}] } d = 1; d = 2")
    plain = to_plain(root)
    assert json.loads(json.dumps(plain)) == root
    assert type(plain) is type(plain["a"]) is dict
    assert type(plain["a"]["b"]) is list
    plain["a"]["b"].append(3)
    assert root["a"]["b"] == [1, {"c": 2}]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["true", "5", "null", "$X", "#", "/*", "\\", "\"'", "<<EOD\n", "a;b", "\n", "\x7f"]
    )
)
KEYS = st.text(min_size=1, max_size=8) | st.sampled_from(
    ["a", "b", "a b", ".include", "{", "$X", "#"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(Object, st.dictionaries(KEYS, inner, max_size=4))
        | st.builds(Array, st.lists(inner, max_size=4), implicit=st.booleans())
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.builds(Object, st.dictionaries(KEYS, VALUES, max_size=4))
    | st.builds(Array, st.lists(VALUES))
)
def test_reading_what_was_written_gives_the_same(value):
    text = to_ucl(value)
    found = parse(text, variables={"X": "y"})
    assert found == value
    assert to_ucl(found) == to_ucl(parse(to_ucl(found)))
    assert parse(text, safe=True) == value
