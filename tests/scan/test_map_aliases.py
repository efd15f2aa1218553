# SPDX-License-Identifier: Apache-2.0
"""Names and targets of /etc/aliases, with the line each was written in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.scan.map_aliases import parse_alias_lines
from gatepost.scan.map_lines import BadLine, line_number
from gatepost.scan.maps import MapLibrary

FILE = """\
# people
postmaster: root
root:\tanna,
    bob@example.org
# a comment between does not end it
  , carol
"dave smith" : dave
info: |/usr/bin/program, /var/mail/info, :include:/etc/list
sales: \\
eve
nonsense
Webmaster:frank
"""


def test_entries_of_a_file():
    found = [
        (line_number(FILE, line.offset), line.key, line.value)
        for line in parse_alias_lines(FILE)
        if not isinstance(line, BadLine)
    ]
    assert found == [
        (2, "postmaster", "root"),
        (3, "root", "anna, bob@example.org , carol"),
        (7, "dave smith", "dave"),
        (8, "info", "|/usr/bin/program, /var/mail/info, :include:/etc/list"),
        (9, "sales", "eve"),
        (12, "Webmaster", "frank"),
    ]
    bad = [line for line in parse_alias_lines(FILE) if isinstance(line, BadLine)]
    assert [(line_number(FILE, line.offset), line.text) for line in bad] == [(11, "nonsense")]


@pytest.mark.parametrize(
    "key, value", [("POSTMASTER", "root"), ("webmaster", "frank"), ("x", None)]
)
def test_a_map_of_this_kind(tmp_path, key, value):
    (tmp_path / "aliases").write_text(FILE)
    library = MapLibrary()
    opened = library.open(str(tmp_path / "aliases"), kind="aliases")
    assert opened is not None
    assert opened.find(key) == value
    assert [(problem.line, "nonsense" in problem.message) for problem in opened.problems] == [
        (11, True)
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='ab:"\\,# \t\n', max_size=200))
def test_no_text_breaks_it_and_no_name_is_empty_by_chance(text):
    for line in parse_alias_lines(text):
        assert line.offset <= len(text)
        if not isinstance(line, BadLine):
            assert "\n" not in line.key + line.value
