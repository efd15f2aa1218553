# SPDX-License-Identifier: Apache-2.0
"""What flows through a selector? The kinds of values, their texts, and the bounds on them.

A value is one thing or a list of things of one kind. Kinds are known when a selector is compiled,
so that a stage that can never take its input is a mistake in the configuration. An empty list is
no value; an empty string is one (content reference §5.4: a nil drops the whole selector).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from gatepost.mail import Header, ReceivedHop
from gatepost.scan.result import FoundSymbol
from gatepost.scan.selector_arguments import Arguments

MAX_VALUES = 4096
"""Things in a list; the rest is left out."""
MAX_TEXT = 64 * 1024
"""Characters of one string; the rest is cut off."""
MAX_LIST_TEXT = 1024 * 1024
"""Characters of all strings of a list together."""

Kind = Literal["string", "address", "url", "ip", "header", "hop", "word", "symbol", "result", "row"]
Value = Any  # str, or what `Kind` names, or a list of them; `None`: no value
Read = Callable[[Any], Value]


class Shape(NamedTuple):
    """What a stage gives: things of a ``kind``, one or ``many``; ``None``: that depends."""

    kind: Kind
    many: bool | None = False


class Stage(NamedTuple):
    """A compiled stage. ``takes_nothing``: it also runs when there is no value."""

    apply: Read
    shape: Shape
    takes_nothing: bool = False


class Extraction(NamedTuple):
    """A compiled extractor: ``read`` takes the task."""

    read: Callable[[Any], Value]
    shape: Shape


class Extractor(NamedTuple):
    """What a selector may start with: its arguments and sense for people, and how it is made."""

    usage: str
    description: str
    build: Callable[[Arguments], Extraction]


class Transform(NamedTuple):
    """What may follow a dot; ``build`` also sees what it will be given."""

    usage: str
    description: str
    build: Callable[[Arguments, Shape], Stage]


class Word(NamedTuple):
    """A word with all that is known of it. Words are not stemmed, and in lower case."""

    stem: str
    norm: str
    raw: str
    flags: int


class ScanResult(NamedTuple):
    """Where the scan stands: the sums of the symbols found so far."""

    action: str
    score: float
    required_score: float
    npositive: int
    nnegative: int
    positive_score: float
    negative_score: float
    passthrough: bool


def text_of_url(url: Any) -> str:
    """The URL; of a ``mailto:`` its address."""
    text: str = url.address if url.scheme == "mailto" else url.text
    return text


def text_of_header(header: Header) -> str:
    return header.raw.decode("utf-8", "surrogateescape")


def text_of_hop(hop: ReceivedHop) -> str:
    return hop.raw


def text_of_symbol(symbol: FoundSymbol) -> str:
    return symbol.name


def text_of_result(result: ScanResult) -> str:
    return result.action


TEXTS: dict[Kind, Callable[[Any], str]] = {
    "string": str,
    "address": lambda address: str(address.addr),
    "url": text_of_url,
    "ip": str,
    "header": text_of_header,
    "hop": text_of_hop,
    "word": lambda word: str(word.stem),
    "symbol": text_of_symbol,
    "result": text_of_result,
    "row": " ".join,
}
"""How a thing becomes a string where one is needed."""


def plain(value: Any) -> str | list[str] | None:
    """What a field or variable holds, as text: numbers as Lua prints them, truth as words."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.14g}"
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        texts = (plain(item) for item in value[:MAX_VALUES])
        return [text for text in texts if isinstance(text, str)]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    return str(value)


def bounded(value: Value) -> Value:
    """The value within the bounds; ``None`` for an empty list."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    if not isinstance(value, list):
        return value
    if not value:
        return None
    if len(value) > MAX_VALUES:
        value = value[:MAX_VALUES]
    if isinstance(value[0], str):
        sizes = [len(item) for item in value]
        if max(sizes) > MAX_TEXT or sum(sizes) > MAX_LIST_TEXT:
            return _shortened(value)
    return value


def _shortened(texts: list[str]) -> list[str]:
    found: list[str] = []
    left = MAX_LIST_TEXT
    for text in texts:
        text = text[: min(MAX_TEXT, left)]
        left -= len(text)
        found.append(text)
        if left <= 0:
            break
    return found


def map_texts(
    convert: Callable[[str], str | list[str] | None], kind: Kind
) -> Callable[[Value], Value]:
    """``each_of`` for what is to be text before it is converted."""
    text_of = TEXTS[kind]
    return each_of(lambda thing: convert(text_of(thing)))


def each_of(convert: Callable[[Any], str | list[str] | None]) -> Callable[[Value], Value]:
    """``convert`` for one thing and, thing by thing, for a list; what gives nothing is dropped."""

    def apply(value: Value) -> Value:
        if not isinstance(value, list):
            return convert(value)
        found: list[str] = []
        for thing in value:
            text = convert(thing)
            if isinstance(text, str):
                found.append(text)
            elif text is not None:
                found.extend(text)
            if len(found) > MAX_VALUES:
                break
        return found

    return apply


def as_texts(kind: Kind) -> Callable[[Value], str | list[str]]:
    """The conversion at the end of a pipe, or before a stage that needs strings."""
    text_of = TEXTS[kind]

    def convert(value: Value) -> str | list[str]:
        if isinstance(value, list):
            return [text_of(item) for item in value]
        return text_of(value)

    return convert
