# SPDX-License-Identifier: Apache-2.0
"""gatepost configdump: what all layers say together."""

from __future__ import annotations

import json

import pytest

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


SECRETS = {
    "local.d/redis.conf": 'servers = "127.0.0.1"; password = hunter2; sentinel_password = 12345;',
    "local.d/worker-controller.inc": 'password = "$2$hunter2"; enable_password = ["hunter2"];',
    "local.d/replies.conf": 'cookie_key = "hunter2";',
    "local.d/dkim_signing.conf": 'use_vault = true; vault_token = "hunter2"; '
    'vault_url = "https://vault:8200"; key_table = ["a %:s:-----BEGIN PRIVATE KEY-----hunter2"];',
    "local.d/spf.conf": 'whitelist = "https://me:hunter2@maps.example/list";',
}


@pytest.mark.parametrize(
    "form", [[], ["--json"], ["redis", "worker", "dkim_signing", "spf", "replies"]]
)
def test_what_is_shown_to_others_has_no_secrets(commands: Commands, form: list[str]) -> None:
    commands.write(SECRETS)
    assert commands.run("configdump", *form).out.count("hunter2") >= 5
    shown = commands.run("configdump", "--safe", *form).out
    assert "hunter2" not in shown and "12345" not in shown
    assert "https://vault:8200" in shown and "maps.example/list" in shown
    assert shown.count("(hidden)") >= 6


def test_a_secret_of_the_wrong_form_is_not_printed_with_the_mistake(commands: Commands) -> None:
    commands.write({"local.d/redis.conf": 'password { a = "hunter2" } servers = ["127.0.0.1"];'})
    done = commands.run("configtest")
    assert done.code != 0 and "redis.password" in done.err + done.out
    assert "hunter2" not in done.err + done.out
