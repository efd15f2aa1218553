# SPDX-License-Identifier: Apache-2.0
"""How are values written down, as UCL text or as plain data for JSON?"""

import json
import math
import re
from typing import Any

from gatepost.ucl.values import Array, Object, Scalar, Value

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_VARIABLE = re.compile(r"\$(?=[A-Za-z0-9_{$])")
_INDENT = "    "
_MOST_ON_A_LINE = 100  # characters


def to_ucl(value: Value) -> str:
    """``value`` as UCL text: reading it again gives an equal value.

    A section is written as the body of a file, without braces around it; repeated keys (an
    implicit array) as repeated keys; times as plain seconds.
    """
    if isinstance(value, Object):
        return "".join(_section_lines(value, ""))
    if isinstance(value, Array):
        return _array(value, "") + "\n"
    return _scalar(value) + "\n"


def to_plain(value: Value) -> Any:
    """``value`` as plain dicts and lists, which share nothing with it."""
    if isinstance(value, dict):
        return {key: to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [to_plain(inner) for inner in value]
    return value


def _section_lines(section: Object, indent: str) -> list[str]:
    return [line for key, value in section.items() for line in _item(key, value, indent)]


def _item(key: str, value: Value, indent: str) -> list[str]:
    if isinstance(value, Array) and _is_repeatable(value):
        return [line for one in value for line in _item(key, one, indent)]
    name = key if _KEY.fullmatch(key) else _quoted(key)
    if isinstance(value, Object):
        return [f"{indent}{name} {{\n", *_section_lines(value, indent + _INDENT), f"{indent}}}\n"]
    written = _array(value, indent) if isinstance(value, Array) else _scalar(value)
    return [f"{indent}{name} = {written};\n"]


def _is_repeatable(array: Array) -> bool:
    nested = any(isinstance(value, Array) and value.implicit for value in array)
    return array.implicit and len(array) > 1 and not nested


def _array(array: Array, indent: str) -> str:
    inner = indent + _INDENT
    values = [_element(value, inner) for value in array]
    line = f"[{', '.join(values)}]"
    if len(line) + len(indent) <= _MOST_ON_A_LINE and "\n" not in line:
        return line
    return "[\n" + "".join(f"{inner}{value},\n" for value in values) + f"{indent}]"


def _element(value: Value, indent: str) -> str:
    if isinstance(value, Object):
        return "{\n" + "".join(_section_lines(value, indent + _INDENT)) + f"{indent}}}"
    return _array(value, indent) if isinstance(value, Array) else _scalar(value)


def _scalar(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def _quoted(text: str) -> str:
    """As JSON, so that any reader of UCL takes it; a ``$`` that could name a variable is hidden."""
    written = json.dumps(text, ensure_ascii=False).replace("\x7f", r"\u007f")
    return _VARIABLE.sub(lambda found: r"\u0024", written)
