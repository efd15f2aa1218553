# SPDX-License-Identifier: Apache-2.0
"""Which letters does a rule decide, when, and with which words?"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.app import build
from gatepost.config import ConfigError
from gatepost.modules.force_actions import ForceActions
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.serve.answer import AnswerOptions, build_reply
from gatepost.testing import Bench, Scanned, build_app, mail, scan

ACTIONS = 'actions { reject = 15; "add header" = 6; quarantine = null; } '


class Finds(Module):
    """Finds the symbols that the Subject names: `A C`."""

    name = "finds"
    group = "finds"
    outbound = RunAlways()

    A = Symbol("A", 1.0)
    B = Symbol("B", 0.0)
    C = Symbol("C", -3.0)
    SPAM = Symbol("SPAM", 7.0)
    MORE = Symbol("MORE", 20.0)

    @runs(Stage.FILTER, callback="FINDS", empty=True)
    async def check(self, task: Task) -> PlainHits:  # type: ignore[override]
        """Each word is a symbol."""
        for word in task.message.subject.split():
            yield Symbol(word)()


class Late(Module):
    """Finds something when the score is known."""

    name = "late"
    group = "late"
    outbound = RunAlways()

    LATE = Symbol("LATE", 0.5)

    @runs(Stage.POSTFILTER, callback="LATE_CHECK", priority=5)
    def check(self, task: Task) -> PlainHits:
        """Always."""
        yield self.LATE()


async def forced(rules: str, subject: str, *, more: str = "", **letter: str) -> Scanned:
    given = mail(headers={"Subject": subject}, **letter)  # type: ignore[arg-type]
    config = f"{ACTIONS} {more} force_actions {{ {rules} }}"
    return await scan([ForceActions, Finds, Late], given, config=config)


def rule(expression: str, action: str = "reject", **options: str) -> str:
    more = " ".join(f"{key} = {value};" for key, value in options.items())
    return f'rules {{ R {{ expression = "{expression}"; action = "{action}"; {more} }} }}'


@pytest.mark.parametrize(
    "expression, subject, forces",
    [
        ("A", "A", True),
        ("A", "B", False),
        ("A & B", "A B", True),
        ("A & B", "A", False),
        ("A & !B", "A", True),
        ("A & !B", "A B", False),
        ("!A", "B", True),
        ("A | B", "B", True),
        ("(A | B) & C", "B", False),
        ("(A | B) & C", "B C", True),
        ("B", "B", True),  # no score, but it is there
        ("C", "C", True),  # a symbol's value is the size of its score
        ("A + C > 3", "A C", True),
        ("A + C > 4", "A C", False),
        ("A - C", "A C", False),  # -2
        ("SPAM >= 7", "SPAM", True),
    ],
)
async def test_a_rule_forces_where_its_expression_holds(
    expression: str, subject: str, forces: bool
) -> None:
    result = await forced(rule(expression), subject)
    assert (result.action == "reject") is forces
    assert ("FORCE_ACTION_R" in result.hits) is forces


@pytest.mark.parametrize(
    "limit, subject, forces",
    [("2", "A", False), ("2", "A C", True), ("4", "A C", False), ("-5", "B", True)],
)
async def test_a_limit_is_what_the_value_has_to_pass(
    limit: str, subject: str, forces: bool
) -> None:
    result = await forced(rule("A + C", limit=limit), subject)
    assert (result.action == "reject") is forces


@pytest.mark.parametrize(
    "action, got",
    [
        ("reject", "reject"),
        ("soft_reject", "soft reject"),
        ("soft reject", "soft reject"),
        ("no action", "no action"),
        ("accept", "no action"),
        ("discard", "discard"),
        ("mine", "mine"),
    ],
)
async def test_every_action_may_be_forced(action: str, got: str) -> None:
    more = 'actions { "mine" = 100; }'
    result = await forced(rule("SPAM", action), "SPAM", more=more)
    assert result.action == got
    assert result.hits["FORCE_ACTION_R"] == [got]


@pytest.mark.parametrize(
    "options, subject, action",
    [
        ({"require_action": '["add header"]'}, "A SPAM", "reject"),
        ({"require_action": '["add_header"]'}, "A SPAM", "reject"),
        ({"require_action": '"add header"'}, "A SPAM", "reject"),
        ({"require_action": '["add header"]'}, "A", "no action"),
        ({"honor_action": '["add header", greylist]'}, "A SPAM", "add header"),
        ({"honor_action": '["add header"]'}, "A", "reject"),
    ],
)
async def test_the_action_so_far_may_matter(
    options: dict[str, str], subject: str, action: str
) -> None:
    assert (await forced(rule("A", **options), subject)).action == action


@pytest.mark.parametrize(
    "options, stage",
    [({}, Stage.FILTER), ({"require_action": "[reject]"}, Stage.POSTFILTER)],
)
def test_a_rule_on_the_action_waits_for_the_score(options: dict[str, str], stage: Stage) -> None:
    app = build_app([ForceActions], config=f"force_actions {{ {rule('A', **options)} }}")
    assert [check.stage for check in app.planner.checks] == [stage]


async def test_a_rule_on_a_composite_works() -> None:
    more = 'composites { BOTH { expression = "A & B"; } }'
    assert (await forced(rule("BOTH"), "A B", more=more)).action == "reject"


async def test_a_late_rule_sees_postfilters() -> None:
    result = await forced(rule("LATE", honor_action="[discard]"), "A")
    assert result.action == "reject"


@pytest.mark.parametrize(
    "options, action, goes_on",
    [
        ({}, "soft reject", False),
        ({"process_all": "true"}, "soft reject", True),
        ({"least": "true"}, "soft reject", True),
    ],
)
async def test_what_a_decision_stops(options: dict[str, str], action: str, goes_on: bool) -> None:
    result = await forced(rule("A", "soft reject", **options), "A")
    assert result.action == action
    assert ("LATE" in result.hits) is goes_on


async def test_the_least_there_must_be_gives_way_to_more() -> None:
    assert (await forced(rule("A", "add header", least="true"), "A")).action == "add header"
    assert (await forced(rule("A", "add header", least="true"), "A MORE")).action == "reject"


async def test_a_rule_decides_even_when_the_score_seems_to_have() -> None:
    assert (await forced(rule("A", "no action"), "A MORE")).action == "no action"


async def test_an_action_that_is_there_already_is_not_forced_again() -> None:
    assert (await forced(rule("A", "no action"), "A")).hits == {"A": [], "LATE": []}
    with_text = await forced(rule("A", "no action", message='"fine"'), "A")
    assert "FORCE_ACTION_R" in with_text.hits


@pytest.mark.parametrize(
    "message, said",
    [
        ("Go away", "Go away"),
        ("${user}: ${from(smtp)} to ${rcpts:addr.lower}", "anna: alice@example.org to b@x, c@x"),
        ("[${header(X-Missing)}]", "[]"),
        ("$ {user} ${user", "$ {user} ${user"),
        ("${header(X-Evil)}!", "a  250 OK!"),
        ("${header(X-Long)}", "x" * 200),
        ("100 %d", "100 %d"),
    ],
)
async def test_a_message_is_filled_with_selectors(message: str, said: str) -> None:
    given = mail(
        user="anna",
        rcpt=["B@x", "c@x"],
        headers={"Subject": "A", "X-Evil": "=?utf-8?q?a=0D=0A250_OK?=", "X-Long": "x" * 5000},
    )
    config = f"{ACTIONS} force_actions {{ {rule('A', message=chr(34) + message + chr(34))} }}"
    result = await scan([ForceActions, Finds], given, config=config)
    assert result.task.result.messages["smtp_message"].replace(",c", ", c") == said


async def test_without_a_message_nobody_is_told_why() -> None:
    assert not (await forced(rule("A"), "A")).task.result.messages


async def test_a_subject_is_rewritten_by_the_rules_template() -> None:
    text = rule("A", "rewrite subject", subject='"[%d] %s"')
    result = await forced(text, "A", more='actions { subject = "*** %s"; }')
    reply = build_reply(result.task, result.verdict, AnswerOptions(subject="*** %s"))
    assert reply.subject == "[1.00] A"


@pytest.mark.parametrize(
    "old, subject, action, message",
    [
        ("actions { reject = [A, B]; }", "B", "reject", None),
        ("actions { reject = A; }", "A", "reject", None),
        ("actions { reject = [A]; } messages { A = Bad; }", "A", "reject", "Bad"),
        ('actions { soft_reject = [["A & B", "Later"]]; }', "A B", "soft reject", "Later"),
        ('actions { soft_reject = [["A & B", "Later"]]; }', "A", "no action", None),
    ],
)
async def test_the_old_form_is_still_read(
    old: str, subject: str, action: str, message: str | None
) -> None:
    result = await forced(old, subject)
    assert result.action == action
    assert result.task.result.messages.get("smtp_message") == message


async def test_symbols_of_the_old_form_are_named_as_in_rspamd() -> None:
    """The name is what Rspamd 3.4 gives to the same line."""
    result = await forced('actions { reject = ["!A"]; }', "B")
    assert result.hits["FORCE_ACTION_A829E3547E30"] == ["reject"]


@pytest.mark.parametrize(
    "letter", [{}, {"user": "anna"}, {"ip": "127.0.0.1"}, {"user": "anna", "ip": "127.0.0.1"}]
)
async def test_direction_changes_nothing(letter: dict[str, str]) -> None:
    assert (await forced(rule("A"), "A", **letter)).action == "reject"


async def test_settings_switch_a_rule_off_by_its_symbol() -> None:
    more = 'settings { x { user = anna; apply { symbols_disabled = ["FORCE_ACTION_R"]; } } }'
    assert (await forced(rule("A"), "A", more=more, user="anna")).action == "no action"
    assert (await forced(rule("A"), "A", more=more)).action == "reject"


async def test_a_letter_without_content_is_decided_too() -> None:
    config = f"{ACTIONS} force_actions {{ {rule('!A')} }}"
    assert (await scan([ForceActions, Finds], mail(raw=b""), config=config)).action == "reject"


async def test_a_rule_waits_for_a_check_that_waits() -> None:
    async with Bench([ForceActions, Finds], config=f"force_actions {{ {rule('A')} }}") as bench:
        (check,) = [c for c in bench.app.planner.checks if c.callback == "FORCE_ACTION_R"]
    assert check.after == ("FINDS",)


def test_a_rule_may_be_switched_off() -> None:
    app = build_app([ForceActions], config=f"force_actions {{ {rule('A', enabled='false')} }}")
    assert not app.planner.checks


def test_without_a_section_there_is_nothing(tmp_path) -> None:
    (tmp_path / "local.d").mkdir()
    app = build(
        str(tmp_path), environment={"GATEPOST_STATE": str(tmp_path)}, modules=[ForceActions]
    )
    assert not app.planner.checks


@pytest.mark.parametrize(
    "line, expected",
    [
        ("rules = 3;", "force_actions.rules: expected a section"),
        ("rules { R = 3; }", "force_actions.rules.R: expected { expression"),
        ("rules { R { action = reject; } }", "rules.R.expression: expected symbols"),
        ("rules { R { expression = A; } }", "rules.R.action: expected an action, found nothing"),
        ('rules { R { expression = "A &"; action = reject; } }', "expected an atom at character 4"),
        ('rules { R { expression = "-A"; action = reject; } }', "name of a symbol, found `-A`"),
        ('rules { R { expression = "g:x"; action = reject; } }', "name of a symbol, found `g:x`"),
        ('rules { R { expression = "A[x]"; action = reject; } }', "name of a symbol, found `A[x]`"),
        ("rules { R { expression = A; action = rejct; } }", "did you mean `reject`?"),
        (
            "rules { R { expression = A; action = subject; } }",
            "expected an action, found `subject`",
        ),
        (
            "rules { R { expression = A; action = reject; honor_action = [geylist]; } }",
            "rules.R.honor_action: expected an action, found `geylist`; did you mean `greylist`?",
        ),
        (
            'rules { R { expression = A; action = reject; message = "${usr}"; } }',
            "rules.R.message: expected the name of an extractor",
        ),
        ("rules { R { expression = A; action = reject; mesage = x; } }", "did you mean `message`?"),
        ("actions = 3;", "force_actions.actions: expected a section"),
        ("actions { reject = [[A, b, c, d]]; }", "expected an expression, or a list of"),
        ('actions { reject = ["A &"]; }', "expected an atom"),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build_app([ForceActions], config=f"force_actions {{\n\n  {line}\n}}")
    (problem,) = raised.value.problems
    assert expected in problem.message
    assert problem.where is not None
    assert (problem.where.file, problem.where.line) == ("test.conf", 3)


def test_the_example_of_the_page_loads() -> None:
    page = Path(__file__).parents[2] / "docs" / "modules" / "force_actions.md"
    example = page.read_text(encoding="utf-8").split("```")[1]
    app = build_app([ForceActions], config=f"force_actions {{ {example} }}")
    assert [(check.callback, check.stage) for check in app.planner.checks] == [
        ("FORCE_ACTION_NO_MACROS_OUT", Stage.POSTFILTER),
        ("FORCE_ACTION_KEEP_BOUNCES", Stage.FILTER),
    ]
