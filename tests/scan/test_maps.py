# SPDX-License-Identifier: Apache-2.0
"""Maps that reload, and the library that keeps them."""

import asyncio
import os

import pytest

from gatepost.scan.maps import MapLibrary
from gatepost.ucl import Where, parse


class Reports:
    def __init__(self):
        self.errors, self.warnings = [], []

    def error(self, where, message):
        self.errors.append(f"{where}: {message}")

    def warning(self, where, message):
        self.warnings.append(f"{where}: {message}")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "users").write_text("alice@example.org vip\nbob@example.org\n")
    (tmp_path / "nets").write_text("10.0.0.0/8\n")
    (tmp_path / "words").write_text("/viagra/i 5\n")
    return tmp_path


def write(path, text):
    """As editors do: a new file in the old one's place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


@pytest.mark.parametrize(
    ("definition", "kind", "key", "value"),
    [
        ('m = "map:users"', "hash", "Alice@Example.org", "vip"),
        ('m = "map:users"', "set", "alice@example.org", ""),
        ('m = "radix;map:nets"', "set", "10.2.3.4", ""),
        ('m = "re;map:words"', "set", "VIAGRA!", "5"),
        (
            'm { url = "map:users"; name = "users"; description = "who"; }',
            "map",
            "bob@example.org",
            "",
        ),
        ('m { url = "map:words"; regexp = true; multi = true; }', "set", "viagra", "5"),
        ('m { urls = ["map:users", "map:nets"]; }', "set", "10.0.0.0/8", ""),
        ('m = ["a.example", "b.example 7"]', "hash", "b.example", "7"),
        ('m { map { "a b" = 3; } }', "hash", "a b", "3"),
        ('m = "10.0.0.0/8, 192.0.2.1"', "ipnet", "192.0.2.1", ""),
        ("m = [1, 2]", "set", "2", ""),
        ('m = ["/a b/i", "/c/"]', "regexp", "xA B", ""),
    ],
)
def test_definitions_as_the_configuration_writes_them(folder, definition, kind, key, value):
    found = MapLibrary(folder).open(parse(definition)["m"], kind=kind)
    assert found.find(key) == value
    assert key in found and "nobody" not in found


@pytest.mark.parametrize(
    ("definition", "word"),
    [
        ("https://maps.example/x", "HTTP maps"),
        ("map:../passwd", "name of a file"),
        ("nonsense;/a", "nonsense"),
        (True, "expected"),
    ],
)
def test_a_wrong_definition_is_a_mistake_of_the_configuration(folder, definition, word):
    reports = Reports()
    library = MapLibrary(folder, reports)
    where = Where("local.d/x.conf", 7)
    assert library.open(definition, kind="set", where=where, name="x.map") is None
    assert len(reports.errors) == 1
    assert reports.errors[0].startswith("local.d/x.conf:7: x.map: ") and word in reports.errors[0]


def test_a_bad_line_is_named_with_its_place(folder):
    reports = Reports()
    path = folder / "nets"
    path.write_text("10.0.0.0/8\n# fine\n10.0.0.0/99\n")
    library = MapLibrary(folder, reports)
    found = library.open("map:nets", kind="radix", where=Where("x.conf", 1), name="x.nets")
    assert len(found) == 1 and not reports.errors
    assert reports.warnings[0].startswith(f"{path}:3: x.nets: ")
    assert str(library.problems[0]).startswith(f"{path}:3: ")


def test_a_bad_element_of_a_list_is_a_mistake_of_the_configuration(folder):
    reports = Reports()
    section = parse('m = ["10.0.0.0/8",\n "300.1.1.1"]', "x.conf")
    MapLibrary(folder, reports).open(
        section["m"], kind="radix", where=section.place("m"), name="x.nets"
    )
    assert not reports.warnings
    assert reports.errors[0].startswith("x.conf:2: x.nets: not an address or network")


def test_a_list_may_name_a_key_again(folder):
    reports = Reports()
    library = MapLibrary(folder, reports)
    found = library.open(["a 1", "a 2"], kind="hash", where=Where("x.conf", 1), name="x")
    assert found.find("a") == "2" and not reports.errors
    assert reports.warnings == ["x.conf:1: x: `a` comes twice: `2` replaces `1`"]


def test_bad_lines_without_number_do_not_flood(folder):
    (folder / "nets").write_text("x\n" * 1 + "".join(f"x{i}\n" for i in range(1000)))
    library = MapLibrary(folder)
    library.open("map:nets", kind="radix")
    assert len(library.problems) == 51 and "951 more" in str(library.problems[-1])


def test_one_definition_is_one_map(folder):
    library = MapLibrary(folder)
    users = library.open("map:users", kind="set")
    assert library.open({"url": "map:users", "name": "other"}, kind="set") is users
    assert library.open(f"file://{folder}/users", kind="set") is users
    assert library.open("map:users", kind="hash") is not users
    assert len(library.statistics()) == 2


def test_statistics(folder):
    library = MapLibrary(folder)
    users = library.open({"url": "map:users", "description": "VIPs"}, kind="hash", name="x.users")
    library.open("map:none", kind="set")
    for key in ("alice@example.org", "bob@example.org", "eve@example.org"):
        users.find(key)
    row, missing = library.statistics()
    assert (row.name, row.kind, row.entries, row.hits, row.loads) == ("x.users", "hash", 2, 2, 1)
    assert row.description == "VIPs" and row.sources == (str(folder / "users"),)
    assert missing.missing == (str(folder / "none"),) and missing.entries == 0


def test_a_change_is_swapped_in_and_an_error_changes_nothing(folder):
    library = MapLibrary(folder)
    users = library.open("map:users", kind="set")
    assert library.refresh() == []
    write(folder / "users", "carol@example.org\n")
    assert library.refresh() == [users]
    assert "carol@example.org" in users and "alice@example.org" not in users
    (folder / "users").unlink()
    (folder / "users").mkdir()
    assert library.refresh() == []
    assert "carol@example.org" in users and "users" in str(library.problems[0])
    (folder / "users").rmdir()
    write(folder / "users", "dave@example.org\n")
    assert library.refresh() == [users] and library.problems == []
    assert "dave@example.org" in users and users.loads == 3


def test_a_file_that_is_not_there_is_named(folder):
    reports = Reports()
    library = MapLibrary(folder, reports)
    assert len(library.open("map:nobody", where=Where("x.conf", 3), name="x.users")) == 0
    assert reports.warnings == [f"x.conf:3: x.users: no file {folder / 'nobody'} yet: an empty map"]


def test_a_file_may_appear_later(folder):
    library = MapLibrary(folder)
    later = library.open("map:later", kind="regexp")
    assert "x" not in later and later
    write(folder / "later", "/x/\n")
    library.refresh()
    assert "x" in later


@pytest.mark.parametrize("definition", ["map:users", {"url": "map:users", "poll": 0.001}])
async def test_watching_notices_by_itself(folder, definition, caplog):
    library = MapLibrary(folder)
    users = library.open(definition, kind="set")
    interval = 0.001 if definition == "map:users" else 3600
    watching = asyncio.ensure_future(library.watch(interval))
    await asyncio.sleep(0)
    write(folder / "users", "new@example.org\n")
    while "new@example.org" not in users:
        await asyncio.sleep(0.001)
    write(folder / "users", '"unclosed\nmore@example.org\n')
    with caplog.at_level("WARNING", "gatepost.maps"):
        while "unclosed" not in caplog.text:
            await asyncio.sleep(0.001)
    assert f"{folder}/users:1: " in caplog.text and "more@example.org" in users
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_a_map_opened_later_is_watched_too(folder):
    library = MapLibrary(folder)
    watching = asyncio.ensure_future(library.watch(0.001))
    await asyncio.sleep(0)
    users = library.open("map:users", kind="set")
    write(folder / "users", "new@example.org\n")
    while "new@example.org" not in users:
        await asyncio.sleep(0.001)
    watching.cancel()
