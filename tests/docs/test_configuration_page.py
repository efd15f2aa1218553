# SPDX-License-Identifier: Apache-2.0
"""Is what docs/configuration.md says about layers, templates and listeners true?"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli_folder import Commands
from gatepost.app import App, build
from gatepost.serve.prepared import MilterListener
from gatepost.serve.preparing import prepare
from pages import Page, load

PAGE = Page("docs/configuration.md")
RATE = 'rates {{ {name} {{ bucket {{ burst = {burst}; rate = "9 / 1h"; }} }} }}\n'
NAMED_FILES = [
    *("options.inc", "actions.conf", "groups.conf", "composites.conf", "settings.conf"),
    *("redis.conf", "logging.inc", "worker-normal.inc", "worker-proxy.inc"),
]


@pytest.fixture
def gatepost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


def loaded(gatepost: Commands, files: dict[str, str]) -> App:
    gatepost.write(files)
    return load(gatepost.config, gatepost.folder / "state")


def test_local_d_merges_and_override_d_replaces(gatepost: Commands) -> None:
    files = {
        "local.d/options.inc": 'local_addrs = ["198.51.100.0/24"];\ndns { timeout = 2s; }\n',
        "local.d/ratelimit.conf": RATE.format(name="user", burst=1),
        "override.d/ratelimit.conf": RATE.format(name="rip", burst=2),
    }
    app = loaded(gatepost, files)
    addresses = app.config.section("options")["local_addrs"]
    assert isinstance(addresses, list)
    assert {"10.0.0.0/8", "198.51.100.0/24"} <= set(map(str, addresses))
    rates = app.config.section("ratelimit")["rates"]
    assert isinstance(rates, dict)
    assert list(rates) == ["rip"]


@pytest.mark.parametrize("name", NAMED_FILES)
def test_the_files_are_those_that_are_read(gatepost: Commands, name: str) -> None:
    assert f"`{name}`" in PAGE.text
    gatepost.write({f"local.d/{name}": "}\n"})
    run = gatepost.run("configtest")
    assert (run.code, f"local.d/{name}:1" in run.err) == (78, True)


def test_a_file_alone_has_only_its_own_modules_on(gatepost: Commands) -> None:
    path = gatepost.folder / "alone.conf"
    path.write_text("once_received { }\n")
    app = build(str(path), environment={"GATEPOST_STATE": str(gatepost.folder)})
    assert [one.module.name for one in app.modules if one.enabled] == ["once_received"]


def test_the_command_line_overrides_one_value_at_a_time(gatepost: Commands) -> None:
    (command,) = [line for block in PAGE.blocks for line in block.commands]
    words = shlex.split(command)[2:]
    overrides = [word for word in words if word != "-o"]
    app = build(str(gatepost.config), overrides=overrides, environment={})
    assert (app.options.task_timeout, prepare(app).workers) == (4.0, 2)


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"local.d/clickhouse.conf": 'server = "x";'}, 0, "clickhouse"),
        ({"local.d/options.inc": "task_timeot = 4s;"}, 78, "task_timeout"),
        ({"local.d/options.inc": "\ntask_timeot = 4s;"}, 78, "options.inc:2"),
    ],
)
def test_what_rspamd_knows_is_a_warning_and_what_nobody_knows_a_mistake(
    gatepost: Commands, files: dict[str, str], code: int, said: str
) -> None:
    gatepost.write(files)
    run = gatepost.run("configtest")
    assert (run.code, said in run.err) == (code, True)


@pytest.mark.parametrize("variable", ["GATEPOST_NODE", "RSPAMD_NODE"])
def test_files_are_templates_with_the_nodes_name(
    gatepost: Commands, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    gatepost.write({"local.d/actions.conf": "subject = \"{= env.NODE|default('mx1') =} %s\";\n"})
    assert "mx1 %s" in gatepost.run("configdump", "actions").out
    monkeypatch.setenv(variable, "mx7")
    assert "mx7 %s" in gatepost.run("configdump", "actions").out


def test_redis_takes_the_state(gatepost: Commands) -> None:
    assert loaded(gatepost, {}).store_settings.servers == []
    settings = loaded(gatepost, PAGE.files("State")).store_settings
    assert (settings.servers, settings.password) == (["127.0.0.1:6379"], "secret")


def test_a_second_listener_stands_beside_the_first_and_has_its_id(gatepost: Commands) -> None:
    files = PAGE.files("Workers and listeners")
    listeners = prepare(loaded(gatepost, files)).listeners
    milters = [one for one in listeners if isinstance(one, MilterListener)]
    found = [(one.bind[0].path or one.bind[0].port, one.options.settings_id) for one in milters]
    assert found == [("/run/gatepost/milter.sock", ""), (11342, "outbound")]


def test_a_count_anywhere_else_is_ignored_with_a_warning(gatepost: Commands) -> None:
    gatepost.write({"local.d/worker-proxy.inc": "count = 3;"})
    run = gatepost.run("configtest")
    assert (run.code, "count" in run.err) == (0, True)
