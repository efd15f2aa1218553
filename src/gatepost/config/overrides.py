# SPDX-License-Identifier: Apache-2.0
"""``-o SECTION.KEY[.KEY…]=VALUE`` of the command line: one value, over everything in the files."""

from __future__ import annotations

from gatepost.config.known_sections import WORKERS
from gatepost.config.problems import Problems
from gatepost.ucl import Array, Object, UclError, Value, Where, parse

COMMAND_LINE = "-o"


def apply_override(tree: Object, text: str, problems: Problems) -> None:
    """Writes the value into ``tree``, making sections on the way; ``null`` removes a value."""
    where = Where(f"{COMMAND_LINE} {text}", 0)
    path, equals, value_text = text.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or len(keys) < 2 or not all(keys):
        problems.error(where, "expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d")
        return
    if keys[0] in WORKERS:
        keys[0:1] = ["worker", WORKERS[keys[0]]]
    try:
        parsed = parse(f"value = {value_text}\n", where.file)
    except UclError as error:
        problems.error(where, f"the value is no UCL: {error.message}")
        return
    if not isinstance(parsed, Object) or len(parsed) != 1:
        problems.error(where, "expected one value; put quotes around text with `;` or `,` in it")
        return
    section = _section_of(tree, keys[:-1], where)
    section[keys[-1]] = parsed["value"]
    section.marks[keys[-1]] = parsed.marks["value"]


def _section_of(tree: Object, keys: list[str], where: Where) -> Object:
    section = tree
    left = list(keys)
    while left:
        key = left.pop(0)
        value = section.get(key)
        inner = _chosen(value, left)
        if inner is None:
            inner = section[key] = Object(where=where)
            section.marks[key] = inner.origin
        section = inner
    return section


def _chosen(value: Value, left: list[str]) -> Object | None:
    """The section to write into: of several the last one, because its keys win, unless what
    follows stands in another. The name of one that carries it inside is taken off ``left``."""
    items = value if isinstance(value, Array) else [value]
    sections = [item for item in items if isinstance(item, Object)]
    following = left[0] if left else None
    for section in reversed(sections):
        if following is not None and section.get("name", section.get("type")) == following:
            del left[0]
            return section
    having = [section for section in sections if following in section]
    found = having or sections
    return found[-1] if found else None
