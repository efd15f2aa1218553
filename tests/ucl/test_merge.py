# SPDX-License-Identifier: Apache-2.0
"""Do duplicates behave as in Rspamd's local.d and override.d?"""

import pytest

from gatepost.ucl import Loader, Object, UclError, Where, merge, parse


def layered(base, layer, *, priority=0, strategy="append", base_priority=0):
    """``base`` at one priority, then ``layer`` at another, as two included files would be."""
    loader = Loader({}, environment={})
    root = loader.parse(base, "base", priority=base_priority)
    return loader.parse(layer, "layer", into=root, priority=priority, strategy=strategy)


@pytest.mark.parametrize(
    "base, layer, result",
    [
        ("arr = [1,2]", "arr = [3]", {"arr": [1, 2, 3]}),
        ("arr = [1,2]", 'arr = "/a/map"', {"arr": "/a/map"}),
        ('ip = "a"; ip = "b";', 'ip = "c"', {"ip": "c"}),
        ('ip = "a"; ip = "b";', 'ip = ["c"]', {"ip": ["c"]}),
        (
            "obj { k1=1; k2{x=1;y=2} }",
            "obj { k2{y=9;z=3} }",
            {"obj": {"k1": 1, "k2": {"x": 1, "y": 9, "z": 3}}},
        ),
        ("obj { a = 1 }", "obj = 1", {"obj": 1}),
        ("act = 4", "act = null", {"act": None}),
        ("", "s = 1; s = 2", {"s": [1, 2]}),
        ("s = 0", "s = 1; s = 2", {"s": [1, 2]}),
        ("o { s = 0 }", "o { s = 1; s = 2 }", {"o": {"s": [1, 2]}}),
        ("s = 1", "s { a = 1 }", {"s": {"a": 1}}),
        ("s = 1", "s = [2]", {"s": [2]}),
        (
            'worker "normal" { a = 1 } worker "controller" { b = 1 }',
            'worker "controller" { b = 2; c = 3 }',
            {"worker": [{"normal": {"a": 1}}, {"controller": {"b": 2, "c": 3}}]},
        ),
        ("r { a = 1 } r { b = 1 }", "r { b = 2; c = 3 }", {"r": [{"a": 1, "c": 3}, {"b": 2}]}),
        ("a = [1]; a = [2]", "a = [3]", {"a": [[1, 3], [2]]}),
    ],
)
def test_local_d_merges_at_priority_one(base, layer, result):
    assert layered(base, layer, priority=1, strategy="merge") == result


@pytest.mark.parametrize(
    "base, layer, result",
    [
        ("obj { k1 = 1; k2 { x = 1 } }", "obj { k2 { w = 7 } }", {"obj": {"k2": {"w": 7}}}),
        ("a = 1; b = 2", "a = 3", {"a": 3, "b": 2}),
        ("a = [1, 2]", "a = [3]", {"a": [3]}),
        ("a = 1; a = 2", "a = 3; a = 4", {"a": [3, 4]}),
    ],
)
def test_override_d_replaces_whole_values(base, layer, result):
    assert layered(base, layer, priority=10) == result


@pytest.mark.parametrize(
    "strategy, same, higher, lower",
    [
        ("append", {"a": [1, 2]}, {"a": 2}, {"a": 1}),
        ("merge", {"a": [1, 2]}, {"a": 2}, {"a": 1}),
        ("rewrite", {"a": 2}, {"a": 2}, {"a": 2}),
    ],
)
def test_scalars_by_priority(strategy, same, higher, lower):
    for priority, result in ((5, same), (6, higher), (4, lower)):
        assert (
            layered("a = 1", "a = 2", priority=priority, strategy=strategy, base_priority=5)
            == result
        )


@pytest.mark.parametrize("priority", [0, 5, 10])
def test_merging_sections_and_arrays_does_not_look_at_priorities(priority):
    def merged(base, layer):
        return layered(base, layer, priority=priority, strategy="merge", base_priority=5)

    assert merged("a { x = 1 }", "a { y = 2 }") == {"a": {"x": 1, "y": 2}}
    assert merged("a = [1]", "a = [2]") == {"a": [1, 2]}


@pytest.mark.parametrize("layer", ["a { x = 2 }", "a = [2]", "a = 2"])
def test_lower_priority_is_ignored_as_a_whole(layer):
    root = layered("a { x = 1 }", layer, base_priority=5)
    assert root == {"a": {"x": 1}}


def test_priority_is_remembered_for_each_key():
    loader = Loader({}, environment={})
    root = loader.parse("a = 1; b = 1", "base")
    loader.parse("a = 2", "over", into=root, priority=10)
    loader.parse("a = 3; b = 3", "local", into=root, priority=1, strategy="merge")
    assert root == {"a": 2, "b": 3}
    assert (root.priority("a"), root.priority("b")) == (10, 1)
    assert root.place("a") == Where("over", 1)


@pytest.mark.parametrize(
    "base, layer, message",
    [
        ("a { x = 1 }", "\na = [1]", "layer:2: 'a': cannot merge an array with an object"),
        ("a = [1]", "a { x = 1 }", "layer:1: 'a': cannot merge an object with an array"),
    ],
)
def test_objects_and_arrays_do_not_merge(base, layer, message):
    with pytest.raises(UclError) as caught:
        layered(base, layer, priority=1, strategy="merge")
    assert str(caught.value) == f"{message}, written at base:1"


def test_strategy_error_names_both_places():
    with pytest.raises(UclError) as caught:
        layered("a = 1", "\na = 2", strategy="error")
    assert str(caught.value) == "layer:2: duplicate key 'a', already written at base:1"


def test_merge_of_two_trees():
    target, source = parse("a { x = 1 }; l = [1]; s = 1"), parse("a { y = 2 }; l = [2]; s = 2")
    merge(target, source, priority=1)
    assert target == {"a": {"x": 1, "y": 2}, "l": [1, 2], "s": 2}
    assert target.priority("s") == 1
    source["a"]["y"] = 3
    assert target["a"]["y"] == 2


@pytest.mark.parametrize(
    "strategy, result",
    [
        ("append", {"a": [1, 2, 3], "b": [4, 5]}),
        ("rewrite", {"a": [2, 3], "b": [4, 5]}),
        ("merge", {"a": [1, 2, 3], "b": [4, 5]}),
    ],
)
def test_merge_of_repeated_keys(strategy, result):
    target = parse("a = 1")
    merge(target, parse("a = 2; a = 3; b = 4; b = 5"), strategy=strategy)
    assert target == result
    assert target["b"].implicit


def test_merge_keeps_the_priorities_of_the_source():
    loader = Loader({}, environment={})
    source = loader.parse("a = 2; b = 2", "f", priority=3)
    target = loader.parse("a = 1; b = 1", "g", priority=4)
    merge(target, source)
    assert target == {"a": 1, "b": 1}
    merge(target, source, priority=5)
    assert target == {"a": 2, "b": 2}


def test_objects_made_by_hand_merge_too():
    target = Object({"a": 1, "o": Object({"x": 1})}, Where("defaults", 0))
    merge(target, parse("a = 2; o { y = 2 }"), priority=1)
    assert target == {"a": 2, "o": {"x": 1, "y": 2}}
