# SPDX-License-Identifier: Apache-2.0
"""Which header fields is the MTA to add and to remove? What settings say, and what checks want.

Settings may hold anything that can be written; what comes out of here is one line of text and
a position. Source: core reference §6.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gatepost.scan.task import AddedHeader, Task

MAX_POSITION = 1_000_000


class HeaderChanges(NamedTuple):
    """``added`` in the order in which they are added; ``removed`` as ``Task.remove_header``."""

    added: list[AddedHeader]
    removed: dict[str, int | list[int]]


def header_changes(task: Task) -> HeaderChanges:
    """All that is known so far. What is added is not removed again."""
    given = task.settings.add_headers.items()
    added = [one for name, value in given for one in _of_settings(name, value)]
    return HeaderChanges(added + task.added_headers, removed_headers(task))


def removed_headers(task: Task) -> dict[str, int | list[int]]:
    """Name → which of them; a check's word goes before that of settings."""
    removed: dict[str, int | list[int]] = {}
    for name, which in task.settings.remove_headers.items():
        listed = [read_position(one, 0) for one in which] if isinstance(which, list) else []
        removed[name] = listed or read_position(which, 0)
    return removed | task.removed_headers


def _of_settings(name: str, value: object) -> Iterator[AddedHeader]:
    """A field for each value: text, ``{ value, order }``, or a list of them."""
    for one in value if isinstance(value, list) else [value]:
        yield AddedHeader(name, *read_value(one))


def read_value(given: object) -> tuple[str, int | None]:
    """A value of settings, and its position if it has one."""
    if not isinstance(given, dict):
        return read_text(given), None
    order = given.get("order", given.get("index"))
    return read_text(given.get("value", "")), None if order is None else read_position(order)


def read_position(given: object, otherwise: int = -1) -> int:
    """A position or number, of settings; ``otherwise`` if it is none."""
    if isinstance(given, bool) or not isinstance(given, int | float) or given != given:
        return otherwise
    return int(min(max(given, -MAX_POSITION), MAX_POSITION))


def read_text(given: object) -> str:
    """A header's value, of settings: a field is one line of whole characters."""
    text = str(given)
    if not text.isprintable():
        text = " ".join(text.split()).encode("utf-8", "replace").decode()
    return text
