# SPDX-License-Identifier: Apache-2.0
"""Are macros obeyed, or refused in plain words?"""

import pytest

from gatepost.ucl import Loader, UclError, parse


def test_priority_holds_for_the_rest_of_the_chunk():
    root = parse("a = 1\n.priority 5\na = 2; b = 1\n.priority(priority=3)\nb = 2")
    assert root == {"a": 2, "b": 1}
    assert root.priority("a") == 5


@pytest.mark.parametrize("use", ["16", "-1", "high", "", '"5x"', "99999999999999999999999"])
def test_priority_out_of_range(use):
    with pytest.raises(UclError, match=r"^<text>:1: \.priority: the priority must be"):
        parse(f".priority {use}\n")


def test_inherit_copies_what_is_not_there():
    root = parse('base { x = 1; y { z = 2 } } sub { x = 5; .inherit "base" }')
    assert root["sub"] == {"x": 5, "y": {"z": 2}}
    root["sub"]["y"]["z"] = 3
    assert root["base"]["y"]["z"] == 2


def test_what_is_written_after_inherit_wins():
    assert parse('base { x = 1 } sub { .inherit "base"; x = 5 }')["sub"] == {"x": 5}


def test_inherit_with_replace():
    assert parse('base { x = 1 } sub { x = 5; .inherit(replace=true) "base" }')["sub"] == {"x": 1}


def test_inherit_finds_the_nearest_section():
    root = parse('t { x = 1 } a { t { x = 2 } b { .inherit "t" } }')
    assert root["a"]["b"] == {"x": 2}
    assert parse('t { x = 1 } a { b { .inherit "t" } }')["a"]["b"] == {"x": 1}


@pytest.mark.parametrize(
    "text, message",
    [
        ('sub { .inherit "base" }', "there is no section 'base'"),
        ('base = 1; sub { .inherit "base" }', "there is no section 'base'"),
        ('sub { .inherit "sub" }', "a section that this line is part of"),
        ('a { b { .inherit "a" } }', "a section that this line is part of"),
    ],
)
def test_inherit_needs_another_section(text, message):
    with pytest.raises(UclError, match=message):
        parse(text)


def test_copies_of_copies_are_bounded():
    lines = ["s0 { a = 1; b = 2 }"]
    lines += [
        f's{n} {{ x {{ .inherit "s{n - 1}" }} y {{ .inherit "s{n - 1}" }} }}' for n in range(1, 40)
    ]
    with pytest.raises(UclError, match="values are copied"):
        parse("\n".join(lines))
    chain = ["s0 { a = 1 }"]
    chain += [f's{n} {{ x {{ .inherit "s{n - 1}" }} }}' for n in range(1, 400)]
    with pytest.raises(UclError, match="levels deep"):
        parse("\n".join(chain))


@pytest.mark.parametrize(
    "text, message",
    [
        (".includes 'x'", r"\.includes: signed includes are not supported"),
        ('.include_map "http://x"', r"\.include_map: a map cannot be a part"),
        (".lua { x }", r"\.lua: unknown macro: expected one of \.include, \.inherit, \.load"),
        (". x", "expected the name of a macro"),
        (".5 = 1", "expected the name of a macro"),
        (".include(try=true 'x'", "expected the arguments of the macro"),
        (".include([1]) 'x'", "expected the arguments of the macro"),
        (".include(tyr=true) 'x'", "unknown argument 'tyr': expected one of duplicate, glob"),
        (".include(try=maybe) 'x'", "'try' must be true or false, not 'maybe'"),
        (".include(key=5) 'x'", "'key' must be a string, not 5"),
        (".include(priority=99) 'x'", "must be from 0 to 15, not 99"),
        (".include { x", "this { is never closed"),
        (".priority(sign=true) 5", "unknown argument 'sign'"),
    ],
)
def test_refusals_say_why(text, message):
    with pytest.raises(UclError, match=message) as caught:
        Loader({}, environment={}).parse("\n" + text, "f")
    assert str(caught.value).startswith("f:2: ")


def test_mistake_inside_arguments_knows_its_line():
    with pytest.raises(UclError, match=r"^f:3: "):
        Loader({}, environment={}).parse('.include(try=true\n\n"" = 1) "x"', "f")
