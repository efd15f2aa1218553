# SPDX-License-Identifier: Apache-2.0
"""What does a text in UCL say?

A recursive descent over compiled tokens (``lexer``). Most items are one match of one pattern;
whatever that pattern does not cover (escapes, comments in odd places, heredocs, braces inside
bare strings, named sections) takes the slower path below it. Values are written straight into
the tree that is being filled, so an include inside a section, at its own priority and by its own
strategy, meets exactly what is there at that moment (``merge``).

Source of the grammar: core reference 1.1.
"""

import re
from collections.abc import Sequence
from typing import NoReturn, Protocol

from gatepost.ucl import lexer
from gatepost.ucl.errors import UclError
from gatepost.ucl.merge import Strategy, open_array, open_object, owner_of, put
from gatepost.ucl.scalars import parse_word
from gatepost.ucl.source import Mark, Source
from gatepost.ucl.values import Array, Object, Scalar
from gatepost.ucl.variables import NO_VARIABLES, Variables

DEEPEST = 64  # sections and arrays within each other; rspamd's own configuration needs 7
MOST_INHERITED = 100_000  # values; sections that inherit from each other can double
LARGEST = 64 * 1024 * 1024  # characters; the largest inline maps seen are a few MiB


class Macros(Protocol):
    """Whoever obeys the lines that start with a dot."""

    def run(self, parser: "Parser", sections: list[Object], position: int) -> int:
        """Obey the macro at ``position`` and return where reading goes on."""


class Parser:
    """Reads one text. ``priority`` and ``strategy`` are those of the chunk that it is.

    ``times`` allows suffixes of time; without ``macros`` a line that starts with a dot is an
    error. ``depth`` and ``enclosing`` are given when the text goes inside a section.
    """

    def __init__(
        self,
        source: Source,
        *,
        variables: Variables = NO_VARIABLES,
        times: bool = True,
        macros: Macros | None = None,
        priority: int = 0,
        strategy: Strategy = "append",
        depth: int = 0,
        enclosing: Sequence[list[Object]] = (),
    ) -> None:
        if len(source.text) > LARGEST:
            raise UclError(source.where(0), f"text is longer than {LARGEST} characters")
        self.source = source
        self.text = source.text
        self.variables = variables
        self.times = times
        self.macros = macros
        self.priority = priority
        self.strategy: Strategy = strategy
        self.depth = depth
        self.enclosing = list(enclosing)
        self.inherited = 0  # values that .inherit has copied

    def parse(self) -> Object | Array:
        """The whole text as a new object, or as an array if it starts with ``[``."""
        start = lexer.skip(self.source, self._after_mark(), separators=True)
        origin: Mark = (self.source, start, self.priority)
        if self.text.startswith("[", start):
            array = Array(origin=origin)
            self._expect_end(self._array(array, start + 1, start))
            return array
        target = Object(origin=origin)
        self.fill([target])
        return target

    def fill(self, sections: list[Object]) -> None:
        """Write the whole text, an object with or without braces, into the first of ``sections``.

        The others are siblings that keep the keys they already have (see ``open_object``).
        """
        start = lexer.skip(self.source, self._after_mark(), separators=True)
        if self.text.startswith("{", start):
            self._expect_end(self._object(sections, start + 1, start))
        elif self.text.startswith("[", start):
            self.fail(start, "expected keys and values, found an array")
        else:
            self._object(sections, start, None)

    def _after_mark(self) -> int:
        return 1 if self.text.startswith("\ufeff") else 0  # Windows editors write one

    def fail(self, position: int, message: str) -> NoReturn:
        """Raise the error that ``message`` describes, for the line of ``position``."""
        raise UclError(self.source.where(position), message)

    def _expect_end(self, position: int) -> None:
        position = lexer.skip(self.source, position, separators=True)
        if position < len(self.text):
            self.fail(position, "unexpected text after the closing brace")

    def _enter(self, position: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(position, f"nested more than {DEEPEST} levels deep")

    # -- objects

    def _object(self, sections: list[Object], position: int, opening: int | None) -> int:
        """Read items up to the brace that closes ``opening`` (or to the end); where it ended."""
        self._enter(position)
        self.enclosing.append(sections)
        try:
            while True:
                found = lexer.ITEM.match(self.text, position)
                if found is not None:
                    position = self._item(sections, found)
                    continue
                position = lexer.skip(self.source, position, separators=True)
                following = self.text[position : position + 1]
                if following == "}" and opening is not None:
                    return position + 1
                if not following:
                    if opening is None:
                        return position
                    self.fail(opening, "this { is never closed with }")
                position = self._odd_item(sections, position, following)
        finally:
            self.enclosing.pop()
            self.depth -= 1

    def _item(self, sections: list[Object], found: re.Match[str]) -> int:
        key = found[1] or found[2]
        target = sections[0] if len(sections) == 1 else owner_of(key, sections)
        mark: Mark = (self.source, found.start(1 if found[1] else 2), self.priority)
        kind = found.lastindex
        value: Scalar
        if kind == 6:
            return self._container(target, key, mark, found.end() - 1)
        if kind == 4 and (found[3] or not self._is_named(found)):
            value = found[4]
        elif kind == 5 and (found[3] or not self._is_named(found)):
            value = self._word(found[5], found.start(5))
        else:
            return self._odd_value(target, key, mark, found.end(3), bool(found[3]))
        if key in target:
            put(target, key, value, mark, self.strategy)
        else:
            target[key] = value
            target.marks[key] = mark
        return found.end()

    def _is_named(self, found: re.Match[str]) -> bool:
        return lexer.NAMES.match(self.text, found.end(3)) is not None

    def _odd_item(self, sections: list[Object], position: int, following: str) -> int:
        """An item that the pattern did not take: a comment before it, a macro, an odd key."""
        if following == ".":
            return self._macro(sections, position)
        if lexer.ITEM.match(self.text, position):
            return position
        if following == '"':
            key, end = lexer.read_quoted(self.source, position, NO_VARIABLES)
            if not key:
                self.fail(position, "empty keys are not allowed")
            assigned = lexer.ASSIGNMENT.match(self.text, end)
            assert assigned is not None  # matches the empty string
            mark: Mark = (self.source, position, self.priority)
            target = owner_of(key, sections)
            return self._odd_value(target, key, mark, assigned.end(), bool(assigned[1]))
        word = lexer.UNQUOTED_KEY.match(self.text, position)
        if word is not None:
            character = self.text[word.end()]
            self.fail(position, f"invalid character {character!r} after the key '{word[0]}'")
        self.fail(position, f"expected a key, found {following!r}")

    def _macro(self, sections: list[Object], position: int) -> int:
        if self.macros is None:
            self.fail(position, "expected a key, found '.': macros are not allowed here")
        return self.macros.run(self, sections, position)

    # -- values

    def _odd_value(
        self, target: Object, key: str, mark: Mark, position: int, assigned: bool
    ) -> int:
        """The value after ``key``, wherever it is and whatever it looks like."""
        start = lexer.skip(self.source, position, separators=False)
        if not assigned and self.text[start : start + 1] in ("=", ":"):  # after a comment
            assigned = True
            start = lexer.skip(self.source, start + 1, separators=False)
        if self.text[start : start + 1] in ("{", "["):
            return self._container(target, key, mark, start)
        if not assigned:
            names = lexer.NAMES.match(self.text, position)
            if names is not None:
                return self._named(target, key, mark, names)
            if "\n" in self.text[position:start]:
                self.fail(mark[1], f"the key '{key}' has no value")
        if self.text[start : start + 1] in ("", ",", ";", "}", "]"):
            self.fail(mark[1], f"the key '{key}' has no value")
        value, end = self._scalar(start)
        put(target, key, value, mark, self.strategy)
        return end

    def _named(self, target: Object, key: str, mark: Mark, names: re.Match[str]) -> int:
        """``key name… {``: a section within a section for each name."""
        levels = 0
        for found in lexer.NAME.finditer(self.text, names.start(1), names.end(1)):
            self._enter(found.start())
            levels += 1
            sections = open_object(target, key, mark, self.strategy)
            if found[1]:
                key = found[1]
            else:
                key, _ = lexer.read_quoted(self.source, found.start(), NO_VARIABLES)
            if not key:
                self.fail(found.start(), "empty keys are not allowed")
            target = owner_of(key, sections)
            mark = (self.source, found.start(), self.priority)
        end = self._container(target, key, mark, names.end())
        self.depth -= levels
        return end

    def _container(self, target: Object, key: str, mark: Mark, position: int) -> int:
        if self.text[position] == "{":
            sections = open_object(target, key, mark, self.strategy)
            return self._object(sections, position + 1, position)
        return self._array(open_array(target, key, mark, self.strategy), position + 1, position)

    def _array(self, array: Array, position: int, opening: int) -> int:
        """Read elements up to the bracket that closes ``opening``; where it ended."""
        self._enter(position)
        while True:
            found = lexer.ELEMENT.match(self.text, position)
            if found is None:
                start = lexer.skip(self.source, position, separators=True)
                following = self.text[start : start + 1]
                if following == "]":
                    break
                if not following:
                    self.fail(opening, "this [ is never closed with ]")
                if following in "{[":
                    position = start
                    continue
                value, position = self._scalar(start)
                array.add(value, (self.source, start, self.priority))
                continue
            position = found.end()
            if found.lastindex == 3:
                position = self._element(array, position - 1)
                continue
            start = found.start(found.lastindex or 0)
            word = found[2]
            value = found[1] if word is None else self._word(word, start)
            array.add(value, (self.source, start, self.priority))
        self.depth -= 1
        return start + 1

    def _element(self, array: Array, position: int) -> int:
        mark: Mark = (self.source, position, self.priority)
        if self.text[position] == "{":
            section = Object(origin=mark)
            array.add(section, mark)
            return self._object([section], position + 1, position)
        inner = Array(origin=mark)
        array.add(inner, mark)
        return self._array(inner, position + 1, position)

    def _scalar(self, position: int) -> tuple[Scalar, int]:
        """The string, number or word at ``position``, which must end as a value ends."""
        first = self.text[position]
        heredoc = None
        value: Scalar
        if first == '"':
            value, end = lexer.read_quoted(self.source, position, self.variables)
        elif first == "'":
            value, end = lexer.read_single_quoted(self.source, position)
        else:
            if first == "<":
                heredoc = lexer.read_heredoc(self.source, position, self.variables)
            value, end = heredoc or self._bare(position)
        if not lexer.AFTER_VALUE.match(self.text, end):
            found = self.text[end : end + 12].strip()
            self.fail(end, f"expected ';', ',' or a new line after the value, found {found!r}")
        return value, end

    def _bare(self, position: int) -> tuple[Scalar, int]:
        end = lexer.find_bare_end(self.text, position)
        word = self.text[position:end].rstrip(" \t\f\v")
        if not word:
            self.fail(position, f"expected a value, found {self.text[position : position + 1]!r}")
        value = self._word(word, position)
        if isinstance(value, str) and ("$" in value or "\\" in value):
            value = self.variables.resolve(value)
        return value, end

    def _word(self, word: str, position: int) -> Scalar:
        try:
            return parse_word(word, times=self.times)
        except OverflowError:
            self.fail(position, f"the number {word[:40]} is out of range")
