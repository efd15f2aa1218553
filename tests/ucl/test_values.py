# SPDX-License-Identifier: Apache-2.0
"""Do values remember where they were written?"""

import copy

from gatepost.ucl import Array, Object, Where, parse


def test_every_value_knows_its_line():
    root = parse("a = 1\nsection {\n  b = 2\n  list = [\n    x,\n    y\n  ]\n}", "f.conf")
    section = root["section"]
    assert root.place("a") == Where("f.conf", 1)
    assert section.where == Where("f.conf", 2)
    assert section.place("b") == Where("f.conf", 3)
    assert [section["list"].place(index) for index in (0, 1)] == [
        Where("f.conf", 5),
        Where("f.conf", 6),
    ]


def test_unknown_places_fall_back_to_the_container():
    root = parse("\nsection { a = 1 }\nlist = [1]", "f")
    root["section"]["new"] = 1
    root["list"].append(2)
    assert root["section"].place("new") == Where("f", 2)
    assert root["list"].place(1) == root["list"].where == Where("f", 3)


def test_objects_made_by_hand_take_a_place():
    made = Object({"a": 1}, Where("command line", 0))
    assert made == {"a": 1}
    assert made.place("a") == Where("command line", 0)
    assert made.priority("a") == 0
    array = Array([1], Where("x", 2))
    array.add(2, array.origin)
    assert array == [1, 2]
    assert array.place(1) == Where("x", 2)


def test_deep_copies_keep_their_places():
    root = parse("a { b = [1, 2] }", "f")
    twin = copy.deepcopy(root)
    twin["a"]["b"].append(3)
    assert root == {"a": {"b": [1, 2]}}
    assert twin["a"].place("b") == Where("f", 1)
    assert not twin["a"]["b"].implicit


def test_repeated_keys_know_each_place():
    root = parse("a = 1\na = 2\na = 3", "f")
    assert root["a"].implicit
    assert [root["a"].place(index).line for index in range(3)] == [1, 2, 3]
