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
    value = parsed.get("value") if isinstance(parsed, Object) else None
    section = _section_of(tree, keys[:-1])
    section[keys[-1]] = value
    if isinstance(parsed, Object) and "value" in parsed.marks:
        section.marks[keys[-1]] = parsed.marks["value"]


def _section_of(tree: Object, keys: list[str]) -> Object:
    section = tree
    for at, key in enumerate(keys):
        value = section.get(key)
        following = keys[at + 1] if at + 1 < len(keys) else None
        section[key] = inner = _chosen(value, following)
        if isinstance(value, Array):
            section[key] = value  # one of several sections of this name was chosen
        section = inner
    return section


def _chosen(value: Value, following: str | None) -> Object:
    if isinstance(value, Object):
        return value
    sections = (
        [item for item in value if isinstance(item, Object)] if isinstance(value, Array) else []
    )
    for section in sections:
        if following is None or following in section:
            return section
    if sections:
        return sections[-1]
    return Object()
