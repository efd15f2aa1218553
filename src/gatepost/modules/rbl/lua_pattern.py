# SPDX-License-Identifier: Apache-2.0
"""A Lua pattern as a regular expression: return codes such as ``127.0.%d+.1`` are written so.

All of Lua's patterns but ``%b``, ``%f`` and references back; classes are ASCII's, as in the C
locale. The pattern has to match the whole text. Source: Lua 5.1 reference manual §5.4.1.
"""

from __future__ import annotations

import re

MAX_PATTERN = 512  # characters

CLASSES = {
    "a": "A-Za-z",
    "c": r"\x00-\x1f\x7f",
    "d": "0-9",
    "g": "!-~",
    "l": "a-z",
    "p": r"!-/:-@\[-`{-~",
    "s": r" \t-\r",
    "u": "A-Z",
    "w": "A-Za-z0-9",
    "x": "A-Fa-f0-9",
}
REPEATS = {"*": "*", "+": "+", "-": "*?", "?": "?"}
PIECE = re.compile(r"%(.)|(\[\^?\]?(?:%.|[^%\]])*\])|(.)", re.DOTALL)
MEMBER = re.compile(r"%(.)|(.)", re.DOTALL)


def lua_pattern(text: str) -> re.Pattern[str]:
    """The pattern compiled. Raises ``ValueError`` with what cannot be used."""
    if len(text) > MAX_PATTERN:
        raise ValueError(f"longer than {MAX_PATTERN} characters")
    body = text.removeprefix("^")
    at_end = body.endswith("$") and not body.endswith("%$")
    body = body[:-1] if at_end else body
    try:
        return re.compile(_translated(body) + r"\Z", re.DOTALL)
    except re.error as error:
        raise ValueError(str(error)) from None


def _translated(text: str) -> str:
    found: list[str] = []
    repeatable = False
    for piece in PIECE.finditer(text):
        escaped, members, plain = piece.groups()
        if plain in REPEATS and repeatable:
            found.append(REPEATS[plain])
            repeatable = False
            continue
        repeatable = plain not in ("(", ")")
        if escaped is not None:
            found.append(_class(escaped))
        elif members is not None:
            found.append(_set(members))
        elif plain == "(":
            found.append("(?:")
        elif plain == "%" or plain == "[":
            raise ValueError(f"`{plain}` without what belongs to it")
        else:
            found.append(plain if plain in (")", ".") else re.escape(plain))
    return "".join(found)


def _class(letter: str) -> str:
    members = CLASSES.get(letter.lower())
    if members is None:
        if letter.isalnum():
            raise ValueError(f"`%{letter}` is not supported")
        return re.escape(letter)
    return f"[{'' if letter.islower() else '^'}{members}]"


def _set(text: str) -> str:
    inside = text[1:-1]
    negated = inside.startswith("^")
    members: list[str] = []
    for escaped, plain in MEMBER.findall(inside[negated:]):
        if not escaped:
            members.append(plain if plain == "-" else re.escape(plain))
        elif escaped.lower() not in CLASSES:
            members.append(re.escape(escaped))
        elif escaped.islower():
            members.append(CLASSES[escaped])
        else:
            raise ValueError(f"`%{escaped}` in a set is not supported")
    return f"[{'^' if negated else ''}{''.join(members)}]"
