# SPDX-License-Identifier: Apache-2.0
"""gatepost directions against the table of the design, which is written here by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cli_folder import Commands
from gatepost.modules import ALL

CHECK = ["check_local", "check_authed"]
SIGN = ["sign_local", "sign_authenticated", "sign_inbound", "sign_networks"]
SKIP_BOTH = ("run", "skip", "skip", "skip", CHECK)
TABLE: dict[str, tuple[str, str, str, str, list[str]]] = {
    "dkim": SKIP_BOTH,
    "dmarc": SKIP_BOTH,
    "greylist": SKIP_BOTH,
    "once_received": SKIP_BOTH,
    "spf": SKIP_BOTH,
    "whitelist": SKIP_BOTH,
    "spamtrap": SKIP_BOTH,
    "asn": ("run", "skip", "run", "skip", ["check_local"]),
    "mx_check": ("run", "skip", "skip", "skip", []),
    "p0f": ("run", "skip", "run", "skip", []),
    "dkim_signing": ("skip", "adapt", "adapt", "adapt", SIGN),
    "arc": ("run", "adapt", "adapt", "adapt", SIGN),
    "ratelimit": ("run", "run", "adapt", "adapt", ["authenticated_rates"]),
    "hfilter": ("run", "adapt", "adapt", "adapt", CHECK),
    "rbl": ("run", "adapt", "adapt", "adapt", ["exclude_local", "exclude_users"]),
    "milter_headers": (
        *("run", "adapt", "adapt", "adapt"),
        ["skip_local", "skip_authenticated", "local_headers", "authenticated_headers"],
    ),
    "reputation": ("run", "adapt", "adapt", "adapt", ["inbound", "outbound"]),
    "replies": ("run", "adapt", "adapt", "adapt", []),
}
UNAFFECTED = ("run", "run", "run", "run", [])


@pytest.mark.parametrize("name", [module.name for module in ALL])
def test_each_module_has_the_row_of_the_table(commands: Commands, name: str) -> None:
    found: dict[str, Any] = commands.run("directions", "--json").json
    row = found["modules"][name]
    inbound, local, authenticated, both, override = TABLE.get(name, UNAFFECTED)
    assert [row[c] for c in ("inbound", "local", "authenticated", "both")] == [
        inbound,
        local,
        authenticated,
        both,
    ]
    assert sorted(row["override"]) == sorted(override)


def test_every_module_of_the_table_exists() -> None:
    assert TABLE.keys() <= {module.name for module in ALL}


def test_every_module_that_exists_is_there_enabled_or_not(commands: Commands) -> None:
    commands.write({"local.d/once_received.conf": "enabled = no;"})
    found: dict[str, Any] = commands.run("directions", "--json").json
    assert set(found["modules"]) == {module.name for module in ALL}
    assert found["modules"]["once_received"]["enabled"] is False
    assert found["modules"]["spf"]["enabled"] is True


@pytest.mark.parametrize(
    "files, row",
    [
        ({"local.d/once_received.conf": "check_local = yes;"}, ["run", "run", "skip", "skip"]),
        ({"local.d/once_received.conf": "check_authed = yes;"}, ["run", "skip", "run", "skip"]),
        (
            {"local.d/once_received.conf": "check_authed = yes; check_local = yes;"},
            ["run", "run", "run", "run"],
        ),
        ({"local.d/options.inc": "check_local = yes;"}, ["run", "run", "skip", "skip"]),
        (
            {
                "local.d/options.inc": "check_local = yes; check_authed = yes;",
                "local.d/once_received.conf": "check_authed = no;",
            },
            ["run", "run", "skip", "skip"],
        ),
    ],
)
def test_an_override_that_is_on_turns_skip_into_run(
    commands: Commands, files: dict[str, str], row: list[str]
) -> None:
    commands.write(files)
    found: dict[str, Any] = commands.run("directions", "--json").json
    columns = ("inbound", "local", "authenticated", "both")
    assert [found["modules"]["once_received"][column] for column in columns] == row


def test_for_people_it_is_a_table(commands: Commands) -> None:
    lines = commands.run("directions").out.splitlines()
    assert lines[0].split() == ["module", "inbound", "local", "authenticated", "both", "override"]
    row = next(line for line in lines if line.startswith("once_received"))
    assert row.split()[1:] == ["run", "skip", "skip", "skip", "check_local,", "check_authed"]
