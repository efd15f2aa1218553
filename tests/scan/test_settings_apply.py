# SPDX-License-Identifier: Apache-2.0
"""Every key of an apply body, in every form, and what is said of bad ones."""

import math

import pytest

from gatepost.config import Problems
from gatepost.scan.applied import NO_SWITCHES, Applied, InsertedSymbol, Switches
from gatepost.scan.settings_apply import MAX_ENTRIES, read_apply
from gatepost.ucl import parse


def read(text, *, by_id=False):
    problems = Problems()
    applied = read_apply(parse(text, "settings.conf"), "settings.r.apply", problems, by_id=by_id)
    return applied, [str(one) for one in problems.all]


def names(*given):
    return frozenset(given)


@pytest.mark.parametrize(
    ("text", "switches"),
    [
        ('symbols_enabled = ["A", "B"]', Switches(symbols_enabled=names("A", "B"))),
        ('symbols_enabled = "A"', Switches(symbols_enabled=names("A"))),
        ("symbols_enabled = []", Switches(symbols_enabled=names())),
        ("symbols_enabled = null", NO_SWITCHES),
        ("symbols_enabled { A = 2; B = 3 }", Switches(symbols_enabled=names("A", "B"))),
        ('groups_enabled = ["g"]', Switches(groups_enabled=names("g"))),
        ("groups_enabled = []", Switches(groups_enabled=names())),
        ('symbols_disabled = ["A"]', Switches(symbols_disabled=names("A"))),
        ('groups_disabled = ["g", "h"]', Switches(groups_disabled=names("g", "h"))),
        ("symbols_disabled = []", NO_SWITCHES),
        ("policy = implicit_deny", Switches(policy="implicit_deny")),
        ("policy = implicit_allow", Switches(policy="implicit_allow")),
        ("policy = default", NO_SWITCHES),
        ("", NO_SWITCHES),
    ],
)
def test_switches(text, switches):
    applied, problems = read(text)
    assert (applied.switches, problems) == (switches, [])


def test_a_rule_of_the_configuration_says_so_in_its_switches():
    assert read('symbols_disabled = ["A"]', by_id=True)[0].switches.by_id
    assert not read('symbols_disabled = ["A"]')[0].switches.by_id
    assert read("", by_id=True)[0].switches is NO_SWITCHES


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("scores { A = 1; B = -2.5 }", {"A": 1.0, "B": -2.5}),
        ('scores { A = "3" }', {"A": 3.0}),
        ("BAYES_SPAM = 8.0", {"BAYES_SPAM": 8.0}),
        ("BAYES_SPAM = 8.0; scores { BAYES_SPAM = 5; A = 1 }", {"BAYES_SPAM": 5.0, "A": 1.0}),
        ("BAYES_SPAM = 8.0; scores { A = 1 }", {"BAYES_SPAM": 8.0, "A": 1.0}),
        ("symbols_enabled { A = 2 }", {"A": 2.0}),
        ("scores { A = 1 } scores { B = 2 }", {"A": 1.0, "B": 2.0}),
    ],
)
def test_scores(text, scores):
    applied, problems = read(text)
    assert (applied.scores, problems) == (scores, [])


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("reject = 15.0", {"reject": 15.0}),
        ('"add header" = 6; add_header = 7', {"add header": 7.0}),
        ("greylist = null", {"greylist": None}),
        ("reject { score = 9 }", {"reject": 9.0}),
        ("reject { threshold = 9 }", {"reject": 9.0}),
        ("soft_reject = 3; rewrite_subject = 4", {"soft reject": 3.0, "rewrite subject": 4.0}),
        ('"to the bin" = 20', {"to the bin": 20.0}),
    ],
)
def test_actions(text, actions):
    applied, problems = read(f"actions {{ {text} }}")
    assert (applied.actions, problems) == (actions, [])


@pytest.mark.parametrize("nan", ["nan", '"nan"', "NaN"])
def test_an_action_without_a_threshold(nan):
    applied, problems = read(f"actions {{ reject = {nan} }}")
    assert math.isnan(applied.actions["reject"])
    assert problems == []


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ('symbols = ["A", "B"]', (InsertedSymbol("A"), InsertedSymbol("B"))),
        ('symbols = "A"', (InsertedSymbol("A"),)),
        ("symbols { A = 2.5 }", (InsertedSymbol("A", 2.5),)),
        ("symbols { A { score = 2 } }", (InsertedSymbol("A", 2.0),)),
        ("symbols { A { weight = 2; options = x } }", (InsertedSymbol("A", 2.0, ("x",)),)),
        ("symbols { A { options = [x, 1] } }", (InsertedSymbol("A", 1.0, ("x", "1")),)),
    ],
)
def test_inserted_symbols(text, symbols):
    applied, problems = read(text)
    assert (applied.symbols, problems) == (symbols, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('subject = "[SPAM] %s"', Applied(subject="[SPAM] %s")),
        ('add_headers { X-A = "1" }', Applied(add_headers={"X-A": "1"})),
        (
            'add_headers { X-A { value = "1"; order = 2 } }',
            Applied(add_headers={"X-A": {"value": "1", "order": 2}}),
        ),
        ("add_headers { X-A = [a, b] }", Applied(add_headers={"X-A": ["a", "b"]})),
        ("remove_headers { X-A = 1 }", Applied(remove_headers={"X-A": 1})),
        ("remove_headers = [X-A, X-B]", Applied(remove_headers={"X-A": 0, "X-B": 0})),
        ("remove_headers = X-A", Applied(remove_headers={"X-A": 0})),
        ('flags = ["no_stat", "No_Log"]', Applied(flags=names("no_stat", "no_log"))),
        ("flags = skip", Applied(flags=names("skip"))),
        ('messages { smtp_message = "no" }', Applied(messages={"smtp_message": "no"})),
        ("variables { a = b; n = 5 }", Applied(variables={"a": "b", "n": "5"})),
        ("variables { a = yes }", Applied(variables={"a": "true"})),
        (
            "plugins { dkim_signing { sign_local = true } }",
            Applied(plugins={"dkim_signing": {"sign_local": True}}),
        ),
        ("whitelist = true", Applied(whitelist=True)),
        ("whitelist = false", Applied(whitelist=True)),  # its mere presence skips the message
        ("want_spam = no", Applied(whitelist=True)),
        ("default { subject = x }", Applied(subject="x")),
    ],
)  # fmt: skip
def test_everything_else(text, expected):
    applied, problems = read(text)
    assert (applied, problems) == (expected, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nscores { A = x }", "settings.conf:2: error: settings.r.apply.scores: A: expected a "
         "number, found `x`"),
        ("\nscores { A = true }", "settings.conf:2: error: settings.r.apply.scores: A: expected a"),
        ("\nscores { A = nan }", "settings.conf:2: error: settings.r.apply.scores: A: expected"),
        ("\nscores = 5", "settings.conf:2: error: settings.r.apply.scores: expected an object"),
        ("\nactions { reject = x }", "settings.conf:2: error: settings.r.apply.actions: reject: "
         "expected a number, null or nan, found `x`"),
        ("\ngroups_enabled = [1]", "settings.conf:2: error: settings.r.apply.groups_enabled: "
         "expected a list of names, found `1`"),
        ("\ngroup_enabled = [x]", "settings.conf:2: error: settings.r.apply.group_enabled: "
         "expected a number (the score of a symbol); did you mean `groups_enabled`?"),
        ("\nScores = 5", "settings.conf:2: error: settings.r.apply.Scores: write `scores` in"),
        ("\npolicy = deny", "settings.conf:2: error: settings.r.apply.policy: expected default, "
         "implicit_deny or implicit_allow, not `deny`"),
        ("\nsymbols { A = x }", "settings.conf:2: error: settings.r.apply.symbols: A: expected a "
         "weight, found `x`"),
        ("\nmessages { a { b = 1 } }", "settings.conf:2: error: settings.r.apply.messages.a: "),
        ("\nsubject { a = 1 }", "settings.conf:2: error: settings.r.apply.subject: expected text"),
        ("\ntenant = acme", "settings.conf:2: warning: settings.r.apply.tenant: neither a key of "
         "settings nor a score, ignored"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text, problem):
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_mistake_leaves_the_rest_in_force():
    applied, _ = read("scores { A = x; B = 2 } actions { reject = y; greylist = 1 }")
    assert (applied.scores, applied.actions) == ({"B": 2.0}, {"greylist": 1.0})


MANY = 5000


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"scores {{ {' '.join(f'S{i}=1;' for i in range(MANY))} }}", lambda a: a.scores),
        (" ".join(f"S{i}=1;" for i in range(MANY)), lambda a: a.scores),
        (f"symbols {{ {' '.join(f'S{i}=1;' for i in range(MANY))} }}", lambda a: a.symbols),
        (f"symbols = [{','.join(f'S{i}' for i in range(MANY))}]", lambda a: a.symbols),
        (
            f"symbols_disabled = [{','.join(f'S{i}' for i in range(MANY))}]",
            lambda a: a.switches.symbols_disabled,
        ),
        (
            f"symbols_enabled {{ {' '.join(f'S{i}=1;' for i in range(MANY))} }}",
            lambda a: a.switches.symbols_enabled,
        ),
        (f"plugins {{ {' '.join(f'S{i}=1;' for i in range(MANY))} }}", lambda a: a.plugins),
        (f"actions {{ {' '.join(f'S{i}=1;' for i in range(MANY))} }}", lambda a: a.actions),
    ],
    ids=range(8),
)
def test_of_a_request_no_more_names_are_kept_than_anybody_needs(text, kept):
    assert len(kept(read(text, by_id=True)[0])) == MANY  # the configuration may have any number
    applied, problems = read(text)
    assert len(kept(applied)) == MAX_ENTRIES
    assert any(f"more than {MAX_ENTRIES} entries" in one for one in problems)
