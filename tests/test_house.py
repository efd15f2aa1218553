# SPDX-License-Identifier: Apache-2.0
"""Keeps the house in order: floors, one test a file, sizes, the list of modules, the docs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gatepost
from gatepost.modules import ALL

SOURCE = Path(gatepost.__file__).parent
TESTS = Path(__file__).parent
ROOT = TESTS.parent

FLOORS = {
    "errors": 0,
    "data": 0,
    "mail": 1,
    "classify": 1,
    "store": 1,
    "net": 1,
    "ucl": 1,
    "config": 1,
    "scan": 2,
    "authn": 2,
    "outbreak": 2,
    "modules": 3,
    "rules": 3,
    "plugin": 3,
    "app": 4,
    "serve": 5,
    "testing": 5,
    "cli": 6,
}
SIDEWAYS = {("config", "ucl"), ("store", "net"), ("outbreak", "scan")}
MAX_LINES = 500
MAX_FUNCTION = 80
GLUE = {"__init__", "__main__"}
DECLARATIONS = {"errors"}
ONE_CONTRACT = {
    **dict.fromkeys(("base", "sqlite", "redis", "redis_replies"), "contract"),
    **dict.fromkeys(("sqlite_entries", "sqlite_members", "sqlite_ranked"), "contract"),
    **dict.fromkeys(("leaking", "sqlite_buckets", "redis_scripts"), "contract_buckets"),
    **dict.fromkeys(("averaging", "sqlite_averages"), "contract_averages"),
}
"""Files of the store that are tested together, because both backends have to do the same."""

FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [str(path.relative_to(SOURCE)) for path in FILES]


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatepost."):
            yield (node.module or "").split(".")[1], node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("gatepost."):
                    yield alias.name.split(".")[1], node.lineno


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_never_point_up_or_sideways(path: Path) -> None:
    room = room_of(path)
    if room in GLUE:
        return
    for other, line in imports_of(path):
        if other == room:
            continue
        floors = f"{room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"
        assert FLOORS[other] < FLOORS[room] or (room, other) in SIDEWAYS, f"{path}:{line}: {floors}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES, f"{path}: one file has one job"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{path}:{node.lineno}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_file_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(ast.parse(text)), f"{path}: opens with one sentence"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_file_has_a_test_of_its_name(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    if relative.stem in GLUE and relative.parent.name not in {m.name for m in ALL}:
        return
    if relative.stem in DECLARATIONS:
        return
    if relative.stem in GLUE:  # a module that has grown into a package
        test = TESTS / relative.parent.parent / f"test_{relative.parent.name}.py"
    else:
        together = ONE_CONTRACT if relative.parent.name == "store" else {}
        test = TESTS / relative.parent / f"test_{together.get(relative.stem, relative.stem)}.py"
    assert test.is_file(), f"{relative} has no {test.relative_to(TESTS)}"


def test_the_list_of_modules_is_complete_and_in_order() -> None:
    folder = SOURCE / "modules"
    there = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/*.py")}
    assert [module.name for module in ALL] == sorted(module.name for module in ALL)
    assert {module.name for module in ALL} == there - {"__init__", "modules"}


@pytest.mark.parametrize("module", ALL, ids=[module.name for module in ALL])
def test_every_module_has_a_page(module: type) -> None:
    page = ROOT / "docs" / "modules" / f"{module.name}.md"
    assert page.is_file(), f"docs/modules/{module.name}.md is missing: `make docs`"


def test_generated_pages_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rooms_have_no_names_that_say_nothing() -> None:
    empty = re.compile(r"(?:^|/)(?:utils?|helpers?|common|misc|core|manager)(?:\.py|/)")
    assert not [name for name in NAMES if empty.search(name)]
