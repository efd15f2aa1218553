# SPDX-License-Identifier: Apache-2.0
"""The forms in which a map may be given (content reference §9.2)."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import MapDefinition, MapError, read_definition

FOLDER = Path("/etc/gatepost/maps.d")


def files(*names, **others):
    return MapDefinition(files=tuple(map(Path, names)), **others)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("/etc/a.map", files("/etc/a.map")),
        ("file:///etc/a.map", files("/etc/a.map")),
        ("map:users", files("/etc/gatepost/maps.d/users")),
        ("regexp;/etc/a.re", files("/etc/a.re", kind="regexp")),
        ("re_multi;/etc/a.re", files("/etc/a.re", kind="regexp_multi")),
        ("ipnet;/etc/a", files("/etc/a", kind="radix")),
        ("plain;map:users", files("/etc/gatepost/maps.d/users", kind="hash")),
        (["/etc/a", "/etc/b.zst"], files("/etc/a", "/etc/b.zst")),
        (["a.example", "b.example x"], MapDefinition(inline=("a.example", "b.example x"))),
        (["/etc/a", "b.example"], files("/etc/a", inline=("b.example",))),
        (
            ["/etc/a", "fallback+file:///usr/a"],
            files("/etc/a", fallbacks=(Path("/usr/a"),)),
        ),
        (
            {"url": "/etc/a", "name": "n", "description": "d"},
            files("/etc/a", name="n", description="d"),
        ),
        ({"urls": ["/etc/a", "/etc/b"], "poll": 10.0}, files("/etc/a", "/etc/b", poll=10.0)),
        ({"map": "glob;/etc/a"}, files("/etc/a", kind="glob")),
        ({"map": {"a b": "1"}}, MapDefinition(inline=('"a b" 1',))),
        ([12, 13], MapDefinition(inline=("12", "13"))),
        ("a.example", MapDefinition(inline=("a.example",))),
    ],
)
def test_every_form(definition, expected):
    assert read_definition(definition, maps_folder=FOLDER) == expected


@pytest.mark.parametrize(
    ("definition", "kind", "inline"),
    [
        ("192.0.2.1, 10.0.0.0/8", "radix", ("192.0.2.1", "10.0.0.0/8")),
        (["/foo bar/i", "/baz/"], "regexp", ("/foo bar/i", "/baz/")),
        ("regexp;/foo/i", "set", ("/foo/i",)),
    ],
)
def test_entries_that_look_like_something_else(definition, kind, inline):
    assert read_definition(definition, kind=kind).inline == inline


def test_a_path_is_a_path_also_for_regexps():
    assert read_definition("/etc/maps/bad.re", kind="regexp").files == (Path("/etc/maps/bad.re"),)


@pytest.mark.parametrize(
    ("definition", "word"),
    [
        ("https://maps.example/a", "HTTP maps"),
        ("sign+https://maps.example/a", "HTTP maps"),
        ("redis://key", "Redis maps"),
        ("cdb:///etc/a.cdb", "CDB maps"),
        ({"external": True, "backend": "http://x"}, "HTTP maps"),
        ("/etc/a.enc", "encrypted"),
        ("nonsense;/etc/a", "nonsense"),
        (["set;/a", "glob;/b"], "both"),
        ("map:../secret", "maps.d"),
        ("map:/etc/secret", "maps.d"),
        ({"name": "x"}, "url"),
        ({"url": "/a", "poll": -1}, "poll"),
        ("", "empty"),
        (True, "expected"),
        (None, "expected"),
        ([["/a"]], "strings"),
        ("/", "path"),
    ],
)
def test_what_cannot_be_used_is_named(definition, word):
    with pytest.raises(MapError, match=word):
        read_definition(definition, maps_folder=FOLDER)


def test_named_maps_need_a_folder():
    with pytest.raises(MapError, match=r"maps\.d"):
        read_definition("map:users")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["url", "map", "name", "poll"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(json, st.sampled_from(["set", "regexp", "radix"]))
@settings(max_examples=300, deadline=None)
def test_anything_is_read_or_refused(definition, kind):
    try:
        read_definition(definition, maps_folder=FOLDER, kind=kind)
    except MapError:
        pass
