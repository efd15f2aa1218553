# SPDX-License-Identifier: Apache-2.0
"""Every mistake in a rule is named; what is odd but works is a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.modules.rbl import Rbl
from gatepost.testing import build_app


def rules(text: str, folder: Path | None = None) -> Rbl:
    app = build_app([Rbl], config=f"rbl {{ {text} }}", folder=folder)
    module = app.modules[0].module
    assert isinstance(module, Rbl)
    return module


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rbls { A { checks = from } }", "rbl.rules.A: `rbl` is missing"),
        ('rbls { A { rbl = "a.test"; selector = "nobody" } }', "rbl.rules.A.selector: selector"),
        ('rbls { A { rbl = "a.test"; selector = ["ip"] } }', "expected a selector, or several"),
        (
            'rbls { A { rbl = "a.test"; from = true; returncodes { X = "127.%" } } }',
            "rbl.rules.A.returncodes: X: `127.%`",
        ),
        (
            'rbls { A { rbl = "a.test"; from = true; process_script = "gone.py:f" } }',
            "rbl.rules.A.process_script: ",
        ),
        (
            'rbls { A { rbl = "a.test"; from = 1 } B { rbl = "b.test"; from = 1; symbol = A } }',
            "rbl.rules.B: another rule is called A already",
        ),
        (
            'rbls { A { rbl = "a.test"; from = true; symbol = RBL_CALLBACK } }',
            "rbl.rules.A: another rule is called RBL_CALLBACK already",
        ),
        (
            'rbls { A { rbl = "a.test"; from = true; whitelist = true } }',
            "rbl.rules.A.whitelist: `True` is no map",
        ),
        ('attached_maps = "/x"; rbls {}', "expected maps with a `selector_alias`"),
        ("rules = 5", "rbl.rules: expected NAME { … }"),
    ],
)
def test_mistakes(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules(text)
    messages = [problem.message for problem in caught.value.problems]
    assert any(complaint in message for message in messages), messages


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            'rbls { A { rbl = "a.test" } }',
            "rbl.rules.A: has no `checks`, so it asks for the client's address",
        ),
        (
            'rbls { A { rbl = "a.test"; checks = [from, helo]; symbols_prefixes { from = F } } }',
            "rbl.rules.A.symbols_prefixes: there is none for `helo`",
        ),
    ],
)
def test_what_is_odd_is_a_warning(text: str, warning: str) -> None:
    app = build_app([Rbl], config=f"rbl {{ {text} }}")
    assert [problem.message for problem in app.problems.warnings] == [warning]


@pytest.mark.parametrize(
    ("module", "rule"),
    [("", "enabled = false"), ("", "disabled = true"), ("default_enabled = false;", "")],
)
def test_a_rule_that_is_off_may_be_half_written(module: str, rule: str) -> None:
    assert rules(f"{module} rbls {{ A {{ nonsense = 1; {rule} }} }}").rules == []


def test_rules_of_one_zone_share_its_health_and_some_are_not_watched() -> None:
    module = rules("""rbls {
        A { rbl = "one.test"; from = true } B { rbl = "ONE.test."; received = true }
        C { rbl = "names.test"; urls = true } D { rbl = "both.test"; from = true; no_ip = true }
        E { rbl = "fixed.test"; from = true; monitored_address = "2.0.0.127" }
        F { rbl = "random.test"; from = true; random_monitored = true }
        G { rbl = "never.test"; from = true; disable_monitoring = true } }""")
    watched = {health.zone: health.address for health in module.zones}
    assert watched == {
        "one.test": "1.0.0.127",
        "names.test": "",
        "both.test": "",
        "fixed.test": "2.0.0.127",
        "random.test": "",
    }
    first, second = module.rules[:2]
    assert first.around.health is second.around.health


def test_monitoring_can_be_off_for_all() -> None:
    text = (
        'options { disable_monitoring = true } rbl { rbls { A { rbl = "a.test"; from = true } } }'
    )
    module = build_app([Rbl], config=text).modules[0].module
    assert isinstance(module, Rbl) and module.zones == []
