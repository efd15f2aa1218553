# SPDX-License-Identifier: Apache-2.0
"""gatepost explain: why each check ran or not."""

from __future__ import annotations

from typing import Any

import pytest

from cli_folder import GTUBE, Commands


def checks_of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in found["checks"]}


@pytest.mark.parametrize(
    "arguments, direction, outcome, reason, option",
    [
        ((), (False, False), "ran", None, None),
        (("--ip", "203.0.113.9"), (False, False), "ran", None, None),
        (
            ("--ip", "10.0.0.5"),
            (True, False),
            "skipped",
            "local",
            "once_received.check_local",
        ),
        (
            ("--user", "al"),
            (False, True),
            "skipped",
            "authenticated",
            "once_received.check_authed",
        ),
        (
            ("--user", "al", "--ip", "::1"),
            (True, True),
            "skipped",
            "authenticated",
            "once_received.check_authed",
        ),
    ],
)
def test_the_direction_and_the_option_that_would_change_it(
    commands: Commands,
    arguments: tuple[str, ...],
    direction: tuple[bool, bool],
    outcome: str,
    reason: str | None,
    option: str | None,
) -> None:
    found: dict[str, Any] = commands.run("explain", "--json", *arguments, commands.letter()).json
    local, authenticated = direction
    assert found["direction"] == {
        "local": local,
        "authenticated": authenticated,
        "outbound": local or authenticated,
    }
    check = checks_of(found)["ONCE_RECEIVED"]
    assert (check["outcome"], check["reason"], check["option"]) == (outcome, reason, option)
    assert check["module"] == "once_received"


def test_a_check_that_ran_names_its_symbols_and_its_time(commands: Commands) -> None:
    found: dict[str, Any] = commands.run("explain", "--json", commands.letter()).json
    check = checks_of(found)["ONCE_RECEIVED"]
    assert check["symbols"] == ["ONCE_RECEIVED"]
    assert check["ms"] > 0


def test_what_the_configuration_leaves_off_is_listed_as_disabled(commands: Commands) -> None:
    commands.write({"local.d/once_received.conf": "enabled = no;"})
    found: dict[str, Any] = commands.run("explain", "--json", commands.letter()).json
    check = checks_of(found)["ONCE_RECEIVED"]
    assert (check["outcome"], check["reason"]) == ("skipped", "disabled")
    assert check["option"] == "once_received.enabled"


def test_settings_say_why_they_matched_or_not(commands: Commands) -> None:
    commands.write(
        {
            "local.d/settings.conf": """
              users { priority = high; authenticated = yes; apply { symbols_disabled = ["X"] } }
              other { priority = high; from = "@other.example"; apply { symbols_disabled = ["X"] } }
            """
        }
    )
    found: dict[str, Any] = commands.run(
        "explain", "--json", "--user", "al", "--from", "a@example.org", commands.letter()
    ).json
    settings = {one["name"]: one for one in found["settings"]}
    assert settings["users"]["matched"] is True and "authenticated" in settings["users"]["why"]
    assert settings["other"]["matched"] is False and "from" in settings["other"]["why"]


def test_settings_that_switch_a_check_off_are_its_reason(commands: Commands) -> None:
    settings = '{"symbols_disabled": ["ONCE_RECEIVED"]}'
    found: dict[str, Any] = commands.run(
        "explain", "--json", "--settings", settings, commands.letter()
    ).json
    check = checks_of(found)["ONCE_RECEIVED"]
    assert (check["outcome"], check["reason"]) == ("skipped", "settings")


def test_score_and_action_are_those_of_the_scan(commands: Commands) -> None:
    found: dict[str, Any] = commands.run("explain", "--json", commands.letter(GTUBE)).json
    assert (found["score"], found["action"]) == (15.0, "reject")


def test_for_people_it_is_a_page(commands: Commands) -> None:
    done = commands.run("explain", "--user", "al", "--ip", "10.0.0.5", commands.letter())
    assert done.out.startswith("Direction: outbound (user al, client 10.0.0.5 is local)\n")
    assert "(changed by once_received.check_authed)" in done.out
    assert done.out.endswith("Action: no action\n")


def test_a_folder_is_not_one_message(commands: Commands) -> None:
    commands.letter(name="a.eml")
    commands.letter(name="b.eml")
    done = commands.run("explain", str(commands.folder))
    assert done.code == 2 and "expected one message" in done.err
