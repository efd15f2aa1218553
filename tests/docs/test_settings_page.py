# SPDX-License-Identifier: Apache-2.0
"""Is what docs/settings.md says about conditions, effects, priorities and merging true?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli_folder import Commands
from gatepost.scan.applied import NOTHING_APPLIED
from gatepost.scan.settings_apply import APPLY_KEYS
from gatepost.scan.settings_matchers import MATCHER_KEYS
from gatepost.scan.settings_rules import OTHER_KEYS
from gatepost.testing import Letter, Scanned, mail
from pages import Page, Scanner

PAGE = Page("docs/settings.md")
TABLES = PAGE.table("key")
WIN = "Which rule wins"
FRIEND, BOSS, ANNA = "f@friends.example.net", "boss@example.org", "anna@example.org"
NEWSLETTER = {"Settings-ID": "newsletter"}


def keys(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def examples(of: tuple[str, ...]) -> dict[str, str]:
    """The example of each key that has one, from the table for ``of``."""
    rows = [row for row in TABLES if len(row) == 3 and keys(row[0])[0] in of]
    return {keys(row[0])[0]: keys(row[2])[0] for row in rows}


CONDITIONS, EFFECTS = examples(MATCHER_KEYS), examples(APPLY_KEYS)


def chosen(result: Scanned) -> tuple[str, ...]:
    return result.task.settings.names


# The tables


def test_the_tables_have_every_key() -> None:
    assert set(CONDITIONS) == set(MATCHER_KEYS)
    assert set(EFFECTS) == set(APPLY_KEYS)
    others = [key for row in TABLES if len(row) == 2 for key in keys(row[0])]
    assert set(others) == set(OTHER_KEYS)


@pytest.mark.parametrize(
    ("key", "hit", "miss"),
    [
        ("authenticated", mail(user="x"), mail(ip="10.0.0.1")),
        ("local", mail(ip="10.0.0.1"), mail(user="x")),
        ("ip", mail(ip="198.51.100.7"), mail()),
        ("ip", mail(ip="2001:db8::1"), mail(ip="2001:db8::2")),
        ("ip_map", mail(ip="198.51.100.7"), mail(ip=None)),
        ("hostname", mail(hostname="a.dyn.example.com"), mail(hostname="dyn.example.com.net")),
        ("user", mail(user="Anna@Sales.example.org"), mail(user="anna@x.sales.example.org")),
        ("from", mail(sender="Boss@example.com"), mail(sender="")),
        (
            "from_mime",
            mail(headers={"From": "The boss <b@EXAMPLE.com>"}),
            mail(sender="b@example.com", headers={"From": "b@example.org"}),
        ),
        ("rcpt", mail(rcpt=["x@example.net", "abuse@example.net"]), mail(rcpt="x@abuse")),
        (
            "rcpt_mime",
            mail(headers={"Cc": "list-a@example.net"}),
            mail(rcpt="list-a@example.net", headers={"To": "x@example.net"}),
        ),
        ("header", mail(headers={"List-Id": "<a.example>"}), mail()),
        (
            "request_header",
            mail(request={"MTA-Name": "ORIGINATING"}),
            mail(request={"MTA-Name": "NOT-ORIGINATING"}),
        ),
        ("selector", mail(headers={"List-Unsubscribe": "<https://a.example>"}), mail()),
    ],
)
async def test_each_condition_holds_for_what_it_says(
    tmp_path: Path, key: str, hit: Letter, miss: Letter
) -> None:
    rule = f"r {{ {CONDITIONS[key]}; apply {{ actions {{ reject = 9; }} }} }}\n"
    async with Scanner(tmp_path, [{"local.d/settings.conf": rule}]) as scans:
        assert chosen(await scans.scan(hit)) == ("r",)
        assert chosen(await scans.scan(miss)) == ()


@pytest.mark.parametrize("key", ["client_ip", "client_ip_map"])
async def test_the_client_ip_is_who_asks_us(tmp_path: Path, key: str) -> None:
    rule = f"r {{ {CONDITIONS[key]}; apply {{ actions {{ reject = 9; }} }} }}\n"
    async with Scanner(tmp_path, [{"local.d/settings.conf": rule}]) as scans:
        assert chosen(await scans.scan(mail(), peer="198.51.100.9")) == ("r",)
        assert chosen(await scans.scan(mail(ip="198.51.100.9"), peer="127.0.0.1")) == ()


@pytest.mark.parametrize("key", sorted(EFFECTS))
async def test_each_effect_loads_and_changes_something(tmp_path: Path, key: str) -> None:
    rule = f'r {{ header {{ X-Pick = "yes"; }} apply {{ {EFFECTS[key]}; }} }}\n'
    async with Scanner(tmp_path, [{"local.d/settings.conf": rule}]) as scans:
        picked = (await scans.scan(mail(headers={"X-Pick": "yes"}))).task.settings
        assert picked.names == ("r",)
        assert any(
            getattr(picked, field) != getattr(NOTHING_APPLIED, field)
            for field in picked.__struct_fields__
            if field not in ("names", "id")
        )


async def scanned(folder: Path, apply: str, letter: Letter | None = None) -> Scanned:
    rule = f'r {{ header {{ Subject = "letter"; }} apply {{ {apply}; }} }}\n'
    groups = 'group "site" { symbols { SEEN_BY_RULE { weight = 2.0; } } }'
    files = {"local.d/settings.conf": rule, "local.d/groups.conf": groups}
    async with Scanner(folder, [files]) as scans:
        return await scans.scan(letter if letter is not None else mail())


@pytest.mark.parametrize(
    ("apply", "ran"),
    [
        (EFFECTS["symbols_disabled"], {"ONCE_RECEIVED": False, "HFILTER_CHECK": True}),
        (EFFECTS["groups_disabled"], {"ONCE_RECEIVED": True, "HFILTER_CHECK": False}),
        (EFFECTS["symbols_enabled"], {"ONCE_RECEIVED": True, "HFILTER_CHECK": False}),
        (
            'symbols_enabled = ["ONCE_RECEIVED"]; groups_enabled = ["hfilter"]',
            {"ONCE_RECEIVED": True, "HFILTER_CHECK": True, "SPF_CHECK": False},
        ),
        (
            'symbols_enabled = ["ONCE_RECEIVED"]; policy = "implicit_allow"',
            {"ONCE_RECEIVED": True, "HFILTER_CHECK": True},
        ),
        ('policy = "implicit_deny"', {"ONCE_RECEIVED": False, "HFILTER_CHECK": False}),
        ("symbols_enabled = []", {"ONCE_RECEIVED": False, "ALIASES_CHECK": True}),
        (
            'symbols_enabled = ["ONCE_RECEIVED"]; symbols_disabled = ["ONCE_RECEIVED"]',
            {"ONCE_RECEIVED": False},
        ),
        ('symbols_disabled = ["ALIASES_CHECK"]', {"ALIASES_CHECK": False}),
    ],
)
async def test_what_runs(tmp_path: Path, apply: str, ran: Mapping[str, bool]) -> None:
    outcomes = (await scanned(tmp_path, apply)).outcomes
    assert {name: outcomes[name].outcome == "ran" for name in ran} == ran


@pytest.mark.parametrize(
    ("apply", "symbol", "score"),
    [
        (EFFECTS["scores"], "ONCE_RECEIVED", 4.0),
        ("ONCE_RECEIVED = 4.0", "ONCE_RECEIVED", 4.0),
        ("symbols_enabled { ONCE_RECEIVED = 5.0; }", "ONCE_RECEIVED", 5.0),
        (EFFECTS["symbols"], "SEEN_BY_RULE", 3.0),
    ],
)
async def test_what_symbols_weigh(tmp_path: Path, apply: str, symbol: str, score: float) -> None:
    assert (await scanned(tmp_path, apply)).scores[symbol] == score


@pytest.mark.parametrize("key", ["whitelist", "want_spam"])
async def test_a_whitelisted_letter_is_not_scanned(tmp_path: Path, key: str) -> None:
    result = await scanned(tmp_path, EFFECTS[key], mail(user=ANNA))
    assert (result.hits, result.action) == ({}, "no action")
    for check in ("DKIM_SIGNED", "HFILTER_CHECK", "ARC_CHECK"):
        assert result.outcomes[check].outcome == "skipped"


@pytest.mark.parametrize(
    ("letter", "holds"),
    [(mail(), True), (mail(user=ANNA), False), (mail(ip="10.0.0.1"), False)],
)
async def test_strangers_are_found_by_an_expression(
    tmp_path: Path, letter: Letter, holds: bool
) -> None:
    async with Scanner(tmp_path, [PAGE.files("Which letters: conditions")]) as scans:
        assert bool(chosen(await scans.scan(letter))) is holds


@pytest.mark.parametrize(
    ("letter", "names"),
    [
        (mail(user="x@sales.example.org"), ("sales",)),
        (mail(user="info-desk@example.org"), ("sales",)),
        (mail(user="x@example.org"), ()),
    ],
)
async def test_the_first_rule(tmp_path: Path, letter: Letter, names: tuple[str, ...]) -> None:
    async with Scanner(tmp_path, [PAGE.files("Settings")]) as scans:
        assert chosen(await scans.scan(letter)) == names


@pytest.mark.parametrize(
    ("condition", "letter", "holds"),
    [
        ("authenticated = no", mail(), False),
        ('authenticated = no; from = "alice"', mail(user=ANNA), True),
        ('inverse = true; from = "x"; rcpt = "y"', mail(), True),
        ('inverse = true; from = "alice"; rcpt = "y"', mail(), False),
        ('from = "alice"; rcpt = "y"', mail(), False),
        ('header { Subject = "LETTER"; }', mail(), False),
        ('header { Subject = "etter"; }', mail(), True),
        ('header { Subject = "etter"; X-No = true; }', mail(), False),
        ("header { X-No = false; }", mail(), True),
        ('expression = "rcpt | from"; rcpt = "y"; from = "alice"', mail(), True),
    ],
)
async def test_how_conditions_combine(
    tmp_path: Path, condition: str, letter: Letter, holds: bool
) -> None:
    rule = f"r {{ {condition}; apply {{ actions {{ reject = 9; }} }} }}\n"
    async with Scanner(tmp_path, [{"local.d/settings.conf": rule}]) as scans:
        assert bool(chosen(await scans.scan(letter))) is holds


async def test_a_map_of_addresses_is_a_file(tmp_path: Path) -> None:
    files = {
        "local.d/settings.conf": 'r { user = "map:people"; apply { actions { reject = 9; } } }',
        "maps.d/people": f"{ANNA}\n",
    }
    async with Scanner(tmp_path, [files]) as scans:
        assert chosen(await scans.scan(mail(user=ANNA))) == ("r",)
        assert chosen(await scans.scan(mail(user=BOSS))) == ()


# Who wins


@pytest.mark.parametrize(
    ("letter", "names", "reject"),
    [
        (mail(user=BOSS, rcpt=FRIEND), ("vip", "vip_friends"), 99.0),
        (mail(user=BOSS, request=NEWSLETTER), ("vip",), 99.0),
        (mail(user=ANNA, request=NEWSLETTER), ("newsletter_scan",), 30.0),
        (mail(request=NEWSLETTER), ("newsletter_scan",), 30.0),
        (mail(user=ANNA), ("everybody_out",), 12.0),
        (mail(user=ANNA, request={"Settings-ID": "unknown"}), ("everybody_out",), 12.0),
        (mail(), (), 15.0),
    ],
)
async def test_which_rules_apply(
    tmp_path: Path, letter: Letter, names: tuple[str, ...], reject: float
) -> None:
    async with Scanner(tmp_path, [PAGE.files(WIN)]) as scans:
        result = await scans.scan(letter)
        assert (chosen(result), result.verdict.required_score) == (names, reject)


@pytest.mark.parametrize(
    ("apply", "field", "merged"),
    [
        (("actions { reject = 1; discard = 3; }", "actions { reject = 2; }"), "actions", None),
        (('subject = "a %s"', 'subject = "b %s"'), "subject", "b %s"),
        (('flags = ["no_log"]', 'flags = ["groups"]'), "flags", {"no_log", "groups"}),
        (("whitelist = true", "subject = x"), "whitelist", True),
        (("variables { a = 1; b = 1; }", "variables { a = 2; }"), "variables", None),
    ],
)
async def test_two_rules_are_merged_in_the_order_of_names(
    tmp_path: Path, apply: tuple[str, str], field: str, merged: object
) -> None:
    later, earlier = (
        f'{name} {{ from = "alice"; apply {{ {text}; }} }}\n'
        for name, text in zip("ba", reversed(apply), strict=True)
    )
    async with Scanner(tmp_path, [{"local.d/settings.conf": later + earlier}]) as scans:
        found = getattr((await scans.scan(mail())).task.settings, field)
    if merged is not None:
        assert found == merged
    elif field == "actions":
        assert found == {"reject": 2.0, "discard": 3.0}
    else:
        assert found == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("first", "second", "runs"),
    [
        ('groups_disabled = ["hfilter"]', 'symbols_enabled = ["HFILTER_URL_ONLY"]', True),
        ('symbols_disabled = ["HFILTER_CHECK"]', 'symbols_enabled = ["HFILTER_CHECK"]', False),
        ('groups_disabled = ["hfilter"]', 'groups_enabled = ["hfilter"]', False),
    ],
)
async def test_named_goes_before_group_and_disabled_before_enabled(
    tmp_path: Path, first: str, second: str, runs: bool
) -> None:
    rules = "".join(
        f'{name} {{ from = "alice"; apply {{ {text}; }} }}\n'
        for name, text in (("a", first), ("b", second))
    )
    async with Scanner(tmp_path, [{"local.d/settings.conf": rules}]) as scans:
        outcome = (await scans.scan(mail())).outcomes["HFILTER_CHECK"].outcome
        assert (outcome == "ran") is runs


# Requests


@pytest.mark.parametrize(
    ("request_headers", "required", "ran"),
    [
        ({"Settings": "{actions {reject = 5}}"}, 5.0, True),
        ({"Settings": '{"actions": {"reject": 5}}'}, 5.0, True),
        ({"MaxScore": "7"}, 7.0, True),
        ({"Settings-ID": "quiet"}, 40.0, False),
        ({"Settings-ID": "quiet", "Settings": "{actions {reject = 5}}"}, 5.0, False),
    ],
)
async def test_what_a_request_asks_for(
    tmp_path: Path, request_headers: dict[str, str], required: float, ran: bool
) -> None:
    rule = (
        'quiet { apply { actions { reject = 40; } symbols_disabled = ["HFILTER_CHECK"]; } }\n'
        'low { from = "alice"; apply { actions { reject = 1; } } }\n'
    )
    async with Scanner(tmp_path, [{"local.d/settings.conf": rule}]) as scans:
        result = await scans.scan(mail(request=request_headers))
        assert result.verdict.required_score == required
        assert (result.outcomes["HFILTER_CHECK"].outcome == "ran") is ran


# Explain


@pytest.fixture
def gatepost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Commands:
    commands = Commands(tmp_path, monkeypatch, capsys)
    commands.write(PAGE.files(WIN))
    return commands


def test_explain_prints_what_the_page_shows(gatepost: Commands) -> None:
    shown, output = [block for block in PAGE.blocks if block.heading.startswith("See which")]
    letter = gatepost.letter()
    first, second = ([letter, *line.split()[3:]] for line in shown.commands)
    printed = [line for line in gatepost.run("explain", *first).out.splitlines()]
    assert [line for line in printed if line.startswith("Settings:")] == output.text.splitlines()
    applied = [
        line for line in gatepost.run("explain", *second).out.splitlines() if ": applied:" in line
    ]
    assert applied == [
        "Settings:  newsletter_scan: applied: the request's Settings-ID is `newsletter`"
    ]
