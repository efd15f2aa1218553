# SPDX-License-Identifier: Apache-2.0
"""Extractors of client, envelope and result."""

import platform
import re

import pytest

from gatepost.scan.envelope import Envelope
from selector_tasks import NOON, evaluate, make_task


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id", ""),
        ("id(x)", "x"),
        ("list(a, b)", ["a", "b"]),
        ("list({a, b}, c)", ["a", "b", "c"]),
        ("list", None),
        ("ip", "192.0.2.77"),
        ("helo", "laptop.example.net"),
        ("user", "Anna"),
        ("authenticated", "true"),
        ("from", "Anna@Example.ORG"),
        ("from('smtp')", "Anna@Example.ORG"),
        ("from('envelope', 'orig')", "Anna@Example.ORG"),
        ("from('mime')", "Juergen@Sub.Example.NET"),
        ("from('orig')", "Anna@Example.ORG"),
        ("rcpts", ["bob@example.org", "carol@sub.example.com"]),
        ("rcpts('mime')", ["bob@example.org", "carol@example.com", "dave@example.co.uk"]),
        ("to", "bob@example.org"),
        ("request_header('x-tenant')", "acme"),
        ("request_header(From)", "<Anna@Example.ORG>"),
        ("request_header(X-None)", None),
        ("queueid", "4XYZ"),
        ("time", str(int(NOON))),
        ("time('connect', '!%Y-%m-%dT%H')", "2023-11-15T12"),
        ("time('connect', '!%w').in(1, 2, 3, 4, 5).id('work')", "work"),
        ("time('connect', '!%w').in(6, 0).id('weekend')", None),
        ("time(message, '!%H:%M')", "10:00"),
        ("rspamd_hostname", platform.node() or None),
        ("symbol(BAD_URL)", "BAD_URL"),
        ("symbol(OTHER)", None),
        ("scan_result", "add header"),
        ("settings", None),
    ],
)
def test_of_an_outbound_letter(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((name, None) for name in ("ip", "helo", "user", "to", "rcpts", "queueid", "from")),
        *((name, None) for name in ("asn", "country", "time(message)", "pool_var(x)")),
        ("authenticated", "false"),
    ],
)
def test_what_is_not_known_is_no_value(text, value):
    task = make_task(b"Subject: nothing\n\n", {})
    assert evaluate(text, task) == value


def test_a_bounce_has_an_empty_sender_not_that_of_the_header():
    bounce = make_task(From="<>")
    assert evaluate("from", bounce) == ""
    assert evaluate("from('smtp'):domain", bounce) == ""
    assert evaluate("from('mime'):user", bounce) == "Juergen"


def test_without_an_envelope_the_header_tells():
    task = make_task(envelope={})
    assert evaluate("from", task) == "Juergen@Sub.Example.NET"
    assert evaluate("rcpts:user", task) == ["bob", "carol", "dave"]
    assert evaluate("from('smtp')", task) is None
    assert evaluate("rcpts('smtp')", task) is None


@pytest.mark.parametrize(
    ("text", "variables", "value"),
    [
        ("asn", {"asn": "64500"}, "64500"),
        ("asn", {"asn": 64500}, "64500"),
        ("country.lower", {"country": "DE"}, "de"),
        ("pool_var(n)", {"n": 3}, "3"),
        ("pool_var(x, double)", {"x": 1.5}, "1.5"),
        ("pool_var(l)", {"l": ["a", "b"]}, ["a", "b"]),
        ("pool_var(l).first", {"l": ["a", "b"]}, "a"),
        ("pool_var(s).first", {"s": "a"}, "a"),
        ("pool_var(l).join(',')", {"l": ["a", "b"]}, "a,b"),
        ("pool_var(l)", {"l": []}, None),
        ("pool_var(o)", {"o": object}, "<class 'object'>"),
        ("task_cache(k)", {"k": ("x", "y")}, ["x", "y"]),
    ],
)
def test_variables_of_other_checks(text, variables, value):
    assert evaluate(text, make_task(variables=variables)) == value


def test_the_id_is_that_of_the_log():
    task = make_task()
    assert evaluate("uid", task) == task.id


def test_a_settings_id_can_be_part_of_a_key():
    task = make_task()
    task.settings.id = "submission"
    try:
        assert evaluate("settings", task) == "submission"
    finally:
        task.settings.id = ""


@pytest.mark.parametrize("date", ["Tue, 14 Nov 99999 10:00:00 +0000", "never", ""])
def test_an_impossible_date_is_no_value_or_a_number(date):
    task = make_task(f"Date: {date}\n\n".encode())
    for text in ("time(message)", "time(message, '!%c')", "time(message, '%c %Z')"):
        found = evaluate(text, task)
        assert found is None or re.search(r"\d", found)


def test_an_envelope_made_by_hand_will_do():
    task = make_task()
    task.envelope = Envelope()
    assert evaluate("from;rcpts", task) is not None
