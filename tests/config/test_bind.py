# SPDX-License-Identifier: Apache-2.0
"""Sections become typed options, as leniently as Rspamd reads them, with every mistake named."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from gatepost.config import Names, OptionsSection, Problems, Raw, bind
from gatepost.ucl import Array, Object, UclError, Value, parse


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    score: float
    symbol: str = "X"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    aliases: ClassVar[dict[str, str]] = {"old_name": "text"}

    flag: bool = False
    text: str = ""
    word: Literal["one", "two"] = "one"
    maybe: str | None = None
    number_or_text: int | str = 0
    strings: list[str] = []
    numbers: tuple[int, ...] = ()
    members: frozenset[str] = frozenset()
    rule: Rule | None = None
    rules: dict[str, Rule] = {}
    scores: dict[str, float] = {}
    several: list[Rule] = []
    raw: Raw = None
    key: Annotated[str, Meta(pattern="^[a-z]+$", min_length=2)] = "ab"


def read(text: str, ignored: tuple[str, ...] = ()) -> tuple[Options, list[str]]:
    problems = Problems()
    section = parse(text, "x.conf")
    assert isinstance(section, Object)
    found = bind(Options, section, "s", problems, ignored=ignored)
    return found, [str(problem) for problem in problems.all]


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("flag = yes", "flag", True),
        ("flag = on", "flag", True),
        ('flag = "True"', "flag", True),
        ("flag = 1", "flag", True),
        ('flag = "off"', "flag", False),
        ("text = hello", "text", "hello"),
        ("text = 10", "text", "10"),
        ("old_name = hello", "text", "hello"),
        ("text = new; old_name = old", "text", "new"),
        ("old_name = old; text = new", "text", "new"),
        ("word = two", "word", "two"),
        ("maybe = null", "maybe", None),
        ("maybe = x", "maybe", "x"),
        ("number_or_text = 5", "number_or_text", 5),
        ('number_or_text = "5"', "number_or_text", "5"),
        ("number_or_text = x", "number_or_text", "x"),
        ("strings = one", "strings", ["one"]),
        ('strings = "a, b"', "strings", ["a, b"]),  # only lists of words are split
        ("strings = [a, b]", "strings", ["a", "b"]),
        ("strings = a; strings = b", "strings", ["a", "b"]),
        ("numbers = [1, 2]", "numbers", (1, 2)),
        ("members = [a, a]", "members", frozenset({"a"})),
        ("rule { score = 2 }", "rule", Rule(score=2.0)),
        ("rules { a { score = 1 } }", "rules", {"a": Rule(score=1.0)}),
        (
            'rules "a" { score = 1 }\nrules "b" { score = 2 }',
            "rules",
            {"a": Rule(score=1.0), "b": Rule(score=2.0)},
        ),
        ("scores { A = 1; B = -2.5 }", "scores", {"A": 1.0, "B": -2.5}),
        ("several { score = 1 }", "several", [Rule(score=1.0)]),
        (
            "several { score = 1 }\nseveral { score = 2 }",
            "several",
            [Rule(score=1.0), Rule(score=2.0)],
        ),
        ("raw { a = [1] }", "raw", {"a": [1]}),
    ],
)
def test_what_can_be_written(text: str, name: str, value: Any) -> None:
    found, problems = read(text)
    assert (getattr(found, name), problems) == (value, [])


@pytest.mark.parametrize(
    "text, problem",
    [
        ("flag = maybe", "x.conf:1: error: s.flag: expected yes or no, found `maybe`"),
        ("\nflag = 2", "x.conf:2: error: s.flag: expected yes or no, found `2`"),
        ("text = yes", "x.conf:1: error: s.text: expected text, found `true`"),
        ("word = three", "x.conf:1: error: s.word: expected one of: one, two, found `three`"),
        ("word = yes", "x.conf:1: error: s.word: expected one of: one, two, found `true`"),
        (
            "number_or_text { a = 1 }",
            "x.conf:1: error: s.number_or_text: expected a whole number or text, "
            "found a section { … }",
        ),
        ("strings = [a,\n[b]]", "x.conf:2: error: s.strings[2]: expected text, found a list [ … ]"),
        (
            "numbers = x",
            "x.conf:1: error: s.numbers: expected a list of: a whole number, found `x`",
        ),
        ("rule = 5", "x.conf:1: error: s.rule: expected a section { … }, found `5`"),
        ("rule {\nsymbol = A }", "x.conf:1: error: s.rule: `score` is missing"),
        (
            "rule { score = 1\nscoer = 2 }",
            "x.conf:2: error: s.rule.scoer: unknown key; did you mean `score`?",
        ),
        ("rules { a = 5 }", "x.conf:1: error: s.rules.a: expected a section { … }, found `5`"),
        ("scores {\nA = x }", "x.conf:2: error: s.scores.A: expected a number, found `x`"),
        ("flga = yes", "x.conf:1: error: s.flga: unknown key; did you mean `flag`?"),
        ("old_nmae = yes", "x.conf:1: error: s.old_nmae: unknown key; did you mean `old_name`?"),
        (
            "s { flag = yes }",
            "x.conf:1: error: s.s: the file holds the body of the section already, "
            "leave out the `s { }` around it",
        ),
        ("key = A1", "x.conf:1: error: s.key: expected text such as ^[a-z]+$, found `A1`"),
        ("key = a", "x.conf:1: error: s.key: expected text of 2 characters or more, found `a`"),
        (
            f"flag = {'x' * 100}",
            f"x.conf:1: error: s.flag: expected yes or no, found `{'x' * 57}...`",
        ),
    ],
)
def test_a_mistake_says_where_what_and_what_instead(text: str, problem: str) -> None:
    found, problems = read(text)
    assert problems == [problem]
    assert isinstance(found, Options)


def test_an_unknown_key_that_resembles_nothing_is_told_what_there_is() -> None:
    _, problems = read("zzzzzz = 1")
    assert "s.zzzzzz: unknown key; expected one of: " in problems[0]
    assert "flag, " in problems[0]


def test_every_mistake_is_reported_and_the_rest_is_read() -> None:
    found, problems = read("flag = x\ntext = hello\nword = y\nnothing = 1\nnumbers = [1, z, 3]")
    assert [problem.split(": ")[0] for problem in problems] == [
        "x.conf:1",
        "x.conf:3",
        "x.conf:4",
        "x.conf:5",
    ]
    assert (found.text, found.numbers) == ("hello", (1, 3))


def test_keys_of_somebody_else_are_left_alone() -> None:
    assert read("servers = x", ignored=("servers",))[1] == []


@pytest.mark.parametrize("name", ["local_networks", "local_addrs"])
def test_the_options_section_knows_its_old_names(name: str) -> None:
    problems = Problems()
    section = parse(f"{name} = [192.0.2.0/24]; check_timeout = 3s")
    assert isinstance(section, Object)
    found = bind(OptionsSection, section, "options", problems)
    assert (found.local_addrs, found.task_timeout, problems.all) == (["192.0.2.0/24"], 3.0, [])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from([*Options.__struct_fields__, "old_name", "s", "zzz"]) | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.sampled_from(["yes", "10s", "1gb", "1e999", "-", "0x1F", "nan"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(Array)
        | st.lists(inner, max_size=3).map(lambda items: Array(items, implicit=True))
        | st.dictionaries(KEYS, inner, max_size=4).map(Object)
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_nothing_that_can_be_written_makes_it_raise(values: dict[str, Value]) -> None:
    problems = Problems()
    found = bind(Options, Object(values), "s", problems)
    assert isinstance(found.flag, bool)
    assert isinstance(found.text, str)
    assert all(isinstance(item, str) for item in found.strings)
    assert all(isinstance(rule, Rule) for rule in found.rules.values())
    assert found.rule is None or isinstance(found.rule.score, float)


@settings(max_examples=100)
@given(st.text(st.sampled_from("ab=;{}[]\"' \n10s,flagtext"), max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    try:
        section = parse(text)
    except UclError:
        return
    if isinstance(section, Object):
        bind(Options, section, "s", Problems())


def test_words_and_lists_in_one_option() -> None:
    class Either(msgspec.Struct, frozen=True):
        which: Names | Literal["all"] = []

    for text, value in (("which = all", "all"), ("which = [a, b]", ["a", "b"])):
        section = parse(text)
        assert isinstance(section, Object)
        assert bind(Either, section, "s", Problems()).which == value
