# SPDX-License-Identifier: Apache-2.0
"""Transforms of lists: which of the things, in which order, and how they become one.

Source: content reference §5.4.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_methods import METHODS, fields_of
from gatepost.scan.selector_values import (
    MAX_TEXT,
    TEXTS,
    Shape,
    Stage,
    Transform,
    Value,
    as_texts,
    plain,
)

Build = Callable[[Arguments, Shape], Stage]
FORMATS = frozenset("bBhHiIlLqQfd")


def of_list(build: Callable[[Arguments, Shape], Stage]) -> Build:
    """A transform that needs a list: one value is refused when the selector is read."""

    def build_stage(arguments: Arguments, shape: Shape) -> Stage:
        if shape.many is False:
            raise arguments.error("a list", said="one value")
        stage = build(arguments, shape)
        if shape.many:
            return stage
        apply = stage.apply  # whether it is a list turns out only with the letter

        def apply_to_any(value: Value) -> Value:
            return apply(value if isinstance(value, list) else [value])

        return Stage(apply_to_any, stage.shape)

    return build_stage


def some(choose: Callable[[Arguments], Callable[[list[Any]], list[Any]]]) -> Build:
    """Some things of the list."""
    return of_list(lambda arguments, shape: Stage(choose(arguments), shape))


def one_of(choose: Callable[[Arguments], Callable[[list[Any]], Any]]) -> Build:
    """One thing of the list."""
    return of_list(lambda arguments, shape: Stage(choose(arguments), Shape(shape.kind)))


def build_first(arguments: Arguments) -> Callable[[list[Any]], Any]:
    return lambda things: things[0]


def build_last(arguments: Arguments) -> Callable[[list[Any]], Any]:
    return lambda things: things[-1]


def build_nth(arguments: Arguments) -> Callable[[list[Any]], Any]:
    place = arguments.number(0, 1, least=1) - 1
    return lambda things: things[place] if place < len(things) else None


def build_take(arguments: Arguments) -> Callable[[list[Any]], list[Any]]:
    count = arguments.number(0, 1, least=0)
    return lambda things: things[:count]


def build_drop(arguments: Arguments) -> Callable[[list[Any]], list[Any]]:
    count = arguments.number(0, 1, least=0)
    return lambda things: things[count:]


def build_sort(arguments: Arguments, shape: Shape) -> Stage:
    text_of = TEXTS[shape.kind]
    return Stage(lambda things: sorted(things, key=text_of), shape)


def build_uniq(arguments: Arguments, shape: Shape) -> Stage:
    text_of = TEXTS[shape.kind]

    def first_of_each(things: list[Any]) -> list[Any]:
        found: dict[str, Any] = {}
        for thing in things:
            found.setdefault(text_of(thing), thing)
        return list(found.values())

    return Stage(first_of_each, shape)


def joined(texts: list[str], separator: str) -> str:
    """The texts in one, looked at no further than a string may be long."""
    room = MAX_TEXT
    for count, text in enumerate(texts):
        room -= len(text) + len(separator)
        if room < 0:
            return separator.join(texts[: count + 2])[:MAX_TEXT]
    return separator.join(texts)


def build_join(arguments: Arguments, shape: Shape) -> Stage:
    separator = arguments.text(0, "")
    convert = as_texts(shape.kind)
    return Stage(lambda things: joined(list(convert(things)), separator), Shape("string"))


def build_join_nth(arguments: Arguments, shape: Shape) -> Stage:
    count, separator = arguments.number(0, least=1), arguments.text(1, "")
    convert = as_texts(shape.kind)

    def join_groups(things: list[Any]) -> list[str]:
        texts = list(convert(things))
        return [joined(texts[at : at + count], separator) for at in range(0, len(texts), count)]

    return Stage(join_groups, Shape("string", many=True))


def build_join_tables(arguments: Arguments, shape: Shape) -> Stage:
    separator = arguments.text(0, "")
    if shape.kind in ("string", "url", "ip"):
        raise arguments.error("a list of tables", said=f"a list of kind {shape.kind}")
    fields = fields_of(shape.kind)
    return Stage(
        lambda things: [joined(fields(thing), separator) for thing in things],
        Shape("string", many=True),
    )


def build_pack(arguments: Arguments, shape: Shape) -> Stage:
    """Numbers that do not fit the format count as 0; texts that are none are left out."""
    letter = arguments.choice(0, FORMATS, "f")
    packer = struct.Struct("<" + letter)
    convert = as_texts(shape.kind)

    def pack(things: list[Any]) -> str:
        packed = bytearray()
        for text in convert(things):
            number = number_of(text)
            if number is None:
                continue
            try:
                packed += packer.pack(number if letter in "fd" else int(number))
            except (struct.error, OverflowError):
                packed += packer.pack(0)
        return packed.decode("utf-8", "surrogateescape")

    return Stage(pack, Shape("string"))


def number_of(text: str) -> float | None:
    try:
        number = float(text[:64])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def build_drop_nils(arguments: Arguments, shape: Shape) -> Stage:
    convert = as_texts(shape.kind)
    return Stage(
        lambda things: [text for text in convert(things) if text != "nil"],
        Shape("string", many=True),
    )


def reads_of(arguments: Arguments, shape: Shape) -> list[Callable[[Any], Any]]:
    """The methods that the arguments name."""
    known = METHODS[shape.kind]
    names = arguments.choices(known)
    if not names:
        raise arguments.error("the name of a method", known=known)
    return [known[name].read for name in names]


def build_apply_methods(arguments: Arguments, shape: Shape) -> Stage:
    """Of one thing a list of results; of a list a row for each thing, missing ones empty."""
    reads = reads_of(arguments, shape)

    def row(thing: Any) -> tuple[str, ...]:
        values = (plain(read(thing)) for read in reads)
        return tuple(value if isinstance(value, str) else " ".join(value or []) for value in values)

    def apply(value: Value) -> Value:
        return [row(thing) for thing in value] if isinstance(value, list) else list(row(value))

    return Stage(apply, Shape("row" if shape.many else "string", many=True))


def build_filter_method(arguments: Arguments, shape: Shape) -> Stage:
    """As in Lua, everything but nil and false is true."""
    reads = reads_of(arguments, shape)

    def holds(thing: Any) -> bool:
        return all(value is not None and value is not False for value in map_reads(reads, thing))

    def apply(value: Value) -> Value:
        if isinstance(value, list):
            return [thing for thing in value if holds(thing)]
        return value if holds(value) else None

    return Stage(apply, shape)


def map_reads(reads: list[Callable[[Any], Any]], thing: Any) -> list[Any]:
    return [read(thing) for read in reads]


LISTS: dict[str, Transform] = {
    "first": Transform("", "the first of a list", one_of(build_first)),
    "last": Transform("", "the last of a list", one_of(build_last)),
    "nth": Transform("[n]", "the n-th of a list, the first by default", one_of(build_nth)),
    "take_n": Transform("[n]", "the first n of a list", some(build_take)),
    "drop_n": Transform("[n]", "the list without its first n", some(build_drop)),
    "sort": Transform("", "the list in the order of its texts", of_list(build_sort)),
    "uniq": Transform("", "the list, each text once", of_list(build_uniq)),
    "join": Transform("[separator]", "a list as one text", of_list(build_join)),
    "join_nth": Transform(
        "n[, separator]", "each n of a list as one text", of_list(build_join_nth)
    ),
    "join_tables": Transform(
        "[separator]", "the fields of each thing as one text", of_list(build_join_tables)
    ),
    "pack_numbers": Transform(
        "[format]",
        "a list of numbers as bytes, in one format of `struct`",
        of_list(build_pack),
    ),
    "filter_string_nils": Transform("", "the list without `nil`", of_list(build_drop_nils)),
    "apply_methods": Transform(
        "method, …", "what these methods of a thing give, as a list", build_apply_methods
    ),
    "filter_method": Transform(
        "method, …", "kept if these methods give something true", build_filter_method
    ),
}
