# SPDX-License-Identifier: Apache-2.0
"""What happens when a key is written twice?

Every key remembers the priority of the chunk that wrote it; the strategy is that of the chunk
that writes it again. Source: core reference 1.4.

The parser writes straight into the merged tree: for a section or an array it first asks
``open_object`` or ``open_array`` what to fill, which may be an older value, a new one, or one
that nobody will see because a higher priority was there before.
"""

from typing import Literal, TypeAlias

from gatepost.ucl.errors import UclError
from gatepost.ucl.source import Mark, place_of
from gatepost.ucl.values import INHERITED, Array, Object, Value

Strategy: TypeAlias = Literal["append", "merge", "rewrite", "error"]
STRATEGIES: tuple[Strategy, ...] = ("append", "merge", "rewrite", "error")


def put(target: Object, key: str, value: Value, mark: Mark, strategy: Strategy = "append") -> None:
    """Write ``key`` with a new value, by the strategy; containers are taken as they are."""
    if key not in target:
        target[key] = value
        target.marks[key] = mark
        return
    old, old_mark = target[key], target.marks.get(key, target.origin)
    if strategy == "error" and old_mark[2] != INHERITED:
        message = f"duplicate key '{key}', already written at {place_of(old_mark)}"
        raise UclError(place_of(mark), message)
    if strategy == "rewrite" or mark[2] > old_mark[2] or _is_covered(old, mark, old_mark, strategy):
        target[key] = value
        target.marks[key] = mark
    elif mark[2] == old_mark[2]:
        old = old if isinstance(old, Array) and old.implicit else join(target, key)
        old.add(value, mark)


def _is_covered(old: Value, mark: Mark, old_mark: Mark, strategy: Strategy) -> bool:
    """Merging a scalar over a section or array of the same priority replaces it."""
    whole = isinstance(old, Object) or (isinstance(old, Array) and not old.implicit)
    return strategy == "merge" and whole and mark[2] == old_mark[2]


def join(target: Object, key: str) -> Array:
    """Make the value of ``key`` the first element of an implicit array, which is returned."""
    mark = target.marks.get(key, target.origin)
    joined = Array(implicit=True, origin=mark)
    joined.add(target[key], mark)
    target[key] = joined
    return joined


def open_object(target: Object, key: str, mark: Mark, strategy: Strategy) -> list[Object]:
    """The section to fill for ``key``, first of the list.

    Merging into repeated sections (two ``worker`` blocks) fills the first of them, but keys that
    one of the others has belong to that one: these are the rest of the list.
    """
    if strategy == "merge" and key in target:
        old = target[key]
        sections = old if isinstance(old, Array) and old.implicit and old else [old]
        if isinstance(sections[0], Object):
            return [section for section in sections if isinstance(section, Object)]
        if isinstance(sections[0], Array):
            raise _mismatch(target, key, mark, "an object", "an array")
    new = Object(origin=mark)
    put(target, key, new, mark, strategy)
    return [new]


def open_array(target: Object, key: str, mark: Mark, strategy: Strategy) -> Array:
    """The array to append to for ``key``."""
    if strategy == "merge" and key in target:
        old = target[key]
        first = old[0] if isinstance(old, Array) and old.implicit and old else old
        if isinstance(first, Array):
            return first
        if isinstance(first, Object):
            raise _mismatch(target, key, mark, "an array", "an object")
    new = Array(origin=mark)
    put(target, key, new, mark, strategy)
    return new


def _mismatch(target: Object, key: str, mark: Mark, new: str, old: str) -> UclError:
    place = target.place(key)
    return UclError(place_of(mark), f"'{key}': cannot merge {new} with {old}, written at {place}")


def owner_of(key: str, sections: list[Object]) -> Object:
    """Which of the sections that are filled together ``key`` belongs to."""
    if len(sections) > 1:
        for section in sections:
            if key in section:
                return section
    return sections[0]


def merge(
    target: Object,
    source: Object,
    *,
    strategy: Strategy = "merge",
    priority: int | None = None,
) -> None:
    """Write every key of ``source`` into ``target``, as an include of its text would.

    ``priority`` stands for the priorities that the keys of ``source`` have of their own.
    Values of ``source`` are copied, never shared. Raises ``UclError`` for an object over an array
    and for a duplicate key when the strategy is ``error``.
    """
    _merge([target], source, strategy, priority)


def _merge(targets: list[Object], source: Object, strategy: Strategy, priority: int | None) -> None:
    for key, value in source.items():
        owner = owner_of(key, targets)
        mark = _lifted(source.marks.get(key, source.origin), priority)
        if not (isinstance(value, Array) and value.implicit):
            _write(owner, key, value, mark, strategy, priority)
        elif key not in owner or strategy == "rewrite":
            put(owner, key, copy_value(value, priority), mark, strategy)
        else:
            for index, element in enumerate(list(value)):
                place = _lifted(value.mark(index), priority)
                _write(owner_of(key, targets), key, element, place, strategy, priority)


def _write(
    owner: Object, key: str, value: Value, mark: Mark, strategy: Strategy, priority: int | None
) -> None:
    if isinstance(value, Object):
        _merge(open_object(owner, key, mark, strategy), value, strategy, priority)
    elif isinstance(value, Array):
        _extend(open_array(owner, key, mark, strategy), value, priority)
    else:
        put(owner, key, value, mark, strategy)


def _extend(target: Array, source: Array, priority: int | None) -> None:
    for index, value in enumerate(list(source)):
        target.add(copy_value(value, priority), _lifted(source.mark(index), priority))


def copy_value(value: Value, priority: int | None = None) -> Value:
    """A deep copy that remembers the same places, at another priority if one is given."""
    if isinstance(value, Object):
        section = Object(origin=value.origin)
        for key, inner in value.items():
            section[key] = copy_value(inner, priority)
            section.marks[key] = _lifted(value.marks.get(key, value.origin), priority)
        return section
    if isinstance(value, Array):
        array = Array(implicit=value.implicit, origin=value.origin)
        _extend(array, value, priority)
        return array
    return value


def _lifted(mark: Mark, priority: int | None) -> Mark:
    return mark if priority is None else (mark[0], mark[1], priority)
