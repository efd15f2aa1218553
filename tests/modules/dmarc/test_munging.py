# SPDX-License-Identifier: Apache-2.0
"""From of letters to lists: who is rewritten, and what it says then."""

import pytest

from gatepost.config import ConfigError
from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.spf import Spf
from gatepost.testing import build_app, mail, scan, zone

MODULES = [Spf, Dkim, Dmarc]
LIST = "talk@lists.example"
OURS = "192.0.2.1"
DNS = zone(
    "_dmarc.a.example. TXT 'v=DMARC1; p=reject'",
    "_dmarc.none.example. TXT 'v=DMARC1; p=none'",
    "a.example. TXT 'v=spf1 ip4:192.0.2.1 -all'",
    "none.example. TXT 'v=spf1 ip4:192.0.2.1 -all'",
)


async def munged(options="", *, author="Anna <anna@a.example>", to=LIST, ip=OURS, **headers):
    """The headers added, those removed, and the options of the symbol."""
    domain = author.rpartition("@")[2].strip(">")
    letter = mail(
        ip=ip,
        sender=f"u@{domain}",
        headers={"From": author, "To": to, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )
    config = f'dmarc {{ munging {{ list_map = ["{LIST}"]; {options} }} }}'
    result = await scan(MODULES, letter, dns=DNS, config=config)
    added = {header.name: header.value for header in result.task.added_headers}
    return added, result.task.removed_headers, result.hits.get("DMARC_MUNGED")


async def test_the_list_becomes_the_author():
    added, removed, options = await munged()
    assert added == {
        "From": f'"Anna via talk" <{LIST}>',
        "X-Original-From": "Anna <anna@a.example>",
        "Reply-To": "Anna <anna@a.example>",
    }
    assert removed == {"From": 0, "Reply-To": 1}
    assert options == ["anna@a.example"]


@pytest.mark.parametrize(
    "author, name",
    [
        ("anna@a.example", '"anna via talk"'),
        ('"Anna \\"A\\" B." <anna@a.example>', '"Anna \\"A\\" B. via talk"'),
        ("=?utf-8?q?J=C3=B6rg?= <j@a.example>", "=?utf-8?q?J=C3=B6rg_via_talk?="),
        (f"{'x' * 3000} <anna@a.example>", f'"{"x" * 100} via talk"'),
    ],
)
async def test_the_name_says_on_whose_behalf(author, name):
    added, _, _ = await munged(author=author)
    assert added["From"] == f"{name} <{LIST}>"
    assert all(len(value) <= 998 for value in added.values())


async def test_answers_go_to_the_author_as_well_as_where_he_wanted_them():
    added, _, _ = await munged(Reply_To="other@a.example")
    assert added["Reply-To"] == "other@a.example, Anna <anna@a.example>"
    added, _, _ = await munged("reply_goes_to_list = true;", Reply_To="other@a.example")
    assert added["Reply-To"] == LIST


@pytest.mark.parametrize("to", ["bob@b.example, Talk@Lists.Example", "undisclosed:;"])
async def test_one_list_among_the_recipients_is_enough(to):
    _, _, options = await munged(to=to)
    assert (options is not None) == ("," in to)


@pytest.mark.parametrize(
    "options, author, ip, rewritten",
    [
        ("", "a@a.example", OURS, True),
        ("", "a@a.example", "203.0.113.7", False),  # fails
        ("mitigate_allow_only = false;", "a@a.example", "203.0.113.7", True),
        ("mitigate_allow_only = false;", "a@gone.example", OURS, False),  # no policy
        ("", "a@none.example", OURS, True),
        ("mitigate_strict_only = true;", "a@none.example", OURS, False),
        ("mitigate_strict_only = true;", "a@a.example", OURS, True),
        ("munge_from = false;", "a@a.example", OURS, True),
    ],
)
async def test_who_is_rewritten(options, author, ip, rewritten):
    added, removed, symbol = await munged(options, author=author, ip=ip)
    assert (symbol is not None) == rewritten
    assert bool(added) == bool(removed) == rewritten


CONDITION = """munge_map_condition {
    rules { ours { selector = "from('mime'):domain"; map = ["a.example"]; } }
    expression = "!ours";
}"""


@pytest.mark.parametrize("author, rewritten", [("a@a.example", False), ("a@none.example", True)])
async def test_a_condition_can_spare_letters(author, rewritten):
    _, _, symbol = await munged(CONDITION, author=author)
    assert (symbol is not None) == rewritten


async def test_outbound_mail_is_left_alone():
    letter = mail(user="anna", ip=OURS, sender="u@a.example", headers={"From": "a@a.example"})
    config = f'dmarc {{ munging {{ list_map = ["{LIST}"]; }} }}'
    result = await scan(MODULES, letter, dns=DNS, config=config)
    assert result.task.added_headers == []


async def test_without_lists_it_is_a_mistake():
    with pytest.raises(ConfigError, match=r"dmarc.munging: list_map is missing"):
        build_app([Dmarc], config="dmarc { munging { } }")
