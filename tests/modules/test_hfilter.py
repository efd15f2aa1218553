# SPDX-License-Identifier: Apache-2.0
"""What the client says of itself, bounces to many, and letters that are hardly more than links."""

from __future__ import annotations

import pytest

from gatepost.modules.hfilter import HFilter
from gatepost.modules.once_received import OnceReceived
from gatepost.testing import Letter, Scanned, explain, mail, scan, zone

ALL = """
    helo_enabled = yes; hostname_enabled = yes; url_enabled = yes; from_enabled = yes;
    rcpt_enabled = yes; mid_enabled = yes;
"""
CLIENT = "203.0.113.7"
DNS = zone(
    f"mail.example.org. A {CLIENT}",
    "other.example.org. A 192.0.2.9",
    "example.org. MX 10 mail.example.org.",
    "dead.example. MX 10 gone.example.",
    fail=["A slow.example.", "AAAA slow.example."],
)
LINK = "https://example.org/abcdefghijk\r\n"


def letter(
    body: str = "A letter with some words.\r\n",
    *,
    helo: str | None = "mail.example.org",
    hostname: str | None = "mail.example.org",
    **more: object,
) -> Letter:
    return mail(body, helo=helo, hostname=hostname, **more)  # type: ignore[arg-type]


async def scanned(given: Letter, options: str = ALL) -> Scanned:
    return await scan(HFilter, given, config=f"hfilter {{ {options} }}", dns=DNS)


async def test_a_proper_letter_has_nothing() -> None:
    assert (await scanned(letter())).hits == {}


@pytest.mark.parametrize(
    "helo, hits",
    [
        ("10.0.0.1", {"HFILTER_HELO_BADIP": ["10.0.0.1", "1"]}),
        ("[10.0.0.1]", {"HFILTER_HELO_BADIP": ["10.0.0.1", "1"]}),
        ("[8.8.8.8]", {"HFILTER_HELO_BAREIP": ["8.8.8.8", "1"]}),
        ("LAPTOP", {"HFILTER_HELO_5": ["LAPTOP"]}),
        ("a.dsl.example.org", {"HFILTER_HELO_4": ["a.dsl.example.org"]}),
        ("a.vps.example.org", {"HFILTER_HELO_1": ["a.vps.example.org"]}),
        ("other.example.org", {"HFILTER_HELO_IP_A": ["other.example.org"]}),
        (
            "none.example",
            {
                "HFILTER_HELO_IP_A": ["none.example"],
                "HFILTER_HELO_NORES_A_OR_MX": ["none.example"],
            },
        ),
        (
            "dead.example",
            {
                "HFILTER_HELO_IP_A": ["dead.example"],
                "HFILTER_HELO_NORESOLVE_MX": ["gone.example"],
            },
        ),
        ("bad_name.example.org", {"HFILTER_HELO_NOT_FQDN": ["bad_name.example.org"]}),
        ("slow.example", {}),  # nobody knows
        ("rspamc.local", {}),  # said by rspamc, not by a client
        (None, {}),
    ],
)
async def test_helo(helo: str | None, hits: dict[str, list[str]]) -> None:
    assert (await scanned(letter(helo=helo))).hits == hits


@pytest.mark.parametrize(
    "hostname, helo, hits, generic",
    [
        (None, "mail.example.org", {"HFILTER_HOSTNAME_UNKNOWN": []}, None),
        ("a.dsl.example", "mail.example.org", {"HFILTER_HOSTNAME_4": ["a.dsl.example"]}, True),
        ("a.host.example", "mail.example.org", {"HFILTER_HOSTNAME_2": ["a.host.example"]}, False),
        # of the two one counts: the worse, and HELO where they are alike
        ("a.dsl.example", "b.dsl.example", {"HFILTER_HELO_4": ["b.dsl.example"]}, True),
        ("a.dsl.example", "b.vps.example", {"HFILTER_HOSTNAME_4": ["a.dsl.example"]}, True),
        ("a.vps.example", "b.dsl.example", {"HFILTER_HELO_4": ["b.dsl.example"]}, False),
    ],
)
async def test_host_name(
    hostname: str | None, helo: str, hits: dict[str, list[str]], generic: bool | None
) -> None:
    found = await scanned(letter(hostname=hostname, helo=helo))
    assert found.hits == hits
    assert found.task.variables.get("hostname_generic") is generic


@pytest.mark.parametrize(
    "sender, rcpt, hits",
    [
        ("a@example.org", ["b@example.net", "c@example.net"], {}),
        ("a@none.example", ["b@example.net"], {"HFILTER_FROMHOST_NORES_A_OR_MX": ["none.example"]}),
        ("a@dead.example", ["b@example.net"], {"HFILTER_FROMHOST_NORESOLVE_MX": ["gone.example"]}),
        ("a@laptop", ["b@example.net"], {"HFILTER_FROMHOST_NOT_FQDN": ["laptop"]}),
        ("", ["b@example.net"], {"HFILTER_FROM_BOUNCE": ["mail.example.org"]}),
        (
            "",
            ["b@example.net", "c@example.net"],
            {
                "HFILTER_FROM_BOUNCE": ["mail.example.org"],
                "HFILTER_RCPT_BOUNCEMOREONE": ["2"],
            },
        ),
        (
            "Postmaster@example.org",
            ["b@example.net", "c@example.net"],
            {"HFILTER_RCPT_BOUNCEMOREONE": ["2"]},
        ),
    ],
)
async def test_sender_and_recipients(
    sender: str, rcpt: list[str], hits: dict[str, list[str]]
) -> None:
    given = letter(sender=sender, rcpt=rcpt, headers={"From": "a@example.org"})
    assert (await scanned(given)).hits == hits


@pytest.mark.parametrize(
    "message_id, hits",
    [
        ("<1@example.org>", {}),
        ("<1@none.example>", {"HFILTER_MID_NORES_A_OR_MX": ["none.example"]}),
        ("<1@dead.example>", {"HFILTER_MID_NORESOLVE_MX": ["gone.example"]}),
        ("<1@laptop>", {"HFILTER_MID_NOT_FQDN": ["laptop"]}),
        ("<1@localhost>", {}),
        ("<none>", {}),
        ("", {}),
    ],
)
async def test_message_id(message_id: str, hits: dict[str, list[str]]) -> None:
    assert (await scanned(letter(headers={"Message-ID": message_id}))).hits == hits


@pytest.mark.parametrize(
    "body, share, more",
    [
        (LINK, 31 / 33, {}),
        (LINK + LINK, 62 / 66, {"HFILTER_URL_ONELINE": ["plain:0:1"]}),
        (LINK * 3, 93 / 99, {}),
    ],
)
async def test_letters_of_links(body: str, share: float, more: dict[str, list[str]]) -> None:
    weight = f"{min(1.0, (share - 0.8) * 5):.14g}"
    assert (await scanned(letter(body))).hits == {"HFILTER_URL_ONLY": [weight], **more}


async def test_a_link_among_words_is_nothing() -> None:
    assert (await scanned(letter(f"words and words {LINK}"))).hits == {}


async def test_the_weight_of_links_grows_with_their_share() -> None:
    found = await scanned(letter(LINK))
    share = 31 / 33
    assert found.scores["HFILTER_URL_ONLY"] == pytest.approx(2.2 * (share - 0.8) * 5)
    found = await scanned(letter(LINK.strip()))
    assert found.scores["HFILTER_URL_ONLY"] == pytest.approx(2.2)


@pytest.mark.parametrize(
    "symbol, given, score",
    [
        ("HFILTER_URL_ONELINE", letter(LINK + LINK), 2.5),
        ("HFILTER_HELO_BADIP", letter(helo="10.0.0.1"), 4.5),
        ("HFILTER_HELO_BAREIP", letter(helo="8.8.8.8"), 3.0),
        ("HFILTER_HELO_1", letter(helo="a.vps.example"), 0.5),
        ("HFILTER_HELO_2", letter(helo="a.host.example"), 1.0),
        ("HFILTER_HELO_3", letter(helo="a.cable.example"), 2.0),
        ("HFILTER_HELO_4", letter(helo="a.dsl.example"), 2.5),
        ("HFILTER_HELO_5", letter(helo="a.ppp.example"), 3.0),
        ("HFILTER_HOSTNAME_1", letter(hostname="a.vps.example"), 0.5),
        ("HFILTER_HOSTNAME_2", letter(hostname="a.host.example"), 1.0),
        ("HFILTER_HOSTNAME_3", letter(hostname="a.cable.example"), 2.0),
        ("HFILTER_HOSTNAME_4", letter(hostname="a.dsl.example"), 2.5),
        ("HFILTER_HOSTNAME_5", letter(hostname="a.ppp.example"), 3.0),
        ("HFILTER_HOSTNAME_UNKNOWN", letter(hostname=None), 2.5),
        ("HFILTER_HELO_NOT_FQDN", letter(helo="a_b.example.org"), 2.0),
        ("HFILTER_HELO_IP_A", letter(helo="other.example.org"), 1.0),
        ("HFILTER_HELO_NORES_A_OR_MX", letter(helo="none.example"), 0.3),
        ("HFILTER_HELO_NORESOLVE_MX", letter(helo="dead.example"), 0.2),
        ("HFILTER_FROMHOST_NOT_FQDN", letter(sender="a@b"), 3.0),
        ("HFILTER_FROMHOST_NORES_A_OR_MX", letter(sender="a@none.example"), 1.5),
        ("HFILTER_FROMHOST_NORESOLVE_MX", letter(sender="a@dead.example"), 0.5),
        ("HFILTER_FROM_BOUNCE", letter(sender=""), 0.0),
        ("HFILTER_RCPT_BOUNCEMOREONE", letter(sender="", rcpt=["a@b.org", "c@d.org"]), 1.5),
        ("HFILTER_MID_NOT_FQDN", letter(headers={"Message-ID": "<1@b>"}), 0.0),
    ],
)
async def test_scores(symbol: str, given: Letter, score: float) -> None:
    assert (await scanned(given)).scores[symbol] == pytest.approx(score)


BAD = {
    "body": LINK + LINK,
    "helo": "a.dsl.example",
    "hostname": None,
    "sender": "a@none.example",
    "headers": {"Message-ID": "<1@b>"},
}


@pytest.mark.parametrize(
    "option, symbols",
    [
        ("url_enabled", {"HFILTER_URL_ONLY", "HFILTER_URL_ONELINE"}),
        ("helo_enabled", {"HFILTER_HELO_4"}),
        ("hostname_enabled", {"HFILTER_HOSTNAME_UNKNOWN"}),
        ("from_enabled", {"HFILTER_FROMHOST_NORES_A_OR_MX"}),
        ("mid_enabled", {"HFILTER_MID_NOT_FQDN"}),
        ("rcpt_enabled", set()),
    ],
)
async def test_each_group_of_checks_has_its_switch(option: str, symbols: set[str]) -> None:
    assert (await scanned(letter(**BAD), f"{option} = yes;")).hits.keys() == symbols  # type: ignore[arg-type]


URLS = {"HFILTER_URL_ONLY", "HFILTER_URL_ONELINE"}
EVERYTHING = URLS | {
    "HFILTER_HELO_4",
    "HFILTER_HOSTNAME_UNKNOWN",
    "HFILTER_FROMHOST_NORES_A_OR_MX",
    "HFILTER_MID_NOT_FQDN",
}
INBOUND, LOCAL = {"ip": CLIENT}, {"ip": "127.0.0.1"}
AUTHENTICATED, BOTH = {"ip": CLIENT, "user": "al"}, {"ip": "127.0.0.1", "user": "al"}
NO_IP: dict[str, str | None] = {"ip": None}
OF_LOCAL, OF_USERS = "check_local = yes;", "check_authed = yes;"


@pytest.mark.parametrize(
    "switches, client, symbols",
    [
        ("", INBOUND, EVERYTHING),
        ("", NO_IP, EVERYTHING),
        ("", LOCAL, URLS),
        ("", AUTHENTICATED, URLS),
        ("", BOTH, URLS),
        (OF_LOCAL, LOCAL, EVERYTHING),
        (OF_LOCAL, AUTHENTICATED, URLS),
        (OF_LOCAL, BOTH, URLS),
        (OF_USERS, LOCAL, URLS),
        (OF_USERS, AUTHENTICATED, EVERYTHING),
        (OF_USERS, BOTH, URLS),
        (OF_LOCAL + OF_USERS, INBOUND, EVERYTHING),
        (OF_LOCAL + OF_USERS, LOCAL, EVERYTHING),
        (OF_LOCAL + OF_USERS, AUTHENTICATED, EVERYTHING),
        (OF_LOCAL + OF_USERS, BOTH, EVERYTHING),
    ],
)
async def test_of_our_own_letters_only_the_links_count(
    switches: str, client: dict[str, str], symbols: set[str]
) -> None:
    given = letter(**BAD, **client)  # type: ignore[arg-type]
    found = await explain(HFilter, given, config=f"hfilter {{ {ALL} {switches} }}", dns=DNS)
    assert found.hits.keys() == symbols
    assert found.outcomes["HFILTER_CHECK"].outcome == "ran"


async def test_a_switch_that_is_not_set_is_that_of_all_modules() -> None:
    config = f"options {{ check_local = yes; }} hfilter {{ {ALL} }}"
    found = await scan(HFilter, letter(**BAD, **LOCAL), config=config, dns=DNS)  # type: ignore[arg-type]
    assert found.hits.keys() == EVERYTHING


async def test_without_an_address_helo_is_not_looked_up() -> None:
    assert (await scanned(letter(helo="none.example", ip=None))).hits == {}


async def test_a_name_that_the_mta_did_not_give_but_the_dns_knows_is_one() -> None:
    pointer = "7.113.0.203.in-addr.arpa. PTR mail.example.org."
    dns = zone(pointer, f"mail.example.org. A {CLIENT}", "example.org. A 192.0.2.1")
    config = "hfilter { hostname_enabled = yes; }"
    found = await scan([HFilter, OnceReceived], letter(hostname=None), config=config, dns=dns)
    assert "HFILTER_HOSTNAME_UNKNOWN" not in found.hits
    assert found.task.hostname == "mail.example.org"
