# SPDX-License-Identifier: Apache-2.0
"""Thresholds as the configuration writes them."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from gatepost.config import Configuration, Problems, load_configuration
from gatepost.scan.actions_section import find_actions, read_actions
from gatepost.ucl import parse
from scan_tasks import sections


def read(text):
    problems = Problems()
    return read_actions(parse(text, "t.conf"), problems), [str(one) for one in problems.all]


@pytest.mark.parametrize(
    ("text", "thresholds"),
    [
        (
            "reject = 15; add_header = 6; greylist = 4",
            {"reject": 15, "add header": 6, "greylist": 4},
        ),
        ('"add header" = 6.5', {"add header": 6.5}),
        ('reject = "12"', {"reject": 12}),
        ("reject { score = 7 }", {"reject": 7}),
        ("reject { threshold = 7 }", {"reject": 7}),
        ("reject { score = 7; flags = [no_threshold] }", {}),
        ("reject { score = 7; flags = threshold_only }", {"reject": 7}),
        ("reject = 15; greylist = null", {"reject": 15}),
        ("reject = 15; greylist = nan", {"reject": 15}),
        ("reject = 15; reject = 12", {"reject": 12}),
        ("rewrite_subject = 8; reject = 15", {"reject": 15, "rewrite subject": 8}),
        ("discard = 20", {"discard": 20}),
        ("no_action = 0; reject = 5", {"reject": 5}),
        ("", {}),
    ],
)
def test_thresholds(text, thresholds):
    actions, problems = read(text)
    assert (actions.table.thresholds, problems) == (thresholds, [])


@pytest.mark.parametrize(
    ("text", "score", "action", "is_spam"),
    [
        ("greylist = 4; reject = 15", 4.0, "greylist", True),
        ("greylist = 4; reject = 15", 3.99, "no action", False),
        ("greylist = null; reject = 15", 5.0, "no action", False),
        ("greylist { score = 4; flags = [ham] }; reject = 15", 5.0, "no action", False),
        ("", 1000.0, "no action", False),
    ],
)
def test_action(text, score, action, is_spam):
    actions, _ = read(text)
    chosen = actions.table.choose(score)
    assert (chosen.name, not chosen.ham) == (action, is_spam)


@pytest.mark.parametrize(("text", "ham"), [("", True), ("greylist = 4", False)])
def test_greylist_is_no_spam_until_it_is_configured(text, ham):
    actions, _ = read(text)
    assert actions.table.get("greylist").ham is ham


def test_a_custom_action_may_mean_discard_or_quarantine():
    actions, problems = read('"to the bin" { score = 30; milter = "discard" }')
    assert actions.table.get("to the bin").milter == "discard"
    assert problems == [
        "t.conf:1: warning: actions.to the bin: not one of Rspamd's actions, taken as a custom one"
    ]


def test_what_else_stands_there():
    actions, problems = read('unknown_weight = 1; grow_factor = 1.1; subject = "SPAM %s"')
    assert (actions.unknown_weight, actions.grow_factor, actions.subject) == (1.0, 1.1, "SPAM %s")
    assert (actions.table.thresholds, problems) == ({}, [])
    plain, _ = read("")
    assert (plain.unknown_weight, plain.grow_factor, plain.subject) == (0.0, 1.0, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("reject = high", "t.conf:1: error: actions.reject: expected a number, null or an object"),
        ("reject = [1]", "t.conf:1: error: actions.reject: expected a number, null or an object"),
        ("reject = true", "t.conf:1: error: actions.reject: expected a number, null or an object"),
        ("rejct = 15", "t.conf:1: warning: actions.rejct: not one of Rspamd's actions, taken as a "
         "custom one; did you mean `reject`?"),
        ("reject {\n scor = 5 }", "t.conf:2: error: actions.reject.scor: unknown key; did you"),
        ("reject { flags = [hamm] }", "t.conf:1: error: actions.reject.flags: unknown flag `hamm`; "
         "did you mean `ham`?"),
        ("reject { milter = accept }", "t.conf:1: error: actions.reject.milter: expected one of"),
        ("actions { reject = 15 }", "t.conf:1: error: actions.actions: this is the body of"),
        ("reject = 5; greylist = 7", "t.conf:1: warning: actions: `greylist` (7) is above the "
         "harder `reject` (5)"),
        ("grow_factor = big", "t.conf:1: error: actions.grow_factor: expected a number"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text, problem):
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("local", "override", "thresholds"),
    [
        ("", "", {"reject": 15, "add header": 6, "greylist": 4}),
        ('"add header" = 8;', "", {"reject": 15, "add header": 8, "greylist": 4}),
        ("greylist = null;", "", {"reject": 15, "add header": 6}),
        ('"add header" = 8;', "add_header = 9;", {"reject": 15, "add header": 9, "greylist": 4}),
        ("add_header = 8;", '"add header" = 9;', {"reject": 15, "add header": 9, "greylist": 4}),
    ],
)
def test_both_spellings_are_one_action_whoever_wrote_them(tmp_path, local, override, thresholds):
    for folder, text in (("local.d", local), ("override.d", override)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "actions.conf").write_text(text)
    problems = Problems()
    config = load_configuration(tmp_path, modules=[], problems=problems, environment={})
    assert read_actions(find_actions(config), problems).table.thresholds == thresholds
    assert problems.all == []


def test_the_priority_of_an_action_goes_before_the_order():
    actions, _ = read('add_header { score = 8; priority = 5 } "add header" = 9;')
    assert actions.table.thresholds == {"add header": 8}


def test_the_old_metric_is_read_too():
    tree = parse(
        'metric { name = "default"; actions { reject = 9; greylist = 1 } grow_factor = 1.2;'
        ' subject = "x"; group "g" { } } actions { greylist = 2 }',
        "t.conf",
    )
    found = read_actions(find_actions(Configuration(tree, None, Path())), Problems())
    assert found.table.thresholds["reject"] == 9
    assert (found.grow_factor, found.subject) == (1.2, "x")


@given(
    sections(
        "reject",
        "add_header",
        "score",
        "flags",
        "milter",
        "grow_factor",
        "subject",
        "metric",
        "actions",
    )
)
@settings(max_examples=60)
def test_any_section_is_read_or_complained_of(section):
    problems = Problems()
    found = read_actions(find_actions(Configuration(section, None, Path())), problems)
    again = read_actions(section, Problems())
    for table in (found.table, again.table):
        assert table.choose(1e9).name in table.actions
