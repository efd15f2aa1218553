# SPDX-License-Identifier: Apache-2.0
"""Which letters a whitelist exempts, as a map and as an expression of maps."""

from __future__ import annotations

import pytest

from gatepost.config import ConfigError
from gatepost.modules.reputation import Reputation
from gatepost.testing import Bench, build_app, mail

RULE = """reputation { rules { R {
    selector "generic" { selector = "id('x')"; lower_bound = 0; }
    backend "redis" { }
    whitelist = %s;
} } }"""
ELEMENTS = """rules {
    ip_ours { selector = "ip"; map = ["203.0.113.0/24"]; }
    users { selector = "user.lower"; map = ["anna", "bob"]; }
    regexp_from { selector = "from"; map = ["/@example\\.org$/i"]; }
    stars { selector = "helo"; map = ["*.example.org"]; type = "glob"; }
}"""


async def is_exempt(whitelist: str, letter) -> bool:
    """Whether a letter that the rule would learn is left alone."""
    async with Bench((Reputation,), config=RULE % whitelist) as one:
        await one.scan(letter)
        return not await one.store.hash_get_all("RR:x")


OURS = {"ip": "203.0.113.9"}
OTHERS = {"ip": "198.51.100.1", "sender": "x@example.com", "helo": "example.com"}


@pytest.mark.parametrize(
    "expression, letter, exempt",
    [
        ("ip_ours", OURS, True),
        ("ip_ours", OTHERS, False),
        ("ip_ours", {"ip": None}, False),
        ("ip_ours & users", OURS, False),
        ("ip_ours & users", {**OURS, "user": "Anna"}, True),
        ("ip_ours | users", {**OTHERS, "user": "bob"}, True),
        ("ip_ours | users", {**OTHERS, "user": "eve"}, False),
        ("!users", OTHERS, True),
        ("regexp_from", OURS, True),
        ("regexp_from", OTHERS, False),
        ("stars", OURS, True),
        ("stars", OTHERS, False),
        ("(ip_ours | users) & !stars", {**OTHERS, "user": "bob"}, True),
    ],
)
async def test_an_expression_of_maps(expression: str, letter, exempt: bool) -> None:
    whitelist = f'{{ expression = "{expression}"; {ELEMENTS} }}'
    assert await is_exempt(whitelist, mail(**letter)) is exempt


async def test_a_map_of_addresses() -> None:
    assert await is_exempt('["203.0.113.0/24", "2001:db8::/32"]', mail(ip="2001:db8::5"))
    assert not await is_exempt('["203.0.113.0/24"]', mail(ip="2001:db8::5"))
    assert not await is_exempt('["203.0.113.0/24"]', mail(ip=None))


async def test_a_map_may_be_a_file(tmp_path) -> None:
    (tmp_path / "ours.map").write_text("203.0.113.0/24 # the office\n")
    assert await is_exempt(f'"{tmp_path}/ours.map"', mail(ip="203.0.113.1"))
    assert not await is_exempt(f'"{tmp_path}/ours.map"', mail(ip="198.51.100.1"))


@pytest.mark.parametrize(
    "whitelist, message",
    [
        ('{ expression = "nobody"; rules { ip { selector = "ip"; map = ["::1"]; } } }', "`nobody`"),
        ('{ expression = "ip &"; rules { ip { selector = "ip"; map = ["::1"]; } } }', "expected"),
        ('{ expression = "ip"; rules { ip { selector = "ip"; } } }', "`selector` and `map`"),
        ('{ expression = "ip"; rules { ip = 3; } }', "`selector` and `map`"),
        ('{ expression = "ip"; rules { ip { selector = "what"; map = ["::1"]; } } }', "what"),
        ("{ expression = 3; rules { } }", "expected rules"),
        ('{ expression = "a"; rules = "x"; }', "expected rules"),
        (
            '{ expression = "ip"; rules { ip { selector = "ip"; type = "odd"; map = ["::1"]; } } }',
            "unknown kind of map",
        ),
    ],
)
def test_mistakes_are_named(whitelist: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_app((Reputation,), config=RULE % whitelist)
    assert "reputation.rules.R.whitelist" in str(caught.value)
    assert message in str(caught.value)
