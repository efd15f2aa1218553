# SPDX-License-Identifier: Apache-2.0
"""p0f: what is known of the client's system, asked of a p0f of our own, real where it can run."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.modules.p0f import OK, QUERY, REPLY, SHAPE, P0f, ask, parse_reply, query
from gatepost.testing import Bench, Scanned, explain, mail
from running_process import RunningProcess, find_program

FAIL = {"P0F_FAIL": []}


def answer(
    system: bytes = b"Windows", flavor: bytes = b"7 or 8", link: bytes = b"DSL", distance: int = 10
) -> bytes:
    numbers = (REPLY, OK, 0, 0, 1, 4242, 0, 0, 0, distance, 0, 0)
    return SHAPE.pack(*numbers, system, flavor, b"", b"", link, b"")


class FakeP0f:
    """Something that listens where p0f would, and answers with the bytes it is given."""

    def __init__(self, path: Path, reply: bytes) -> None:
        self.path = path
        self.reply = reply
        self.asked: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readexactly(21))
        writer.write(self.reply)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def listening(folder: Path, reply: bytes) -> AsyncIterator[FakeP0f]:
    fake = FakeP0f(folder / "s", reply)
    server = await asyncio.start_unix_server(fake.talk, fake.path)
    try:
        yield fake
    finally:
        server.close()


def section(path: Path, more: str = "") -> str:
    return f'p0f {{ enabled = yes; socket = "{path}"; timeout = 1s; {more} }}'


async def scanned(fake: FakeP0f, more: str = "", *, times: int = 1) -> Scanned:
    async with Bench([P0f], config=section(fake.path, more)) as bench:
        for _ in range(times):
            found = await bench.scan(mail())
    return found


async def test_three_strings_are_named(tmp_path: Path) -> None:
    async with listening(tmp_path, answer()) as fake:
        found = await scanned(fake)
    assert found.hits == {"P0F": ["Windows 7 or 8", "link=DSL", "distance=10"]}
    assert found.score == 0.0
    assert found.task.variables["os_fingerprint"].uptime == 4242


SYSTEM, LINK, DISTANCE = "Windows 7 or 8", "link=DSL", "distance=10"


@pytest.mark.parametrize(
    "patterns, hits",
    [
        ("WINDOWS = '^Windows.*';", {"WINDOWS": [SYSTEM], "P0F": [LINK, DISTANCE]}),
        ("A = '^link=DSL$'; B = '^distance=10$';", {"P0F": [SYSTEM], "A": [LINK], "B": [DISTANCE]}),
        ("FIRST = '7'; SECOND = '^Windows';", {"FIRST": [SYSTEM], "P0F": [LINK, DISTANCE]}),
    ],
)
async def test_the_first_pattern_that_matches_names_a_string(
    tmp_path: Path, patterns: str, hits: dict[str, list[str]]
) -> None:
    async with listening(tmp_path, answer()) as fake:
        found = await scanned(fake, f"patterns {{ {patterns} }}")
    assert found.hits == hits


@pytest.mark.parametrize(
    "reply, hits",
    [
        (answer(b"", b"", b"", -1), {"P0F": ["unknown", "link=unknown", "distance=-1"]}),
        (answer(b"Evil\r\n\x1b<b>", b""), {"P0F": ["Evilb", "link=DSL", "distance=10"]}),
        (struct.pack("=II", REPLY, 0x20).ljust(SHAPE.size, b"\0"), {}),  # no match
        (struct.pack("=II", REPLY, 0x00).ljust(SHAPE.size, b"\0"), {}),  # bad query
        (b"\xff" * SHAPE.size, {}),
        (b"short", FAIL),
        (b"", FAIL),
    ],
)
async def test_odd_answers(tmp_path: Path, reply: bytes, hits: dict[str, list[str]]) -> None:
    async with listening(tmp_path, reply) as fake:
        assert (await scanned(fake)).hits == hits


async def test_nobody_listens(tmp_path: Path) -> None:
    fake = FakeP0f(tmp_path / "none", b"")
    assert (await scanned(fake)).hits == FAIL


async def test_an_answer_is_kept(tmp_path: Path) -> None:
    async with listening(tmp_path, answer()) as fake:
        assert "P0F" in (await scanned(fake, times=3)).hits
        assert fake.asked == [query(ip_address("203.0.113.7"))]


@pytest.mark.parametrize(
    "magic, status, times",
    [(REPLY, 0x20, 1), (REPLY, 0x00, 2), (0x50304601, OK, 2)],
)
async def test_that_nothing_is_known_is_kept_and_nonsense_is_not(
    tmp_path: Path, magic: int, status: int, times: int
) -> None:
    reply = struct.pack("=II", magic, status).ljust(SHAPE.size, b"\0")
    async with listening(tmp_path, reply) as fake:
        assert (await scanned(fake, times=2)).hits == {}
        assert len(fake.asked) == times


@pytest.mark.parametrize("address, asked", [("10.0.0.5", False), ("203.0.113.9", True)])
async def test_a_client_that_only_the_letter_names_is_asked_about_unless_it_is_ours(
    tmp_path: Path, address: str, asked: bool
) -> None:
    hop = f"from pc ([{address}]) by x.example; Thu, 1 Jan 2026 00:00:00 +0000"
    local = 'options { local_addrs = ["10.0.0.0/8"]; }'
    async with listening(tmp_path, answer()) as fake:
        letter = mail(ip=None, headers={"Received": hop})
        found = await explain(P0f, letter, config=section(fake.path) + local)
        assert (bool(fake.asked), bool(found.hits)) == (asked, asked)


@pytest.mark.parametrize(
    "address, packed",
    [
        ("203.0.113.7", struct.pack("=IB", QUERY, 4) + bytes([203, 0, 113, 7]) + bytes(12)),
        ("2001:db8::1", struct.pack("=IB", QUERY, 6) + ip_address("2001:db8::1").packed),
    ],
)
def test_the_question_has_21_bytes(address: str, packed: bytes) -> None:
    assert query(ip_address(address)) == packed and len(packed) == 21


@pytest.mark.parametrize(
    "letter, why",
    [
        ({"ip": "203.0.113.7"}, ""),
        ({"ip": "203.0.113.7", "user": "al"}, ""),  # a user's system is as interesting
        ({"ip": "10.0.0.5"}, "local"),
        ({"ip": "10.0.0.5", "user": "al"}, "local"),
    ],
)
async def test_directions(tmp_path: Path, letter: dict[str, str], why: str) -> None:
    local = 'options { local_addrs = ["10.0.0.0/8"]; check_local = yes; }'
    async with listening(tmp_path, answer()) as fake:
        found = await explain(P0f, mail(**letter), config=section(fake.path) + local)
    assert (found.skipped, bool(found.hits)) == (why, not why)
    assert all(outcome.option is None for outcome in found.outcomes.values())


async def test_without_an_address_nobody_is_asked(tmp_path: Path) -> None:
    async with listening(tmp_path, answer()) as fake:
        assert (await scanned_without_ip(fake)).hits == {}
        assert fake.asked == []


async def scanned_without_ip(fake: FakeP0f) -> Scanned:
    async with Bench([P0f], config=section(fake.path)) as bench:
        return await bench.scan(mail(ip=None))


@given(st.binary(max_size=300))
def test_any_answer_is_read(raw: bytes) -> None:
    found = parse_reply(raw)
    assert found is None or all(text.isprintable() for text in found.strings())


@pytest.mark.server
@pytest.mark.slow
async def test_a_real_p0f_answers(tmp_path: Path) -> None:
    program = find_program("p0f")
    if program is None or os.geteuid() != 0:
        pytest.skip("p0f is not installed, or we may not see packets")
    path = tmp_path / "p0f.sock"
    process = RunningProcess(["stdbuf", "-oL", program, "-i", "lo", "-s", str(path)])
    try:
        try:
            process.wait_for("Entered main event loop")
        except AssertionError:
            pytest.skip(f"p0f does not run here: {process.output[-200:]}")
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()),
        ):
            raw = await ask(str(path), ip_address("127.0.0.1"), 5.0)
    finally:
        process.stop()
    magic, status = struct.unpack_from("=II", raw)
    # Whether it saw the packets is the kernel's affair; that it speaks this protocol is ours.
    assert magic == REPLY and status in (OK, 0x20)
