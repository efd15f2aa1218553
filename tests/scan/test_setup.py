# SPDX-License-Identifier: Apache-2.0
"""What a module is handed while it is made: mistakes get a place, maps and patterns are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config import ConfigError
from gatepost.scan.module import Module, ModuleOptions, Raw, RunAlways, Setup
from gatepost.testing import build_app


class Wants(Module):
    """A module that asks for everything."""

    name = "wants"
    group = "wants"
    outbound = RunAlways()

    class Options(ModuleOptions, frozen=True):
        map: Raw = None
        selector: str | None = None
        patterns: list[str] = []
        limit: int = 1
        action: str | None = None
        function: str | None = None

    options: Options

    def prepare(self, setup: Setup) -> None:
        self.map = setup.map(self.options.map, kind="set", option="map")
        if self.options.selector is not None:
            self.selector = setup.selector(self.options.selector, option="selector")
        self.patterns = setup.regexps(self.options.patterns, option="patterns")
        if self.options.action is not None:
            self.action = setup.action(self.options.action, option="action")
        self.function = setup.function(self.options.function, option="function")
        if self.options.limit > 10:
            setup.problem("limit", "at most 10")
        elif self.options.limit > 5:
            setup.warning("limit", "that is a lot")


def made(section: str) -> Wants:
    module = build_app([Wants], config=f"wants {{\n{section}\n}}").modules[0].module
    assert isinstance(module, Wants)
    return module


@pytest.mark.parametrize(
    "section, message",
    [
        ("limit = 11", "test.conf:2: error: wants.limit: at most 10"),
        ("\n\nlimit = 11", "test.conf:4: error: wants.limit: at most 10"),
        ('selector = "nonsense("', "test.conf:2: error: wants.selector: "),
        ('patterns = ["fine", "("]', "test.conf:2: error: wants.patterns: not a pattern"),
        ("action = rejekt", "expected an action, found `rejekt`; did you mean `reject`?"),
        ("action = subject", "expected an action, found `subject`"),
        ('function = "/nowhere.py:f"', "wants.function: /nowhere.py: cannot be read"),
        ("function = f", "expected FILE.py:FUNCTION, found `f`"),
    ],
)
def test_a_mistake_is_named_with_its_line(section: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        made(section)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "given, name",
    [("add_header", "add header"), ("soft reject", "soft reject"), ("discard", "discard")],
)
def test_an_action_is_known_under_each_of_its_names(given: str, name: str) -> None:
    assert made(f'action = "{given}"').action == name


def test_actions_of_ones_own_are_known_too() -> None:
    config = "actions { hold { score = 9; } subject = x; } wants { action = hold; }"
    module = build_app([Wants], config=config).modules[0].module
    assert isinstance(module, Wants)
    assert module.action == "hold"


def test_all_mistakes_of_a_module_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        made('limit = 11\npatterns = ["("]\nunknown = 1')
    assert len(error.value.problems) == 3


def test_a_warning_stops_nobody() -> None:
    app = build_app([Wants], config="wants { limit = 6 }")
    assert [str(p) for p in app.problems.warnings] == [
        "test.conf:1: warning: wants.limit: that is a lot"
    ]


def test_maps_and_patterns_are_ready_to_use() -> None:
    module = made('map = ["a.example"]; patterns = ["a.c", "/B/i"]')
    assert module.map is not None and "a.example" in module.map
    assert [bool(pattern.search("xabcx")) for pattern in module.patterns] == [True, True]


def test_what_is_not_given_is_not_there() -> None:
    assert made("").map is None and made("").function is None


def test_a_function_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def double(number):\n    return 2 * number\n")
    module = made(f'function = "{tmp_path}/own.py:double"')
    assert module.function is not None and module.function(2) == 4


def test_what_is_switched_off_may_be_half_written() -> None:
    assert made("enabled = no; limit = 11").options.limit == 11
