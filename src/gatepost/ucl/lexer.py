# SPDX-License-Identifier: Apache-2.0
"""Where does each token of UCL text end?

Compiled patterns and the few scans that one pattern cannot do (nested comments, braces inside
bare strings, heredocs). All of them are linear in the text: the repetitions are possessive, and
nothing is scanned again after a failure.
"""

import re

from gatepost.ucl.errors import UclError
from gatepost.ucl.source import Source
from gatepost.ucl.variables import Variables, unescape_single_quoted

KEY = r"(?!/\*)[A-Za-z0-9/_\x80-\U0010ffff][A-Za-z0-9/_.\-\x80-\U0010ffff]*+"
_SPACE = r"[ \t\r\n\f\v]"
_SEPARATORS = r"(?:[ \t\r\n\f\v,;]++|#[^\n]*+)*+"
_KEY_END = r"(?=[ \t\r\n\f\v=:{\[#]|/\*|\Z)"
_ENDED = r"(?=[ \t]*+(?:[,;\r\n}\]#]|\Z))"
# What most values are: a plain string, a plain word, or an opening brace. The rest is read slowly.
_SIMPLE = rf'''(?:"([^"\\$\x00-\x1f]*+)"{_ENDED}|([A-Za-z0-9_.+\-]++){_ENDED}|([{{\[]))'''

# key, quoted key, separator, string, word, brace
ITEM = re.compile(
    rf"""{_SEPARATORS}(?:({KEY}){_KEY_END}|"([^"\\\x00-\x1f]++)")[ \t]*+([=:]?)[ \t]*+{_SIMPLE}?"""
)
# string, word, brace
ELEMENT = re.compile(rf"{_SEPARATORS}{_SIMPLE}")

AFTER_VALUE = re.compile(r"[ \t\f\v]*+(?:[,;\r\n}\]#]|/\*|\Z)")
NAMES = re.compile(
    rf"""((?:[ \t]*+(?:{KEY}(?=[ \t\r\n{{])|"(?:[^"\\\x00-\x1f]++|\\.)++"))++)"""
    rf"(?:{_SPACE}*+(?={{)|[ \t]++(?=\[))"
)
NAME = re.compile(rf'({KEY})|"((?:[^"\\\x00-\x1f]++|\\.)++)"')
UNQUOTED_KEY = re.compile(KEY)
ASSIGNMENT = re.compile(r"[ \t\f\v]*+([=:]?)")

_BETWEEN = re.compile(_SEPARATORS)
_BLANK = re.compile(rf"(?:{_SPACE}++|#[^\n]*+)*+")
_COMMENT_PART = re.compile(r'/\*|\*/|"(?:[^"\\]++|\\.)*+("?)', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f]++|\\[^\n\r])*+)("?)')
_BAD_UNICODE = re.compile(r"(?<!\\)(?:\\\\)*+\\u(?![0-9a-fA-F]{4})")
_SINGLE = re.compile(r"'((?:[^'\\]++|\\.)*+)('?)", re.DOTALL)
_BARE = re.compile(r"(?:[^\r\n,;#\\/{}\[\]]++|\\(?:.|\Z)|/(?!\*))*+", re.DOTALL)
_HEREDOC = re.compile(r"<<([A-Z]+)\r?\n")


def skip(source: Source, position: int, *, separators: bool) -> int:
    """The next character that is neither blank nor comment (nor, if asked, ``,`` or ``;``)."""
    text, pattern = source.text, _BETWEEN if separators else _BLANK
    while True:
        position = pattern.match(text, position).end()  # type: ignore[union-attr]  # may be empty
        if not text.startswith("/*", position):
            return position
        position = _skip_comment(source, position)


def _skip_comment(source: Source, start: int) -> int:
    depth = 0
    for part in _COMMENT_PART.finditer(source.text, start):
        token = part[0]
        if token == "/*":
            depth += 1
        elif token == "*/":
            depth -= 1
            if not depth:
                return part.end()
        elif not part[1]:
            break  # a quote that never closes hides the end of the comment, as in libucl
    raise UclError(source.where(start), "this comment is never closed with */")


def read_quoted(source: Source, position: int, variables: Variables) -> tuple[str, int]:
    """The value of the double-quoted string at ``position`` and where it ends."""
    found = _QUOTED.match(source.text, position)
    assert found is not None  # the caller saw the quote
    if not found[2]:
        raise UclError(source.where(position), _quote_trouble(source.text, found.end()))
    if "\\u" in found[1] and _BAD_UNICODE.search(found[1]):
        raise UclError(source.where(position), r"\u must be followed by four hexadecimal digits")
    return variables.resolve(found[1]), found.end()


def _quote_trouble(text: str, end: int) -> str:
    if text[end : end + 1] in ("\n", "\r") or text[end + 1 : end + 2] in ("\n", "\r"):
        return 'unexpected newline in a string: expected the closing "'
    if end < len(text) and text[end] < " ":
        return f"unexpected control character {text[end]!r} in a string"
    return 'this string is never closed with "'


def read_single_quoted(source: Source, position: int) -> tuple[str, int]:
    """The value of the single-quoted string at ``position`` and where it ends."""
    found = _SINGLE.match(source.text, position)
    assert found is not None  # the caller saw the quote
    if not found[2]:
        raise UclError(source.where(position), "this string is never closed with '")
    value = found[1]
    return (unescape_single_quoted(value) if "\\" in value else value), found.end()


def read_heredoc(source: Source, position: int, variables: Variables) -> tuple[str, int] | None:
    """The value of the heredoc at ``position`` and where it ends; ``None`` if it is none."""
    found = _HEREDOC.match(source.text, position)
    if found is None:
        return None
    ending = re.compile(rf"^{found[1]}(?=\r?\n|[;,]|\Z)", re.MULTILINE)
    end = ending.search(source.text, found.end())
    if end is None:
        message = f"this text is never ended by a line that starts with {found[1]}"
        raise UclError(source.where(position), message)
    value = source.text[found.end() : end.start()]
    return variables.expand(value.removesuffix("\n").removesuffix("\r")), end.end()


def find_bare_end(text: str, position: int) -> int:
    """Where the unquoted string at ``position`` ends; its own pairs of ``{}`` and ``[]`` do not."""
    opened = {"}": 0, "]": 0}
    while True:
        position = _BARE.match(text, position).end()  # type: ignore[union-attr]  # may be empty
        character = text[position : position + 1]
        if character == "{":
            opened["}"] += 1
        elif character == "[":
            opened["]"] += 1
        elif opened.get(character, 0) > 0:
            opened[character] -= 1
        else:
            return position
        position += 1
