# SPDX-License-Identifier: Apache-2.0
"""An MTA is played here as core reference §8.5 traced it: its Received is at index 0."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.milter.answers import AddHeader, ChangeHeader, InsertHeader
from gatepost.serve.milter.header_edits import HeaderEdits, header_value

MTA = "(mta)"


def after(edits, names):
    """Names (and values of added headers) as the MTA has them after the edits."""
    headers = [(MTA, ""), *((name, "") for name in names)]
    for edit in edits:
        match edit:
            case AddHeader(name, value):
                headers.append((name, value))
            case InsertHeader(index, name, value):
                headers.insert(index, (name, value))
            case ChangeHeader(index, name, value):
                places = [
                    i for i, (n, _) in enumerate(headers) if n.lower() == name.lower() and n != MTA
                ]
                assert 1 <= index <= len(places) or (index == 1 and value)
                if not places:
                    headers.append((name, value))
                elif value:
                    headers[places[index - 1]] = (name, value)
                else:
                    del headers[places[index - 1]]
    return [f"{name}={value}" if value else name for name, value in headers]


def edited(names, *steps):
    edits = HeaderEdits(name.encode() for name in names)
    for name, *arguments in steps:
        getattr(edits, name)(*arguments)
    return after(edits.edits, names)


@pytest.mark.parametrize(
    "added, headers",
    [
        ([("X", "1", None)], [MTA, "A", "B", "X=1"]),
        ([("X", "1", -1), ("X", "2", -1)], [MTA, "A", "B", "X=1", "X=2"]),
        ([("X", "1", 0)], ["X=1", MTA, "A", "B"]),
        ([("X", "1", 1)], [MTA, "X=1", "A", "B"]),
        ([("X", "1", 1), ("X", "2", 1), ("X", "3", 1)], [MTA, "X=1", "X=2", "X=3", "A", "B"]),
        ([("X", "0", 0), ("Y", "1", 1)], ["X=0", MTA, "Y=1", "A", "B"]),
        ([("Y", "1", 1), ("X", "0", 0)], ["X=0", MTA, "Y=1", "A", "B"]),
        ([("Y", "2", 2), ("X", "1", 1)], [MTA, "X=1", "A", "Y=2", "B"]),
        ([("X", "1", 99)], [MTA, "A", "B", "X=1"]),
        ([("X", "1", -2)], [MTA, "A", "X=1", "B"]),
        ([("X", "1", -3)], [MTA, "X=1", "A", "B"]),
        ([("X", "1", -4)], ["X=1", MTA, "A", "B"]),
        ([("X", "1", -99)], ["X=1", MTA, "A", "B"]),
        ([("X", "1", -2), ("X", "2", -2), ("Z", "0", 0)], ["Z=0", MTA, "A", "X=1", "X=2", "B"]),
    ],
)
def test_headers_land_where_they_were_asked_for_in_their_order(added, headers):
    assert edited(["A", "B"], *(("add", *one) for one in added)) == headers


@pytest.mark.parametrize(
    "which, left",
    [
        ([0], [MTA, "A"]),
        ([1], [MTA, "A", "X", "x"]),
        ([3], [MTA, "X", "A", "X"]),
        ([-1], [MTA, "X", "A", "X"]),
        ([-3, 1], [MTA, "A", "X", "x"]),
        ([1, 2], [MTA, "A", "x"]),
        ([2, 1], [MTA, "A", "x"]),
        ([4, -4, 99], [MTA, "X", "A", "X", "x"]),
        ([], [MTA, "X", "A", "X", "x"]),
    ],
)
def test_removals_are_of_what_is_there(which, left):
    assert edited(["X", "A", "X", "x"], ("remove", "X", which)) == left


def test_all_of_a_header_go_from_last_to_first():
    edits = HeaderEdits([b"X", b"x"])
    edits.remove("X", [0])
    edits.remove("X", [0])
    edits.remove("Y", [0, 1])
    assert edits.edits == [ChangeHeader(2, "X", ""), ChangeHeader(1, "X", "")]


def test_positions_are_those_after_the_removals():
    steps = (("remove", "X", [0]), ("add", "Y", "1", -2))
    assert edited(["X", "A", "X", "B"], *steps) == [MTA, "A", "Y=1", "B"]


def test_set_changes_the_first_or_adds():
    assert edited(["A", "B", "A"], ("set", "a", "1")) == [MTA, "a=1", "B", "A"]
    assert edited(["B"], ("set", "A", "1")) == [MTA, "B", "A=1"]
    assert edited(["B"], ("set", "A", "")) == [MTA, "B"]


@pytest.mark.parametrize("name", ["", "A B", "A:", "A\r\nX", "Ä", "A" * 201, "A\0"])
def test_bad_names_are_left_out(name):
    assert edited(["A"], ("add", name, "1", None), ("set", name, "1")) == [MTA, "A"]


def test_giant_values_are_left_out():
    assert edited([], ("add", "A", "x" * 70_000, None)) == [MTA]
    assert edited([], ("add", "A", "é" * 40_000, None)) == [MTA]


@pytest.mark.parametrize(
    "value, clean",
    [
        ("plain", "plain"),
        ("v=1;\r\n\tb=x", "v=1;\n\tb=x"),
        ("a\n b", "a\n b"),
        ("a\nEvil: yes", "a\n\tEvil: yes"),
        ("a\r\n\r\nbody", "a\n\tbody"),
        ("a\r\n  \r\nb", "a\n\tb"),
        ("a\rb", "a\n\tb"),
        ("end\r\n", "end"),
        ("nul\0bell\a", "nulbell"),
        ("grün", "grün"),
    ],
)
def test_values_have_no_line_end_but_folds(value, clean):
    assert header_value(value) == clean


@given(st.text(alphabet="ab \t\r\n\0:é", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_value_can_end_its_header(value):
    lines = header_value(value).split("\n")
    assert "\r" not in "".join(lines)
    assert all(line[0] in " \t" and line.strip() for line in lines[1:])


@given(st.lists(st.integers(-8, 8), max_size=8), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_one_position_keeps_its_order_whatever_else_is_added(orders, count):
    names = [f"H{n}" for n in range(count)]
    steps = [("add", "X", f"{order}.{turn}", order) for turn, order in enumerate(orders)]
    found = [one[2:] for one in edited(names, *steps) if one.startswith("X=")]
    for order in set(orders):
        turns = [one for one in found if one.startswith(f"{order}.")]
        assert turns == sorted(turns, key=lambda one: int(one.partition(".")[2]))
