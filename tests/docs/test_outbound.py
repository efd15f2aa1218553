# SPDX-License-Identifier: Apache-2.0
"""Does docs/outbound.md keep what it promises to whoever copies its snippets?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gatepost.app import build
from gatepost.cli import main
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.testing import NOW, Letter, Scanned, mail
from pages import Page, Scanner

PAGE = Page("docs/outbound.md")
ALICE, BOB = "alice@example.org", "bob@example.net"
OURS, STRANGER = "10.1.2.3", "203.0.113.7"
LINK = "https://shop.example.net/" + "a" * 60
DIRECTIONS = {
    "inbound": mail(ip=STRANGER),
    "local": mail(ip="10.1.2.3"),
    "authenticated": mail(ip=STRANGER, user=ALICE),
    "both": mail(ip="10.1.2.3", user=ALICE),
}


def scanner(folder: Path, *headings: str) -> Scanner:
    """A scanner by the snippets below these headings."""
    return Scanner(folder, [PAGE.files(heading) for heading in headings])


def chosen(result: Scanned) -> tuple[str, ...]:
    return result.task.settings.names


def signed(result: Scanned) -> bool:
    return "DKIM_SIGNED" in result.hits


async def actions(scans: Scanner, letters: Sequence[Letter]) -> list[str]:
    return [(await scans.scan(letter)).action for letter in letters]


# What counts as outbound


@pytest.mark.parametrize(
    ("ip", "local"),
    [
        (OURS, True),
        ("192.0.2.7", True),
        ("2001:db8:1::7", True),
        ("127.0.0.1", True),
        ("fe80::1", True),
        ("/run/mta.sock", True),
        ("10.2.0.1", False),
        ("192.168.0.1", False),
        (STRANGER, False),
    ],
)
async def test_the_networks_are_those_that_the_page_lists(
    tmp_path: Path, ip: str, local: bool
) -> None:
    async with scanner(tmp_path, "What counts as outbound") as scans:
        assert (await scans.scan(mail(ip=ip))).task.direction.local is local


# What runs


def test_the_table_is_that_of_the_shipped_configuration(tmp_path: Path) -> None:
    (tmp_path / "local.d").mkdir()
    app = build(str(tmp_path), environment={"GATEPOST_STATE": str(tmp_path)})
    policies = {one.module.name: type(one.module).outbound for one in app.modules}
    shown = {
        name.strip(" `"): row[1:5] for row in PAGE.table("module") for name in row[0].split(",")
    }
    real = {
        name: [policy.ruling(direction, {}).effect for direction in ALL_DIRECTIONS.values()]
        for name, policy in policies.items()
    }
    assert {name: real[name] for name in shown} == shown
    rest = {name: effects for name, effects in real.items() if name not in shown}
    assert {tuple(effects) for effects in rest.values()} == {("run",) * 4}, rest


@pytest.mark.parametrize(
    ("direction", "runs"),
    [("inbound", True), ("local", False), ("authenticated", True), ("both", False)],
)
async def test_both_switches_have_to_be_on_for_a_user_with_a_local_address(
    tmp_path: Path, direction: str, runs: bool
) -> None:
    async with scanner(tmp_path, "What runs for outbound mail, and what does not") as scans:
        result = await scans.scan(DIRECTIONS[direction])
        assert (result.outcomes["ONCE_RECEIVED"].outcome == "ran") is runs


# Separate the flows


@pytest.mark.parametrize(
    ("direction", "rules", "reject"),
    [
        ("inbound", (), 15.0),
        ("local", ("machines",), 20.0),
        ("authenticated", ("users",), 12.0),
        ("both", ("users",), 12.0),
    ],
)
async def test_each_flow_has_its_thresholds(
    tmp_path: Path, direction: str, rules: tuple[str, ...], reject: float
) -> None:
    async with scanner(tmp_path, "Separate the flows") as scans:
        result = await scans.scan(DIRECTIONS[direction])
        assert (chosen(result), result.verdict.required_score) == (rules, reject)


@pytest.mark.parametrize(
    ("direction", "action"), [("inbound", "add header"), ("both", "no action")]
)
async def test_outbound_mail_is_not_marked(tmp_path: Path, direction: str, action: str) -> None:
    test_symbol = {
        "local.d/groups.conf": 'group "test" { symbols { ARC_NA { weight = 7.0; } } }',
        "local.d/greylist.conf": "enabled = no;",
    }
    files = [PAGE.files("Separate the flows"), test_symbol]
    async with Scanner(tmp_path, files) as scans:
        assert (await scans.scan(DIRECTIONS[direction])).action == action


# Say which flow it is


@pytest.mark.parametrize(
    ("settings_id", "rules"), [("newsletter", ("newsletter_scan",)), (None, ("machines",))]
)
async def test_an_id_wins_over_the_rules_of_the_direction(
    tmp_path: Path, settings_id: str | None, rules: tuple[str, ...]
) -> None:
    request = {} if settings_id is None else {"Settings-ID": settings_id}
    headings = ("Separate the flows", "Say which flow it is, from the MTA")
    async with scanner(tmp_path, *headings) as scans:
        result = await scans.scan(mail(ip=OURS, request=request))
        assert chosen(result) == rules


async def test_a_declared_newsletter_is_not_limited(tmp_path: Path) -> None:
    limit = {"local.d/ratelimit.conf": 'rates { user { bucket { burst = 1; rate = "1 / 1d"; } } }'}
    files = [PAGE.files("Say which flow it is, from the MTA"), limit]
    declared = mail(user=ALICE, request={"Settings-ID": "newsletter"})
    async with Scanner(tmp_path, files) as scans:
        assert await actions(scans, [declared] * 3) == ["no action"] * 3
        assert await actions(scans, [mail(user=ALICE)] * 2) == ["no action", "soft reject"]


# Other scores


@pytest.mark.parametrize(("direction", "score"), [("inbound", 2.0), ("authenticated", 6.0)])
async def test_a_letter_of_links_weighs_more_from_a_user(
    tmp_path: Path, direction: str, score: float
) -> None:
    letter = DIRECTIONS[direction]
    body = letter.raw.replace(b"Hello\r\n", f"{LINK}\r\n".encode())
    async with scanner(tmp_path, "Other scores for outbound mail") as scans:
        result = await scans.scan(Letter(body, letter.headers))
        assert result.scores["HFILTER_URL_ONLY"] == pytest.approx(score, rel=0.2)


# Limits


async def test_a_user_has_two_windows(tmp_path: Path) -> None:
    fifty = mail(user=ALICE, rcpt=[f"r{n}@example.net" for n in range(50)])
    async with scanner(tmp_path, "Limits") as scans:
        assert await actions(scans, [fifty, fifty]) == ["no action", "soft reject"]
        day = [await scans.scan(fifty, now=NOW + number * 1800) for number in range(1, 7)]
        assert [one.action for one in day] == ["no action"] * 5 + ["soft reject"]
        assert "its limit for today" in str(day[-1].task.result.messages)


async def test_a_letter_counts_for_each_recipient(tmp_path: Path) -> None:
    to_many = mail(user=ALICE, rcpt=[f"r{n}@example.net" for n in range(50)])
    async with scanner(tmp_path, "Limits") as scans:
        assert await actions(scans, [to_many, mail(user=ALICE)]) == ["no action", "soft reject"]


async def test_the_newsletter_account_is_exempt_from_every_rate(tmp_path: Path) -> None:
    bulk = mail(user="newsletter@example.org", rcpt=[f"r{n}@example.net" for n in range(1000)])
    async with scanner(tmp_path, "Limits") as scans:
        assert await actions(scans, [bulk] * 8) == ["no action"] * 8


@pytest.mark.parametrize(
    ("user", "burst"),
    [
        (ALICE, 50),
        ("anna@example.org", 200),
        ("x@customer.example", 20),
        ("x@sub.customer.example", 50),
    ],
)
async def test_some_users_have_other_limits(tmp_path: Path, user: str, burst: int) -> None:
    many, one = (mail(user=user, rcpt=[BOB] * count) for count in (burst, 1))
    async with scanner(tmp_path, "Other limits for some users") as scans:
        assert await actions(scans, [many, one]) == ["no action", "soft reject"]


async def test_each_user_of_a_domain_has_a_bucket_of_his_own(tmp_path: Path) -> None:
    full = mail(user="x@customer.example", rcpt=[BOB] * 20)
    async with scanner(tmp_path, "Other limits for some users") as scans:
        assert await actions(scans, [full, full]) == ["no action", "soft reject"]
        assert await actions(scans, [mail(user="y@customer.example")]) == ["no action"]


# Signing, ARC, DMARC


@pytest.fixture
def key(tmp_path: Path) -> dict[str, str]:
    """The key that the page's command makes."""
    (command,) = [c for b in PAGE.blocks if b.heading == "Signing" for c in b.commands]
    words = command.split()[1:]
    path = tmp_path / words[-1]
    assert main([*words[:-1], str(path)]) == 0
    return {path.name: path.read_text()}


FOREIGN_BOUNCES = mail(user=ALICE, sender="b1@bounces.example.com", headers={"From": ALICE})


@pytest.mark.parametrize(
    ("letter", "option", "is_signed"),
    [
        (DIRECTIONS["inbound"], "", False),
        (DIRECTIONS["local"], "", True),
        (DIRECTIONS["authenticated"], "", True),
        (DIRECTIONS["both"], "", True),
        (DIRECTIONS["local"], "sign_local = false;", False),
        (mail(user="alice"), "", False),
        (mail(user="alice"), "allow_username_mismatch = true;", True),
        (mail(user="anna@example.com"), "", False),
        (mail(user="anna@example.com"), "allow_username_mismatch = true;", True),
        (mail(user=ALICE, headers={"From": "x@example.com"}), "", False),
        (FOREIGN_BOUNCES, "", False),
        (FOREIGN_BOUNCES, "allow_hdrfrom_mismatch = true;", True),
        (mail(user=ALICE, sender="", headers={"From": ALICE}), "", True),
        (
            mail(user=ALICE, sender="", headers={"From": ALICE}),
            "allow_envfrom_empty = false;",
            False,
        ),
        (DIRECTIONS["inbound"], f'sign_networks = ["{STRANGER}"];', True),
    ],
)
async def test_what_is_signed(
    tmp_path: Path, key: dict[str, str], letter: Letter, option: str, is_signed: bool
) -> None:
    files = {**PAGE.files("Signing"), **key}
    files["local.d/dkim_signing.conf"] += option
    async with Scanner(tmp_path, [files]) as scans:
        assert signed(await scans.scan(letter)) is is_signed


async def test_outbound_mail_is_sealed_where_there_is_a_key(
    tmp_path: Path, key: dict[str, str]
) -> None:
    async with Scanner(tmp_path, [PAGE.files("ARC"), key]) as scans:
        assert "ARC_SIGNED" in (await scans.scan(DIRECTIONS["authenticated"])).hits
        assert "ARC_SIGNED" not in (await scans.scan(DIRECTIONS["inbound"])).hits
        ours = mail(ip=STRANGER, sender=BOB, rcpt=ALICE, headers={"From": BOB})
        assert "ARC_SIGNED" in (await scans.scan(ours)).hits


@pytest.mark.parametrize(
    ("direction", "runs"), [("authenticated", True), ("local", False), ("both", False)]
)
async def test_dmarc_alone_brings_spf_and_dkim_with_it_silently(
    tmp_path: Path, direction: str, runs: bool
) -> None:
    async with scanner(tmp_path, "DMARC") as scans:
        result = await scans.scan(DIRECTIONS[direction])
        assert (result.outcomes["DMARC_CHECK"].outcome == "ran") is runs
        assert not [name for name in result.hits if name.startswith(("R_SPF", "R_DKIM"))]


# NAT


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Scanner]:
    async with scanner(tmp_path, "Behind NAT or a load balancer") as scans:
        yield scans


@pytest.mark.parametrize(
    ("ip", "kind"), [("10.1.0.5", "inbound"), ("10.2.3.4", "local"), ("127.0.0.1", "local")]
)
async def test_a_balancer_that_is_not_ours_makes_nothing_local(
    behind: Scanner, ip: str, kind: str
) -> None:
    assert (await behind.scan(mail(ip=ip))).task.direction.kind == kind


@pytest.mark.parametrize(("client", "kind"), [(STRANGER, "inbound"), ("10.2.3.4", "local")])
async def test_the_client_behind_a_gateway_makes_the_direction(
    behind: Scanner, client: str, kind: str
) -> None:
    received = (
        f"from client.example.com (client.example.com [{client}])\r\n"
        "\tby gateway.example.org (Postfix) with ESMTP id 4ABC; Thu, 1 Jan 2026 00:00:00 +0000"
    )
    result = await behind.scan(mail(ip="10.1.0.25", headers={"Received": received}))
    assert (str(result.task.ip), result.task.direction.kind) == (client, kind)


# Webmail


async def test_each_sender_of_a_machine_has_a_limit_and_users_there_have_their_own(
    tmp_path: Path,
) -> None:
    form, other = mail(ip="127.0.0.1", sender="form@example.org"), mail(ip="127.0.0.1")
    webmail = mail(ip="127.0.0.1", user=ALICE, sender="form@example.org")
    stranger = mail(ip=STRANGER, sender="form@example.org")
    off = {"local.d/greylist.conf": "enabled = no;"}
    files = [PAGE.files("Webmail and web forms on the same host"), off]
    async with Scanner(tmp_path, files) as scans:
        assert await actions(scans, [form] * 21) == ["no action"] * 20 + ["soft reject"]
        assert await actions(scans, [other, webmail]) == ["no action"] * 2
        assert (await scans.scan(stranger)).action != "soft reject"


async def test_mail_from_this_host_is_signed_with_a_user_or_without(
    tmp_path: Path, key: dict[str, str]
) -> None:
    async with Scanner(tmp_path, [PAGE.files("Signing"), key]) as scans:
        assert signed(await scans.scan(mail(ip="127.0.0.1")))
        assert signed(await scans.scan(mail(ip="127.0.0.1", user=ALICE)))


# Content filters


FILTERS = "Content filters that hand mail back"


async def test_the_first_listener_does_all_but_signing_and_the_second_only_that(
    tmp_path: Path, key: dict[str, str]
) -> None:
    limit = {"local.d/ratelimit.conf": 'rates { ip { bucket { burst = 1; rate = "1 / 1d"; } } }'}
    files = [PAGE.files(FILTERS), PAGE.files("Signing"), key, limit]
    async with Scanner(tmp_path, files) as scans:
        first = await scans.scan(mail(user=ALICE, request={"Settings-ID": "scan_only"}))
        assert not signed(first)
        assert first.outcomes["HFILTER_CHECK"].outcome == "ran"
        for _ in range(3):
            back = await scans.scan(mail(ip="127.0.0.1", request={"Settings-ID": "sign_only"}))
            assert (set(back.hits), back.action) == ({"DKIM_SIGNED"}, "no action")


async def test_a_letter_that_comes_back_whole_is_not_signed_again(
    tmp_path: Path, key: dict[str, str]
) -> None:
    letter = mail(user=ALICE)
    async with Scanner(tmp_path, [PAGE.files("Signing"), key]) as scans:
        (signature,) = (await scans.scan(letter)).task.dkim_signatures
        raw = f"DKIM-Signature: {signature}\r\n".encode() + letter.raw
        assert not signed(await scans.scan(mail(ip="127.0.0.1", raw=raw)))
        changed = mail(ip="127.0.0.1", raw=raw + b"A disclaimer\r\n")
        assert signed(await scans.scan(changed))


# Empty senders


def bounce(ip: str = "127.0.0.1", sender: str = "", rcpt: str = ALICE) -> Letter:
    author = {"From": "MAILER-DAEMON@mx.example.org"}
    return mail(ip=ip, sender=sender, rcpt=rcpt, helo=None, headers=author)


@pytest.mark.parametrize(
    ("letter", "rules"),
    [
        (bounce(), ("own_bounces",)),
        (bounce(ip=STRANGER), ()),
        (bounce(sender="x@example.org"), ()),
        (mail(ip="127.0.0.1", sender="", headers={"From": ALICE}), ()),
    ],
)
async def test_our_own_bounces_are_signed_and_not_judged(
    tmp_path: Path, key: dict[str, str], letter: Letter, rules: tuple[str, ...]
) -> None:
    files = [PAGE.files("Letters with an empty sender"), PAGE.files("Signing"), key]
    async with Scanner(tmp_path, files) as scans:
        result = await scans.scan(letter)
        assert chosen(result) == rules
        if rules:
            assert set(result.hits) == {"DKIM_SIGNED"}


async def test_one_recipient_gets_only_so_many_bounces(tmp_path: Path) -> None:
    off = {"local.d/greylist.conf": "enabled = no;"}
    files = [PAGE.files("Letters with an empty sender"), off]
    async with Scanner(tmp_path, files) as scans:
        found = await actions(scans, [bounce(ip=STRANGER)] * 11)
        assert "soft reject" not in found[:10]
        assert found[10] == "soft reject"
        assert await actions(scans, [mail(ip=STRANGER, rcpt=ALICE)]) != ["soft reject"]


# An account that was taken over


TAKEN_OVER = "An account that was taken over"


async def test_listed_accounts_are_held_or_refused_and_others_are_not(
    tmp_path: Path, key: dict[str, str]
) -> None:
    files = {**PAGE.files(TAKEN_OVER), **PAGE.files("Signing"), **key}
    files["local.d/settings.conf"] += PAGE.files("Separate the flows")["local.d/settings.conf"]
    files["maps.d/held_users"] += f"{ALICE}\n"
    files["maps.d/refused_users"] += "mallory@example.org\n"
    async with Scanner(tmp_path, [files]) as scans:
        held = await scans.scan(mail(user=ALICE, request={"Settings-ID": "users"}))
        assert (held.action, signed(held)) == ("quarantine", True)
        refused = await scans.scan(mail(user="mallory@example.org", sender="m@example.org"))
        assert refused.action == "reject"
        assert "call the help desk" in str(refused.task.result.messages)
        assert (await scans.scan(mail(user="carol@example.org"))).action == "no action"
        assert (await scans.scan(mail(sender=ALICE, ip=STRANGER))).action != "quarantine"


async def test_a_changed_list_is_read_while_the_scanner_runs(tmp_path: Path) -> None:
    async with scanner(tmp_path, TAKEN_OVER) as scans:
        assert scans.app.options.map_poll <= 30
        assert (await scans.scan(mail(user=ALICE))).action == "no action"
        (tmp_path / "etc/maps.d/held_users").write_text(f"{ALICE}\n")
        scans.app.maps.refresh()
        assert (await scans.scan(mail(user=ALICE))).action == "quarantine"


# All of it together


def test_every_settings_rule_of_the_page_fits_into_one_file(tmp_path: Path) -> None:
    name = "local.d/settings.conf"
    headings = dict.fromkeys(block.heading for block in PAGE.blocks)
    rules = [{name: PAGE.files(heading).get(name, "")} for heading in headings]
    lists = PAGE.files(TAKEN_OVER) | {name: ""}
    Scanner(tmp_path, [lists, *rules])
