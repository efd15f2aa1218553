# SPDX-License-Identifier: Apache-2.0
"""How much of a host is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.modules.rbl.compose_map import ComposeMap
from gatepost.scan.maps import MapLibrary

LINES = ["sites.example.com", "*.pages.example", "!www.sites.example.com", "deep.sites.example.com"]


def compose(definition: object) -> ComposeMap:
    found = MapLibrary().open(definition, kind="set")
    assert found is not None
    return ComposeMap(found)


@pytest.mark.parametrize(
    ("host", "tld", "asked"),
    [
        ("spam.sites.example.com", "example.com", "spam.sites.example.com"),
        ("a.spam.sites.example.com", "example.com", "spam.sites.example.com"),
        ("a.deep.sites.example.com", "example.com", "a.deep.sites.example.com"),
        ("sites.example.com", "example.com", "sites.example.com"),
        ("www.sites.example.com", "example.com", "example.com"),
        ("other.example.com", "example.com", "example.com"),
        ("xsites.example.com", "example.com", "example.com"),
        ("a.b.c.pages.example", "pages.example", "a.b.c.pages.example"),
        ("www.elsewhere.org", "elsewhere.org", "elsewhere.org"),
    ],
)
def test_lines_say_how_much_of_a_host_counts(host: str, tld: str, asked: str) -> None:
    assert compose(LINES).part_of(host, tld) == asked


def test_a_map_that_was_reloaded_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "compose.map"
    file.write_text("sites.example.com\n")
    library = MapLibrary()
    found = library.open(str(file), kind="set")
    assert found is not None
    composed = ComposeMap(found)
    assert composed.part_of("a.sites.example.com", "example.com") == "a.sites.example.com"
    file.write_text("# nothing any more, and it is longer than before\n")
    os.utime(file, (1, 1))
    library.refresh()
    assert composed.part_of("a.sites.example.com", "example.com") == "example.com"
