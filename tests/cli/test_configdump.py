# SPDX-License-Identifier: Apache-2.0
"""gatepost configdump: what all layers say together."""

from __future__ import annotations

import json

from cli_folder import Commands
from gatepost.ucl import parse


def test_layers_are_merged_and_overrides_come_last(commands: Commands) -> None:
    commands.write(
        {
            "local.d/actions.conf": "reject = 20; greylist = null;",
            "override.d/actions.conf": "add_header = 7;",
        }
    )
    done = commands.run("configdump", "--json", "-o", "actions.rewrite_subject=9", "actions")
    assert done.json == {"reject": 20, "add_header": 7, "greylist": None, "rewrite_subject": 9}


def test_ucl_can_be_read_again(commands: Commands) -> None:
    text = commands.run("configdump").out
    assert parse(text, "dump") == parse(commands.run("configdump").out, "again")
    assert "actions" in text and "worker" in text


def test_sections_have_headings_as_in_rspamadm(commands: Commands) -> None:
    lines = commands.run("configdump", "actions", "options").out.splitlines()
    assert lines[0] == "*** Section actions ***"
    assert "*** Section options ***" in lines and lines[-1] == "*** End of section options ***"


def test_several_sections_as_json_are_one_object(commands: Commands) -> None:
    done = commands.run("configdump", "--compact", "actions", "options")
    assert done.out.count("\n") == 1
    assert set(json.loads(done.out)) == {"actions", "options"}


def test_an_unknown_section_is_named_with_the_nearest(commands: Commands) -> None:
    done = commands.run("configdump", "action")
    assert done.code == 1
    assert "no section `action`; did you mean `actions`?" in done.err


def test_templates_see_the_environment(commands: Commands, monkeypatch) -> None:
    commands.write({"local.d/actions.conf": "reject = {= env.LIMIT|default('15') =};"})
    assert commands.run("configdump", "--json", "actions").json["reject"] == 15
    monkeypatch.setenv("GATEPOST_LIMIT", "33")
    assert commands.run("configdump", "--json", "actions").json["reject"] == 33
