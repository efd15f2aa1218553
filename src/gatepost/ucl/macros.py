# SPDX-License-Identifier: Apache-2.0
"""What do the lines that start with a dot ask for?

``.name(arguments) "value"``: the arguments are UCL themselves. Here are the macros that need no
file, ``.priority`` and ``.inherit``; those that do are in ``includes``. Source: core reference 1.3.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from gatepost.ucl import lexer
from gatepost.ucl.errors import UclError
from gatepost.ucl.merge import copy_value, put
from gatepost.ucl.parser import DEEPEST, MOST_INHERITED, Parser
from gatepost.ucl.source import Source, Where
from gatepost.ucl.values import INHERITED, Array, Object

HIGHEST_PRIORITY = 15

_NAME = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)(?=[\s(\"{/]|\Z)")
_ARGUMENT_PART = re.compile(r'[^()"]++|"(?:[^"\\]++|\\.)*+"?|[()]', re.DOTALL)
_BARE = re.compile(r"[^\r\n,;}\]]*+")
_REFUSED: Final = {
    "includes": "signed includes are not supported: use .include",
    "include_map": "a map cannot be a part of the configuration: name it in an option that "
    "takes a map",
}
_NEEDS_FILES: Final = ("include", "try_include", "load")


class Call(NamedTuple):
    """One use of a macro."""

    name: str
    arguments: Object
    value: str
    where: Where
    offset: int
    end: int

    def fail(self, message: str) -> UclError:
        return UclError(self.where, f".{self.name}: {message}")

    def check_known(self, known: Collection[str]) -> None:
        """Refuse an argument that the macro does not have."""
        for key in self.arguments:
            if key not in known:
                expected = ", ".join(sorted(known))
                raise self.fail(f"unknown argument '{key}': expected one of {expected}")

    def flag(self, key: str, default: bool = False) -> bool:
        """An argument that is yes or no."""
        value = self.arguments.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(f"'{key}' must be true or false, not {value!r}")
        return value

    def word(self, key: str) -> str | None:
        """An argument that is a string."""
        value = self.arguments.get(key)
        if value is not None and not isinstance(value, str):
            raise self.fail(f"'{key}' must be a string, not {value!r}")
        return value

    def priority(self, default: int) -> int:
        """The argument ``priority``, 0 to 15."""
        return self.check_priority(self.arguments.get("priority", default))

    def check_priority(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"the priority must be a number from 0 to 15, not {value!r}")
        if not 0 <= value <= HIGHEST_PRIORITY:
            raise self.fail(f"the priority must be from 0 to {HIGHEST_PRIORITY}, not {value}")
        return value


def read_call(parser: Parser, position: int) -> Call:
    """The macro at ``position`` with its arguments and its value."""
    source = parser.source
    found = _NAME.match(source.text, position)
    if found is None:
        parser.fail(position, "expected the name of a macro after the dot")
    arguments = Object()
    where = source.where(position)
    start = lexer.skip(source, found.end(), separators=False)
    if source.text.startswith("(", start):
        arguments, start = _read_arguments(parser, start)
        start = lexer.skip(source, start, separators=False)
    value, end = _read_value(parser, start)
    return Call(found[1], arguments, value, where, position, end)


def _read_arguments(parser: Parser, opening: int) -> tuple[Object, int]:
    source, depth = parser.source, 0
    for part in _ARGUMENT_PART.finditer(source.text, opening):
        depth += (part[0] == "(") - (part[0] == ")")
        if not depth:
            text = source.text[opening + 1 : part.start()]
            piece = Source(source.file, text, first_line=source.line(opening))
            arguments = Parser(piece, variables=parser.variables).parse()
            if not isinstance(arguments, Object):
                break
            return arguments, part.end()
    parser.fail(opening, "expected the arguments of the macro as (key=value, …)")


def _read_value(parser: Parser, position: int) -> tuple[str, int]:
    text = parser.text
    if text.startswith('"', position):
        return lexer.read_quoted(parser.source, position, parser.variables)
    if text.startswith("'", position):
        return lexer.read_single_quoted(parser.source, position)
    if text.startswith("{", position):
        end = text.find("}", position)
        if end < 0:
            parser.fail(position, "this { is never closed with }")
        return parser.variables.expand(text[position + 1 : end].strip()), end + 1
    found = _BARE.match(text, position)
    assert found is not None  # matches the empty string
    return parser.variables.expand(found[0].strip()), found.end()


Macro = Callable[[Parser, list[Object], Call], None]


class TextMacros:
    """Obeys the macros that need no file."""

    def __init__(self) -> None:
        self.known: dict[str, Macro] = {"priority": _set_priority, "inherit": _inherit}

    def run(self, parser: Parser, sections: list[Object], position: int) -> int:
        """Obey the macro at ``position`` and return where reading goes on."""
        call = read_call(parser, position)
        macro = self.known.get(call.name)
        if macro is None:
            raise call.fail(self._refusal(call.name))
        macro(parser, sections, call)
        return call.end

    def _refusal(self, name: str) -> str:
        if name in _NEEDS_FILES:
            return "this text does not come from a file, so it cannot read others"
        known = ", ".join(f".{macro}" for macro in sorted(self.known))
        return _REFUSED.get(name, f"unknown macro: expected one of {known}")


def _set_priority(parser: Parser, sections: list[Object], call: Call) -> None:
    call.check_known(("priority",))
    if call.value.isascii() and call.value.isdecimal() and len(call.value) < 4:
        parser.priority = call.check_priority(int(call.value))
    else:
        parser.priority = call.check_priority(call.arguments.get("priority", call.value))


def _inherit(parser: Parser, sections: list[Object], call: Call) -> None:
    """Copy the keys of a section beside this one (or beside one of those around it)."""
    call.check_known(("replace",))
    replace = call.flag("replace")
    target = sections[0]
    found = _find_section(parser, call)
    _check_size(parser, call, found, parser.depth)
    for key, value in found.items():
        if replace or key not in target:
            mark = (parser.source, call.offset, parser.priority if replace else INHERITED)
            put(target, key, copy_value(value), mark, "rewrite")


def _find_section(parser: Parser, call: Call) -> Object:
    for around in reversed(parser.enclosing[:-1]):
        for candidate in around:
            value = candidate.get(call.value)
            if isinstance(value, Array) and value.implicit and value:
                value = value[0]
            if isinstance(value, Object):
                if any(value is section for level in parser.enclosing for section in level):
                    raise call.fail(f"'{call.value}' is a section that this line is part of")
                return value
    raise call.fail(f"there is no section '{call.value}' above this line to copy from")


def _check_size(parser: Parser, call: Call, value: Object | Array, depth: int) -> None:
    """Copies of copies can grow without end: bound their number and their depth."""
    parser.inherited += len(value)
    if parser.inherited > MOST_INHERITED:
        raise call.fail(f"more than {MOST_INHERITED} values are copied")
    if depth > DEEPEST:
        raise call.fail(f"nested more than {DEEPEST} levels deep")
    for inner in value.values() if isinstance(value, Object) else value:
        if isinstance(inner, Object | Array):
            _check_size(parser, call, inner, depth + 1)
