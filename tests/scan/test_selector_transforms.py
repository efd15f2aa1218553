# SPDX-License-Identifier: Apache-2.0
"""Transforms of texts."""

import time

import pytest

from gatepost.scan.selectors import parse_selector
from selector_tasks import evaluate, make_task


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user.lower", "anna"),
        ("id('ÄbC').lower", "Äbc"),  # as Lua in the C locale
        ("id('ÄbC').lower_utf8", "äbc"),
        ("id('aü€b').to_ascii", "a?????b"),  # one for each byte
        ("id('aüb').to_ascii('')", "ab"),
        ("id(hello).substring(2, 3)", "el"),
        ("id(hello).substring(-2)", "lo"),
        ("id(hello).substring", "hello"),
        ("user.prepend('<', '>')", "<>Anna"),
        ("user.append(':', tag)", "Anna:tag"),
        ("rcpts.prepend(r)", ["rbob@example.org", "rcarol@sub.example.com"]),
        ("user.equal(Anna)", "Anna"),
        ("user.equal(anna)", None),
        ("user.in(Bob, Anna)", "Anna"),
        ("rcpts:user.in(carol, eve)", ["carol"]),
        ("user.not_in(Bob)", "Anna"),
        ("user.not_in(Bob, Anna)", None),
        ("rcpts:user.not_in(carol)", ["bob"]),
        ("user.digest(hex, md5)", "97a9d330e236c8d067f01da1894a5438"),
        ("user.digest(rbase32, sha1)", "BXB4CHGQS6BPKQCFSHX4GYYZSQDFU52N"),
        ("rcpts:domain.get_tld", ["example.org", "example.com"]),
        ("id('localhost').get_tld", "localhost"),
        ("ip.ipmask(24)", "192.0.2.0"),
        ("ip.ipmask(24, 64)", "192.0.2.0"),
        ("id('2001:db8::1').ipmask(24, 32)", "2001:db8::"),
        ("id('2001:db8::1').ipmask(16)", "2001::"),
        ("id('192.0.2.1').ipmask(99)", "192.0.2.1"),
        ("id('no address').ipmask(24)", None),
        ("user.id", ""),
        ("user.id(x)", "x"),
        ("user.id(x, y)", ["x", "y"]),
        ("rcpts.id(x)", "x"),
        ("header(X-None).id(x)", None),
        ("user.inverse", None),
        ("header(X-None).inverse", "true"),
        ("header(X-None).lower.inverse(none)", "none"),
        ("id('').inverse", "true"),
        ("list.inverse(empty)", "empty"),
    ],
)
def test_texts(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"id('a1b22').regexp('/\d+/')", ["1", "22"]),
        (r"id('a1b22').match('/([a-z])(\d+)/')", ["a1", "a", "1", "b22", "b", "22"]),
        (r"id('abc').regexp('/(x)?b/')", ["b"]),
        (r"id('abc').regexp('/x/')", None),
        (r"id('aaa').regexp('/^a/')", ["a"]),
        (r"id('ABC').regexp('/b/i').first", "B"),
        (r"id('grüße').regexp('/ü./u')", ["üß"]),
        (r"id('baab').regexp('/a*/')", ["aa"]),
        (r"rcpts.regexp('/@(.*)/').last", "sub.example.com"),
        (r"list(a1, b, c2).regexp('/\d/')", ["1", "2"]),
        (
            r'from("smtp","orig").regexp("/^<?ann(a)[^@]*@/i").last',
            "a",
        ),
    ],
)
def test_regular_expressions_give_all_matches_and_groups(text, value):
    assert evaluate(text) == value


def test_a_gate_lets_the_rest_through():
    """Rspamd's documentation: an empty text before the value, if a header is there."""
    text = "header('X-Mark').id;from:user"
    assert evaluate(text) == "Anna"
    assert evaluate(text, make_task(b"Subject: x\n\n")) is None


def test_bytes_that_are_no_text_survive_a_digest_and_a_regexp():
    task = make_task(variables={"b": b"a\xff\xfe"})
    assert evaluate("pool_var(b).regexp('/a./')", task) == ["a\udcff"]
    assert evaluate("pool_var(b).digest(hex, md5)", task) == "a34d75b343e7974693a60419f3713c4e"


def test_every_text_transform_maps_over_a_list_of_objects():
    for call in ("lower", "append(x)", "digest", "substring(1, 2)", "to_ascii", "get_tld"):
        assert len(evaluate(f"rcpts.{call}")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["a.*b.*c.*d", "(a+)+$", "(?:a|aa)+b"])
def test_a_careless_expression_over_hostile_values_ends_soon(pattern):
    values = ["a" * 60_000 + "!" for _ in range(17)] + ["abc" * 80] * 4000
    task = make_task(variables={"l": values})
    selector = parse_selector(f"pool_var(l).regexp('/{pattern}/').first")
    begin = time.perf_counter()
    selector.evaluate(task)
    assert time.perf_counter() - begin < 2.0
