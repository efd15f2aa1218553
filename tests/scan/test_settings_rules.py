# SPDX-License-Identifier: Apache-2.0
"""Rules of the section `settings`: how their conditions combine, their ids, and their mistakes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.config import Problems
from gatepost.scan.applied import InsertedSymbol
from gatepost.scan.maps import MapLibrary
from gatepost.scan.settings_apply import APPLY_KEYS
from gatepost.scan.settings_matchers import MATCHER_KEYS
from gatepost.scan.settings_rules import OTHER_KEYS, numeric_id, read_rules
from gatepost.testing import mail
from gatepost.ucl import Object, parse
from scan_tasks import sections, task_of


def read(text):
    problems = Problems()
    rules = read_rules(parse(text, "settings.conf"), MapLibrary(), problems)
    return rules, [str(one) for one in problems.all]


def rule_of(text):
    [rule], problems = read(f"r {{ {text}; apply {{ subject = x }} }}")
    assert problems == []
    return rule


ALICE = mail(user="alice@example.org", ip="10.0.0.5", headers={"X-A": "one", "X-B": "two"})


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("user = alice", True),
        ("user = bob", False),
        ("user = alice; local = yes", True),
        ("user = alice; ip = 192.0.2.1", False),
        ('header { "X-A" = one; "X-B" = two }', True),
        ('header { "X-A" = one; "X-B" = no }', False),  # all names must match
        ("authenticated = no", False),  # no condition at all: only its id chooses it
        ("inverse = true; user = bob", True),
        ("inverse = true; user = alice", False),
        ("inverse = true; user = bob; ip = 192.0.2.1", True),
        ("inverse = true; user = bob; local = yes", False),  # none may match
        ("inverse = true", False),
        ('inverse = "no"; user = alice', True),
        ('expression = "!user"; user = bob', True),
        ('expression = "user & !ip"; user = alice; ip = 192.0.2.1', True),
        ('expression = "user | ip"; user = bob; ip = 10.0.0.5', True),
        ('expression = "local & authenticated"; local = yes; authenticated = yes', True),
        ('expression = "header:X-A & !header:X-B"; header { "X-A" = one; "X-B" = no }', True),
        ('expression = "header:1 & !header:2"; header { "X-A" = one; "X-B" = no }', True),
        ('expression = "header:x_a"; header { "X-A" = one; "X-B" = no }', True),
        ('expression = "selector:1"; selector = "user.lower"', True),
        ('expression = "selector:user.in(x) | user"; selector = "user.in(x)"; user = alice', True),
        ('inverse = true; expression = "user"; user = alice', True),  # an expression goes first
    ],
)  # fmt: skip
def test_how_conditions_combine(text, matched):
    assert rule_of(text).matches(task_of(ALICE)) is matched


EVERYTHING = """
    user = "test@example.com";
    from = "test2@example.com";
    hostname = "example.com";
    selector = "rcpts:addr.in('test3@example.com')";
    header {
        "Content-Transfer-Encoding" = "7bit";
        "Custom-Header" = true;
        "Mime-Version" = false;
    }
    request_header = { "Test" = "passed"; }
    expression = "user || from || hostname || selector:1 || header:mime_version || \
header:custom_header || header:1 || request_header:test";
"""


@pytest.mark.parametrize(
    ("letter", "matched"),
    [
        ({}, False),
        ({"user": "test@example.com"}, True),
        ({"sender": "test2@example.com"}, True),
        ({"hostname": "example.com"}, True),
        ({"rcpt": "test3@example.com"}, True),
        ({"headers": {"Mime-Version": ""}}, True),
        ({"headers": {"Custom-Header": "x", "Mime-Version": "1.0"}}, True),
        ({"headers": {"Content-Transfer-Encoding": "7bit", "Mime-Version": "1.0"}}, True),
        ({"headers": {"Content-Transfer-Encoding": "8bit", "Mime-Version": "1.0"}}, False),
        ({"request": {"Test": "passed"}}, True),
        ({"request": {"Test": "failed"}}, False),
    ],
)
def test_rspamd_s_rule_with_every_kind_of_condition(letter, matched):
    """Its functional tests have this rule (core reference §5, end)."""
    letter.setdefault("headers", {"Mime-Version": "1.0"})
    assert rule_of(EVERYTHING).matches(task_of(mail(**letter))) is matched


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("priority = high", 3),
        ("priority = medium", 2),
        ("priority = low", 1),
        ("priority = 7", 7),
        ('priority = "7"', 7),
        ("priority = 2.9", 2),
        ("", 1),
    ],
)
def test_priority(text, priority):
    assert rule_of(f"user = x; {text}").priority == priority


def test_symbols_of_a_rule_need_no_apply():
    [rule], problems = read("r { user = x; symbols = [A, B] }")
    assert rule.applied.symbols == (InsertedSymbol("A"), InsertedSymbol("B"))
    assert problems == []


@pytest.mark.parametrize(
    ("text", "skips"),
    [
        ("whitelist = true", True),
        ("want_spam = yes", True),
        ("whitelist = false; symbols = A", False),
        ("apply { whitelist = false }", True),  # in apply the mere presence counts
    ],
)
def test_whitelist(text, skips):
    [rule], problems = read(f"r {{ user = x; {text} }}")
    assert (rule.applied.whitelist, problems) == (skips, [])


APPLY = "apply { subject = x }"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (f"a {{ {APPLY} }} b {{ {APPLY} }}", {"a": "a", "b": "b"}),
        (f"a {{ id = x; {APPLY} }} b {{ {APPLY} }}", {"a": "x", "b": "b"}),
        (f"a {{ id = b; {APPLY} }} b {{ id = a; {APPLY} }}", {"a": "b", "b": "a"}),
        (f"a {{ id = 5; {APPLY} }}", {"a": "5"}),
    ],
)
def test_ids(text, ids):
    rules, problems = read(text)
    assert ({rule.name: rule.id for rule in rules}, problems) == (ids, [])
    assert {rule.name: rule.applied.id for rule in rules} == ids


@pytest.mark.parametrize("turned", [False, True])
def test_an_explicit_id_beats_one_made_of_a_name(turned):
    parts = [f"outbound {{ user = x; {APPLY} }}", f'scan {{ id = "outbound"; {APPLY} }}']
    rules, problems = read("\n".join(reversed(parts) if turned else parts))
    assert {rule.name: rule.id for rule in rules} == {"outbound": None, "scan": "outbound"}
    line = 2 if turned else 1
    assert problems == [
        f"settings.conf:{line}: warning: settings.outbound: the id `outbound` belongs to "
        "settings.scan, which names it; this rule has no id"
    ]


def test_the_number_of_an_id_is_rspamd_s():
    assert numeric_id("") == 0x51D8E999  # XXH64 of nothing is 0xEF46DB3751D8E999


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("r {\n usr = x; apply { } }", "settings.conf:2: error: settings.r.usr: unknown key of a "
         "settings rule; did you mean `user`?"),
        ("r {\n user = x }", "settings.conf:1: error: settings.r.apply: expected what to apply"),
        ("r { user = x;\n apply = 5 }", "settings.conf:2: error: settings.r.apply: expected what"),
        ("\nr = 5", "settings.conf:2: error: settings.r: expected a rule { … }"),
        ("r { user = x; apply { } }\nr { user = y; apply { } }", "settings.conf:1: error: "
         "settings.r: there are two rules of this name"),
        ("settings {\n r { user = x; apply { } } }", "settings.conf:1: error: settings.settings: "
         "the file holds the body of the section already"),
        ('r { user = x; apply { }\n expression = "user &" }', "settings.conf:2: error: "
         "settings.r.expression: expected an atom at character 7, found the end"),
        ('r { user = x; apply { }\n expression = "from" }', "settings.conf:2: error: "
         "settings.r.expression: `from` is no condition of this rule (it has: user)"),
        ('r { header { A = x } apply { }\n expression = "header:2" }', "settings.conf:2: error: "
         "settings.r.expression: `header:2` is no condition of this rule (it has: header:A)"),
        ("r { user = x; apply { }\n priority = hihg }", "settings.conf:2: warning: "
         "settings.r.priority: expected high, medium, low or a number, found `hihg`, taken as low"),
        ("a { id = x; apply { } }\nb { id = x; apply { } }", "settings.conf:2: error: settings.b: "
         "id `x` is already that of settings.a"),
        ("r {\n external_map { map = x } }", "settings.conf:2: warning: settings.r.external_map: "
         "external maps are not available yet, rule ignored"),
        ("r { user = x; apply {\n scores { A = b } } }", "settings.conf:2: error: "
         "settings.r.apply.scores: A: expected a number"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text, problem):
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "matched", "why"),
    [
        ("user = alice; local = yes", True, "user, local"),
        ("user = alice; ip = 192.0.2.1", False, "no match: ip"),
        ("inverse = yes; user = alice", False, "inverse: user matched"),
        ("inverse = yes; user = bob", True, "inverse: none matched"),
        ('expression = "!user"; user = bob', True, "expression `!user` with nothing"),
        ("authenticated = no", False, "only by Settings-ID `r`"),
    ],
)
def test_why(text, matched, why):
    assert rule_of(text).explain(task_of(ALICE)) == (matched, why)


@given(st.text(alphabet="user&|! ():1hea-_xX<>.@[]/", max_size=50))
def test_any_expression_is_read_or_refused(text):
    quoted = text.replace("\\", "").replace('"', "")
    rules, problems = read(
        f'r {{ user = alice; header {{ X = y }} expression = "{quoted}"; apply {{ }} }}'
    )
    if not problems:
        assert rules[0].matches(task_of(ALICE)) in (True, False)


@given(sections(*MATCHER_KEYS, *OTHER_KEYS, *APPLY_KEYS))
@settings(max_examples=60)
def test_any_section_is_read_or_complained_of(section):
    task = task_of(ALICE)
    for rule in read_rules(Object({"r": section}), MapLibrary(), Problems()):
        assert rule.matches(task) == rule.explain(task)[0]
