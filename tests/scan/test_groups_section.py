# SPDX-License-Identifier: Apache-2.0
"""Groups and scores as the configuration writes them, and what comes of them in the registry."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings

from gatepost.config import Configuration, Problems, load_configuration
from gatepost.scan.groups_section import read_groups
from gatepost.scan.symbol import Symbol, SymbolConfig, SymbolRegistry
from gatepost.ucl import Object, parse
from scan_tasks import sections


def read(text):
    problems = Problems()
    config = Configuration(parse(text, "t.conf"), folder=None, state=Path())
    groups, symbols = read_groups(config, problems)
    return {group.name: group for group in groups}, symbols, [str(one) for one in problems.all]


def test_every_key_of_a_group():
    groups, _, problems = read("""
        group "g" { description = "what it is"; max_score = 8; min_score = -2; one_shot = true;
                    public = true; enabled = false; }""")
    group = groups["g"]
    assert (group.description, group.max_score, group.min_score) == ("what it is", 8.0, -2.0)
    assert (group.one_shot, group.public, group.enabled) == (True, True, False)
    assert problems == []


def test_a_group_of_which_nothing_is_said():
    groups, _, _ = read('group "g" { }')
    group = groups["g"]
    assert (group.max_score, group.min_score, group.capped) == (inf, -inf, False)
    assert (group.one_shot, group.public, group.enabled) == (False, False, True)


@pytest.mark.parametrize(
    "text", ["disabled = true", "enabled = no", "enabled = true; disabled = 1"]
)
def test_a_group_that_is_off(text):
    groups, _, _ = read(f"group g {{ {text} }}")
    assert not groups["g"].enabled


def test_every_key_of_a_symbol():
    _, symbols, problems = read("""
        group "g" { symbols { "S" {
            score = 2.5; description = "why"; one_shot = true; any_shot = false;
            one_param = true; ignore = true; nshots = 3; enabled = true; priority = 4;
            groups = ["h", "i"];
        } } }""")
    assert problems == []
    assert symbols["S"] == SymbolConfig(
        score=2.5,
        description="why",
        groups=("g", "h", "i"),
        one_shot=True,
        any_shot=False,
        one_param=True,
        ignore=True,
        shots=3,
        enabled=True,
    )


@pytest.mark.parametrize(
    "text",
    [
        'group "g" { symbols { "S" { score = 2 } } }',
        'group "g" { symbols { "S" { weight = 2 } } }',
        'group "g" { symbols = { S = 2 } }',
        'group "g" { symbol "S" { score = 2 } }',
        'group "g" { symbol { name = "S"; score = 2 } }',
        'group { name = "g"; symbols { S { score = 2 } } }',
        'group "g" { symbols { S { score = 2 } } } group "h" { }',
        'group "g" { max_score = 1 } group "g" { symbols { S { score = 2 } } }',
        'metric "default" { group "g" { symbols { S { score = 2 } } } }',
        'metric { name = "default"; group { name = "g"; symbol { name = S; score = 2 } } }',
    ],
)
def test_forms(text):
    groups, symbols, problems = read(text)
    assert "g" in groups
    assert symbols == {"S": SymbolConfig(score=2.0, groups=("g",))}
    assert problems == []


@pytest.mark.parametrize(
    "text",
    [
        "symbols { S { weight = 2 } }",
        "symbols { S = 2 }",
        'metric "default" { symbol "S" { weight = 2 } }',
        'metric { symbol { name = "S"; weight = 2 } }',
    ],
)
def test_forms_without_a_group(text):
    groups, symbols, problems = read(text)
    assert (groups, symbols, problems) == ({}, {"S": SymbolConfig(score=2.0)}, [])


def test_what_is_said_in_several_places_adds_up():
    _, symbols, _ = read("""
        group "g" { symbols { S { score = 2; description = "first" } } }
        group "h" { symbols { S { score = 3; one_shot = true } } }""")
    assert symbols["S"] == SymbolConfig(
        score=3.0, description="first", groups=("g", "h"), one_shot=True
    )


@pytest.mark.parametrize(
    ("files", "score"),
    [
        ({"local.d/groups.conf": 'group "zz" { symbols { S { score = 2 } } }'}, 2.0),
        (
            {
                "override.d/headers_group.conf": "symbols { S { score = 7 } }",
                "local.d/zz_group.conf": "symbols { S { score = 2 } }",
            },
            7.0,
        ),
        (
            {
                "local.d/headers_group.conf": "symbols { S { score = 7 } }",
                "rspamd.conf.local": "symbols { S { score = 1 } }",
            },
            7.0,
        ),
    ],
)
def test_the_file_of_the_highest_priority_counts(tmp_path, files, score):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    problems = Problems()
    config = load_configuration(tmp_path, modules=[], problems=problems, environment={})
    _, symbols = read_groups(config, problems)
    assert symbols["S"].score == score
    assert problems.all == []


def test_the_caps_that_are_shipped():
    problems = Problems()
    config = load_configuration(None, modules=[], problems=problems, environment={})
    groups, symbols = read_groups(config, problems)
    assert {group.name: group.max_score for group in groups if group.capped} == {
        "headers": 8.0,
        "subject": 6.0,
        "mime_types": 10.0,
        "phishing": 10.0,
        "surbl": 12.5,
        "url_suspect": 9.0,
        "whitelist": 10.0,
        "senderscore": 4.0,
        "excessb64": 3.0,
        "excessqp": 2.4,
    }
    assert all(group.description for group in groups)
    assert (symbols, problems.all) == ({}, [])  # scores stand with the modules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("group g {\n maxscore = 1 }", "t.conf:2: error: group.g.maxscore: unknown key; did you "
         "mean `max_score`?"),
        ("group g { symbols {\n S { scor = 1 } } }", "t.conf:2: error: group.g.symbols.S.scor: "),
        ("group g { symbols {\n S = high } }", "t.conf:2: error: group.g.symbols.S: expected a "
         "symbol { … } or its score"),
        ("group g {\n symbols = 5 }", "t.conf:2: error: group.g.symbols: expected symbols { NAME"),
        ("group {\n g = 5 }", "t.conf:2: error: group.g: expected a group { … }"),
        ("group g { symbols { S {\n score = x } } }", "t.conf:2: error: group.g.symbols.S.score: "
         "expected a number, found `x`"),
        ("group g { symbols { S {\n nshots = 0 } } }", "t.conf:2: error: group.g.symbols.S.nshots"),
        ("metric default {\n foo = 1; actions { } }", "t.conf:2: error: metric.default.foo: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text, problem):
    _, _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_scores_and_groups_of_the_configuration_go_before_the_module_s():
    problems = Problems()
    config = Configuration(
        parse("group mine { max_score = 3; symbols { S { score = 4 } } }", "t.conf"), None, Path()
    )
    groups, configured = read_groups(config, problems)
    registry = SymbolRegistry(groups=groups, configured=configured)
    registered = registry.add(Symbol("S", 1.0, "says the module"), check="S", group="module")
    assert registered.score == 4.0
    assert [group.name for group in registered.groups] == ["module", "mine"]
    assert [group.name for group in registered.capped] == ["mine"]
    assert registered.description == "says the module"


@given(sections("group", "symbols", "symbol", "metric", "score", "max_score", "groups", "nshots"))
@settings(max_examples=60)
def test_any_section_is_read_or_complained_of(section):
    for tree in (section, Object({"group": Object({"g": section}), "metric": section})):
        problems = Problems()
        groups, symbols = read_groups(Configuration(tree, None, Path()), problems)
        registry = SymbolRegistry(groups=groups, configured=symbols)
        for name in symbols:
            assert registry.get(name).score == (symbols[name].score or 0.0)
