# SPDX-License-Identifier: Apache-2.0
"""How is an Authentication-Results field written?

RFC 8601, strictly: whatever the values are, the field stays one field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gatepost.authn.authres import WORD, MethodResult

MAX_VALUE = 320  # characters of a written value: 64 + 1 + 255 of an address (RFC 5321 4.5.3.1)
MAX_COMMENT = 200  # characters of a written comment or reason
MAX_LINE = 78  # RFC 5322 2.1.1

NAME_SHAPE = re.compile(WORD)
BARE = re.compile(
    r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"  # token of RFC 2045 5.1
    r"|(?:[!#$%&'*+/0-9=?A-Z^_`a-z{|}~.-]+|\"(?:[^\"\\\x00-\x1f\x7f]|\\[ -~])*\")?"
    r"@[0-9A-Za-z_.-]+"
)
# Line ends of every kind that some reader knows, and what else no header may hold.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def format_authentication_results(
    authserv_id: str,
    results: Iterable[MethodResult],
    *,
    instance: int = 0,
    newline: str = "\r\n",
) -> str:
    """The field's value, folded with ``newline`` and a tab so that lines have 78 characters.

    Each statement begins a line. Values that are no token or address are quoted, and cut at
    320 characters; control characters and line ends become blanks. No results: ``none``.
    With an ``instance`` the value is that of ARC-Authentication-Results. Raises ``ValueError``
    for a method, result, ptype or property that is no word: these are never a sender's.
    """
    head = [f"i={instance:d};"] if instance else []
    groups = [[*head, format_value(authserv_id)], *map(statement_words, results)]
    if len(groups) == 1:
        groups.append(["none"])
    for group in groups[:-1]:
        group[-1] += ";"
    lines = [" ".join(groups[0])]
    for group in groups[1:]:
        line = group[0]
        for word in group[1:]:
            if len("\t") + len(line) + len(" ") + len(word) > MAX_LINE:
                lines.append(line)
                line = word
            else:
                line += " " + word
        lines.append(line)
    return (newline + "\t").join(lines)


def statement_words(result: MethodResult) -> list[str]:
    """A statement in the pieces between which it may be folded."""
    method = format_name(result.method)
    if result.version != 1:
        method += f"/{result.version:d}"
    words = [f"{method}={format_name(result.result)}"]
    comment = [format_comment(result.comment)] if result.comment else []
    if result.reason:
        words.append("reason=" + quote(clean(result.reason, MAX_COMMENT)))
    else:
        words += comment
    words += [
        f"{format_name(entry.ptype)}.{format_name(entry.name)}={format_value(entry.value)}"
        for entry in result.properties
    ]
    return words + comment if result.reason else words  # as rspamd: after a reason it is last


def format_name(name: str) -> str:
    if NAME_SHAPE.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no word of an Authentication-Results field")
    return name


def format_value(value: str) -> str:
    """A value as it stands in the field, quoted when it has to be."""
    value = clean(value, MAX_VALUE)
    return value if BARE.fullmatch(value) else quote(value)


def format_comment(text: str) -> str:
    return "(" + re.sub(r"([()\\])", r"\\\1", clean(text, MAX_COMMENT)) + ")"


def quote(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def clean(text: str, limit: int) -> str:
    """``text`` on one line, without what is no text, at most ``limit`` characters."""
    text = CONTROL.sub(" ", text[:limit])
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
