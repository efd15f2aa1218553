# SPDX-License-Identifier: Apache-2.0
"""Whole selectors: parts joined, bounds, mistakes, and that no letter makes one raise."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import MapLibrary
from gatepost.scan.selector_extractors import EXTRACTORS
from gatepost.scan.selector_methods import METHODS
from gatepost.scan.selector_transforms import TRANSFORMS
from gatepost.scan.selector_values import MAX_LIST_TEXT, MAX_TEXT
from gatepost.scan.selectors import parse_selector
from selector_tasks import LETTER, evaluate, make_task

DOCS = Path(__file__).parents[2] / "docs" / "selectors.md"

# Calls that all names can be tried with.
EXAMPLES = {
    "header": "header(Subject)",
    "pool_var": "pool_var(x)",
    "task_cache": "task_cache(x)",
    "request_header": "request_header(X-Tenant)",
    "symbol": "symbol(BAD_URL)",
    "list": "list(a, b)",
}
PLAIN_EXTRACTORS = [
    *(EXAMPLES.get(name, name) for name in EXTRACTORS if not name.endswith("_map")),
    *("from('mime')", "rcpts('mime')", "header(From, full)", "words(full)", "time(message, '%c')"),
]
HOSTILE = ["", "\udcff.com", "\ud800", "xn--\xff.de", "." * 300, "1e999", "999.1.1.1", "ß" * 70_000]
PLAIN_TRANSFORMS = [
    *("lower", "lower_utf8", "to_ascii", "substring(2, -2)", "prepend(x)", "append(y)"),
    *("regexp('/(.)./s')", "equal(a)", "in(a)", "not_in(a)", "digest(base32)", "get_tld"),
    *("ipmask(8)", "id(q)", "inverse", "first", "last", "nth(2)", "take_n(3)", "drop_n(1)"),
    *("sort", "uniq", "join(',')", "join_nth(2)", "pack_numbers(d)", "filter_string_nils"),
]


@pytest.mark.parametrize(
    ("text", "delimiter", "value"),
    [
        ("user;ip", ":", "Anna:192.0.2.77"),
        ("user;ip", "", "Anna192.0.2.77"),
        ("user*ip", "|", "Anna|192.0.2.77"),
        ("rcpts:user;id(x)", ":", ["bob:x", "carol:x"]),
        ("id(r);rcpts:user;id(x)", ":", ["r:bob:x", "r:carol:x"]),
        ("rcpts:user;list(1, 2, 3)", "", ["bob1", "carol2"]),
        ("user;header(X-None)", ":", None),
        ("header(X-None);user", ":", None),
        ("user;list", ":", None),
        ("id;user", ":", ":Anna"),
        (
            "user.lower;time('connect', '!%w').in(1, 2, 3, 4, 5).id('work')",
            ":",
            "anna:work",
        ),
    ],
)
def test_parts_are_joined(text, delimiter, value):
    assert evaluate(text, delimiter=delimiter) == value


@pytest.mark.parametrize(
    ("text", "values", "flat", "joined", "matches"),
    [
        ("user", ["Anna"], ["Anna"], "Anna", True),
        ("id", [""], [""], "", True),
        ("header(X-None)", [], [], None, False),
        ("rcpts:user", ["bob", "carol"], ["bob", "carol"], "bob, carol", True),
        ("rcpts:user;user", ["bob:Anna", "carol:Anna"], ["bob", "carol", "Anna"], None, True),
    ],
)
def test_every_user_gets_its_form(text, values, flat, joined, matches):
    selector, task = parse_selector(text, delimiter=":"), make_task()
    assert selector.values(task) == values
    assert selector.flat_values(task) == flat
    assert selector.joined(task) == (joined if joined is not None else ", ".join(values) or None)
    assert selector.matches(task) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "frm.lower",
            "expected the name of an extractor at character 1, found `frm` in `frm.lower`; "
            "did you mean `from`?",
        ),
        (
            "user;header(X).lowr",
            "expected the name of a transform at character 16, found `lowr` in "
            "`user;header(X).lowr`; did you mean `lower`?",
        ),
        ("from.adr", "did you mean `addr`?"),
        ("xyzzy", "found `xyzzy` in `xyzzy`"),
        ("first", "expected the name of an extractor"),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest(text, message):
    with pytest.raises(ExpressionError) as error:
        parse_selector(text)
    assert message in str(error.value)


def test_what_a_chain_builds_up_is_bounded():
    long = "x" * 8000
    text = ".".join([f"id('{'y' * 100}')", *["regexp('/./').join('" + "z" * 200 + "')"] * 4])
    assert len(evaluate(text)) == MAX_TEXT
    assert len(evaluate(f"words.prepend('{long}').join")) <= MAX_TEXT


def test_many_long_values_are_bounded_together():
    task = make_task(variables={"l": ["x" * 60_000] * 100})
    values = parse_selector("pool_var(l);pool_var(l);user").values(task)
    assert sum(map(len, values)) <= MAX_LIST_TEXT + MAX_TEXT


def test_one_compiled_selector_serves_many_letters():
    selector = parse_selector("header(Subject).lower")
    letters = [make_task(b"Subject: %d\n\n" % n) for n in range(3)]
    assert [selector.evaluate(task) for task in (*letters, *letters)] == ["0", "1", "2"] * 2


def test_the_examples_cover_every_name():
    covered = " ".join(PLAIN_TRANSFORMS)
    for name in TRANSFORMS:
        needs_more = name in ("match", "join_tables", "apply_methods", "filter_method")
        assert name in covered or needs_more or name.endswith("_map")


@pytest.mark.parametrize(
    "letter",
    [
        b"",
        b"\0\xff\xfe",
        LETTER,
        LETTER.replace(b"\n", b"\r"),
        b"From: \xff\xfe<\x80@\x81>\nTo: ,,,;:<>\nDate: 99\nReceived: from (((\n\n\xff",
        b"Subject: \xf0\x9f\nContent-Type: text/html\n\n<a href='http://\xf0\x9f.com'>\0\xff",
        b"Subject: " + b"=?utf-8?q?=ED=A0=80?= " * 50 + b"\n\nhttp://\xff.example.com/%ff",
    ],
)
def test_nothing_raises_on_any_letter(letter):
    task = make_task(letter, variables={"x": HOSTILE})
    for extractor in PLAIN_EXTRACTORS:
        for transform in PLAIN_TRANSFORMS:
            try:
                selector = parse_selector(f"{extractor}.{transform}")
            except ExpressionError as error:
                assert "a list" in str(error)
                continue
            found = selector.evaluate(task)
            assert found is None or isinstance(found, str | list)


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from(PLAIN_EXTRACTORS),
    st.lists(st.sampled_from(PLAIN_TRANSFORMS), max_size=4),
)
def test_random_chains_over_random_letters(letter, extractor, transforms):
    try:
        selector = parse_selector(".".join([extractor, *transforms]))
    except ExpressionError:
        return
    found = selector.evaluate(make_task(letter))
    assert found is None or found == "" or found


NAMES = [*EXTRACTORS, *TRANSFORMS, *(name for known in METHODS.values() for name in known)]
PIECES = st.sampled_from([*NAMES, ".", ":", ";", "(", ")", "{", "}", "=", ",", "'", "1", "a", " "])


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_compiles_or_is_refused(text):
    try:
        selector = parse_selector(text)
    except ExpressionError as error:
        assert str(error)
    else:
        selector.evaluate(make_task())


def documented_rows():
    """The rows of the tables, each a list of cells."""
    lines = DOCS.read_text("utf-8").splitlines()
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| `")]


@pytest.mark.parametrize("table", [EXTRACTORS, TRANSFORMS])
def test_the_documentation_says_what_the_names_mean(table):
    rows = {
        tuple(cell.strip().replace("\\|", "|") for cell in row[:3]) for row in documented_rows()
    }
    for name, entry in table.items():
        usage = f"`{entry.usage}`" if entry.usage else ""
        assert (f"`{name}`", usage, entry.description) in rows, name


def test_the_documentation_names_every_method():
    text = DOCS.read_text("utf-8")
    for kind, known in METHODS.items():
        for name in known:
            assert f"`{name}`" in text, (kind, name)


def test_the_documented_examples_compile(tmp_path):
    maps = MapLibrary(tmp_path)
    lines = DOCS.read_text("utf-8").splitlines()
    examples = [
        line.rstrip("| ").rpartition("| ")[2]
        for line in lines
        if line.endswith("` |") and "delimiter" not in line
    ]
    selectors = [example.strip("` ") for example in examples if ", `" not in example]
    assert len(selectors) > 40
    for text in selectors:
        if not text.startswith(("anna:", ":anna")):  # results, not selectors
            assert parse_selector(text, maps=maps).text == text
