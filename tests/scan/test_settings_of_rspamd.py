# SPDX-License-Identifier: Apache-2.0
"""Settings as Rspamd's own tests and its tutorial on outbound mail have them."""

import pytest

from gatepost.config import ConfigError
from gatepost.scan.module import Stage, Symbol
from gatepost.testing import Bench, build_app, mail
from scan_tasks import module_of

PRE = module_of("pre", "a", Symbol("SIMPLE_PRE", 1.0), stage=Stage.PREFILTER)
TEST = module_of("test", "b", Symbol("SIMPLE_TEST", 1.0), Symbol("SIMPLE_VIRTUAL", 1.0, group="vg"))
POST = module_of("post", "c", Symbol("SIMPLE_POST", 1.0), stage=Stage.POSTFILTER)
ALL = [PRE, TEST, POST]


async def scan(rules, letter, modules=ALL):
    config = f"actions {{ reject = 15; add_header = 6; greylist = 4 }} settings {{ {rules} }}"
    async with Bench(modules, config=config) as bench:
        return await bench.scan(letter)


# Rspamd's functional tests: 108 PRIORITY, 109 COEXISTENCE

PRIORITY = """
    id_virtual { apply { symbols_enabled = ["SIMPLE_VIRTUAL"] } }
    id_test_priority {
        priority = high; from = "user@test.com";
        apply { symbols_enabled { PRIORITY = 10.0; } symbols { PRIORITY_2 = 10.0 } }
    }
"""


@pytest.mark.parametrize(
    "request_headers",
    [{"Settings-ID": "id_virtual"}, {"Settings": "symbols_enabled = [SIMPLE_TEST]"}],
)
async def test_a_rule_of_high_priority_beats_what_the_request_asks_for(request_headers):
    found = await scan(PRIORITY, mail(sender="user@test.com", request=request_headers))
    assert found.scores == {"PRIORITY_2": 10.0}
    assert found.task.settings.id == "id_test_priority"


PROFILE = """
    merge_profile { apply {
        symbols_enabled = ["SIMPLE_VIRTUAL", "SIMPLE_POST"];
        SIMPLE_POST = 5; actions { reject = 40; add_header = 30 }
    } }
"""
PROFILED = {"SIMPLE_VIRTUAL": 1.0, "SIMPLE_POST": 1.0}


@pytest.mark.parametrize(
    ("header", "scores", "required"),
    [
        ("actions { reject = 999.0 }", PROFILED, 999.0),
        ("SIMPLE_VIRTUAL = 7.77", {**PROFILED, "SIMPLE_VIRTUAL": 7.77}, 15.0),
        ('symbols_disabled = ["SIMPLE_POST"]', {"SIMPLE_VIRTUAL": 1.0}, 15.0),
        ('symbols_enabled = ["SIMPLE_PRE"]', {**PROFILED, "SIMPLE_PRE": 1.0}, 15.0),
    ],
)
async def test_beside_a_settings_header_an_id_only_decides_what_runs(header, scores, required):
    letter = mail(request={"Settings": header, "Settings-ID": "merge_profile"})
    found = await scan(PROFILE, letter)
    assert found.scores == scores
    assert found.verdict.required_score == required
    assert found.task.settings.id == "merge_profile"


# The rules of Rspamd's tutorial on outbound mail, as they are printed there

TUTORIAL = {
    "outbound": "outbound { priority = high; authenticated = yes; apply { groups_disabled = "
    '["rbl", "spf", "dmarc"]; actions { greylist = null; } } }',
    "outbound_scan": 'outbound_scan { id = "outbound"; apply { groups_enabled = ["dkim", '
    '"ratelimit", "fuzzy", "neural"]; actions { reject = 15.0; "add header" = 6.0; } } }',
    "outbound_rescoring": "outbound_rescoring { priority = high; authenticated = yes; apply { "
    "BAYES_SPAM = 8.0; NEURAL_SPAM = 6.0; actions { reject = 12.0; } } }",
    "authenticated_minimal": "authenticated_minimal { priority = high; authenticated = yes; "
    'apply { groups_enabled = ["fuzzy", "neural", "ratelimit", "antivirus"]; } }',
}
NAMES = {
    "rbl": "RBL",
    "spf": "SPF_ALLOW",
    "dmarc": "DMARC_ALLOW",
    "dkim": "DKIM_SIGNED",
    "fuzzy": "FUZZY_DENIED",
    "antivirus": "CLAM_VIRUS",
    "neural": "NEURAL_SPAM",
    "statistics": "BAYES_SPAM",
}
MODULES = [module_of(group, group, Symbol(name, 1.0)) for group, name in NAMES.items()]
MODULES.append(module_of("ratelimit", "ratelimit", Symbol("RATELIMITED", 1.0), extra=True))
FOUND = {*NAMES.values(), "RATELIMITED"}
USER = mail(user="alice", request={"Pass": "all"})


@pytest.mark.parametrize(
    ("rules", "letter", "hits"),
    [
        (["outbound"], mail(), FOUND),
        (["outbound"], USER, FOUND - {"RBL", "SPF_ALLOW", "DMARC_ALLOW"}),
        (["outbound_scan"], USER, FOUND),
        (
            ["outbound_scan"],
            mail(request={"Settings-ID": "outbound"}),
            {"DKIM_SIGNED", "RATELIMITED", "FUZZY_DENIED", "NEURAL_SPAM"},
        ),
        (["outbound_rescoring"], USER, FOUND),
        (
            ["authenticated_minimal"],
            USER,
            {"RATELIMITED", "FUZZY_DENIED", "NEURAL_SPAM", "CLAM_VIRUS"},
        ),
        (list(TUTORIAL), mail(), FOUND),
        (
            list(TUTORIAL),
            mail(request={"Settings-ID": "outbound"}),
            {"DKIM_SIGNED", "RATELIMITED", "FUZZY_DENIED", "NEURAL_SPAM"},
        ),
        (list(TUTORIAL), USER, {"RATELIMITED", "FUZZY_DENIED", "NEURAL_SPAM", "CLAM_VIRUS"}),
    ],
)
async def test_rules_of_the_tutorial(rules, letter, hits):
    found = await scan("\n".join(TUTORIAL[name] for name in rules), letter, MODULES)
    assert set(found.hits) == hits


async def test_rules_of_the_tutorial_together():
    """The three of priority high merge, and beat the id."""
    letter = mail(user="alice", request={"Settings-ID": "outbound"})
    found = await scan("\n".join(TUTORIAL.values()), letter, MODULES)
    applied = found.task.settings
    assert applied.names == ("authenticated_minimal", "outbound", "outbound_rescoring")
    assert applied.scores == {"BAYES_SPAM": 8.0, "NEURAL_SPAM": 6.0}
    assert applied.actions == {"greylist": None, "reject": 12.0}
    assert set(found.hits) == {"RATELIMITED", "FUZZY_DENIED", "NEURAL_SPAM", "CLAM_VIRUS"}
    assert found.scores["NEURAL_SPAM"] == 6.0
    assert found.task.result.actions.thresholds == {"reject": 12.0, "add header": 6.0}
    assert found.task.variables.get("ratelimit followed")  # its check without a symbol runs too


@pytest.mark.parametrize("names", [["outbound", "outbound_scan"], list(TUTORIAL)])
def test_the_name_that_is_an_id_of_another_rule_gets_a_warning(names):
    text = "\n".join(TUTORIAL[name] for name in names)
    app = build_app(MODULES, config=f"settings {{\n{text} }}")
    assert [str(one) for one in app.problems.warnings] == [
        "test.conf:2: warning: settings.outbound: the id `outbound` belongs to "
        "settings.outbound_scan, which names it; this rule has no id"
    ]


@pytest.mark.parametrize("name", list(TUTORIAL))
def test_each_rule_of_the_tutorial_loads_alone(name):
    assert build_app(MODULES, config=f"settings {{ {TUTORIAL[name]} }}").problems.all == []


def test_a_rule_with_a_mistake_keeps_us_from_starting():
    with pytest.raises(ConfigError, match=r"test\.conf:1: error: settings\.r\.usr: unknown key"):
        build_app([], config="settings { r { usr = x; apply { } } }")
