# SPDX-License-Identifier: Apache-2.0
"""Fills the generated half of docs/modules/*.md: options, symbols and directions of each module.

usage: write_docs.py [--check]    (with --check: says which pages are stale, exit code 1)
"""

from __future__ import annotations

import ast
import inspect
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as mi

from gatepost.app import Loaded, build
from gatepost.config import DEFAULTS
from gatepost.scan.direction import ALL_DIRECTIONS
from gatepost.scan.module import Module

PAGES = Path(__file__).parent.parent / "docs" / "modules"
MARK = "<!-- generated -->"
COMMON = ("enabled", "disabled")


def main() -> int:
    stale = [name for name, text, path in pages() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/modules/{name}.md is stale: run `make docs`")
        return 1 if stale else 0
    for name, text, path in pages():
        if name in stale:
            path.write_text(text)
            print(f"wrote docs/modules/{name}.md")
    return 0


def pages() -> list[tuple[str, str, Path]]:
    """Name, whole text and path of each module's page; the part by hand is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, state = Path(scratch) / "etc", Path(scratch) / "state"
        folder.mkdir()
        app = build(str(folder), environment={"GATEPOST_STATE": str(state)})
    # What a page shows must not depend on the machine that wrote it.
    variables = ((DEFAULTS, "$SHAREDIR"), (folder, "$LOCAL_CONFDIR"), (state, "$DBDIR"))
    found: list[tuple[str, str, Path]] = []
    for loaded in app.modules:
        name = loaded.module.name
        path = PAGES / f"{name}.md"
        written = path.read_text() if path.is_file() else f"# {name}\n\n"
        by_hand = written.partition(MARK)[0].rstrip()
        tables = generated(loaded)
        for place, variable in variables:
            tables = tables.replace(str(place), variable)
        found.append((name, f"{by_hand}\n\n{MARK}\n\n{tables}", path))
    return found


def generated(loaded: Loaded) -> str:
    module = loaded.module
    parts = [directions(module), options(module)]
    symbols = symbol_table(module)
    if symbols:
        parts.append(symbols)
    return "\n\n".join(parts) + "\n"


def directions(module: Module) -> str:
    cells = " | ".join(module.ruling(d).effect for d in ALL_DIRECTIONS.values())
    override = ", ".join(f"`{option}`" for option in module.outbound.override) or "–"
    note = f"\n\n*adapt*: {module.outbound.note}." if module.outbound.note else ""
    return (
        "## Directions\n\n"
        "| inbound | local | authenticated | both | changed by |\n|---|---|---|---|---|\n"
        f"| {cells} | {override} |{note}"
    )


def options(module: Module) -> str:
    kind = type(module).Options
    fields = [f for f in msgspec.structs.fields(kind) if f.name not in COMMON]
    described = docstrings_of(kind)
    lines = ["## Options", "", f"Section `{module.name}`; besides `enabled`:", ""]
    if not fields:
        return "\n".join([*lines[:2], f"Section `{module.name}` has only `enabled`."])
    lines += ["| option | type | default | meaning |", "|---|---|---|---|"]
    about = mi.type_info(kind)
    assert isinstance(about, mi.StructType)
    info = {f.name: f for f in about.fields}
    for field in fields:
        default = getattr(module.options, field.name) if not field.required else ""
        meaning = described.get(field.name, "")
        lines.append(
            f"| `{field.encode_name}` | {type_name(info[field.name].type)} "
            f"| {shown(default)} | {meaning} |"
        )
    return "\n".join(lines)


def type_name(kind: mi.Type) -> str:
    if isinstance(kind, mi.Metadata):
        unit = (kind.extra or {}).get("unit", "")
        return unit.partition(",")[0] or type_name(kind.type)
    match kind:
        case mi.UnionType():
            return " or ".join(type_name(t) for t in kind.types if not isinstance(t, mi.NoneType))
        case mi.LiteralType():
            return " or ".join(f"`{value}`" for value in kind.values)
        case mi.ListType() | mi.VarTupleType():
            return "list"
        case mi.DictType() | mi.StructType():
            return "section"
        case mi.AnyType():
            return "map, list or section"
    names: dict[type, str] = {mi.BoolType: "yes or no", mi.IntType: "number"}
    names |= {mi.FloatType: "number", mi.StrType: "text"}
    return names.get(type(kind), "")


def shown(value: Any) -> str:
    if value is None or value == () or value == [] or value == {}:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, dict | msgspec.Struct):
        return "a section"
    text = str(value).replace("|", "\\|")
    return f"`{text}`" if text else "empty"


def docstrings_of(kind: type) -> dict[str, str]:
    """The texts that stand under the fields of the struct, in its file."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        names: list[str] = []
        for node in body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            elif names and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                text = " ".join(str(node.value.value).split())
                found.update(dict.fromkeys(names, text.replace("|", "\\|")))
                names = []
    return found


def symbol_table(module: Module) -> str:
    symbols = module.symbols()
    if not symbols:
        return ""
    lines = ["## Symbols", "", "| symbol | score | meaning |", "|---|---|---|"]
    lines += [f"| `{s.name}` | {s.score:g} | {s.description} |" for s in symbols]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
