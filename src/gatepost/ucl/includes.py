# SPDX-License-Identifier: Apache-2.0
"""Which file does an ``.include`` or ``.load`` mean, and where does its content go?

Source: core reference 1.3. Unlike libucl, a file that ``try`` found but that has a mistake in it
is an error: only its absence is forgiven.
"""

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatepost.ucl.files import Files
from gatepost.ucl.macros import Call, TextMacros
from gatepost.ucl.merge import STRATEGIES, Strategy, join, owner_of, put
from gatepost.ucl.parser import Parser
from gatepost.ucl.source import Where
from gatepost.ucl.values import Array, Object
from gatepost.ucl.variables import Variables

_INCLUDE_ARGUMENTS: Final = frozenset(
    ("try", "priority", "duplicate", "glob", "sign", "url", "prefix", "key", "target", "path")
)
_LOAD_ARGUMENTS: Final = frozenset(
    ("key", "target", "trim", "escape", "multiline", "try", "priority")
)
_ESCAPED: Final = str.maketrans(
    {
        "\n": r"\n",
        "\r": r"\r",
        "\b": r"\b",
        "\t": r"\t",
        "\f": r"\f",
        "\\": r"\\",
        '"': r"\"",
    }
)


class FileMacros(TextMacros):
    """Obeys all macros; the text that uses them may read files."""

    def __init__(self, files: Files, variables: Mapping[str, str]) -> None:
        super().__init__()
        self.known |= {
            "include": lambda *use: self._include(*use, attempt=False),
            "try_include": lambda *use: self._include(*use, attempt=True),
            "load": self._load,
        }
        self._files = files
        self._variables = variables

    def read_file(
        self,
        path: Path,
        sections: list[Object],
        where: Where,
        *,
        priority: int,
        strategy: Strategy,
        parent: Parser | None = None,
    ) -> None:
        """Write the content of ``path`` into ``sections``, at ``priority``, by ``strategy``."""
        with self._files.opened(path, where) as real:
            source = self._files.read_source(path, where)
            # as libucl: these two are the file's own, whatever else is set
            names = {**self._variables, "CURDIR": str(real.parent), "FILENAME": str(real)}
            reader = Parser(
                source,
                variables=Variables(names),
                macros=self,
                priority=priority,
                strategy=strategy,
                depth=parent.depth if parent else 0,
                enclosing=parent.enclosing[:-1] if parent else (),
            )
            reader.fill(sections)

    def _include(
        self, parser: Parser, sections: list[Object], call: Call, *, attempt: bool
    ) -> None:
        call.check_known(_INCLUDE_ARGUMENTS)
        if call.flag("sign"):
            raise call.fail("signed includes are not supported")
        if call.flag("url") or "://" in call.value:
            raise call.fail("only files can be included: an option that takes a map takes URLs")
        priority, strategy = call.priority(0), _strategy_of(call)
        _key_of(call), _target_of(call)  # wrong ones are mistakes even where no file is found
        for path in _find_paths(parser, call, attempt=call.flag("try", attempt)):
            self.read_file(
                path,
                _place_prefix(parser, sections, call, path, priority),
                call.where,
                priority=priority,
                strategy=strategy,
                parent=parser,
            )

    def _load(self, parser: Parser, sections: list[Object], call: Call) -> None:
        """The whole content of a file as one value."""
        call.check_known(_LOAD_ARGUMENTS)
        key, target = call.word("key"), call.word("target") or "string"
        if not key:
            raise call.fail("the argument 'key' is missing")
        if target not in ("string", "int"):
            raise call.fail(f"'target' must be string or int, not '{target}'")
        call.flag("multiline")  # it only changes how Rspamd prints the value
        for path in _find_paths(parser, call, attempt=call.flag("try")):
            text = self._files.read_text(path, call.where)
            value = _to_integer(call, path, text) if target == "int" else _shaped(call, text)
            mark = (parser.source, call.offset, call.priority(parser.priority))
            put(owner_of(key, sections), key, value, mark, parser.strategy)


def _strategy_of(call: Call) -> Strategy:
    name = call.word("duplicate") or "append"
    for strategy in STRATEGIES:
        if strategy == name:
            return strategy
    raise call.fail(f"'duplicate' must be one of {', '.join(STRATEGIES)}, not '{name}'")


def _shaped(call: Call, text: str) -> str:
    text = text.strip(" \t\r\n\f\v") if call.flag("trim") else text
    return text.translate(_ESCAPED) if call.flag("escape") else text


def _to_integer(call: Call, path: Path, text: str) -> int:
    digits = text.strip()
    if len(digits) < 20 and digits.removeprefix("-").isdecimal():
        return int(digits)
    raise call.fail(f"expected a whole number in {path}, found {digits[:20]!r}")


def _find_paths(parser: Parser, call: Call, *, attempt: bool) -> list[Path]:
    """The files that the macro means; none if they are missing and may be."""
    if not call.value:
        raise call.fail("the name of the file is missing")
    if "\0" in call.value:
        raise call.fail("the name of the file contains a NUL character")
    base = parser.variables.values.get("CURDIR", "")
    names = [os.path.join(base, folder, call.value) for folder in _search_list(call)]
    if call.flag("glob") and ("*" in call.value or "?" in call.value):
        paths = [Path(found) for name in names for found in sorted(glob.glob(name))]
    else:
        paths = [Path(name) for name in names if os.path.exists(name)][:1]
    if not paths and not attempt:
        raise call.fail(f"there is no file {' or '.join(names)}")
    return paths


def _search_list(call: Call) -> list[str]:
    value = call.arguments.get("path", "")
    folders = value if isinstance(value, Array) else [value]
    strings = [folder for folder in folders if isinstance(folder, str)]
    if len(strings) != len(folders):
        raise call.fail("'path' must be a list of folders")
    return strings


def _key_of(call: Call) -> str | None:
    """The key to put the file under; none if it has none, empty if the file names it."""
    key, prefix = call.word("key"), call.arguments.get("prefix")
    if isinstance(prefix, str):
        return key or prefix
    return key or ("" if call.flag("prefix") else None)


def _target_of(call: Call) -> str:
    target = call.word("target") or "object"
    if target not in ("object", "array"):
        raise call.fail(f"'target' must be object or array, not '{target}'")
    return target


def _place_prefix(
    parser: Parser, sections: list[Object], call: Call, path: Path, priority: int
) -> list[Object]:
    """The sections to fill: those around the macro, or one under the key that it names."""
    key, target = _key_of(call), _target_of(call)
    if key is None:
        return sections
    if not key:
        key = path.stem if path.suffix in (".conf", ".ucl", ".inc") else path.name
    owner = owner_of(key, sections)
    mark = (parser.source, call.offset, priority)
    if key not in owner:
        put(owner, key, Array(origin=mark) if target == "array" else Object(origin=mark), mark)
    old = owner[key]
    if target == "object" and isinstance(old, Object):
        return [old]
    if target == "array":
        section = Object(origin=mark)
        if not isinstance(old, Array):  # as libucl: what was there becomes the first element
            old = join(owner, key)
        old.add(section, mark)
        return [section]
    raise call.fail(f"'{key}' was written at {owner.place(key)} and is not an object")
