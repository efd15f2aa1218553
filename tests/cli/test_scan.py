# SPDX-License-Identifier: Apache-2.0
"""gatepost scan: a verdict for each message, without a daemon."""

from __future__ import annotations

import io
import json
import sys

import pytest

from cli_folder import GTUBE, LETTER, Commands


def test_the_test_letter_of_a_user_is_refused(commands: Commands) -> None:
    done = commands.run("scan", "--json", "--user", "alice@example.org", commands.letter(GTUBE))
    assert done.code == 0
    assert done.json["action"] == "reject"
    assert done.json["messages"] == {"smtp_message": "Gtube pattern"}
    assert done.json["message-id"] == "m1@example.org"


def test_one_object_a_file_one_a_line(commands: Commands) -> None:
    files = [commands.letter(GTUBE, "a.eml"), commands.letter("Hi\r\n", "b.eml")]
    done = commands.run("scan", "--json", *files)
    actions = [json.loads(line)["action"] for line in done.out.splitlines()]
    assert actions == ["reject", "no action"]


def test_without_json_it_prints_as_gpc_does(commands: Commands) -> None:
    done = commands.run("scan", commands.letter(GTUBE))
    assert "[Metric: default]\nAction: reject\nSpam: true\nScore: 15.00 / 15.00\n" in done.out


@pytest.mark.parametrize(
    "letter, action",
    [("Y", "add header"), ("Z", "rewrite subject"), ("A", "no action"), ("X", "reject")],
)
def test_an_override_switches_on_the_other_patterns(
    commands: Commands, letter: str, action: str
) -> None:
    file = commands.letter(letter + GTUBE[1:])
    done = commands.run("scan", "--json", "-o", "options.gtube_patterns=all", file)
    assert done.json["action"] == action


def test_the_message_may_come_by_stdin(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((LETTER + GTUBE).encode())))
    assert commands.run("scan", "--json", "-").json["action"] == "reject"


def test_settings_of_the_command_line_apply(commands: Commands) -> None:
    settings = '{"actions": {"reject": 4.0}, "symbols": {"MINE": 5.0}}'
    done = commands.run("scan", "--json", "--settings", settings, commands.letter())
    assert done.json["action"] == "reject"
    assert done.json["required_score"] == 4.0


def test_a_settings_id_chooses_its_rule(commands: Commands) -> None:
    commands.write({"local.d/settings.conf": "strict { apply { actions { reject = 3.0 } } }"})
    done = commands.run("scan", "--json", "--settings-id", "strict", commands.letter())
    assert done.json["required_score"] == 3.0


def test_scans_by_hand_do_not_count_in_a_limit(commands: Commands) -> None:
    rate = 'rates { user { bucket { burst = 1; rate = "1 / 1d"; } } }'
    commands.write({"local.d/ratelimit.conf": rate})
    for _ in range(3):
        done = commands.run("scan", "--json", "--user", "al@example.org", commands.letter())
        assert done.json["action"] == "no action"


def test_with_allow_local_they_do(commands: Commands) -> None:
    rate = 'allow_local = yes; rates { user { bucket { burst = 1; rate = "1 / 1d"; } } }'
    commands.write({"local.d/ratelimit.conf": rate})
    user = ("--user", "al@example.org")
    actions = [
        commands.run("scan", "--json", *user, commands.letter()).json["action"] for _ in range(2)
    ]
    assert actions == ["no action", "soft reject"]


def test_a_file_that_is_not_there_is_said(commands: Commands) -> None:
    done = commands.run("scan", str(commands.folder / "none.eml"))
    assert done.code == 1
    assert "none.eml" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("header", ["X: a\nY: b", "\x00"])
def test_a_header_that_would_forge_others_is_refused(commands: Commands, header: str) -> None:
    done = commands.run("scan", "--header", header, commands.letter())
    assert done.code == 2 and "gatepost:" in done.err


def test_wrong_configuration_is_78_and_names_the_place(commands: Commands) -> None:
    commands.write({"local.d/options.inc": "\ntask_timeut = 4s;\n"})
    done = commands.run("scan", commands.letter())
    assert done.code == 78
    assert "options.inc:2: error: options.task_timeut: unknown key" in done.err
    assert "did you mean `task_timeout`?" in done.err
