# SPDX-License-Identifier: Apache-2.0
"""A section of the configuration → typed options, with every mistake in it reported at once.

Field by field: a key that is unknown, of the wrong type or out of bounds is reported with file,
line, what was expected and the nearest known key, and its default stands in for it, so that one
run shows everything. What a key may be called besides its name is in the struct's ``aliases``.

Readers are as lenient as Rspamd's: ``"yes"`` in quotes is a boolean, ``"10"`` a number, one
value a list of one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as mi

from gatepost.config.problems import Problems, did_you_mean
from gatepost.ucl import Array, Object, Value, Where
from gatepost.ucl.scalars import parse_word

T = TypeVar("T", bound=msgspec.Struct)
SEPARATORS = re.compile(r"[,;\s]+")
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Mismatch(Exception):
    """A value that is not what its option takes; the message says what was expected."""


def bind(
    options: type[T],
    section: Object,
    path: str,
    problems: Problems,
    *,
    ignored: Collection[str] = (),
) -> T:
    """Fills ``options`` from ``section``. ``path`` names the section in messages.

    Keys in ``ignored`` are somebody else's. Never raises for what is written: mistakes are
    reported to ``problems``, and the defaults stand in.
    """
    return _Binder(problems).struct(options, section, path, ignored)


class _Binder:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def struct(
        self, options: type[T], section: Object, path: str, ignored: Collection[str] = ()
    ) -> T:
        fields = _fields(options)
        aliases: dict[str, str] = getattr(options, "aliases", {})
        values: dict[str, Any] = {}
        for key, value in section.items():
            name = aliases.get(key, key)
            field = fields.get(name)
            where = section.place(key)
            if field is None:
                if key not in ignored:
                    self._unknown(key, path, where, [*fields, *aliases])
                continue
            if name in values and name != key:
                continue  # the proper name was there before its alias
            try:
                values[field.name] = self.value(field.type, value, f"{path}.{key}", where)
            except Mismatch as mismatch:
                self.problems.error(
                    where, f"{path}.{key}: expected {mismatch}, found {_shown(value)}"
                )
        for field in fields.values():
            if field.required and field.name not in values:
                self.problems.error(section.where, f"{path}: `{field.encode_name}` is missing")
                values[field.name] = _empty(field.type)
        return options(**values)

    def value(self, kind: mi.Type, value: Value, path: str, where: Where) -> Any:
        """``value`` as ``kind``; raises ``Mismatch``."""
        extra: dict[str, Any] = {}
        if isinstance(kind, mi.Metadata):
            extra, kind = kind.extra or {}, kind.type
        if isinstance(kind, mi.AnyType):
            return value
        if isinstance(kind, mi.UnionType):
            return self._union(kind, value, path, where)
        if isinstance(kind, mi.ListType | mi.VarTupleType | mi.SetType | mi.FrozenSetType):
            return self._list(kind, value, path, where, split=bool(extra.get("split")))
        if isinstance(kind, mi.DictType):
            return self._dict(kind, value, path)
        if isinstance(kind, mi.StructType):
            if not isinstance(value, Object):
                raise Mismatch("a section { … }")
            return self.struct(kind.cls, value, path)
        return scalar(kind, value, extra.get("unit", ""))

    def _union(self, kind: mi.UnionType, value: Value, path: str, where: Where) -> Any:
        if value is None and any(isinstance(one, mi.NoneType) for one in kind.types):
            return None
        expected: list[str] = []
        choices = [one for one in kind.types if not isinstance(one, mi.NoneType)]
        for one in sorted(choices, key=lambda one: not _natural(one, value)):
            try:
                return self.value(one, value, path, where)
            except Mismatch as mismatch:
                expected.append(str(mismatch))
        raise Mismatch(" or ".join(dict.fromkeys(expected)))

    def _list(
        self,
        kind: mi.ListType | mi.VarTupleType | mi.SetType | mi.FrozenSetType,
        value: Value,
        path: str,
        where: Where,
        *,
        split: bool,
    ) -> Any:
        items: Sequence[Value]
        if isinstance(value, Array):
            items = value
        elif value is None:
            items = ()
        elif split and isinstance(value, str):
            items = [word for word in SEPARATORS.split(value) if word]
        else:
            items = (value,)
        found: list[Any] = []
        for index, item in enumerate(items):
            place = value.place(index) if isinstance(value, Array) else where
            try:
                found.append(self.value(kind.item_type, item, f"{path}[{index + 1}]", place))
            except Mismatch as mismatch:
                if not isinstance(value, Array):
                    raise Mismatch(f"a list of: {mismatch}") from None
                message = f"{path}[{index + 1}]: expected {mismatch}, found {_shown(item)}"
                self.problems.error(place, message)
        if isinstance(kind, mi.ListType):
            return found
        if isinstance(kind, mi.VarTupleType):
            return tuple(found)
        return set(found) if isinstance(kind, mi.SetType) else frozenset(found)

    def _dict(self, kind: mi.DictType, value: Value, path: str) -> dict[str, Any]:
        # `rule "a" {…}` twice is an implicit array of sections with one name each.
        sections = list(value) if isinstance(value, Array) and value.implicit else [value]
        found: dict[str, Any] = {}
        for section in sections:
            if not isinstance(section, Object):
                raise Mismatch("a section { … }")
            for key, item in section.items():
                place = section.place(key)
                try:
                    found[key] = self.value(kind.value_type, item, f"{path}.{key}", place)
                except Mismatch as mismatch:
                    message = f"{path}.{key}: expected {mismatch}, found {_shown(item)}"
                    self.problems.error(place, message)
        return found

    def _unknown(self, key: str, path: str, where: Where, known: Sequence[str]) -> None:
        if key == path.rpartition(".")[2]:
            self.problems.error(
                where,
                f"{path}.{key}: the file holds the body of the section already, "
                f"leave out the `{key} {{ }}` around it",
            )
            return
        hint = did_you_mean(key, known) or f"; expected one of: {', '.join(sorted(known)[:40])}"
        self.problems.error(where, f"{path}.{key}: unknown key{hint}")


def scalar(kind: mi.Type, value: Value, unit: str = "") -> Any:
    """``value`` as a boolean, number, text or one of a list of words; raises ``Mismatch``."""
    if isinstance(kind, mi.BoolType):
        return _boolean(value)
    if isinstance(kind, mi.IntType | mi.FloatType):
        return _number(kind, value, unit)
    if isinstance(kind, mi.StrType):
        return _text(kind, value)
    if isinstance(kind, mi.LiteralType):
        if value in kind.values and not isinstance(value, bool):
            return value
        raise Mismatch("one of: " + ", ".join(str(word) for word in kind.values))
    if isinstance(kind, mi.NoneType):
        if value is None:
            return None
        raise Mismatch("null")
    raise TypeError(f"options of type {kind} cannot be read")


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in BOOLEANS:
        return BOOLEANS[value.lower()]
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise Mismatch("yes or no")


def _number(kind: mi.IntType | mi.FloatType, value: Value, unit: str) -> int | float:
    whole = isinstance(kind, mi.IntType)
    expected = _expected_number(kind, unit)
    if isinstance(value, str):
        try:
            value = parse_word(value.strip())
        except OverflowError:
            raise Mismatch(expected) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(expected)
    number: int | float = value
    if whole:
        if number != number or number in (float("inf"), float("-inf")) or int(number) != number:
            raise Mismatch(expected)
        number = int(number)
    else:
        number = float(number)
    if (
        (kind.ge is not None and not number >= kind.ge)
        or (kind.gt is not None and not number > kind.gt)
        or (kind.le is not None and not number <= kind.le)
        or (kind.lt is not None and not number < kind.lt)
    ):
        raise Mismatch(expected)
    return number


def _expected_number(kind: mi.IntType | mi.FloatType, unit: str) -> str:
    noun = "a whole number" if isinstance(kind, mi.IntType) else "a number"
    if unit:
        noun += f" of {unit}"
    low = (
        f"{kind.ge:g} or more" if kind.ge is not None else
        f"more than {kind.gt:g}" if kind.gt is not None else ""
    )  # fmt: skip
    high = (
        f"at most {kind.le:g}" if kind.le is not None else
        f"less than {kind.lt:g}" if kind.lt is not None else ""
    )  # fmt: skip
    bounds = " and ".join(bound for bound in (low, high) if bound)
    return f"{noun} ({bounds})" if bounds else noun


def _text(kind: mi.StrType, value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Mismatch("text")
    text = str(value)
    if kind.pattern is not None and not re.search(kind.pattern, text):
        raise Mismatch(f"text such as {kind.pattern}")
    if len(text) < (kind.min_length or 0):
        raise Mismatch(f"text of {kind.min_length} characters or more")
    return text


def _natural(kind: mi.Type, value: Value) -> bool:
    """True when ``value`` is of this kind without any coercion: such a choice is tried first."""
    if isinstance(kind, mi.Metadata):
        kind = kind.type
    if isinstance(value, bool):
        return isinstance(kind, mi.BoolType)
    if isinstance(value, int):
        return isinstance(kind, mi.IntType)
    if isinstance(value, float):
        return isinstance(kind, mi.FloatType)
    if isinstance(value, str):
        return isinstance(kind, mi.StrType | mi.LiteralType)
    if isinstance(value, Array):
        return isinstance(kind, mi.ListType | mi.VarTupleType)
    return isinstance(kind, mi.StructType | mi.DictType)


@lru_cache(maxsize=512)
def _fields(options: type[msgspec.Struct]) -> dict[str, mi.Field]:
    info = mi.type_info(options)
    assert isinstance(info, mi.StructType)
    return {field.encode_name: field for field in info.fields}


def _empty(kind: mi.Type) -> Any:
    """Something of the type, for a required option that is missing (``serve`` won't start)."""
    if isinstance(kind, mi.Metadata):
        kind = kind.type
    if isinstance(kind, mi.ListType):
        return []
    if isinstance(kind, mi.DictType):
        return {}
    return {mi.StrType: "", mi.IntType: 0, mi.FloatType: 0.0, mi.BoolType: False}.get(type(kind))


def _shown(value: Value) -> str:
    if isinstance(value, dict):
        return "a section { … }"
    if isinstance(value, list):
        written_twice = isinstance(value, Array) and value.implicit
        return f"{len(value)} values for one key" if written_twice else "a list [ … ]"
    if value is None:
        return "null"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"
