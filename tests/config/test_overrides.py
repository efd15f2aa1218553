# SPDX-License-Identifier: Apache-2.0
"""``-o SECTION.KEY=VALUE`` has the last word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.config import Problems
from gatepost.config.overrides import apply_override
from gatepost.ucl import Object, parse


def override(tree: str, *texts: str) -> tuple[Object, list[str]]:
    problems = Problems()
    parsed = parse(tree)
    assert isinstance(parsed, Object)
    for text in texts:
        apply_override(parsed, text, problems)
    return parsed, [str(problem) for problem in problems.all]


NORMAL = 'worker "normal" { count = 1 }\n'


@pytest.mark.parametrize(
    "tree, text, result",
    [
        ("", "options.one_shot=yes", {"options": {"one_shot": True}}),
        ("options { a = 1; b = 2 }", "options.a=3", {"options": {"a": 3, "b": 2}}),
        ("options { a = 1 }", " options . a = 1h ", {"options": {"a": 3600.0}}),
        ("options { a = 1 }", "options.a=null", {"options": {"a": None}}),
        (
            "options { a = 1 }",
            "options.dns.timeout=2s",
            {"options": {"a": 1, "dns": {"timeout": 2.0}}},
        ),
        ("options { a = 1 }", "options.a.b=2", {"options": {"a": {"b": 2}}}),
        (
            "",
            "options.local_addrs=[192.0.2.0/24, 10.0.0.0/8]",
            {"options": {"local_addrs": ["192.0.2.0/24", "10.0.0.0/8"]}},
        ),
        (
            "",
            "m.rules.x={ score = 5; symbol = A }",
            {"m": {"rules": {"x": {"score": 5, "symbol": "A"}}}},
        ),
        ("", 'm.expr="a=b; c, d"', {"m": {"expr": "a=b; c, d"}}),
        ("", "m.url=http://x/a=b", {"m": {"url": "http://x/a=b"}}),
        # workers go by the name of their file, in whatever way they are written
        (NORMAL, "worker-normal.count=4", {"worker": {"normal": {"count": 4}}}),
        (
            NORMAL + 'worker "controller" { count = 1 }',
            "worker-controller.count=2",
            {"worker": [{"normal": {"count": 1}}, {"controller": {"count": 2}}]},
        ),
        (
            "worker { type = normal; count = 1 }",
            "worker-normal.count=4",
            {"worker": {"type": "normal", "count": 4}},
        ),
        ("", "worker-proxy.milter=yes", {"worker": {"rspamd_proxy": {"milter": True}}}),
        # of a section that is there twice the later keys win
        ("s { a = 1 }\ns { a = 2 }", "s.a=3", {"s": [{"a": 1}, {"a": 3}]}),
        ("s { a = 1 }\ns { b = 2 }", "s.a=3", {"s": [{"a": 1}, {"b": 2, "a": 3}]}),
        ("s { t { a = 1 } }\ns { b = 2 }", "s.t.a=3", {"s": [{"t": {"a": 3}}, {"b": 2}]}),
    ],
)
def test_one_value_over_everything(tree: str, text: str, result: dict[str, Any]) -> None:
    assert override(tree, text) == (result, [])


def test_the_last_of_several_wins() -> None:
    assert override("", "a.b=1", "a.b=2", "a.c=3")[0] == {"a": {"b": 2, "c": 3}}


@pytest.mark.parametrize(
    "text, message",
    [
        ("options", "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d"),
        ("options=1", "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d"),
        ("options.=1", "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d"),
        (".a=1", "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d"),
        ("=", "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d"),
        ("a.b=", "the value is no UCL: "),
        ("a.b=[1", "the value is no UCL: "),
        ("a.b=1; c=2", "expected one value; put quotes around text with `;` or `,` in it"),
    ],
)
def test_a_mistake_is_shown_as_it_was_typed(text: str, message: str) -> None:
    tree, problems = override("a { b = 5 }", text)
    assert len(problems) == 1
    assert problems[0].startswith(f"-o {text}: error: {message}")
    assert tree == {"a": {"b": 5}}


def test_a_wrong_value_is_blamed_on_the_command_line() -> None:
    tree, _ = override("", "options.one_shot=maybe")
    section = tree["options"]
    assert isinstance(section, Object)
    assert str(section.place("one_shot")).startswith("-o options.one_shot=maybe")


@settings(max_examples=150)
@given(st.text(st.sampled_from("ab.=-{}[]\"',; \n$1w") | st.characters(), max_size=30))
def test_nothing_typed_makes_it_raise(text: str) -> None:
    tree, problems = override("a { b = 1 }\nworker-normal { }", text)
    assert problems or tree


def test_a_known_worker_may_have_no_section_yet() -> None:
    assert override("", "worker-normal.count=2")[0] == {"worker": {"normal": {"count": 2}}}
