# SPDX-License-Identifier: Apache-2.0
"""Which header fields are added and removed, whatever settings say."""

import pytest

from gatepost.scan.header_changes import header_changes
from gatepost.testing import mail, scan
from signing_kit import Before


async def changes(apply: str, **asked: str):
    """Fields that are added, as tuples, and what is removed."""
    config = f"settings {{ all {{ authenticated = true; apply {{ {apply} }} }} }}"
    found = await scan(Before, mail(user="anna", request=asked), config=config)
    added, removed = header_changes(found.task)
    return [(one.name, one.value, one.order) for one in added], removed


@pytest.mark.parametrize(
    "written, added",
    [
        ("X-A = one", [("X-A", "one", None)]),
        ("X-A = 5", [("X-A", "5", None)]),
        ("X-A { value = one; order = 2 }", [("X-A", "one", 2)]),
        ("X-A { value = one; index = 0 }", [("X-A", "one", 0)]),
        ("X-A { value = one; order = first }", [("X-A", "one", -1)]),
        ("X-A { value = one; order = 1e30 }", [("X-A", "one", 1_000_000)]),
        ("X-A [ one, { value = two; order = 1 } ]", [("X-A", "one", None), ("X-A", "two", 1)]),
        ("X-A { }", [("X-A", "", None)]),
        (r'X-A = "a\r\nFrom: b"', [("X-A", "a From: b", None)]),
        ("X-A = one; X-B = two", [("X-A", "one", None), ("X-B", "two", None)]),
    ],
)
async def test_what_settings_add(written, added):
    assert await changes(f"add_headers {{ {written} }}") == (added, {})


@pytest.mark.parametrize(
    "written, removed",
    [
        ("{ X-A = 0 }", {"X-A": 0}),
        ("{ X-A = -1 }", {"X-A": -1}),
        ("{ X-A = [1, 2] }", {"X-A": [1, 2]}),
        ("{ X-A = all; X-B = [] }", {"X-A": 0, "X-B": 0}),
        ("[ X-A, X-B ]", {"X-A": 0, "X-B": 0}),
    ],
)
async def test_what_settings_remove(written, removed):
    assert await changes(f"remove_headers {written}") == ([], removed)


async def test_a_check_has_the_last_word():
    settings = "add_headers { From = x } remove_headers { From = 2; X-A = 0 }"
    added, removed = await changes(settings, Munge="From")
    assert added == [("From", "x", None), ("From", '"Anna" <anna@example.org>', 1)]
    assert removed == {"From": 0, "X-A": 0}
