# SPDX-License-Identifier: Apache-2.0
"""Is reading files bounded and remembered?"""

import pytest

from gatepost.ucl import UclError, Where
from gatepost.ucl import files as files_module
from gatepost.ucl.files import DEEPEST_INCLUDE, Files

HERE = Where("main", 3)


@pytest.fixture
def files():
    return Files({"RSPAMD_X": "y"}, template=True)


def test_files_are_remembered_once_in_order(tmp_path, files):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a = {= env.X =}")
    two.write_text("b = 1")
    for path in (two, one, two):
        files.read_source(path, HERE)
    assert files.read == [two, one]
    assert files.read_source(one, HERE).text == "a = y"
    assert files.read_text(one, HERE) == "a = {= env.X =}"


def test_templates_can_be_left_alone(tmp_path):
    path = tmp_path / "x"
    path.write_text("a = {= env.X =}")
    assert Files({}, template=False).read_source(path, HERE).text == "a = {= env.X =}"


def test_unreadable_files_are_named_where_they_were_asked_for(tmp_path, files):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UclError, match=rf"^main:3: cannot read {path}: "):
            files.read_text(path, HERE)
    assert files.read == []


def test_text_that_is_not_utf8_names_its_line(tmp_path, files):
    path = tmp_path / "latin1"
    path.write_bytes(b"a = 1\nb = caf\xe9\n")
    with pytest.raises(UclError, match=rf"^{path}:2: this line is not UTF-8"):
        files.read_text(path, HERE)


def test_sizes_and_numbers_are_bounded(tmp_path, files, monkeypatch):
    path = tmp_path / "x"
    path.write_text("x" * 11)
    monkeypatch.setattr(files_module, "LARGEST_FILE", 10)
    with pytest.raises(UclError, match="too much configuration"):
        files.read_text(path, HERE)
    monkeypatch.setattr(files_module, "LARGEST_FILE", 100)
    monkeypatch.setattr(files_module, "MOST_FILES", 3)
    files.read_text(path, HERE)
    files.read_text(path, HERE)
    with pytest.raises(UclError, match="more than 3 files"):
        files.read_text(path, HERE)


def test_file_cannot_be_opened_within_itself(tmp_path, files):
    path, link = tmp_path / "x", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    itself = pytest.raises(UclError, match="includes itself")
    with files.opened(path, HERE), itself, files.opened(link, HERE):
        pass
    with files.opened(path, HERE) as real:
        assert real == path.resolve()


def test_depth_is_bounded(tmp_path, files):
    def descend(level):
        with files.opened(tmp_path / str(level), HERE):
            descend(level + 1)

    with pytest.raises(UclError, match=f"more than {DEEPEST_INCLUDE} files deep"):
        descend(0)
