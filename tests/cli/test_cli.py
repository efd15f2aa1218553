# SPDX-License-Identifier: Apache-2.0
"""The command gatepost: sub-commands, errors, exit codes."""

import subprocess
import sys
import types

import pytest

from gatepost import cli
from gatepost.errors import GatepostError


@pytest.fixture
def trial(monkeypatch):
    """Makes a sub-command ``trial`` that does what it is given."""

    def make(action):
        module = types.ModuleType("gatepost_trial")
        module.add_arguments = lambda parser: parser.add_argument("--code", type=int, default=0)
        module.run = lambda args: action(args)
        monkeypatch.setitem(sys.modules, "gatepost_trial", module)
        monkeypatch.setitem(cli.COMMANDS, "trial", cli.Command("gatepost_trial", "for a test"))

    return make


def raising(error):
    def action(args):
        raise error

    return action


def test_the_sub_command_gets_its_arguments_and_gives_the_code(trial):
    trial(lambda args: args.code)
    assert cli.main(["trial"]) == 0
    assert cli.main(["trial", "--code", "1"]) == 1


@pytest.mark.parametrize(
    "argv", [[], ["nonsense"], ["--nonsense"], ["trial", "--nonsense"], ["trial", "--code", "x"]]
)
def test_wrong_usage_is_2(trial, argv, capsys):
    trial(lambda args: 0)
    assert cli.main(argv) == 2
    assert "usage: gatepost" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--help"], ["trial", "--help"], ["--version"]])
def test_help_is_no_error(trial, argv, capsys):
    trial(lambda args: 0)
    assert cli.main(argv) == 0
    assert "gatepost" in capsys.readouterr().out


def test_our_own_errors_are_told_without_a_traceback(trial, capsys):
    trial(raising(GatepostError("the store is away")))
    assert cli.main(["trial"]) == 1
    assert capsys.readouterr().err == "gatepost: the store is away\n"


def test_wrong_configuration_is_told_line_by_line_and_is_78(trial, capsys):
    config = pytest.importorskip("gatepost.config")
    problems = config.Problems()
    problems.error(None, "unknown key 'a'")
    problems.error(None, "unknown key 'b'")
    trial(raising(config.ConfigError(problems.errors)))
    assert cli.main(["trial"]) == 78
    assert [line.rpartition("unknown")[2] for line in capsys.readouterr().err.splitlines()] == [
        " key 'a'",
        " key 'b'",
    ]


def test_an_interrupt_ends_quietly(trial, capsys):
    trial(raising(KeyboardInterrupt()))
    assert cli.main(["trial"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_traceback():
    code = (
        "import sys, types; from gatepost import cli; m = types.ModuleType('t');"
        "m.add_arguments = lambda p: None;"
        "m.run = lambda a: [print('x' * 1000) for _ in range(10000)] and 0;"
        "sys.modules['t'] = m; cli.COMMANDS['t'] = cli.Command('t', '');"
        "sys.exit(cli.main(['t']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.slow
def test_python_dash_m_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "gatepost", "--version"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"gatepost ")


def test_every_command_has_a_module_of_its_name():
    modules = {name: f"gatepost.cli.{name.replace('-', '_')}" for name in cli.COMMANDS}
    assert {name: command.module for name, command in cli.COMMANDS.items()} == modules
