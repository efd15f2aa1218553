# SPDX-License-Identifier: Apache-2.0
"""A lazy attribute is computed once, and only when read."""

from __future__ import annotations

from gatepost.mail.lazy import lazy


class Counter:
    computed = 0

    @lazy
    def value(self) -> int:
        """What is counted."""
        self.computed += 1
        return 42


def test_value_is_computed_once() -> None:
    counter = Counter()
    assert counter.computed == 0
    assert [counter.value, counter.value] == [42, 42]
    assert counter.computed == 1
    assert Counter.value.__doc__ == "What is counted."
