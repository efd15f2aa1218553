# SPDX-License-Identifier: Apache-2.0
"""Transforms of lists."""

import struct

import pytest

from gatepost.scan.errors import ExpressionError
from gatepost.scan.selectors import parse_selector
from selector_tasks import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("list(c, a, b).first", "c"),
        ("list(c, a, b).last", "b"),
        ("list(c, a, b).nth(2)", "a"),
        ("list(c, a, b).nth", "c"),
        ("list(c, a, b).nth(4)", None),
        ("list(c, a, b).take_n(2)", ["c", "a"]),
        ("list(c, a, b).take_n(0)", None),
        ("list(c, a, b).drop_n(2)", ["b"]),
        ("list(c, a, b).drop_n(3)", None),
        ("list(c, a, b).sort", ["a", "b", "c"]),
        ("list(b, a, b, a).uniq", ["b", "a"]),
        ("list(c, a, b).join", "cab"),
        ("list(c, a, b).join(', ')", "c, a, b"),
        ("list(a, b, c, d, e).join_nth(2, ':')", ["a:b", "c:d", "e"]),
        ("list(a, nil, b).filter_string_nils", ["a", "b"]),
        ("list(nil).filter_string_nils", None),
        ("rcpts.sort.last:user", "carol"),
        ("rcpts.first.lower", "bob@example.org"),
        ("rcpts.join(' ')", "bob@example.org carol@sub.example.com"),
        ("urls:get_tld.uniq.sort.first", "example.co.uk"),
        (
            "urls.apply_methods(get_tld, get_port)",
            ["example.co.uk 8443", "example.com "],
        ),
        ("urls.apply_methods(get_tld, get_port).join_tables('|').first", "example.co.uk|8443"),
        ("urls.first.apply_methods(get_tld, get_protocol)", ["example.co.uk", "https"]),
        ("urls.filter_method(is_phished):get_tld", ["example.co.uk"]),
        ("urls.filter_method(get_user, is_phished):get_tld", ["example.co.uk"]),
        ("urls.filter_method(is_redirected)", None),
        ("urls.first.filter_method(is_phished):get_tld", "example.co.uk"),
        ("urls.last.filter_method(is_phished)", None),
        ("from.filter_method(addr)", "Anna@Example.ORG"),
    ],
)
def test_lists(text, value):
    assert evaluate(text) == value


def test_the_fields_of_headers_are_joined():
    (first, _) = evaluate("header('X-Mark', 'full').join_tables('|')")
    assert first.split("|")[:2] == ["X-Mark", "false"]
    assert first.endswith("|one")


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("list(10, 20).pack_numbers(I)", struct.pack("<2I", 10, 20)),
        ("list(1, '2.5').pack_numbers", struct.pack("<2f", 1, 2.5)),
        ("list('-1', x, 255, 256, 'inf').pack_numbers(B)", b"\0\xff\0"),
        ("list('1e300').pack_numbers(f)", bytes(4)),
        ("list('-128').pack_numbers(b)", b"\x80"),
        ("list(x).pack_numbers", b""),
    ],
)
def test_numbers_are_packed(text, packed):
    assert evaluate(text).encode("utf-8", "surrogateescape") == packed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user.first", "expected a list for `first` at character 6, found one value"),
        ("from.join", "expected a list for `join`"),
        ("list(a).first.sort", "expected a list for `sort`"),
        ("list(a).join.uniq", "expected a list for `uniq`"),
        ("list(a).join_tables", "expected a list of tables for `join_tables`"),
        ("list(a).join_nth", "expected a number as argument 1"),
        ("list(a).pack_numbers(s)", "expected a known word for `pack_numbers`"),
        ("urls.apply_methods", "expected the name of a method"),
        ("urls.filter_method(is_phishd)", "did you mean `is_phished`?"),
    ],
)
def test_what_can_never_work_is_a_mistake(text, message):
    with pytest.raises(ExpressionError) as error:
        parse_selector(text)
    assert message in str(error.value)
