# SPDX-License-Identifier: Apache-2.0
"""What do the escapes and the ``$NAME`` in a string stand for?

Both are resolved in one pass, so that neither an escaped ``$`` nor the text of a variable is
read a second time.
"""

import re
from collections.abc import Mapping
from typing import Final

_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_NAME = r"\$(?:\{([A-Za-z0-9_]++)\}|([A-Za-z0-9_]++))"
_REFERENCE = re.compile(rf"(\$\$)|{_NAME}")
_ESCAPE = re.compile(
    r"\\(?:u(?:([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|([0-9a-fA-F]{4}))|(.))",
    re.DOTALL,
)
_SINGLE_QUOTED = re.compile(r"\\(?:(')|\r?\n)")
# A dollar after a backslash is plain text; alternatives in this order, each read once.
_EITHER = re.compile(rf"{_ESCAPE.pattern}|(\$\$)|{_NAME}", re.DOTALL)


class Variables:
    """The names that ``$NAME`` and ``${NAME}`` may stand for; unknown ones stay as written."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def expand(self, text: str) -> str:
        """``text`` with its variables; ``$$`` becomes ``$`` only if there was a known one."""
        if not self._used(text, _REFERENCE, 1):
            return text
        return _REFERENCE.sub(self._variable, text)

    def resolve(self, text: str) -> str:
        """``text`` with its backslash escapes and its variables."""
        if not self._used(text, _EITHER, 5):
            return unescape(text) if "\\" in text else text
        return _EITHER.sub(self._either, text)

    def _used(self, text: str, pattern: re.Pattern[str], dollars: int) -> bool:
        if not self.values or "$" not in text:
            return False
        names = pattern.finditer(text)
        return any((f[dollars + 1] or f[dollars + 2]) in self.values for f in names)

    def _either(self, found: re.Match[str]) -> str:
        if found[0][0] == "\\":
            return _escaped(found)
        return self._variable(found, first=5)

    def _variable(self, found: re.Match[str], first: int = 1) -> str:
        if found[first]:
            return "$"
        return self.values.get(found[first + 1] or found[first + 2], found[0])


NO_VARIABLES: Final = Variables({})


def unescape(text: str) -> str:
    """JSON's escapes; a backslash before any other character is dropped, as in libucl."""
    return _ESCAPE.sub(_escaped, text)


def unescape_single_quoted(text: str) -> str:
    r"""``\'`` and a backslash at the end of a line; nothing else is special."""
    return _SINGLE_QUOTED.sub(lambda found: found[1] or "", text)


def _escaped(found: re.Match[str]) -> str:
    high, low, unit, other = found.group(1, 2, 3, 4)
    if other:
        return _ESCAPES.get(other, other)
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    code = int(unit, 16)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
