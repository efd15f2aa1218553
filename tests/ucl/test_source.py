# SPDX-License-Identifier: Apache-2.0
"""Do places in a text find their lines?"""

import copy

import pytest

from gatepost.ucl.source import NOWHERE, Source, Where, mark_at, place_of


@pytest.mark.parametrize("offset, line", [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (100, 3)])
def test_line_of_an_offset(offset, line):
    assert Source("f", "a\nb\nc").line(offset) == line


def test_piece_of_a_file_starts_on_its_own_line():
    assert Source("f", "a\nb", first_line=10).where(2) == Where("f", 11)


def test_lines_of_a_template_are_those_of_the_original():
    source = Source("f", "a\nb\nc", anchors=[(0, 1), (2, 7), (2, 8)])
    assert [source.line(offset) for offset in (0, 1, 2, 4)] == [1, 1, 8, 8]


def test_place_prints_as_file_and_line():
    assert str(Where("f", 3)) == "f:3"
    assert str(Where("f", 0)) == "f"


def test_mark_at_a_given_place():
    assert place_of(mark_at(Where("-o", 0), 10)) == Where("-o", 0)
    assert place_of(NOWHERE) == Where("<none>", 0)


def test_copies_of_a_tree_share_the_text():
    source = Source("f", "text")
    assert copy.deepcopy(source) is source
    assert copy.copy(source) is source
