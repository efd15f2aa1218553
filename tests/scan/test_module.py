# SPDX-License-Identifier: Apache-2.0
"""What a module class declares, and what an instance makes of it under a configuration."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gatepost.config import ConfigError
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.errors import DeclarationError
from gatepost.scan.module import (
    Adapt,
    Check,
    Hit,
    Hits,
    Module,
    ModuleOptions,
    PlainHits,
    RunAlways,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.setup import Setup
from gatepost.scan.task import Task
from gatepost.testing import build_app, explain, mail


class Spf(Module):
    """A module as they come."""

    name = "spf"
    group = "policies"
    outbound = Skip(local=True, authenticated=True)

    ALLOW = Symbol("R_SPF_ALLOW", -0.2, "it may", option="symbol_allow")
    DENY = Symbol("R_SPF_FAIL", 1.0, "it may not")
    EXTRA = Symbol("R_SPF_EXTRA", 0.0, "off", option="symbol_extra")

    class Options(ModuleOptions, frozen=True):
        symbol_allow: str = "R_SPF_ALLOW"
        symbol_extra: str | None = None

    @runs(Stage.FILTER, callback="SPF_CHECK", timeout=2.0)
    async def check(self, task: Task) -> Hits:
        yield self.ALLOW("why")

    @runs(Stage.IDEMPOTENT, callback="SPF_SAVE", explicit_disable=True, requires=("SPF_CHECK",))
    def save(self, task: Task) -> PlainHits:
        yield from ()


class Stricter(Spf):
    """A module made of another one."""

    name = "stricter"
    STRICT = Symbol("STRICT", 2.0)

    @runs(Stage.FILTER, callback="STRICT_CHECK")
    async def check(self, task: Task) -> Hits:
        yield self.STRICT()


class Several(Module):
    """Two checks, each with symbols of its own."""

    name = "several"
    group = "several"
    outbound = RunAlways()

    FIRST = Symbol("FIRST", 1.0, option="symbol_first")
    SECOND = Symbol("SECOND", 1.0)
    GONE = Symbol("GONE", 1.0, option="symbol_gone")

    class Options(ModuleOptions, frozen=True):
        symbol_first: str = "RENAMED"
        symbol_gone: str | None = None

    @runs(Stage.PREFILTER, callback="FIRST_CHECK", symbols=(FIRST, GONE))
    def first(self, task: Task) -> PlainHits:
        yield self.FIRST()

    @runs(Stage.FILTER, callback="SECOND_CHECK")
    def second(self, task: Task) -> PlainHits:
        yield self.SECOND()


class Hfilter(Module):
    """Changes rather than stops; its override is that of `Skip`."""

    name = "hfilter"
    group = "hfilter"
    outbound = Adapt("URL checks only", override=("check_local", "check_authed"))


def make(module: type[Module], section: str = "", options: str = "") -> Any:
    config = f"{module.name} {{ {section} }}\noptions {{ {options} }}"
    return build_app([module], config=config).modules[0].module


def test_the_symbols_go_with_the_first_check() -> None:
    module = make(Spf)
    first, second = module.checks()
    assert [symbol.name for symbol in first.symbols] == ["R_SPF_ALLOW", "R_SPF_FAIL"]
    assert second.symbols == ()
    assert (first.callback, first.stage, first.timeout, first.group) == (
        "SPF_CHECK",
        Stage.FILTER,
        2.0,
        "policies",
    )
    assert (second.explicit_disable, second.requires) == (True, ("SPF_CHECK",))


def test_a_check_may_name_symbols_of_its_own() -> None:
    found = {check.callback: [s.name for s in check.symbols] for check in make(Several).checks()}
    assert found == {"FIRST_CHECK": ["RENAMED"], "SECOND_CHECK": ["SECOND"]}


def test_options_rename_symbols_and_switch_them_on() -> None:
    module = make(Spf, 'symbol_allow = "OK"; symbol_extra = "EXTRA"')
    assert [symbol.name for symbol in module.symbols()] == ["OK", "R_SPF_FAIL", "EXTRA"]
    assert module.ALLOW().name == "OK"
    assert Spf.ALLOW.name == "R_SPF_ALLOW"  # one instance does not change another


def test_a_subclass_replaces_checks_and_adds_symbols() -> None:
    module = make(Stricter)
    assert [check.callback for check in module.checks()] == ["STRICT_CHECK", "SPF_SAVE"]
    assert [s.name for s in module.symbols()] == ["R_SPF_ALLOW", "R_SPF_FAIL", "STRICT"]


@pytest.mark.parametrize("missing", ["name", "group", "outbound"])
def test_a_module_must_say_what_it_is(missing: str) -> None:
    body = {"name": "x", "group": "x", "outbound": RunAlways()}
    del body[missing]
    with pytest.raises(DeclarationError, match=f"X does not declare `{missing}`"):
        type("X", (Module,), body)


def test_skip_has_no_overrides_but_its_own() -> None:
    body = {"name": "x", "group": "x", "outbound": Skip(local=True, override=("chek_local",))}
    with pytest.raises(DeclarationError, match=r"Skip knows no override \['chek_local'\]"):
        type("X", (Module,), body)


@pytest.mark.parametrize(
    "section, options, local, authenticated",
    [
        ("", "", "skip", "skip"),
        ("", "check_local = yes", "run", "skip"),
        ("", "check_local = yes; check_authed = yes", "run", "run"),
        # one that is set leaves the fallback of the other as it is
        ("check_authed = no", "check_local = yes; check_authed = yes", "run", "skip"),
        ("check_local = no", "check_local = yes; check_authed = yes", "skip", "run"),
        ("check_local = yes", "", "run", "skip"),
        ("check_authed = yes", "check_local = yes", "run", "run"),
        ("check_local = null", "check_local = yes", "run", "skip"),
    ],
)
def test_each_switch_that_is_unset_falls_back_to_options(
    section: str, options: str, local: str, authenticated: str
) -> None:
    module = make(Spf, section, options)
    assert module.ruling(ALL_DIRECTIONS["local"]).effect == local
    assert module.ruling(ALL_DIRECTIONS["authenticated"]).effect == authenticated


@pytest.mark.parametrize(
    "section, options, local",
    [("", "", "adapt"), ("check_local = yes", "", "run"), ("", "check_local = yes", "run")],
)
def test_an_adapting_module_has_the_same_switches(section: str, options: str, local: str) -> None:
    module = make(Hfilter, section, options)
    assert module.ruling(ALL_DIRECTIONS["local"]).effect == local
    assert module.ruling(ALL_DIRECTIONS["authenticated"]).effect == "adapt"


def test_a_module_that_always_runs_takes_no_switches() -> None:
    always = type("Always", (Module,), {"name": "a", "group": "a", "outbound": RunAlways()})
    with pytest.raises(ConfigError, match=r"test.conf:1: error: a.check_local: unknown key"):
        make(always, "check_local = yes")


async def coroutine(task: object) -> None: ...


async def generator(task: object) -> AsyncIterator[Hit]:
    yield Hit("X")


class Called:
    async def __call__(self, task: object) -> None: ...


class CalledInLine:
    def __call__(self, task: object) -> None: ...


@pytest.mark.parametrize(
    "function, waits, yields",
    [
        (lambda task: None, False, False),
        (coroutine, True, False),
        (generator, True, True),
        (functools.partial(coroutine, None), True, False),
        (functools.partial(generator, None), True, True),
        (Called(), True, False),
        (Called().__call__, True, False),
        (CalledInLine(), False, False),
        (len, False, False),
    ],
)
def test_the_kind_of_a_check_is_told_once(function: Any, waits: bool, yields: bool) -> None:
    check = Check("C", Stage.FILTER, function)
    assert (check.waits, check.yields) == (waits, yields)


@pytest.mark.parametrize(
    "user, ip, config, skipped",
    [
        (None, "203.0.113.7", "", ""),
        ("anna", "203.0.113.7", "", "authenticated"),
        ("", "203.0.113.7", "", ""),
        (None, "127.0.0.1", "", "local"),
        (None, "192.0.2.1", "options { local_addrs = [192.0.2.0/24] }", "local"),
        ("anna", "203.0.113.7", "spf { check_authed = yes }", ""),
        ("anna", "127.0.0.1", "options { check_authed = yes }", "local"),
    ],
)
async def test_the_policy_decides_for_real_letters(
    user: str | None, ip: str, config: str, skipped: str
) -> None:
    assert (await explain(Spf, mail(user=user, ip=ip), config=config)).skipped == skipped


def test_the_configuration_reaches_prepare(tmp_path: Path) -> None:
    seen: list[str] = []

    class Prepared(Module):
        name = "prepared"
        group = "prepared"
        outbound = RunAlways()

        class Options(ModuleOptions, frozen=True):
            key: str = "default"

        options: Options

        def prepare(self, setup: Setup) -> None:
            seen.append(self.options.key)

    build_app([Prepared], config='prepared { key = "given" }', state=tmp_path)
    assert seen == ["given"]
