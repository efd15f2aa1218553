# SPDX-License-Identifier: Apache-2.0
"""What one connection says of an address, tried on real sockets."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.modules.mx_check.probing import Probe
from mx_servers import SILENT, deaf_server, free_port, mx_servers

HOST = "127.0.0.2"


async def verdict(says: bytes, **options: object) -> tuple[str, list[bytes]]:
    async with mx_servers({HOST: says}) as servers:
        probe = Probe(port=servers.port, read_timeout=0.1, **options)  # type: ignore[arg-type]
        found = await probe(HOST)
        async with asyncio.timeout(5):
            await servers.ended.wait()
        return found, servers.heard


@pytest.mark.parametrize(
    "greeting, found",
    [
        (b"220 mx.example ESMTP\r\n", "gd"),
        (b"220\r\n", "gd"),
        (b"220 bare newline\n", "gd"),
        (b"220-first\r\n", "gd"),  # the first line decides
        (b"554 5.7.1 no\r\n", "err:554"),
        (b"421-go\r\n421 away\r\n", "err:421"),
        (b"250 no greeting\r\n", "inv"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "inv"),
        (b"220x\r\n", "inv"),
        (b"* OK IMAP\r\n", "inv"),
        (b"\r\n", "inv"),
        (b"2" * 4096, "inv"),  # no line at all
        (b"", "inv"),
        (SILENT, "tr"),
        (b"220 unfinished", "tr"),
    ],
)
async def test_greetings(greeting: bytes, found: str) -> None:
    assert (await verdict(greeting, greeting=True))[0] == found


@pytest.mark.parametrize("greeting", [b"220 x\r\n", b"554 no\r\n", SILENT])
async def test_without_greetings_a_connection_is_enough(greeting: bytes) -> None:
    assert (await verdict(greeting))[0] == "gd"


@pytest.mark.parametrize(
    "greeting, found, heard",
    [
        (b"220 mx\r\n", "gd", [b"QUIT\r\n"]),
        (b"220-a\r\n220-b\r\n220 c\r\n", "gd", [b"QUIT\r\n"]),
        (b"220-a\r\n", "tr", [b""]),  # the rest never comes
        (b"220-a\r\n" * 100, "gd", [b"QUIT\r\n"]),  # enough is enough
        (b"554 no\r\n", "err:554", [b""]),
    ],
)
async def test_goodbye(greeting: bytes, found: str, heard: list[bytes]) -> None:
    assert await verdict(greeting, greeting=True, quit=True) == (found, heard)


async def test_nobody_listens() -> None:
    assert await Probe(port=free_port())(HOST) == "rf"


async def test_nobody_answers() -> None:
    with deaf_server(HOST) as port:
        assert await Probe(port=port, connect_timeout=0.1)(HOST) == "tc"


async def test_there_is_no_way() -> None:
    assert await Probe(port=25, connect_timeout=0.1)("::ffff:256.0.0.1") == "tc"
    assert await Probe(port=25, connect_timeout=0.1)("255.255.255.255") == "tc"


@pytest.mark.parametrize("greeting, longest", [(False, 2.0), (True, 7.0)])
def test_how_long_it_may_take(greeting: bool, longest: float) -> None:
    assert Probe(greeting=greeting).longest == longest
