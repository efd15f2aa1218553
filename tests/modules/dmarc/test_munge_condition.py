# SPDX-License-Identifier: Apache-2.0
"""Expressions over maps: what holds for which letter, and which mistakes are named."""

import pytest

from gatepost.config import ConfigError
from gatepost.modules.dmarc import Dmarc
from gatepost.testing import Bench, build_app, mail

RULES = """
    sender { selector = "from('smtp'):domain"; map = ["example.org", "example.com"]; }
    rcpt { selector = "rcpts('smtp'):addr"; map = "^b.*@"; type = "regexp"; }
    never { selector = "header('X-None')"; map = ["x"]; }
"""


def config(expression, rules=RULES):
    return f"""dmarc {{ munging {{ list_map = ["l@l.example"]; munge_map_condition {{
        rules {{ {rules} }} {expression} }} }} }}"""


@pytest.mark.parametrize(
    "expression, holds",
    [
        ("sender", True),
        ("!sender", False),
        ("sender & !never", True),
        ("sender and never", False),
        ("never | sender", True),
        ("!(never | sender)", False),
    ],
)
async def test_an_expression_joins_the_rules(expression, holds):
    async with Bench([Dmarc], config=config(f'expression = "{expression}";')) as bench:
        scanned = await bench.scan(mail(rcpt=["anna@x.example", "bob@x.example"]))
        (loaded,) = bench.app.modules
        assert loaded.module.munger.condition.holds(scanned.task) is holds


async def test_one_of_several_values_is_enough():
    rules = """rcpt { selector = "rcpts('smtp'):addr"; map = ["bob@x.example"]; }"""
    async with Bench([Dmarc], config=config('expression = "rcpt";', rules)) as bench:
        condition = bench.app.modules[0].module.munger.condition
        both = await bench.scan(mail(rcpt=["anna@x.example", "bob@x.example"]))
        one = await bench.scan(mail(rcpt="anna@x.example"))
        assert condition.holds(both.task)
        assert not condition.holds(one.task)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected a section with `rules` and `expression`"),
        ('expression = "sender & other";', "`rules` has no other that can be used"),
        ('expression = "sender &";', "expected"),
        ('rules { more { } } expression = "sender";', "expected one section `rules`"),
    ],
)
def test_mistakes_in_the_expression_are_named(text, message):
    with pytest.raises(ConfigError) as raised:
        build_app([Dmarc], config=config(text))
    assert message in str(raised.value)
    assert "dmarc.munging: " in str(raised.value)


@pytest.mark.parametrize(
    "rule, message",
    [
        ("odd = 1;", "rule odd: expected a section with"),
        ('odd { selector = "from"; }', "rule odd: there is no map"),
        ('odd { selector = "nonsense"; map = ["x"]; }', "nonsense"),
    ],
)
def test_mistakes_in_a_rule_are_named(rule, message):
    with pytest.raises(ConfigError) as raised:
        build_app([Dmarc], config=config('expression = "sender";', RULES + rule))
    assert message in str(raised.value)
    assert "dmarc.munging: " in str(raised.value)
