# SPDX-License-Identifier: Apache-2.0
"""Which rules are asked for whose mail: each direction, and each option that changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.modules.rbl import Rbl
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.outcomes import Trace
from gatepost.testing import build_app, mail, zone
from rbl_kit import CLIENT, LOCAL, ask, default_app, one

# --- direction ----------------------------------------------------------------------------

SENDERS: dict[str, dict[str, str | None]] = {
    "inbound": {"ip": CLIENT},
    "local": {"ip": LOCAL},
    "authenticated": {"ip": CLIENT, "user": "alice@example.org"},
    "both": {"ip": LOCAL, "user": "alice@example.org"},
    "no ip": {"ip": None},
}
LISTING = zone("evil.org.bl.test. A 127.0.0.2")
RAN = "ran"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "exclude_users = true",
            {
                "inbound": RAN,
                "local": ("local", "rbl.rules.LIST.exclude_local"),
                "authenticated": ("authenticated", "rbl.rules.LIST.exclude_users"),
                "both": ("authenticated", "rbl.rules.LIST.exclude_users"),
                "no ip": RAN,
            },
        ),
        (
            "",
            {
                "inbound": RAN,
                "local": ("local", "rbl.rules.LIST.exclude_local"),
                "authenticated": RAN,
                "both": ("local", "rbl.rules.LIST.exclude_local"),
                "no ip": RAN,
            },
        ),
        (
            "exclude_local = false; exclude_users = true",
            {
                "inbound": RAN,
                "local": RAN,
                "authenticated": ("authenticated", "rbl.rules.LIST.exclude_users"),
                "both": ("authenticated", "rbl.rules.LIST.exclude_users"),
                "no ip": RAN,
            },
        ),
        ("exclude_local = false", dict.fromkeys(SENDERS, RAN)),
        ("ignore_defaults = true", dict.fromkeys(SENDERS, RAN)),
    ],
)
@pytest.mark.parametrize("sender", SENDERS)
async def test_each_rule_says_whose_mail_it_looks_at(
    rule: str, expected: dict[str, str | tuple[str, str]], sender: str
) -> None:
    letter = mail("http://evil.org/", **SENDERS[sender])  # type: ignore[arg-type]
    found = await ask(one(f"urls = true; {rule}"), letter, LISTING)
    outcome = found.outcomes["LIST"]
    if expected[sender] == RAN:
        assert outcome.outcome == "ran"
        assert found.hits == {"LIST": ["evil.org:url"]}
    else:
        assert (outcome.reason, outcome.option) == expected[sender]
        assert found.hits == {}


async def test_the_option_that_explain_names_lets_the_rule_run() -> None:
    letter = mail("http://evil.org/", user="alice@example.org")
    rules = one("urls = true; exclude_users = true") + "rules { LIST { exclude_users = false } }"
    assert (await ask(rules, letter, LISTING)).hits == {"LIST": ["evil.org:url"]}


@pytest.mark.parametrize(
    ("rules", "row"),
    [
        ("exclude_users = true", "run adapt adapt adapt"),
        ("exclude_local = false; exclude_users = true", "run run adapt adapt"),
        ("", "run adapt run adapt"),
        ("exclude_local = false", "run run run run"),
    ],
)
def test_directions_tell_what_rules_do(rules: str, row: str) -> None:
    app = build_app([Rbl], config=f"rbl {{ {one(f'urls = true; {rules}')} }}")
    module = app.modules[0].module
    assert [module.ruling(d).effect for d in ALL_DIRECTIONS.values()] == row.split()


def test_as_shipped_the_table_is_that_of_the_contract(tmp_path: Path) -> None:
    module = default_app(tmp_path).modules[0].module
    effects = [module.ruling(direction).effect for direction in ALL_DIRECTIONS.values()]
    assert effects == ["run", "adapt", "adapt", "adapt"]
    assert module.outbound.override == ("exclude_local", "exclude_users")


SHIPPED_RULES = {
    # check: (runs for authenticated, runs for local), by reference §16's table
    "SPAMHAUS_CHECK": (False, False),
    "MAILSPIKE": (False, False),
    "RBL_SEM": (False, False),
    "RBL_SEM_IPV6": (False, False),
    "RCVD_IN_DNSWL": (False, False),
    "RBL_VIRUSFREE_UNKNOWN": (False, False),
    "BLOCKLISTDE_CHECK": (False, False),
    "DWL_DNSWL": (False, False),
    "RSPAMD_EMAILBL": (True, True),
    "MSBL_EBL": (True, True),
    "SURBL_MULTI": (True, True),
    "SURBL_HASHBL": (True, True),
    "URIBL_MULTI": (True, True),
    "RSPAMD_URIBL": (True, True),
    "DBL": (True, True),
    "SEM_URIBL_UNKNOWN": (True, True),
    "SEM_URIBL_FRESH15_UNKNOWN": (False, True),
}


@pytest.mark.parametrize("sender", ["inbound", "local", "authenticated", "both"])
async def test_each_shipped_rule_for_each_direction(tmp_path: Path, sender: str) -> None:
    opened = default_app(tmp_path).open(resolver=zone())
    letter = mail("http://evil.org/", **SENDERS[sender])  # type: ignore[arg-type]
    trace = Trace()
    await opened.scanner.scan(letter.raw, parse_envelope(letter.headers), trace=trace)
    await opened.close()
    ran = {name for name, outcome in trace.outcomes.items() if outcome.outcome == "ran"}
    expected = {"RBL_CALLBACK", "RBL_CALLBACK_WHITE"}
    for name, (authenticated, local) in SHIPPED_RULES.items():
        if (authenticated or sender not in ("authenticated", "both")) and (
            local or sender not in ("local", "both")
        ):
            expected.add(name)
    assert ran == expected
