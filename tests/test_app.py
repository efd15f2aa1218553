# SPDX-License-Identifier: Apache-2.0
"""What comes of a configuration: an app, or every mistake in it at once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gatepost.app import App, build
from gatepost.config import ConfigError
from gatepost.modules import ALL
from gatepost.net import Resolver
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.module import (
    Module,
    ModuleOptions,
    PlainHits,
    Raw,
    RunAlways,
    Seconds,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.task import Task
from gatepost.store import Store
from gatepost.testing import mail


class Alpha(Module):
    """A module with an option, a map, and a symbol."""

    name = "alpha"
    group = "alpha"
    outbound = RunAlways()

    FOUND = Symbol("ALPHA", 1.0, option="symbol")

    class Options(ModuleOptions, frozen=True):
        """Three options."""

        symbol: str = "ALPHA"
        wait: Seconds = 1.0
        senders: Raw = None

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the map."""
        self.senders = setup.map(self.options.senders, kind="set", option="senders")

    @runs(Stage.FILTER, callback="ALPHA_CHECK")
    def check(self, task: Task) -> PlainHits:
        """Always."""
        yield self.FOUND()


class Beta(Module):
    """One that is never ready, because nothing configures it."""

    name = "beta"
    group = "beta"
    outbound = RunAlways()

    class Options(ModuleOptions, frozen=True):
        """One option."""

        rules: Raw = None

    options: Options

    def ready(self) -> bool:
        """Only with rules."""
        return bool(self.options.rules)

    @runs(Stage.FILTER, callback="BETA_CHECK")
    def check(self, task: Task) -> None:
        """Nothing."""


def folder(root: Path, **files: str) -> Path:
    """A configuration folder; ``alpha`` is ``local.d/alpha.conf``."""
    (root / "local.d").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "local.d" / f"{name}.conf").write_text(text)
    return root


def built(given: Path, *overrides: str, modules: tuple[type[Module], ...] = (Alpha, Beta)) -> App:
    environment = {"GATEPOST_STATE": str(given.parent / "state")}
    return build(str(given), overrides=overrides, environment=environment, modules=modules)


def running(app: App) -> list[str]:
    return [check.callback for check in app.planner.checks]


def mistakes(given: Path, *overrides: str) -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as raised:
        built(given, *overrides)
    return [
        (Path(p.where.file).name if p.where else "", p.where.line if p.where else 0, p.message)
        for p in raised.value.problems
        if p.severity == "error"
    ]


def test_the_built_in_defaults_are_without_a_mistake(tmp_path: Path) -> None:
    app = build(environment={"XDG_CONFIG_HOME": str(tmp_path), "GATEPOST_STATE": str(tmp_path)})
    assert not app.problems.all
    assert [loaded.module.name for loaded in app.modules] == [module.name for module in ALL]


def test_nothing_is_opened_before_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    app = built(folder(tmp_path / "etc"))
    assert app.config.state == tmp_path / "state"
    assert not app.config.state.exists()


async def test_what_is_opened_scans(tmp_path: Path) -> None:
    opened = built(folder(tmp_path)).open()
    letter = mail()
    task = await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    assert list(task.result.found) == ["ALPHA"]


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    folder(
        tmp_path,
        alpha="\nwait = soon;\nsymbl = X;\n",
        options="task_timeout = -1;\n",
        actions="reject = much;\n",
        composites='BROKEN { expression = "A &"; }\n',
        groups='symbols { "X" { score = high; } }\n',
    )
    found = mistakes(tmp_path)
    assert {(file, line) for file, line, _ in found} >= {
        ("alpha.conf", 2),
        ("alpha.conf", 3),
        ("options.conf", 1),
        ("actions.conf", 1),
        ("composites.conf", 1),
    }
    text = "\n".join(message for _, _, message in found)
    assert "alpha.wait: expected" in text
    assert "alpha.symbl: unknown key; did you mean `symbol`?" in text


def test_a_module_that_is_switched_off_holds_nobody_up(tmp_path: Path) -> None:
    folder(tmp_path, alpha="enabled = false;\nwait = soon;\nsymbl = X;\nsenders = {};\n")
    app = built(tmp_path)
    assert running(app) == []
    assert [(loaded.module.name, loaded.enabled) for loaded in app.modules] == [
        ("alpha", False),
        ("beta", False),
    ]


@pytest.mark.parametrize("text", ["enabled = false;", "disabled = true;"])
def test_both_switches_switch_off(tmp_path: Path, text: str) -> None:
    assert running(built(folder(tmp_path, alpha=text))) == []


def test_a_module_without_anything_to_do_is_off(tmp_path: Path) -> None:
    assert running(built(folder(tmp_path))) == ["ALPHA_CHECK"]
    assert running(built(folder(tmp_path, beta="rules { x = 1; }"))) == [
        "ALPHA_CHECK",
        "BETA_CHECK",
    ]


def test_all_directions_are_told_of_modules_that_are_off(tmp_path: Path) -> None:
    app = built(folder(tmp_path, alpha="enabled = false;"))
    rulings = [app.modules[0].module.ruling(d).effect for d in ALL_DIRECTIONS.values()]
    assert rulings == ["run"] * 4


def test_one_file_runs_only_modules_that_have_a_section(tmp_path: Path) -> None:
    path = tmp_path / "one.conf"
    path.write_text("beta { rules { x = 1; } }\n")
    assert running(built(path)) == ["BETA_CHECK"]
    path.write_text('alpha { } options { explicit_modules = ["beta"]; }\n')
    assert running(built(path)) == ["ALPHA_CHECK"], "named, but without rules"


def test_what_is_overridden_on_the_command_line_wins(tmp_path: Path) -> None:
    folder(tmp_path, alpha="symbol = MINE;")
    (symbol,) = built(tmp_path, "alpha.symbol=OTHER").modules[0].module.symbols()
    assert symbol.name == "OTHER"


def test_a_redis_of_a_modules_own_is_ignored_with_a_warning(tmp_path: Path) -> None:
    folder(tmp_path, alpha='servers = "10.0.0.1";\ntimeout = 5s;\n')
    app = built(tmp_path)
    told = [(p.where.line if p.where else 0, p.message) for p in app.problems.warnings]
    ignored = "ignored: all modules keep their state where `redis.conf` says"
    assert told == [(1, f"alpha.servers: {ignored}"), (2, f"alpha.timeout: {ignored}")]


@pytest.mark.parametrize(
    "redis, complaint",
    [
        ('servers = "a/b";', "'a/b' is no server"),
        ('servers = "a"; cluster = yes; db = 4;', "a cluster has no database but 0"),
        ('sentinels = "a"; sentinel_masters_pattern = "(";', "sentinel_masters_pattern"),
        ("cluster = yes;", "no node of the cluster is named"),
    ],
)
def test_servers_that_cannot_be_are_a_mistake_with_its_line(tmp_path, redis, complaint) -> None:
    folder(tmp_path, redis=f"# the state\n{redis}\n")
    with pytest.raises(ConfigError) as caught:
        built(tmp_path)
    assert "redis.conf:2: error: redis: " in str(caught.value)
    assert complaint in str(caught.value)


def test_what_rspamd_has_in_its_redis_section_besides_is_ignored_with_a_warning(tmp_path) -> None:
    rest = 'disabled_modules = ["alpha"]; expand_keys = true; alpha { servers = "b"; }'
    app = built(folder(tmp_path, redis=f'servers = "a"; {rest}'))
    assert app.store_settings.servers == ["a"]
    told = [problem.message.split(":")[0] for problem in app.problems.warnings]
    assert told == ["redis.disabled_modules", "redis.expand_keys", "redis.alpha"]


def test_a_section_that_has_no_module_here_is_a_warning(tmp_path: Path) -> None:
    app = built(folder(tmp_path, clickhouse='server = "x";'))
    assert [problem.severity for problem in app.problems.all] == ["warning"]
    assert "clickhouse" in app.problems.all[0].message


def test_two_modules_with_one_symbol_are_a_mistake(tmp_path: Path) -> None:
    class Gamma(Alpha):
        """The same symbol under another name."""

        name = "gamma"

        @runs(Stage.FILTER, callback="GAMMA_CHECK")
        def check(self, task: Task) -> PlainHits:
            """Always."""
            yield self.FOUND()

    with pytest.raises(ConfigError, match="ALPHA"):
        built(folder(tmp_path), modules=(Alpha, Gamma))


def test_checks_that_wait_for_each_other_are_a_mistake(tmp_path: Path) -> None:
    class One(Module):
        """Waits for itself by a detour."""

        name = "one"
        group = "one"
        outbound = RunAlways()

        @runs(Stage.FILTER, callback="ONE", after=("TWO",))
        def first(self, task: Task) -> None:
            """Nothing."""

        @runs(Stage.FILTER, callback="TWO", after=("ONE",))
        def second(self, task: Task) -> None:
            """Nothing."""

    with pytest.raises(ConfigError, match="wait for each other: ONE, TWO"):
        built(folder(tmp_path), modules=(One,))


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package of somebody else that can be imported."""
    package = ModuleType("theirs")
    monkeypatch.setitem(sys.modules, "theirs", package)
    return package


def with_extra(root: Path, text: str) -> Path:
    folder(root)
    (root / "rspamd.conf.local").write_text(text)
    return root


def test_modules_of_other_people_are_loaded(tmp_path: Path, theirs: ModuleType) -> None:
    theirs.ALL = (Beta,)  # type: ignore[attr-defined]
    text = 'modules_extra = "theirs";\nbeta { rules { x = 1; } }\n'
    app = built(with_extra(tmp_path, text), modules=(Alpha,))
    assert running(app) == ["ALPHA_CHECK", "BETA_CHECK"]


def test_their_sections_are_read_as_ours_are(tmp_path: Path, theirs: ModuleType) -> None:
    theirs.ALL = (Alpha,)  # type: ignore[attr-defined]
    with_extra(tmp_path, 'modules_extra = "theirs";\n')
    assert running(built(folder(tmp_path, alpha="symbol = MINE;"), modules=(Beta,))) == [
        "ALPHA_CHECK"
    ]
    with pytest.raises(ConfigError, match=r"alpha\.conf:1: error: alpha\.wiat: unknown key"):
        built(folder(tmp_path, alpha="wiat = 1;"), modules=(Beta,))


@pytest.mark.parametrize(
    "listed, name, complaint",
    [
        ((Beta,), "no.such.package", "ModuleNotFoundError: No module named"),
        (None, "theirs", "AttributeError"),
        ((3,), "theirs", "TypeError: its ALL has 3, expected classes of modules"),
        ((Beta,), "", "ValueError"),
    ],
)
def test_what_is_no_package_of_modules_is_named(
    tmp_path: Path, theirs: ModuleType, listed: object, name: str, complaint: str
) -> None:
    if listed is not None:
        theirs.ALL = listed  # type: ignore[attr-defined]
    (found,) = mistakes(with_extra(tmp_path, f'\nmodules_extra = "{name}";\n'))
    assert found[:2] == ("rspamd.conf.local", 2)
    assert f"modules_extra: `{name}` cannot be used: {complaint}" in found[2]


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("", 8.0),
        ('worker "normal" { task_timeout = 3s; }', 3.0),
    ],
)
def test_the_task_timeout_is_a_workers_own_or_that_of_all(
    tmp_path: Path, text: str, seconds: float
) -> None:
    app = built(with_extra(tmp_path, text))
    assert app.engine.task_timeout == app.options.task_timeout == seconds


def test_a_configuration_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path / "gone")
    assert "there is no such file or folder" in found[2]


class Dutiful(Module):
    """Works beside scanning; its second duty fails."""

    name = "dutiful"
    group = "dutiful"
    outbound = RunAlways()
    older_sections = ("diligent",)

    def duties(self, resolver: Resolver, store: Store) -> Iterable[Coroutine[Any, Any, None]]:
        """Two."""
        self.begun = asyncio.Event()
        self.ended = False
        return [self.work(), self.fail()]

    async def work(self) -> None:
        """Until it is told to end."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    async def fail(self) -> None:
        """At once."""
        raise ValueError("no work today")


async def test_duties_begin_and_end_with_the_process_and_fail_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened = with_modules(tmp_path, Dutiful, text="dutiful {}").open()
    module = opened.app.modules[0].module
    assert isinstance(module, Dutiful)
    await opened.start()
    await asyncio.wait_for(module.begun.wait(), 5)
    await opened.close()
    assert module.ended
    assert "what dutiful does beside scanning has failed" in caplog.text


def test_an_older_section_switches_its_module_on(tmp_path: Path) -> None:
    assert [m.enabled for m in with_modules(tmp_path, Dutiful, text="diligent {}").modules] == [
        True
    ]
    assert [m.enabled for m in with_modules(tmp_path, Dutiful, text="").modules] == [False]


def with_modules(folder: Path, *modules: type[Module], text: str) -> App:
    file = folder / "gatepost.conf"
    file.write_text(text)
    state = {"GATEPOST_STATE": str(folder / "state")}
    return build(str(file), environment=state, modules=modules)
