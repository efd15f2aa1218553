# SPDX-License-Identifier: Apache-2.0
"""-c and -o: where a command's configuration comes from."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from gatepost.cli.configuration import add_configuration_arguments, load_app, show_problem
from gatepost.config import ConfigError, Problem
from gatepost.ucl import Where


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_configuration_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GATEPOST_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    return tmp_path


def folder_with(path: Path, reject: int) -> str:
    (path / "local.d").mkdir(parents=True)
    (path / "local.d" / "actions.conf").write_text(f"reject = {reject};")
    return str(path)


def limit(*arguments: str) -> float:
    return load_app(parsed(*arguments)).actions.table.required_score


def test_without_anything_the_defaults_are_in_force() -> None:
    assert limit() == 15


def test_the_first_place_that_is_named_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(home / "xdg" / "gatepost", 21)
    assert limit() == 21
    monkeypatch.setenv("GATEPOST_CONFIG", folder_with(home / "env", 22))
    assert limit() == 22
    assert limit("-c", folder_with(home / "given", 23)) == 23


def test_a_file_stands_alone(home: Path) -> None:
    file = home / "whole.conf"
    file.write_text("actions { reject = 9; }")
    app = load_app(parsed("-c", str(file)))
    assert dict(app.actions.table.thresholds) == {"reject": 9}
    assert not any(loaded.enabled for loaded in app.modules)


def test_overrides_may_be_repeated() -> None:
    assert limit("-o", "actions.reject=40", "-o", "actions.add_header=30") == 40


@pytest.mark.parametrize("text", ["nonsense", "options.task_timeout", "options=1", "a..b=1"])
def test_an_override_without_its_form_is_wrong_usage(text: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        parsed("-o", text)


def test_warnings_go_to_stderr_and_errors_are_raised(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(home / "given", 15)
    (home / "given" / "local.d" / "neural.conf").write_text("x = 1;")
    load_app(parsed("-c", folder))
    assert "neural.conf: warning: " in capsys.readouterr().err
    with pytest.raises(ConfigError):
        load_app(parsed("-c", folder, "-o", "options.nonsense=1"))


def test_problems_are_plain_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_problem(Problem("error", Where("a.conf", 3), "expected a number"))
    assert capsys.readouterr().err == "a.conf:3: error: expected a number\n"
