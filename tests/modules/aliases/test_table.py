# SPDX-License-Identifier: Apache-2.0
"""Where aliases lead, step by step and all together, and where that ends."""

import pytest

from gatepost.modules.aliases.table import MAX_ADDRESSES, AliasTable
from gatepost.scan.maps import MapLibrary

MAPS = MapLibrary()


def table(virtual=(), own=None, system=None, max_depth=10, tmp_path=None):
    opened = None
    if system is not None:
        (tmp_path / "aliases").write_text(system)
        opened = MAPS.open(str(tmp_path / "aliases"), kind="aliases")
    return AliasTable(
        virtual=MAPS.open(list(virtual), kind="hash") if virtual else None,
        own=own,
        system=opened,
        max_depth=max_depth,
    )


@pytest.mark.parametrize(
    "virtual, ends",
    [
        (["a@x b@x"], ["b@x"]),
        (["a@x b@x, c@x"], ["b@x", "c@x"]),
        (["a@x b@x c@x,d@x"], ["b@x", "c@x", "d@x"]),
        (["a@x b@x", "b@x c@y, d@y"], ["c@y", "d@y"]),
        (["a@x b@x, c@x", "b@x d@x", "c@x d@x"], ["d@x"]),
        (["a@x a@x, b@x"], ["b@x"]),  # Postfix: the mailbox stays, and a copy goes there
        (["a@x b@x", "b@x a@x"], ["a@x"]),
        (["a@x b@x, c@x", "b@x a@x"], ["c@x"]),
        (["@x catch@y"], ["catch@y"]),
        (["@x catch@y", "a@x b@y"], ["b@y"]),
        (["@x catch@x"], ["catch@x"]),
        (["a@x localuser"], ["a@x"]),
        (["other@x b@x"], ["a@x"]),
    ],
)
def test_virtual_aliases(virtual, ends):
    assert table(virtual).expand("a@x") == ends


@pytest.mark.parametrize(
    "targets, ends",
    [
        ("b", ["b@x"]),
        ("b, c@y", ["b@x", "c@y"]),
        ("|/bin/program", ["a@x"]),
        ('"|/bin/program -x, b", c', ["c@x"]),
        ("/var/mail/a, c", ["c@x"]),
        (":include:/etc/list, c", ["c@x"]),
        ("\\a, b", ["b@x"]),
        ("B@Y", ["b@y"]),
    ],
)
def test_system_aliases_are_of_the_same_domain(tmp_path, targets, ends):
    assert table(system=f"a: {targets}\n", tmp_path=tmp_path).expand("a@x") == ends


def test_virtual_goes_before_own_goes_before_system(tmp_path):
    made = table(["a@x v@x"], {"A@X": ["o@x"], "b@x": ["O@x"]}, "b: s\nc: s\n", tmp_path=tmp_path)
    assert [made.resolve(f"{name}@x") for name in "abcd"] == ["v@x", "o@x", "s@x", "d@x"]


def test_chains_are_cut():
    made = table([f"a{n}@x a{n + 1}@x" for n in range(50)], max_depth=3)
    assert made.chain("a0@x") == ["a0@x", "a1@x", "a2@x", "a3@x"]
    assert made.expand("a0@x") == ["a3@x"]
    assert table(["a@x b@x"], max_depth=0).expand("a@x") == ["a@x"]


def test_a_tree_of_aliases_does_not_grow_beyond_bounds():
    own = {
        f"{depth}-{n}@x": [f"{depth + 1}-{10 * n + k}@x" for k in range(10)]
        for depth in range(4)
        for n in range(10**depth)
    }
    assert len(table(own=own).expand("0-0@x")) <= 2 * MAX_ADDRESSES


def test_a_table_without_aliases_is_none():
    assert not table()
    assert table().resolve("a@x") == "a@x"
    assert table().resolve("no address") == "no address"
