# SPDX-License-Identifier: Apache-2.0
"""What may a call of a selector be given? Its arguments, read once, with errors that say where."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from gatepost.scan.errors import ExpressionError
from gatepost.scan.maps import Map, MapLibrary
from gatepost.scan.regexps import Regexp, RegexpError, parse_regexp
from gatepost.scan.selector_syntax import Call, Table, selector_error

NUMBER = re.compile(r"[+-]?[0-9]{1,9}\Z")
WHERE = re.compile(r"[/:;]")  # a path, a URL or `kind;source`, not the name of a map
TRUE = frozenset(("true", "yes", "on", "1"))
FALSE = frozenset(("false", "no", "off", "0"))


class Arguments:
    """The arguments of one call. Whoever reads them says what he expects at each place.

    ``done`` is asked last and refuses those that nobody read.
    """

    def __init__(self, call: Call, text: str, maps: MapLibrary | None) -> None:
        self.call = call
        self.source = text
        self.maps = maps
        self.read = 0

    def error(
        self, expected: str, wrong: object = None, *, said: str = "", known: Iterable[str] = ()
    ) -> ExpressionError:
        """An error at the place of the call: ``wrong`` is quoted, or else ``said`` is."""
        found = f"`{str(wrong)[:40]}`" if wrong is not None else said or "nothing"
        expected = f"{expected} for `{self.call.name}`"
        return selector_error(self.source, self.call.at, expected, found=found, known=known)

    def __len__(self) -> int:
        return len(self.call.args)

    def text(self, index: int, default: str | None = None, *, what: str = "a string") -> str:
        """The string at ``index``; without a ``default`` there must be one."""
        self.read = max(self.read, index + 1)
        if index >= len(self.call.args):
            if default is None:
                raise self.error(f"{what} as argument {index + 1}")
            return default
        value = self.call.args[index]
        if not isinstance(value, str):
            raise self.error(f"{what} as argument {index + 1}", value)
        return value

    def texts(self) -> list[str]:
        """All arguments, lists taken apart."""
        found: list[str] = []
        for index, value in enumerate(self.call.args):
            found.extend(value if isinstance(value, tuple) else [self.text(index)])
        self.read = len(self.call.args)
        return found

    def choice(self, index: int, known: Collection[str], default: str | None = None) -> str:
        """One of the ``known`` words."""
        value = self.text(index, default, what="one of " + ", ".join(sorted(known)))
        return self.known_word(value, known)

    def choices(self, known: Collection[str]) -> list[str]:
        """All arguments, each one of the ``known`` words."""
        return [self.known_word(value, known) for value in self.texts()]

    def words(self, index: int, known: Collection[str]) -> frozenset[str]:
        """A list of ``known`` words, empty when there is none; one word needs no braces."""
        self.read = max(self.read, index + 1)
        if index >= len(self.call.args):
            return frozenset()
        value = self.call.args[index]
        if isinstance(value, dict):
            raise self.error(f"a list as argument {index + 1}", value)
        return frozenset(self.known_word(word, known) for word in as_tuple(value))

    def number(self, index: int, default: int | None = None, *, least: int | None = None) -> int:
        """A whole number, at ``least`` that."""
        fallback = None if default is None else str(default)
        return self.whole_number(self.text(index, fallback, what="a number"), least)

    def table(self, index: int, keys: Collection[str]) -> TableArguments:
        """The table at ``index``, empty when there is none; only ``keys`` may occur in it."""
        self.read = max(self.read, index + 1)
        value = self.call.args[index] if index < len(self.call.args) else {}
        if not isinstance(value, dict):
            if value:  # `{}` reads as an empty list
                raise self.error(f"a table such as {{limit = 5}} as argument {index + 1}")
            value = {}
        for key in value:
            self.known_word(key, keys)
        return TableArguments(self, value)

    def regexp(self, index: int) -> Regexp:
        """A compiled regular expression."""
        value = self.text(index, what="a regular expression")
        try:
            return parse_regexp(value)
        except RegexpError as error:
            raise self.error(f"a regular expression ({error})", value) from None

    def map(self, index: int) -> Map:
        """A map: a name in the folder of maps, or any definition that fits into a string."""
        name = self.text(index, what="the name of a map")
        if self.maps is None:
            raise self.error("a place where maps are known", name)
        definition = name if WHERE.search(name) else f"map:{name}"
        found = self.maps.open(definition, kind="hash", name=f"selector `{self.source[:80]}`")
        if found is None:
            raise self.error("a map that can be opened", name)
        return found

    def done(self) -> None:
        """Refuses arguments that were not read."""
        if self.read < len(self.call.args):
            most = f"{self.read} arguments at most" if self.read else "no arguments"
            raise self.error(most, said=str(len(self.call.args)))

    def known_word(self, value: str, known: Collection[str]) -> str:
        """``value``, if it is one of the ``known`` words."""
        if value not in known:
            few = len(known) <= 8
            shown = "one of " + ", ".join(sorted(known)) if few else "a known word"
            raise self.error(shown, value, known=known)
        return value

    def whole_number(self, value: str, least: int | None) -> int:
        """``value`` as a number, at ``least`` that."""
        if not NUMBER.match(value):
            raise self.error("a whole number", value)
        number = int(value)
        if least is not None and number < least:
            raise self.error(f"a number of at least {least}", value)
        return number


class TableArguments:
    """The values of a table ``{k = v}``."""

    def __init__(self, arguments: Arguments, table: Table) -> None:
        self.arguments = arguments
        self.values = table

    def text(self, key: str) -> str:
        """The string, empty when it is not there."""
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self.arguments.error(f"a string as `{key}`", value)
        return value

    def number(self, key: str, default: int, *, least: int = 1) -> int:
        """The number, at ``least`` that."""
        return self.arguments.whole_number(self.text(key) or str(default), least)

    def flag(self, key: str, default: bool = False) -> bool:
        """``true`` or ``false`` in UCL's spellings."""
        value = self.text(key).lower()
        if value and value not in TRUE | FALSE:
            raise self.arguments.error(f"true or false as `{key}`", value)
        return value in TRUE if value else default

    def words(self, key: str, known: Collection[str]) -> frozenset[str]:
        """A list of ``known`` words."""
        value = self.values.get(key, ())
        return frozenset(self.arguments.known_word(word, known) for word in as_tuple(value))


def as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
