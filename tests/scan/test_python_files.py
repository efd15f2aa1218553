# SPDX-License-Identifier: Apache-2.0
"""What becomes of a file of Python: its names, or an error with the line that failed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gatepost.scan.python_files import KEPT, LARGEST, PythonFileError, load_function, load_python


def write(folder: Path, text: str | bytes, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_is_run_as_a_module_of_its_own(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "HERE = __file__\n",
    )
    module = load_python(path)
    assert module.Point(3).x == 3
    assert str(path) == module.HERE
    assert sys.modules[module.__name__] is module


def test_loaded_again_it_is_another_module(tmp_path: Path) -> None:
    path = write(tmp_path, "count = [1]\nold = True\n")
    first = load_python(path)
    first.count.append(2)
    write(tmp_path, "count = [1]\n")
    second = load_python(path)
    assert (first.count, second.count) == ([1, 2], [1])
    assert not hasattr(second, "old")


def test_loaded_every_night_it_does_not_pile_up(tmp_path: Path) -> None:
    path = write(tmp_path, "x = 1\n")
    names = [load_python(path).__name__ for _ in range(KEPT + 5)]
    assert [name for name in names if name in sys.modules] == names[-KEPT:]


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("x = 1\ny = = 2\n", 2, "is not Python: invalid syntax"),
        ("def f():\nreturn 1\n", 2, "is not Python: expected an indented block"),
        ("x = 1\n\nimport no_such_package\n", 3, "ModuleNotFoundError: No module named"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting property name"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        (b"x = '\xff'\n", 1, "is not Python: (unicode error)"),
        (b"x = 1\0\n", 0, "null bytes"),
        ("x = " + "(" * 1000, 1, "is not Python: too many nested parentheses"),
        ("#" * (LARGEST + 1), 0, f"is larger than {LARGEST} bytes"),
    ],
)
def test_what_fails_is_named_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, message: str
) -> None:
    path = write(tmp_path, text)
    before = set(sys.modules)
    with pytest.raises(PythonFileError) as raised:
        load_python(path)
    assert (raised.value.path, raised.value.line) == (path, line)
    assert message in raised.value.message
    assert str(raised.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert not {name for name in set(sys.modules) - before if name.startswith("gatepost_python")}


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(PythonFileError, match=r"gone\.py: cannot be read: No such file"):
        load_python(tmp_path / "gone.py")


def test_a_function_is_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path, "def two(): return 2\nthree = 3\n")
    assert load_function("mine.py:two", tmp_path)() == 2
    assert load_function(f"{tmp_path}/mine.py:two", Path("/nowhere"))() == 2


@pytest.mark.parametrize(
    "given, complaint",
    [
        ("mine.py", "expected FILE.py:FUNCTION, found `mine.py`"),
        ("mine.py:", "expected FILE.py:FUNCTION"),
        ("mine.py:a b", "expected FILE.py:FUNCTION"),
        (":two", "expected FILE.py:FUNCTION"),
        ("mine.py:one", "has no function `one`"),
        ("mine.py:three", "has no function `three`"),
        ("gone.py:two", "gone.py: cannot be read"),
    ],
)
def test_what_names_no_function_says_why(tmp_path: Path, given: str, complaint: str) -> None:
    write(tmp_path, "def two(): return 2\nthree = 3\n")
    with pytest.raises(PythonFileError, match=complaint):
        load_function(given, tmp_path)
