# SPDX-License-Identifier: Apache-2.0
"""One file, several processes: locked, broken, full, forked and killed."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from gatepost.store import StoreError
from gatepost.store.sqlite import SqliteStore

OPEN = """
import asyncio, os, resource, sys
from pathlib import Path
from gatepost.store import StoreError
from gatepost.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
"""


def start(program: str, path: Path) -> subprocess.Popen[str]:
    """A process of its own that has ``store`` on ``path``."""
    command = [sys.executable, "-c", OPEN + program, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run(program: str, path: Path) -> str:
    """What such a process wrote; it must end well."""
    with start(program, path) as process:
        written = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.sqlite"


async def test_nobody_else_may_read_the_state(path: Path) -> None:
    store = SqliteStore(path)
    await store.set("k", b"v")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await store.close()


# --- files that cannot be used ----------------------------------------------------------------


async def test_a_file_that_is_no_database_is_an_error_until_it_is_gone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Received: from elsewhere\r\n" * 500)
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"state\.sqlite: file is not a database"):
            await store.get("k")
    path.unlink()
    assert await store.set("k", b"v")
    assert await store.get("k") == b"v"
    await store.close()


async def test_a_file_that_breaks_while_it_is_open_is_an_error(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(500):
        await store.set(f"k{number}", b"v" * 500)
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(2048)
        file.write(b"\xa5" * (size - 2048))
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=r"state\.sqlite: .*malformed"):
        await store.get("k7")
    await store.close()


@pytest.mark.parametrize("folder", ["/sys/gatepost", "/dev/null", "/proc/1/gatepost"])
async def test_a_folder_that_cannot_be_written_to_is_an_error(folder: str) -> None:
    store = SqliteStore(Path(folder) / "state.sqlite")
    with pytest.raises(StoreError, match=r"state\.sqlite: ") as caught:
        await store.set("k", b"v")
    assert caught.value.temporary
    await store.close()


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_space_is_the_cure(path: Path) -> None:
    program = """
async def main():
    await store.set("k", b"before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await store.set("big", bytes(1_000_000))
    except StoreError as error:
        print("refused", error.temporary)
    print(await store.get("k"), await store.get("big"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    await store.set("big", b"after")
    print(await store.get("k"), await store.get("big"))
asyncio.run(main())
"""
    written = run(program, path).splitlines()
    assert written == ["refused True", "b'before' None", "b'before' b'after'"]


# --- several processes ------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_lock_that_stays_is_an_error_and_the_loop_goes_on(path: Path) -> None:
    store = SqliteStore(path, patience=0.3)
    await store.set("k", b"v")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        writing = asyncio.ensure_future(store.set("k", b"w"))
        turns = 0
        while not writing.done():
            assert await store.get("k") == b"v", "who reads waits for nobody"
            turns += 1
            await asyncio.sleep(0.001)
        with pytest.raises(StoreError, match=r"locked by another process for 0\.3 s") as caught:
            await writing
        assert caught.value.temporary
        assert 0.2 < time.monotonic() - began < 5
        assert turns > 10
        other.execute("COMMIT")
    assert await store.set("k", b"w")
    await store.close()


async def test_who_waits_for_a_lock_goes_on_when_it_is_given_up(path: Path) -> None:
    store = SqliteStore(path)
    await store.set("k", b"v")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.gather(*(store.increment("n") for _ in range(20)))
        await asyncio.sleep(0.02)
        assert not writing.done()
        other.execute("COMMIT")
    assert sorted(await writing) == list(range(1, 21))
    await store.close()


@pytest.mark.slow
def test_what_several_processes_count_adds_up(path: Path) -> None:
    program = """
async def main():
    for _ in range(500):
        await store.increment("k")
        await store.hash_increment("h", "f")
    await store.close()
asyncio.run(main())
"""
    processes = [start(program, path) for _ in range(4)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    read = "print(asyncio.run(store.get('k')), asyncio.run(store.hash_get('h', ['f'])))"
    assert run(read, path) == "b'2000' [b'2000']\n"


@pytest.mark.slow
async def test_a_process_that_ends_takes_nobody_s_log_along(path: Path) -> None:
    store = SqliteStore(path)
    await store.set("before", b"v")
    coming_and_going = "asyncio.run(store.increment('k')); asyncio.run(store.close())"
    run(coming_and_going, path)
    await store.set("after", b"v")
    read = "print(asyncio.run(store.get_many(['before', 'k', 'after'])))"
    assert run(read, path) == "[b'v', b'1', b'v']\n"
    await store.close()


@pytest.mark.slow
def test_parent_and_child_of_a_fork_both_use_it(path: Path) -> None:
    program = """
async def add(number):
    for _ in range(number):
        await store.increment("k")
asyncio.run(add(10))
pid = os.fork()
asyncio.run(add(100))
if pid == 0:
    asyncio.run(store.close())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
asyncio.run(add(1))
print(asyncio.run(store.get("k")))
"""
    assert run(program, path) == "b'211'\n"


@pytest.mark.slow
def test_a_parent_that_closes_takes_nothing_from_its_child(path: Path) -> None:
    program = """
def add():
    asyncio.run(store.increment("k"))
add()
closed, close = os.pipe()
pid = os.fork()
if pid == 0:
    add()
    os.close(close)
    os.read(closed, 1)
    add()
    os._exit(0)
while asyncio.run(store.get("k")) != b"2":
    pass
asyncio.run(store.close())
os.close(close)
assert os.waitpid(pid, 0)[1] == 0
print(asyncio.run(SqliteStore(Path(sys.argv[1])).get("k")))
"""
    assert run(program, path) == "b'3'\n"


@pytest.mark.slow
@pytest.mark.parametrize("told", [1, 60, 3000])
def test_kill_9_loses_nothing_that_somebody_was_told_of(path: Path, told: int) -> None:
    program = """
async def main():
    while True:
        print(await store.increment("k"), flush=True)
asyncio.run(main())
"""
    with start(program, path) as process:
        assert process.stdout is not None
        for _ in range(told):
            last = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        last = ([last, *process.stdout.read().splitlines()])[-1]
    kept = run("print(int(asyncio.run(store.get('k'))))", path)
    assert int(kept) - int(last) in (0, 1), "the last one may not have been told"


@pytest.mark.slow
async def test_the_write_ahead_log_does_not_grow_for_ever(path: Path) -> None:
    store = SqliteStore(path)
    log = path.with_name("state.sqlite-wal")
    largest = 0
    for number in range(20_000):
        await store.set(f"k{number % 5000}", b"v" * 200)
        if number % 500 == 0:
            largest = max(largest, log.stat().st_size)
            await asyncio.sleep(0.001)
    assert largest < 48 << 20, "20,000 commits are 80 MB"
    assert path.stat().st_size > 1 << 20, "what was written is in the file"
    await store.close()
