# SPDX-License-Identifier: Apache-2.0
"""What does a file say once its ``{= expressions =}`` and ``{% statements %}`` are worked out?

Jinja2 in a sandbox, with Rspamd's brackets. A marker after every newline of the original says
which line the text came from; they are taken out again afterwards, so that errors in what the
template made still name the line that was written. Source: core reference 1.2.
"""

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import TOKEN_DATA, Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gatepost.ucl.errors import UclError
from gatepost.ucl.source import Source, Where

LARGEST_OUTPUT: Final = 64 * 1024 * 1024  # characters, as for the file itself
LARGEST_OPERAND: Final = 100_000  # what * and ** may be given: a template is no calculator
PREFIXES: Final = ("RSPAMD_", "GATEPOST_")  # the later one wins

_MARKER = re.compile("\0([0-9]+)\0")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for operand in (left, right):
            size = operand if isinstance(operand, int | float) else len(operand)
            if abs(size) > (LARGEST_OPERAND if operator == "*" else 64):
                raise jinja2.TemplateRuntimeError(f"{operand!r:.40} is too large for {operator}")
        return super().call_binop(context, operator, left, right)


class _LineMarks(Extension):
    """Puts the number of the line after every newline of the text between the brackets."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        expected = 1
        for token in stream:
            if token.type == TOKEN_DATA:
                yield self._marked(token, expected)
                expected = token.lineno + token.value.count("\n")
            else:
                yield token

    def _marked(self, token: Token, expected: int) -> Token:
        first, *others = token.value.split("\n")
        pieces = [first if token.lineno == expected else f"\0{token.lineno}\0{first}"]
        pieces += [f"\0{token.lineno + n}\0{line}" for n, line in enumerate(others, 1)]
        return Token(token.lineno, token.type, "\n".join(pieces))


_JINJA = _Environment(
    block_start_string="{%",
    block_end_string="%}",
    variable_start_string="{=",
    variable_end_string="=}",
    comment_start_string="{#",
    comment_end_string="#}",
    keep_trailing_newline=True,
    autoescape=False,
    extensions=[_LineMarks],
    cache_size=0,
)


class _Names:
    """``env`` inside a template: only subscription, so that ``env.items`` is the variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.__values = values

    def __getitem__(self, name: str) -> str:
        return self.__values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.__values

    def __iter__(self) -> Iterator[str]:
        return iter(self.__values)


def select_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that templates may see, without their prefix ``RSPAMD_`` or ``GATEPOST_``."""
    return {
        name.removeprefix(prefix): value
        for prefix in PREFIXES
        for name, value in environment.items()
        if name.startswith(prefix)
    }


def render(text: str, file: str, names: Mapping[str, str]) -> Source:
    """``text`` with its template worked out; ``names`` are what follows ``env.``.

    A text without ``{=`` and ``{%`` is returned as it is. Raises ``UclError``.
    """
    if "{=" not in text and "{%" not in text:
        return Source(file, text)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UclError(Where(file, line), "a template must not contain NUL characters")
    try:
        code = _JINJA.compile(text, filename=file)
        template = jinja2.Template.from_code(_JINJA, code, _JINJA.make_globals({}))
        output = _collect(template, names)
    except jinja2.TemplateSyntaxError as error:
        raise UclError(Where(file, error.lineno), f"template: {error.message}") from error
    except Exception as error:  # a template runs code: anything may come out of an expression
        line = _find_line(error.__traceback__, file)
        raise UclError(Where(file, line), f"template: {error}") from error
    return _unmark(file, output)


def _collect(template: jinja2.Template, names: Mapping[str, str]) -> str:
    pieces: list[str] = []
    size = 0
    for piece in template.generate(env=_Names(names)):
        size += len(piece)
        if size > LARGEST_OUTPUT:
            raise jinja2.TemplateRuntimeError(f"makes more than {LARGEST_OUTPUT} characters")
        pieces.append(piece)
    return "".join(pieces)


def _find_line(trace: TracebackType | None, file: str) -> int:
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _unmark(file: str, output: str) -> Source:
    """Take the markers out and note where each was, and the line that begins there."""
    anchors = [(0, 1)]
    pieces: list[str] = []
    size = end = 0
    for marker in _MARKER.finditer(output):
        pieces.append(output[end : marker.start()])
        size += len(pieces[-1])
        end = marker.end()
        anchors.append((size, int(marker[1])))
    pieces.append(output[end:])
    return Source(file, "".join(pieces), anchors=anchors)
