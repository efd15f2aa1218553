# SPDX-License-Identifier: Apache-2.0
"""HTML is bounded before it is parsed, and nothing of what a reader sees is lost by that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail import Limits
from gatepost.mail.html_source import BREAK, prepare_source

LIMITS = Limits(max_html_tags=10, max_tag_attributes=3, max_html_attributes=20, max_html_len=9000)


@pytest.mark.parametrize(
    "text, prepared",
    [
        ("plain", "plain"),
        ("<p>a</p>", "\f<p>a\f</p>"),
        ("<PRE>a<Br/>b", "\f<PRE>a\f<Br/>b"),
        ("a<b>c</b><span>d</span>", "a<b>c</b><span>d</span>"),
        ("<table><tr><td>", "\f<table>\f<tr>\f<td>"),
        ("<param><picture><progress>", "<param><picture><progress>"),
        ("a\fb", "a b"),
        ("a\0b", "a\ufffdb"),
        ("", ""),
    ],
)
def test_lines_are_marked_where_blocks_begin(text: str, prepared: str) -> None:
    assert prepare_source(text, LIMITS).text == prepared


@pytest.mark.parametrize(
    "text, tags, attributes, zeros",
    [
        ("<p>" * 10, False, False, False),
        ("<p>" * 11, True, False, False),
        ("<p></p>" * 10, False, False, False),
        ("</p>" * 21, True, False, False),
        ("a < b " * 50, False, False, False),
        ("<a b=1 c=2 d=3>" + " " * 3000, False, False, False),
        ("<a b=1 c=2 d=3 e=4>" + " " * 3000, False, True, False),
        ("<a b='x > y' c=2 d=3 e=4 f=5>" + " " * 3000, False, True, False),
        ("<a b c d e f>" + " " * 3000, False, True, False),
        ("<a b=1>" * 5 + "x=y" * 20, False, True, False),
        ("\0", False, False, True),
    ],
)
def test_limits(text: str, tags: bool, attributes: bool, zeros: bool) -> None:
    source = prepare_source(text, LIMITS)
    assert (source.too_many_tags, source.too_many_attributes, source.has_zeros) == (
        tags,
        attributes,
        zeros,
    )


def test_beyond_the_limit_nothing_is_left() -> None:
    assert prepare_source("<i>x" * 50, LIMITS).text == "<i>x" * 10
    assert prepare_source("<a b=1 c=2 d=3 e=4>x" + " " * 3000, LIMITS).text.startswith(
        "<a b=1 c=2 d=3>x"
    )
    assert len(prepare_source("x" * 10_000, LIMITS).text) == 9000


def test_formatting_that_never_ends_becomes_harmless() -> None:
    text = prepare_source("<b>x<p>" * 400, Limits()).text
    assert "<b>" not in text and text.count("<span>") == 400
    assert "<b>" in prepare_source("<b>x</b>" * 20, Limits()).text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/ap =\"'b\0\f!-", max_size=400))
def test_no_visible_character_is_lost(text: str) -> None:
    source = prepare_source(text, Limits())
    assert source.text.replace(BREAK, "") == text.replace("\f", " ").replace("\0", "\ufffd")


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<a b", "='", '="', "<a b='", "</", "<b", "/ ", "<a =="]
)
def test_time_is_linear(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begin = time.process_time()
    prepare_source(text, Limits())
    assert time.process_time() - begin < 1
