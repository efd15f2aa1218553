# SPDX-License-Identifier: Apache-2.0
"""Do includes put the right file in the right place?"""

import pytest

from gatepost.ucl import Loader, UclError, Where


@pytest.fixture
def load(tmp_path):
    """Write the given files and load ``main``; a dot in a key stands for a folder."""

    def write_and_load(main, files=(), **variables):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "main.conf").write_text(main)
        return Loader({"D": str(tmp_path), **variables}, environment={}).load(
            tmp_path / "main.conf"
        )

    return write_and_load


SECTION = """\
spf {
  .include "$D/modules.d/spf.conf"
  .include(try=true; priority=1,duplicate=merge) "$D/local.d/spf.conf"
  .include(try=true; priority=10) "$D/override.d/spf.conf"
}
"""
BASE = {"modules.d/spf.conf": "a = 1; list = [1]; o { x = 1; y { z = 1 } }"}


@pytest.mark.parametrize(
    "local, override, result",
    [
        (None, None, {"a": 1, "list": [1], "o": {"x": 1, "y": {"z": 1}}}),
        ("a = 2; list = [2]", None, {"a": 2, "list": [1, 2], "o": {"x": 1, "y": {"z": 1}}}),
        ("o { y { w = 2 } }", None, {"a": 1, "list": [1], "o": {"x": 1, "y": {"z": 1, "w": 2}}}),
        (None, "o { y { w = 7 } }", {"a": 1, "list": [1], "o": {"y": {"w": 7}}}),
        ("a = 2; b = 3", "a = 4", {"a": 4, "list": [1], "o": {"x": 1, "y": {"z": 1}}, "b": 3}),
    ],
)
def test_section_idiom_of_rspamd(load, local, override, result):
    files = dict(BASE)
    if local:
        files["local.d/spf.conf"] = local
    if override:
        files["override.d/spf.conf"] = override
    assert load(SECTION, files) == {"spf": result}


def test_values_know_the_file_that_won(load, tmp_path):
    root = load(SECTION, {**BASE, "local.d/spf.conf": "\n\na = 2"})
    assert root["spf"].place("a") == Where(str(tmp_path / "local.d/spf.conf"), 3)
    assert root["spf"].priority("a") == 1
    assert root.place("spf") == Where(str(tmp_path / "main.conf"), 1)


def test_include_in_an_include_keeps_its_own_priority_and_strategy(load):
    root = load(
        'o { k { x = 1 } }\n.include(priority=1, duplicate=merge) "l.conf"',
        {"l.conf": 'o { .include(priority=10) "o.conf" }', "o.conf": "k { w = 7 }"},
    )
    assert root == {"o": {"k": {"w": 7}}}


def test_what_follows_an_include_meets_its_priorities(load):
    assert load('.include(priority=5) "a"\nx = 2', {"a": "x = 1"}) == {"x": 1}


@pytest.mark.parametrize(
    "line",
    [
        '.include "a"',
        ".include a",
        ".include { a }",
        '.include "a";',
        ".include() a",
        ".try_include a",
    ],
)
def test_spellings(load, line):
    assert load(f"{line}\nb = 2", {"a": "x = 1"}) == {"x": 1, "b": 2}


def test_braces_around_an_included_file_are_fine(load):
    assert load('s { .include "a" }', {"a": "{\n x = 1\n}\n"}) == {"s": {"x": 1}}


def test_missing_files(load):
    assert load('.include(try=true) "none"\n.try_include "none"\na = 1') == {"a": 1}
    with pytest.raises(UclError, match=r"main\.conf:2: \.include: there is no file .*none"):
        load('\n.include "none"')


def test_mistake_in_a_file_that_may_be_missing_is_still_one(load, tmp_path):
    with pytest.raises(UclError) as caught:
        load('.include(try=true) "a"', {"a": "\nx = [\n"})
    assert caught.value.where == Where(str(tmp_path / "a"), 2)


def test_globs_are_included_in_sorted_order(load):
    files = {"m/b.conf": "order = b", "m/a.conf": "order = a", "m/c.inc": "order = c"}
    assert load('.include(glob=true) "m/*.conf"', files) == {"order": ["a", "b"]}
    assert load('.include(glob=true,try=true) "m/*.none"', files) == {}
    with pytest.raises(UclError, match="there is no file"):
        load('.include(glob=true) "m/*.none"', files)
    with pytest.raises(UclError, match="there is no file"):
        load('.include "m/*.conf"', files)


def test_search_path_takes_the_first_that_is_there(load):
    files = {"two/x": "a = 2", "three/x": "a = 3"}
    assert load('.include(path=["one", "two", "$D/three"]) "x"', files) == {"a": 2}


def test_key_and_prefix(load):
    files = {"m/one.conf": "x = 1", "m/two.conf": "x = 2"}
    assert load('.include(key=k) "m/one.conf"', files) == {"k": {"x": 1}}
    assert load('k { y = 1 }\n.include(key=k) "m/one.conf"', files) == {"k": {"y": 1, "x": 1}}
    assert load('.include(prefix=true, glob=true) "m/*.conf"', files) == {
        "one": {"x": 1},
        "two": {"x": 2},
    }
    many = '.include(prefix=true, key="k", target="array", glob=true) "m/*.conf"'
    assert load(many, files) == {"k": [{"x": 1}, {"x": 2}]}
    assert load("k { y = 1 }\n" + many, files) == {"k": [{"y": 1}, {"x": 1}, {"x": 2}]}
    with pytest.raises(UclError, match=r"'k' was written at .*main\.conf:1 and is not an object"):
        load('k = 1\n.include(key=k) "m/one.conf"', files)


def test_file_variables(load, tmp_path):
    root = load('.include "$CURDIR/sub/a"\nb = $CURDIR', {"sub/a": 'a = "$CURDIR $FILENAME"'})
    assert root == {"a": f"{tmp_path}/sub {tmp_path}/sub/a", "b": str(tmp_path)}


def test_including_oneself_is_an_error(load):
    with pytest.raises(UclError, match=r"main\.conf:1: .*main\.conf includes itself"):
        load(".include(try=true) main.conf")
    with pytest.raises(UclError, match=r"b:1: .*/a includes itself"):
        load('s { .include "a" }', {"a": 't { .include "b" }', "b": '.include "a"'})


def test_sections_of_included_files_can_be_inherited(load):
    files = {"a": 't { .inherit "base" }'}
    assert load('base { x = 1 }\n.include "a"', files)["t"] == {"x": 1}


@pytest.mark.parametrize(
    "arguments, value",
    [
        ("key=k", "  12\n"),
        ("key=k; trim=true", "12"),
        ('key="k", target="int"', 12),
        ("key=k, escape=true, multiline=true", r"  12\n"),
    ],
)
def test_load(load, arguments, value):
    assert load(f's {{ .load({arguments}) "f" }}', {"f": "  12\n"}) == {"s": {"k": value}}


def test_load_of_a_missing_file(load):
    assert load('.load(key=k, try=true) "none"') == {}
    with pytest.raises(UclError, match="there is no file"):
        load('.load(key=k) "none"')


def test_loaded_value_has_a_priority(load):
    assert load('.load(key=k, priority=5) "f"\nk = 1', {"f": "x"}) == {"k": "x"}


@pytest.mark.parametrize(
    "line, message",
    [
        (".include(sign=true) f", "signed includes are not supported"),
        (".include(url=true) f", "only files can be included"),
        ('.include "http://example.org/x"', "only files can be included"),
        (
            ".include(duplicate=replace) f",
            "'duplicate' must be one of append, merge, rewrite, error",
        ),
        (".include(target=list, key=k) f", "'target' must be object or array"),
        (".include(path=5) f", "'path' must be a list of folders"),
        ('.include ""', "the name of the file is missing"),
        ('.include "a\\u0000b"', "NUL"),
        (".load f", "the argument 'key' is missing"),
        (".load(key=k, target=float) f", "'target' must be string or int"),
        (".load(key=k, target=int) f", "expected a whole number in .*f, found 'x = 1'"),
        (".include l", "expected keys and values, found an array"),
    ],
)
def test_refusals_say_why(load, line, message):
    with pytest.raises(UclError, match=message):
        load(line, {"f": "x = 1", "l": "[1]"})
