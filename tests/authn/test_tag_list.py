# SPDX-License-Identifier: Apache-2.0
"""Tag lists are read as RFC 6376 3.2 writes them, and nothing else is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.authn.tag_list import MAX_TAGS, TagListError, parse_tag_list, split_colons


def values(text: bytes) -> dict[str, bytes]:
    return {name: tag.value for name, tag in parse_tag_list(text).items()}


@pytest.mark.parametrize(
    "text, tags",
    [
        (b"a=1", {"a": b"1"}),
        (b" a = 1 ; b =2; ", {"a": b"1", "b": b"2"}),
        (b"a=1;\r\n\tb=x\r\n y;\r\n", {"a": b"1", "b": b"x\r\n y"}),
        (b"p=;n=", {"p": b"", "n": b""}),
        (b"A=1;a=2", {"A": b"1", "a": b"2"}),
        (b"a_1=x=y==", {"a_1": b"x=y=="}),
        ("d=bücher.example".encode(), {"d": "bücher.example".encode()}),
    ],
)
def test_a_list(text, tags):
    assert values(text) == tags


@pytest.mark.parametrize(
    "text, why",
    [
        (b"", "no tags"),
        (b" \t ", "no tags"),
        (b"a=1;;b=2", "empty tag"),
        (b";", "empty tag"),
        (b"a", "no tag=value"),
        (b"a=1; b", "no tag=value"),
        (b"1=a", "no tag=value"),
        (b"a-b=1", "no tag=value"),
        (b"=1", "no tag=value"),
        (b"a=1\x002", "no tag=value"),
        (b"a=1; a=2", "twice"),
        (b"a b=1", "no tag=value"),
    ],
)
def test_no_list(text, why):
    with pytest.raises(TagListError, match=why):
        parse_tag_list(text)


def test_a_tag_says_where_its_value_stands():
    text = b"v=1; b=\r\n abc ; h=x"
    tag = parse_tag_list(text)["b"]
    assert text[tag.start : tag.end] == b"\r\n abc "


def test_ten_thousand_tags_are_refused_at_once():
    text = b";".join(b"t%d=x" % number for number in range(10_000))
    start = time.process_time()
    with pytest.raises(TagListError, match=f"more than {MAX_TAGS}"):
        parse_tag_list(text)
    assert time.process_time() - start < 0.05


def test_colons_separate_items():
    assert split_colons(b" a :b\r\n : c") == ["a", "b", "c"]


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"a", b"=", b";", b" ", b"\r\n"])).map(b"".join)
)
def test_any_bytes_are_a_list_or_refused(text):
    try:
        tags = parse_tag_list(text)
    except TagListError:
        return
    for tag in tags.values():
        assert text[tag.start : tag.end].strip(b" \t\r\n") == tag.value and b";" not in tag.value
