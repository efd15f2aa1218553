# SPDX-License-Identifier: Apache-2.0
"""What UCL text becomes: plain dicts and lists that remember where they were written."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from gatepost.ucl.source import NOWHERE, Mark, Where, mark_at, place_of

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Scalar | Object | Array"

INHERITED = -1
"""The priority of a key that ``.inherit`` copied: whatever is written there later wins."""


class Object(dict[str, Value]):
    """A section: a dict in the order of writing. Equal to a plain dict with the same content."""

    __slots__ = ("marks", "origin")

    def __init__(
        self,
        values: Mapping[str, Value] | Iterable[tuple[str, Value]] = (),
        where: Where | None = None,
        *,
        origin: Mark = NOWHERE,
    ) -> None:
        super().__init__(values)
        self.origin = mark_at(where) if where is not None else origin
        self.marks: dict[str, Mark] = {}

    @property
    def where(self) -> Where:
        """Where the section begins."""
        return place_of(self.origin)

    def place(self, key: str) -> Where:
        """Where the value of ``key`` was written; where the section begins, if that is unknown."""
        return place_of(self.marks.get(key, self.origin))

    def priority(self, key: str) -> int:
        """The priority of the chunk that wrote ``key``: 0 unless an include gave another."""
        mark = self.marks.get(key)
        return max(mark[2], 0) if mark is not None else 0


class Array(list[Value]):
    """A list. ``implicit`` says that it was made of repeated keys rather than of brackets."""

    __slots__ = ("implicit", "marks", "origin")

    def __init__(
        self,
        values: Iterable[Value] = (),
        where: Where | None = None,
        *,
        implicit: bool = False,
        origin: Mark = NOWHERE,
    ) -> None:
        super().__init__(values)
        self.origin = mark_at(where) if where is not None else origin
        self.implicit = implicit
        self.marks: list[Mark] = []

    @property
    def where(self) -> Where:
        """Where the array begins."""
        return place_of(self.origin)

    def place(self, index: int) -> Where:
        """Where the element was written; where the array begins, if that is unknown."""
        return place_of(self.mark(index))

    def mark(self, index: int) -> Mark:
        """The mark of the element, or that of the array if the element has none."""
        return self.marks[index] if index < len(self.marks) else self.origin

    def add(self, value: Value, mark: Mark) -> None:
        """Append ``value`` and remember its place."""
        while len(self.marks) < len(self):
            self.marks.append(self.origin)
        self.append(value)
        self.marks.append(mark)
