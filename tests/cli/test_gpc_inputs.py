# SPDX-License-Identifier: Apache-2.0
"""Which messages are scanned."""

import io

import pytest

from gatepost.cli.errors import CliError
from gatepost.cli.gpc_inputs import find_inputs


@pytest.fixture
def folder(tmp_path):
    for name in ("b.eml", "a.eml", ".hidden", "c.txt", "sub/d.eml", "sub/.e/f.eml"):
        path = tmp_path / "mail" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "mail" / "sub" / "loop").symlink_to(tmp_path / "mail")
    return tmp_path / "mail"


def found(names, **options):
    options = {"files_list": None, "exclude": [], "empty": False, **options}
    return [item.name if not isinstance(item, CliError) else item
            for item in find_inputs([str(name) for name in names], **options)]  # fmt: skip


def test_folders_are_walked_in_order_without_hidden_files(folder):
    names = found([folder])
    assert names == [str(folder / n) for n in ("a.eml", "b.eml", "c.txt", "sub/d.eml")]


def test_globs_leave_files_out(folder):
    assert found([folder], exclude=["*.txt", "*/sub*"]) == [
        str(folder / "a.eml"),
        str(folder / "b.eml"),
    ]


def test_files_and_lists_of_files(folder, tmp_path):
    listing = tmp_path / "list"
    listing.write_text(f"{folder}/b.eml\n\n{folder}/sub\n")
    assert found([folder / "a.eml"], files_list=str(listing)) == [
        str(folder / n) for n in ("a.eml", "b.eml", "sub/d.eml")
    ]
    with pytest.raises(CliError, match=r"cannot open list"):
        found([], files_list=str(tmp_path / "none"))


def test_without_files_stdin_is_read_or_nothing():
    assert found([]) == ["stdin"]
    assert found(["-"]) == ["stdin"]
    assert found([], empty=True) == ["empty"]
    assert [item.read() for item in find_inputs([], files_list=None, exclude=[], empty=True)] == [
        b""
    ]


def test_bytes_are_read_as_they_are(tmp_path, monkeypatch):
    (tmp_path / "m").write_bytes(b"a\r\n\xff\0")
    [item] = find_inputs([str(tmp_path / "m")], files_list=None, exclude=[], empty=False)
    assert item.read() == b"a\r\n\xff\0"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"in\r\n")))
    [item] = find_inputs([], files_list=None, exclude=[], empty=False)
    assert item.read() == b"in\r\n"


def test_a_missing_file_is_an_error_when_it_is_read(tmp_path):
    [item] = find_inputs([str(tmp_path / "none")], files_list=None, exclude=[], empty=False)
    with pytest.raises(CliError, match=r"cannot open file .*none: No such file"):
        item.read()
