# SPDX-License-Identifier: Apache-2.0
"""Arguments are checked when a selector is read, and each mistake says what was expected."""

import pytest

from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import MapLibrary
from gatepost.scan.selectors import parse_selector
from selector_tasks import evaluate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "header",
            "expected the name of a header as argument 1 for `header` at character 1, found",
        ),
        ("header({a, b})", "expected the name of a header as argument 1"),
        ("user(x)", "expected no arguments for `user` at character 1, found 1"),
        ("id(a, b)", "expected 1 arguments at most for `id`"),
        ("list(a).nth(x)", "expected a whole number for `nth` at character 9, found `x`"),
        ("list(a).nth(0)", "expected a number of at least 1 for `nth` at character 9, found `0`"),
        ("list(a).nth(99999999999)", "expected a whole number"),
        ("user.digest(hexx)", "did you mean `hex`?"),
        ("user.digest(hex, sha3)", "expected one of blake2, md5, sha1, sha256, sha512"),
        ("user.regexp", "expected a regular expression as argument 1"),
        ("user.regexp('/(/')", "expected a regular expression (`/(/`: "),
        ("urls(get_tl)", "did you mean `get_tld`?"),
        ("urls_filtered({phishd})", "did you mean `phished`?"),
        ("urls_filtered({a = b})", "expected a list as argument 1"),
        ("specific_urls(5)", "expected a table such as {limit = 5} as argument 1"),
        ("specific_urls({limt = 5})", "did you mean `limit`?"),
        ("specific_urls({limit = x})", "expected a whole number"),
        ("specific_urls({limit = {a}})", "expected a string as `limit`"),
        ("specific_urls({need_emails = perhaps})", "expected true or false as `need_emails`"),
        ("specific_urls({flags_mode = all})", "expected `explicit` as `flags_mode`"),
        ("user.filter_map(users)", "expected a place where maps are known for `filter_map`"),
        (
            "header(X, weak)",
            "expected `full` or `strong` for `header` at character 1, found `weak`",
        ),
        ("from(smpt)", "did you mean `smtp`?"),
        ("user.to_ascii('" + "x" * 17 + "')", "expected at most 16 characters"),
        ("time(connect, '*t')", "expected a time format"),
    ],
)
def test_a_wrong_argument_is_named(text, message):
    with pytest.raises(ExpressionError) as error:
        parse_selector(text)
    assert message in str(error.value)


@pytest.fixture
def maps(tmp_path):
    (tmp_path / "tenants").write_text("anna 7\nbob 8\n")
    return MapLibrary(tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user.filter_map(tenants)", "Anna"),
        ("user.filter_map('map:tenants')", "Anna"),
        ("user.filter_map('glob;map:tenants').lower", None),  # in globs case matters
        ("user.except_map(tenants)", None),
        ("user.apply_map(tenants)", "7"),
        ("list(bob, eve, anna).apply_map(tenants)", ["8", "7"]),
        ("list(bob, eve).except_map(tenants)", ["eve"]),
        ("id(eve).filter_map(tenants)", None),
    ],
)
def test_maps_are_named_as_in_their_folder(maps, text, value):
    assert evaluate(text, maps=maps) == value


def test_a_map_that_cannot_be_opened_is_a_mistake(maps):
    with pytest.raises(ExpressionError, match="expected a map that can be opened"):
        parse_selector("user.filter_map('nokind;map:tenants')", maps=maps)


def test_a_selector_sees_a_map_that_changed(maps, tmp_path):
    selector = parse_selector("id(eve).apply_map(tenants)", maps=maps)
    (tmp_path / "tenants").write_text("eve nine\n")
    maps.refresh()
    assert selector.evaluate(None) == "nine"
