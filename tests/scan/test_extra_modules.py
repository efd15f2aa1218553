# SPDX-License-Identifier: Apache-2.0
"""Modules of other people are found by the package that lists them, or named as a mistake."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from gatepost.config import Configuration, Problems
from gatepost.modules.once_received import OnceReceived
from gatepost.scan.extra_modules import find_extra_modules
from gatepost.ucl import Object, parse


def found_in(text: str) -> tuple[list[str], list[str]]:
    tree = parse(text, "rspamd.conf")
    assert isinstance(tree, Object)
    problems = Problems()
    modules = find_extra_modules(Configuration(tree, None, Path(".")), problems)
    return [module.name for module in modules], [str(problem) for problem in problems.all]


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, listed in (("gp_good", [OnceReceived]), ("gp_odd", ["a word"]), ("gp_none", None)):
        module = types.ModuleType(name)
        if listed is not None:
            module.ALL = listed  # type: ignore[attr-defined]  # made here
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    "text, names",
    [
        ("", []),
        ('modules_extra = "gp_good";', ["once_received"]),
        ('modules_extra = ["gp_good", "gp_good"];', ["once_received", "once_received"]),
    ],
)
def test_packages_list_their_modules(text: str, names: list[str]) -> None:
    assert found_in(text) == (names, [])


@pytest.mark.parametrize("name", ["gp_odd", "gp_none", "gp_not_installed", ""])
def test_what_cannot_be_used_is_a_mistake_with_its_place(name: str) -> None:
    modules, problems = found_in(f'\nmodules_extra = "{name}";')
    assert modules == [] and len(problems) == 1
    assert problems[0].startswith(f"rspamd.conf:2: error: modules_extra: `{name}` cannot be used")
