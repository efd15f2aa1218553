# SPDX-License-Identifier: Apache-2.0
"""What does ``%{ir}.%{v}.%{l1r-}`` of an SPF record say for this message? (RFC 7208 7)

A macro string is read once, with its record, and expanded for each check: most have no macro
at all and then are their own expansion.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote

import msgspec

MAX_NAME = 253
"""Octets of a name (RFC 7208 7.3); what is longer loses labels on its left side."""

MAX_MACROS = 128
"""Of one string. No name that fits has room for more; explanations are not letters."""

RECORD_LETTERS = frozenset("slodiphv")
EXPLANATION_LETTERS = RECORD_LETTERS | frozenset("crt")
"""RFC 7208 7.2: c, r and t are for the text that ``exp`` points to, and nowhere else."""

EXPANSION = re.compile(r"%(?:([%_-])|\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\})")
ESCAPES = {"%": "%", "_": " ", "-": "%20"}
TOP_LABEL = re.compile(
    r"\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?"
)


class Macro(msgspec.Struct, frozen=True):
    """One ``%{…}``: the right-hand ``keep`` parts (0: all), between any of ``delimiters``."""

    letter: str
    keep: int = 0
    reverse: bool = False
    delimiters: str = "."
    escape: bool = False

    def apply(self, value: str) -> str:
        """``value`` split, reversed, cut and escaped, in this order (RFC 7208 7.3)."""
        if self.keep or self.reverse or self.delimiters != ".":
            first = self.delimiters[0]
            for delimiter in self.delimiters[1:]:
                value = value.replace(delimiter, first)
            labels = value.split(first)
            if self.reverse:
                labels.reverse()
            value = ".".join(labels[-self.keep :])
        # RFC 3986 2.3: what is not "unreserved".
        return quote(value, safe="-._~") if self.escape else value


Piece: TypeAlias = str | Macro


class MacroString(msgspec.Struct, frozen=True):
    """A macro string as read: its text, its pieces, the (lower case) letters that it uses.

    ``literal`` is the expansion where no letter is used, else ``None``. ``tail`` is the text
    after the last ``%`` sequence; empty: the string ends with one.
    """

    text: str
    pieces: tuple[Piece, ...]
    letters: frozenset[str]
    literal: str | None
    tail: str

    def expand(self, values: Mapping[str, str]) -> str:
        """The text for this message; ``values`` has one for each of ``letters``."""
        if self.literal is not None:
            return self.literal
        return "".join(
            piece if isinstance(piece, str) else piece.apply(values[piece.letter])
            for piece in self.pieces
        )


NO_LETTERS: frozenset[str] = frozenset()


def parse_macro_string(text: str, allowed: frozenset[str] = RECORD_LETTERS) -> MacroString:
    """``text`` (visible ASCII) as a macro string. Raises ``ValueError`` with what is wrong."""
    if "%" not in text:
        return MacroString(text, (text,), NO_LETTERS, text, text)
    pieces: list[Piece] = []
    letters: set[str] = set()
    end = 0
    for count, match in enumerate(EXPANSION.finditer(text)):
        if count >= MAX_MACROS:
            raise ValueError(f"more than {MAX_MACROS} macros")
        _add_literal(pieces, text[end : match.start()])
        end = match.end()
        escape, letter, digits, reverse, delimiters = match.groups()
        if escape is not None:
            pieces.append(ESCAPES[escape])
            continue
        name = letter.lower()
        if name not in allowed:
            raise ValueError(f"macro letter {letter} is not allowed here")
        keep = digits.lstrip("0")
        if digits and not keep:
            raise ValueError("a macro cannot keep 0 parts")
        letters.add(name)
        pieces.append(
            Macro(
                name,
                int(keep[:4] or 0),
                bool(reverse),
                delimiters or ".",
                letter.isupper(),
            )
        )
    _add_literal(pieces, text[end:])
    literal = None if letters else "".join(piece for piece in pieces if isinstance(piece, str))
    return MacroString(text, tuple(pieces), frozenset(letters), literal, text[end:])


def parse_domain_spec(text: str) -> MacroString:
    """A ``domain-spec`` (RFC 7208 7.1). Raises ``ValueError``, also for a bare top label."""
    if not text:
        raise ValueError("a domain is missing")
    spec = parse_macro_string(text)
    # Checked before the expansion: RFC 7208 7.1 asks for a macro or a top label at its end.
    if spec.tail and TOP_LABEL.fullmatch(spec.tail, max(_top_label_at(spec.tail), 0)) is None:
        raise ValueError(f"{_shown(text)} does not end in a top-level domain")
    if spec.literal is None:
        return spec
    return msgspec.structs.replace(spec, literal=fit_name(spec.literal))


def fit_name(name: str) -> str:
    """``name`` without final dot and without the left labels that are too many."""
    name = name.removesuffix(".")
    if len(name) <= MAX_NAME:
        return name
    dot = name.find(".", len(name) - MAX_NAME - 1)
    return name[dot + 1 :] if dot >= 0 else name


def _add_literal(pieces: list[Piece], text: str) -> None:
    if "%" in text:
        at = text.index("%")
        raise ValueError(f"{_shown(text[at:])} is no macro")
    if text:
        pieces.append(text)


def _top_label_at(tail: str) -> int:
    """Where the last label with its dot begins, a final dot left aside."""
    return tail.rfind(".", 0, len(tail) - 1)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
