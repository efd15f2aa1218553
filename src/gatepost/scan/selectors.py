# SPDX-License-Identifier: Apache-2.0
"""Selectors: which values of a message does an expression such as ``rcpts:domain.lower`` name?

``parse_selector`` looks every name up and reads every argument when the configuration is loaded;
what is left is a chain of functions from a task to strings. Evaluating one parses nothing, does no
I/O, is bounded in values and characters, and never raises whatever the letter is.

Source: content reference §5.4; for users: ``docs/selectors.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gatepost.scan.maps import MapLibrary
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_extractors import EXTRACTORS
from gatepost.scan.selector_lists import joined
from gatepost.scan.selector_methods import METHODS, build_method
from gatepost.scan.selector_syntax import Call, parse_calls, selector_error
from gatepost.scan.selector_transforms import TRANSFORMS
from gatepost.scan.selector_values import (
    MAX_LIST_TEXT,
    MAX_VALUES,
    Shape,
    Stage,
    as_texts,
    bounded,
)
from gatepost.scan.task import Task

Found = str | list[str]


class Pipe:
    """One part of a selector: an extractor and its stages."""

    __slots__ = ("read", "stages", "to_texts")

    def __init__(
        self, read: Callable[[Any], Any], stages: Sequence[Stage], to_texts: Callable[[Any], Found]
    ) -> None:
        self.read = read
        self.stages = stages
        self.to_texts = to_texts

    def evaluate(self, task: Task) -> Found | None:
        """A string, a list of strings that is not empty, or ``None``."""
        value = bounded(self.read(task))
        for stage in self.stages:
            if value is not None or stage.takes_nothing:
                value = bounded(stage.apply(value))
        if value is None:
            return None
        texts: Found | None = bounded(self.to_texts(value))
        return texts


class Selector:
    """A compiled selector. Immutable; may be shared by all messages.

    ``text`` is as written. ``delimiter`` stands between the values of its parts.
    """

    __slots__ = ("delimiter", "pipes", "text")

    def __init__(self, text: str, delimiter: str, pipes: Sequence[Pipe]) -> None:
        self.text = text
        self.delimiter = delimiter
        self.pipes = pipes

    def evaluate(self, task: Task) -> Found | None:
        """The parts joined: a string, or a list when a part is one; ``None`` without a value.

        A string beside a list is joined to each of its elements, two lists element by element as
        long as both have some. A part without a value leaves the whole selector without one.
        """
        found = self.parts(task)
        if not found:
            return None
        if len(found) == 1:
            return found[0]
        lists = [part for part in found if isinstance(part, list)]
        if not lists:
            return joined([part for part in found if isinstance(part, str)], self.delimiter)
        count = min(len(part) for part in lists)
        rows: list[str] = []
        room = MAX_LIST_TEXT
        for at in range(min(count, MAX_VALUES)):
            row = [part if isinstance(part, str) else part[at] for part in found]
            rows.append(joined(row, self.delimiter))
            room -= len(rows[-1])
            if room < 0:
                break
        return rows

    def values(self, task: Task) -> list[str]:
        """The same as a list: empty without a value, one element for a string."""
        found = self.evaluate(task)
        if found is None:
            return []
        return [found] if isinstance(found, str) else found

    def flat_values(self, task: Task) -> list[str]:
        """The values of all parts one after the other, not joined (``selector_flatten``)."""
        return [
            text
            for part in self.parts(task)
            for text in ((part,) if isinstance(part, str) else part)
        ]

    def joined(self, task: Task, separator: str = ", ") -> str | None:
        """The values as one string for messages and logs; ``None`` without a value."""
        found = self.evaluate(task)
        return joined(found, separator) if isinstance(found, list) else found

    def matches(self, task: Task) -> bool:
        """Whether there is any value; an empty string is one."""
        return self.evaluate(task) is not None

    def parts(self, task: Task) -> list[Found]:
        """The value of each part; empty when one of them has none."""
        found: list[Found] = []
        for pipe in self.pipes:
            value = pipe.evaluate(task)
            if value is None:
                return []
            found.append(value)
        return found

    def __repr__(self) -> str:
        return f"Selector({self.text!r})"


def parse_selector(
    text: str,
    *,
    delimiter: str = "",
    maps: MapLibrary | None = None,
) -> Selector:
    """Compiles a selector. ``maps`` is needed by those that name a map.

    Raises :class:`ExpressionError` with the position, what was expected, and the nearest name.
    """
    pipes = [_Compiler(text, maps).compile(calls) for calls in parse_calls(text)]
    return Selector(text, delimiter, pipes)


class _Compiler:
    def __init__(self, text: str, maps: MapLibrary | None) -> None:
        self.text = text
        self.maps = maps

    def compile(self, calls: Sequence[Call]) -> Pipe:
        first = calls[0]
        extractor = EXTRACTORS.get(first.name)
        if extractor is None:
            raise self._unknown(first, "the name of an extractor", list(EXTRACTORS))
        arguments = Arguments(first, self.text, self.maps)
        read, shape = extractor.build(arguments)
        arguments.done()
        stages: list[Stage] = []
        for call in calls[1:]:
            stage = self._stage(call, shape)
            stages.append(stage)
            shape = stage.shape
        return Pipe(read, tuple(stages), as_texts(shape.kind))

    def _stage(self, call: Call, shape: Shape) -> Stage:
        arguments = Arguments(call, self.text, self.maps)
        methods = METHODS[shape.kind]
        transform = TRANSFORMS.get(call.name)
        if call.mark == "." and transform is not None:
            stage = transform.build(arguments, shape)
        elif call.mark == ":" or call.name in methods:  # `rcpts.addr` is `rcpts:addr`
            if call.name not in methods and transform is not None:
                raise selector_error(self.text, call.at - 1, f"`.{call.name}` (it is a transform)")
            stage = build_method(call.name, arguments, shape)
        else:
            raise self._unknown(call, "the name of a transform", [*TRANSFORMS, *methods])
        arguments.done()
        return stage

    def _unknown(self, call: Call, expected: str, known: Sequence[str]) -> Exception:
        return selector_error(self.text, call.at, expected, found=f"`{call.name}`", known=known)
