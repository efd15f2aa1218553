# SPDX-License-Identifier: Apache-2.0
"""Keys are kept for as long as the zone allows, and not more of them than there is room for."""

from authn_dkim import RSA, record_of
from gatepost.authn import KeyMemory, parse_key_record

KEYS = (parse_key_record(record_of(RSA)),)


def test_a_key_is_found_until_it_expires():
    memory = KeyMemory()
    memory.keep("a", KEYS, expires=100)
    assert memory.find("a", now=99.9) is KEYS
    assert memory.find("a", now=100) is None
    assert memory.find("a", now=99) is None  # gone for good
    assert memory.find("b", now=0) is None


def test_the_one_longest_unused_makes_room():
    memory = KeyMemory(2)
    memory.keep("a", KEYS, 100)
    memory.keep("b", KEYS, 100)
    memory.find("a", 0)
    memory.keep("c", KEYS, 100)
    assert [memory.find(name, 0) is KEYS for name in "abc"] == [True, False, True]


def test_a_memory_of_no_size_keeps_nothing():
    memory = KeyMemory(0)
    memory.keep("a", KEYS, 100)
    assert memory.find("a", 0) is None
