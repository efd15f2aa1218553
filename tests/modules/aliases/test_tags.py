# SPDX-License-Identifier: Apache-2.0
"""Whose mailbox an address with tags and dots is."""

import pytest

from gatepost.mail import parse_address
from gatepost.modules.aliases.tags import without_tags


@pytest.mark.parametrize(
    "addr, gmail, plus, mailbox, tags",
    [
        ("anna@x.example", True, True, "anna@x.example", ()),
        ("anna+a@x.example", True, True, "anna@x.example", ("a",)),
        ("anna+a+b@x.example", True, True, "anna@x.example", ("a", "b")),
        ("anna++a@x.example", True, True, "anna@x.example", ("a",)),
        ("anna+@x.example", True, True, "anna@x.example", ()),
        ("+a@x.example", True, True, "+a@x.example", ()),
        ("an.na@x.example", True, True, "an.na@x.example", ()),
        ("anna+a@x.example", True, False, "anna+a@x.example", ()),
        ("a.n.na@gmail.com", True, True, "anna@gmail.com", ()),
        ("a.nna+a.b@gmail.com", True, False, "anna@gmail.com", ("a.b",)),
        ("anna@googlemail.com", True, True, "anna@gmail.com", ()),
        ("an.na+x@googlemail.com", True, True, "anna@gmail.com", ("x",)),
        ("an.na+x@gmail.com", False, True, "an.na@gmail.com", ("x",)),
        ("an.na+x@gmail.com", False, False, "an.na+x@gmail.com", ()),
    ],
)
def test_mailbox_and_tags(addr, gmail, plus, mailbox, tags):
    address = parse_address(addr)
    found, named = without_tags(address, gmail=gmail, plus=plus)
    assert (found.addr, named) == (mailbox, tags)
    assert found.addr == f"{found.user}@{found.domain}"
    assert (found is address) == (addr == mailbox)


def test_the_name_stays():
    found, _ = without_tags(parse_address('"Anna B." <anna+a@x.example>'), gmail=True, plus=True)
    assert (found.name, found.raw) == ("Anna B.", '"Anna B." <anna@x.example>')
