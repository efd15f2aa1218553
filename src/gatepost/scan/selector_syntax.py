# SPDX-License-Identifier: Apache-2.0
"""How is a selector written? Its text → calls with their arguments; no name is looked up here.

``extractor(arg, …):method.transform(arg, …)``, several of them separated by ``;`` (or ``*``). An
argument is a word, a quoted string, a list ``{a, b}`` or a table ``{k = v}``; commas between
arguments may be left out, as in Rspamd. In a quoted string a backslash only protects a quote, so
regular expressions are written as they are. Source: content reference §5.4.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from gatepost.scan.errors import ExpressionError

MAX_LENGTH = 8192  # characters
MAX_PARTS = 32
MAX_STAGES = 32  # calls of one part
MAX_ARGUMENTS = 256  # of one call, those inside lists and tables counted
SHOWN = 200  # characters of a selector that a message quotes

Text = str | tuple[str, ...]
Table = dict[str, Text]
Argument = Text | Table

BLANKS = re.compile(r"[ \t\r\n]*+")
NAME = re.compile(r"[A-Za-z0-9_\-\u0080-\U0010ffff]++")
QUOTED = re.compile(r"'((?:[^'\\\r\n\f]|\\.)*+)'|\"((?:[^\"\\\r\n\f]|\\.)*+)\"")


class Call(NamedTuple):
    """One stage as written: ``name(args)``. ``at`` is where the name stands; ``mark`` is ``:``,
    ``.`` or, for the extractor, empty."""

    name: str
    args: tuple[Argument, ...]
    at: int
    mark: str


def parse_calls(text: str) -> list[list[Call]]:
    """The parts of a selector, each its extractor and the stages after it.

    Raises :class:`ExpressionError` with the position and what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the selector is longer than {MAX_LENGTH} characters")
    return _Reader(text).parts()


def selector_error(
    text: str, at: int, expected: str, *, found: str = "", known: Iterable[str] = ()
) -> ExpressionError:
    """The error of something at ``at`` that is not ``expected``; ``known`` names might be meant.

    ``found`` is said as it is; without it, what stands there is quoted.
    """
    rest = text[at : at + 20].strip()
    found = found or (f"`{rest}`" if rest else "the end")
    near = difflib.get_close_matches(found.strip("`"), sorted(known), n=1, cutoff=0.5)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    whole = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return ExpressionError(
        f"expected {expected} at character {at + 1}, found {found} in `{whole}`{hint}"
    )


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.arguments = 0

    def parts(self) -> list[list[Call]]:
        parts = [self._part()]
        while self._take(";") or self._take("*"):
            if len(parts) >= MAX_PARTS:
                raise ExpressionError(f"the selector has more than {MAX_PARTS} parts")
            parts.append(self._part())
        if self.at < len(self.text):
            raise self._error("`.`, `:`, `;` or the end")
        return parts

    def _part(self) -> list[Call]:
        calls = [self._call("an extractor", "")]
        while True:
            mark = "." if self._take(".") else ":" if self._take(":") else ""
            if not mark:
                return calls
            if len(calls) >= MAX_STAGES:
                raise ExpressionError(f"the selector has a part of more than {MAX_STAGES} stages")
            calls.append(self._call("a transform" if mark == "." else "a method", mark))

    def _call(self, expected: str, mark: str) -> Call:
        self._skip()
        at = self.at
        name = NAME.match(self.text, at)
        if name is None:
            raise self._error(expected)
        self.at = name.end()
        self.arguments = 0
        return Call(name.group(), self._arguments() if self._take("(") else (), at, mark)

    def _arguments(self) -> tuple[Argument, ...]:
        found: list[Argument] = []
        while not self._take(")"):
            found.append(self._braces() if self._take("{") else self._word("an argument or `)`"))
            self._commas()
        return tuple(found)

    def _braces(self) -> Argument:
        """A list, or a table when the first word is followed by ``=``."""
        words: list[str] = []
        table: Table = {}
        while not self._take("}"):
            word = self._word("a value or `}`")
            if not words and self._take("="):
                table[word] = self._list() if self._take("{") else self._word("a value")
            elif table:
                raise self._error("`=`")
            else:
                words.append(word)
            self._commas()
        return table or tuple(words)

    def _list(self) -> tuple[str, ...]:
        words: list[str] = []
        while not self._take("}"):
            words.append(self._word("a value or `}`"))
            self._commas()
        return tuple(words)

    def _word(self, expected: str) -> str:
        self._skip()
        self.arguments += 1
        if self.arguments > MAX_ARGUMENTS:
            raise ExpressionError(f"the selector has a call with more than {MAX_ARGUMENTS} values")
        quoted = QUOTED.match(self.text, self.at)
        if quoted is not None:
            self.at = quoted.end()
            quote = quoted.group()[0]
            return quoted.group()[1:-1].replace("\\" + quote, quote)
        word = NAME.match(self.text, self.at)
        if word is None:
            if self.text[self.at : self.at + 1] in ("'", '"'):
                raise self._error("a closing quote")
            raise self._error(expected)
        self.at = word.end()
        return word.group()

    def _commas(self) -> None:
        while self._take(","):
            pass

    def _take(self, char: str) -> bool:
        """Steps over ``char`` and the blanks before it, if it is the next one."""
        self._skip()
        if not self.text.startswith(char, self.at):
            return False
        self.at += 1
        return True

    def _skip(self) -> None:
        blanks = BLANKS.match(self.text, self.at)
        if blanks is not None:
            self.at = blanks.end()

    def _error(self, expected: str) -> ExpressionError:
        return selector_error(self.text, self.at, expected)
