# SPDX-License-Identifier: Apache-2.0
"""gatepost configtest: every mistake at once, with file and line."""

from __future__ import annotations

import pytest

from cli_folder import Commands


def test_the_defaults_are_good(commands: Commands) -> None:
    done = commands.run("configtest")
    assert (done.code, done.out) == (0, "syntax OK\n")
    assert commands.run("configtest", "--quiet").out == ""


def test_all_mistakes_are_named_in_one_run(commands: Commands) -> None:
    commands.write(
        {
            "local.d/options.inc": "task_timeout = soon;\nmax_urls = -1;\n",
            "local.d/ratelimit.conf": "\nrates { nonsense { bucket { burst = 1; rate = 1; } } }\n",
            "local.d/actions.conf": "reject = many;\n",
            "local.d/worker-normal.inc": 'bind_socket = "nowhere at all";\n',
        }
    )
    done = commands.run("configtest")
    assert done.code == 78 and done.out == "syntax BAD\n"
    for expected in (
        "options.inc:1: error: options.task_timeout: expected a number",
        "options.inc:2: error: options.max_urls: expected a whole number (0 or more)",
        "ratelimit.conf:2: error: ratelimit.rates.nonsense: `nonsense` is no keyword",
        "actions.conf:1: error: actions.reject",
    ):
        assert expected in done.err
    assert "Traceback" not in done.err


def test_listeners_are_checked_too(commands: Commands) -> None:
    commands.write({"local.d/worker-normal.inc": '\nbind_socket = "nowhere at all";\n'})
    done = commands.run("configtest")
    assert done.code == 78
    assert "worker-normal.inc:2: error: bind_socket: " in done.err


def test_a_file_without_listeners_is_good_for_scanning_alone(commands: Commands) -> None:
    commands.write({"whole.conf": "actions { reject = 15; }\n"})
    commands.config /= "whole.conf"
    done = commands.run("configtest")
    assert (done.code, done.out) == (0, "syntax OK\n")
    assert "warning: no listener" in done.err
    assert commands.run("serve").code == 78


def test_a_text_that_is_no_ucl_names_its_line(commands: Commands) -> None:
    commands.write({"local.d/actions.conf": "reject = 15;\nadd_header = {\n"})
    done = commands.run("configtest")
    assert done.code == 78 and "actions.conf:" in done.err


@pytest.mark.parametrize("name", ["antivirus.conf", "neural.conf", "worker-fuzzy.inc"])
def test_what_rspamd_has_and_we_have_not_is_a_warning(commands: Commands, name: str) -> None:
    commands.write({f"local.d/{name}": "enabled = yes;\n"})
    done = commands.run("configtest")
    assert done.code == 0
    assert "warning" in done.err and "ignored" in done.err
    assert commands.run("configtest", "--strict").code == 78


def test_as_json_for_tools(commands: Commands) -> None:
    commands.write({"local.d/options.inc": "\n\nmax_urlz = 1;\n"})
    done = commands.run("configtest", "--json")
    assert done.code == 78
    problem = done.json["problems"][0]  # type: ignore[index]
    assert problem["severity"] == "error" and problem["line"] == 3
    assert problem["file"].endswith("local.d/options.inc")


def test_a_folder_that_is_not_there_is_wrong_configuration(commands: Commands) -> None:
    done = commands.run("configtest", "-c", "/nonexistent/gatepost")
    assert done.code == 78 and "/nonexistent/gatepost" in done.err
