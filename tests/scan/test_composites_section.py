# SPDX-License-Identifier: Apache-2.0
"""Composites as the configuration writes them, and those that are shipped."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from gatepost.config import Configuration, Problems, load_configuration
from gatepost.scan.composites_section import read_composites
from gatepost.ucl import Object, parse
from scan_tasks import sections


def read(text, **more):
    problems = Problems()
    config = Configuration(parse(text, "t.conf"), folder=None, state=Path())
    return read_composites(config, problems, **more), [str(one) for one in problems.all]


def test_every_key():
    [found], problems = read("""
        composites { C {
            expression = "A & B"; score = 2.5; description = "both"; group = "g1";
            groups = ["g2", "g3"]; policy = "leave"; enabled = true; depends_on = ["D"];
        } }""")
    assert problems == []
    symbol = found.symbol
    assert (symbol.name, symbol.score, symbol.description) == ("C", 2.5, "both")
    assert (symbol.group, symbol.groups) == ("g1", ("g2", "g3"))
    assert found.composite.depends_on == {"D"}
    assert all(atom.keeps_symbol and atom.keeps_weight for atom in found.composite.atoms)


def test_what_is_not_written():
    [found], _ = read('composites { C { expression = "A & B" } }')
    symbol = found.symbol
    assert (symbol.score, symbol.description, symbol.group) == (0.0, "A & B", "composite")
    [found], _ = read('composites { C { expression = "A" } }', unknown_weight=1.5)
    assert found.symbol.score == 1.5


@pytest.mark.parametrize(
    "text",
    [
        'composites { C { expression = "A" } } composites { D { expression = "B" } }',
        'composite "C" { expression = "A" } composite "D" { expression = "B" }',
        'composite { name = "C"; expression = "A" } composite { name = D; expression = "B" }',
        'composite { C { expression = "A" } } composites { D { expression = "B" } }',
    ],
)
def test_forms(text):
    found, problems = read(text)
    assert ([one.symbol.name for one in found], problems) == (["C", "D"], [])


@pytest.mark.parametrize("switch", ["enabled = false", "disabled = true", "enabled = no"])
def test_one_that_is_switched_off_is_not_there(switch):
    found, problems = read(f'composites {{ C {{ expression = "A"; {switch}; }} }}')
    assert (found, problems) == ([], [])


def test_of_one_name_the_later_counts():
    [found], problems = read("""
        composite "C" { expression = "A"; score = 1 }
        composites { C { expression = "B"; score = 2 } }""")
    assert (found.symbol.score, problems) == (2.0, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'composites {\n C {\n  expresion = "A"\n  expression = "A"\n } }',
            "t.conf:3: error: composites.C.expresion: unknown key; did you mean `expression`?",
        ),
        ("composites {\n C { score = 1 } }", "t.conf:2: error: composites.C: `expression` is"),
        (
            'composites {\n C {\n  expression = "A &" } }',
            "t.conf:3: error: composites.C.expression: expected an atom at character 4, found",
        ),
        (
            'composites {\n C { expression = "A"; policy = "keep" } }',
            "t.conf:2: error: composites.C.policy: expected one of: default, leave,",
        ),
        (
            'composites {\n C { expression = "A"; score = "much" } }',
            "t.conf:2: error: composites.C.score: expected a number, found `much`",
        ),
        ("composites {\n C = 5 }", "t.conf:2: error: composites.C: expected a composite { … }"),
        ('composite "C" {\n score = 1 }', "t.conf:1: error: composite.C: `expression` is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, problem):
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def shipped(folder=None):
    problems = Problems()
    config = load_configuration(folder, modules=[], problems=problems, environment={})
    found = read_composites(config, problems)
    assert problems.all == []
    return {one.symbol.name: one for one in found}


# The content reference's table, §6.8.
SCORES = {
    "SHORT_PART_BAD_HEADERS": 7.0,
    "DMARC_POLICY_ALLOW_WITH_FAILURES": -0.5,
    "AUTH_NA": 1.0,
    "AUTH_NA_OR_FAIL": 1.0,
    "BOUNCE_NO_AUTH": 1.0,
    "HACKED_WP_PHISHING": 4.5,
    "COMPROMISED_ACCT_BULK": 3.0,
    "UNDISC_RCPTS_BULK": 3.0,
    "RCVD_UNAUTH_PBL": 2.0,
    "RCVD_DKIM_ARC_DNSWL_MED": -0.5,
    "RCVD_DKIM_ARC_DNSWL_HI": -1.0,
    "AUTOGEN_PHP_SPAMMY": 1.0,
    "PHISH_EMOTION": 1.0,
    "HAS_ANON_DOMAIN": 0.1,
    "BAD_REP_POLICIES": 0.1,
    "VIOLATED_DIRECT_SPF": 3.5,
    "LEAKED_PASSWORD_SCAM": 7.0,
    "FREEMAIL_AFF": 4.0,
    "FREEMAIL_REPLYTO_NEQ_FROM": 2.0,
    "SUSPICIOUS_MDN": 2.0,
    "REDIRECTOR_URL_ONLY": 1.0,
    "ABUSE_FROM_INJECTOR": 2.0,
    "SUSPICIOUS_URL_IN_SUSPICIOUS_MESSAGE": 1.0,
    "MIME_BAD_EXT_IN_OBFUSCATED_ARCHIVE": 8.0,
    "MIME_BAD_EXT_WITH_BAD_UNICODE": 8.0,
}


def test_all_of_rspamd_are_shipped():
    found = shipped()
    assert len(found) == 38
    assert {name: one.symbol.score for name, one in found.items() if one.symbol.score} == SCORES
    assert all(one.symbol.description for one in found.values())


def test_a_shipped_one_waits_for_the_symbol_that_is_rare():
    """Each is looked at only when a symbol is found, so that it costs nothing otherwise."""
    assert all(one.composite.expression.triggers for one in shipped().values())


@pytest.mark.parametrize("login", ["HAS_XOIP", "RCVD_VIA_SMTP_AUTH", "RCVD_FROM_SMTP_AUTH"])
def test_the_login_is_known_by_its_name_of_today(login):
    expression = shipped()["COMPROMISED_ACCT_BULK"].composite.expression
    found = {login, "DCC_BULK"}
    assert expression.evaluate(lambda i: float(expression.atoms[i].text in found))


def test_local_d_changes_one_by_name(tmp_path):
    (tmp_path / "local.d").mkdir()
    (tmp_path / "local.d" / "composites.conf").write_text(
        'AUTH_NA { score = 3; } PHISH_EMOTION { enabled = false; } MINE { expression = "A"; }'
    )
    found = shipped(tmp_path)
    assert found["AUTH_NA"].symbol.score == 3.0
    assert "MINE" in found
    assert "PHISH_EMOTION" not in found


@given(sections("expression", "score", "policy", "group", "groups", "depends_on", "enabled"))
@settings(max_examples=60)
def test_any_section_is_read_or_complained_of(section):
    tree = Object({"composites": Object({"C": section}), "composite": section})
    for one in read_composites(Configuration(tree, None, Path()), Problems()):
        assert one.composite.expression.text
