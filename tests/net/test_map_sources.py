# SPDX-License-Identifier: Apache-2.0
"""Files of a map: read, watched, bounded."""

import os

import pytest
import zstandard

from gatepost.net import MapError, MapSources, MapText, read_definition


def sources(*definition, **options):
    return MapSources(read_definition(list(map(str, definition))), **options)


def test_sources_are_read_in_order(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b.zst").write_bytes(
        zstandard.compress(b"two ") + zstandard.compress(b"frames")  # two frames in a row
    )
    found = sources(tmp_path / "a", tmp_path / "b.zst", "inline.example").read()
    assert found == [
        MapText("inline", b"inline.example"),
        MapText(str(tmp_path / "a"), b"one"),
        MapText(str(tmp_path / "b.zst"), b"two frames"),
    ]


def test_a_file_may_come_change_and_go(tmp_path):
    path = tmp_path / "later"
    watched = sources(path)
    assert watched.changed() and watched.read() == [] and watched.missing == (path,)
    assert not watched.changed()
    path.write_bytes(b"1")
    assert watched.changed() and watched.read()[0].text == b"1" and not watched.missing
    assert not watched.changed()
    other = tmp_path / "other"
    other.write_bytes(b"2")
    old = path.stat()
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace(other, path)  # same size, same time, another file
    assert watched.changed() and watched.read()[0].text == b"2"
    path.unlink()
    assert watched.changed() and watched.read() == []


def test_fall_back_only_without_any_other(tmp_path):
    (tmp_path / "default").write_bytes(b"default")
    watched = sources(tmp_path / "own", f"fallback+file://{tmp_path}/default")
    assert [text.text for text in watched.read()] == [b"default"]
    (tmp_path / "own").write_bytes(b"own")
    assert watched.changed()
    assert [text.text for text in watched.read()] == [b"own"]


def test_size_is_bounded_also_when_it_unpacks(tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 1001)
    (tmp_path / "bomb.zst").write_bytes(zstandard.compress(b"x" * 50_000_000))
    for name in ("big", "bomb.zst"):
        with pytest.raises(MapError, match="1000 bytes"):
            sources(tmp_path / name, max_size=1000).read()
    (tmp_path / "half").write_bytes(b"x" * 600)
    (tmp_path / "other").write_bytes(b"x" * 600)
    with pytest.raises(MapError, match="other"):
        sources(tmp_path / "half", tmp_path / "other", max_size=1000).read()


@pytest.mark.parametrize("content", [b"", b"not zstd", zstandard.compress(b"x" * 100)[:-3]])
def test_broken_compression_is_an_error_or_nothing(tmp_path, content):
    (tmp_path / "a.zst").write_bytes(content)
    watched = sources(tmp_path / "a.zst")
    try:
        assert watched.read()[0].text == b""
    except MapError as error:
        assert "a.zst" in str(error)
        assert watched.changed()  # it is tried again


def test_only_files_are_maps(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(MapError):
            sources(path).read()
