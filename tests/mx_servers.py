# SPDX-License-Identifier: Apache-2.0
"""Little servers on addresses of loopback, all on one port, each greeting in its own way."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

SILENT = b"\0silent"
"""A greeting that never comes."""


class MxServers:
    """What the servers saw: connections by address, and what was said to them."""

    def __init__(self, greetings: Mapping[str, bytes], port: int) -> None:
        self.greetings = greetings
        self.port = port
        self.connections: Counter[str] = Counter()
        self.heard: list[bytes] = []
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        self.connections[host] += 1
        self.began.set()
        greeting = self.greetings[host]
        try:
            if greeting != SILENT:
                writer.write(greeting)
                await writer.drain()
                if not greeting:
                    return
            self.heard.append(await reader.read(512))  # until the other side goes away
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.ended.set()


@asynccontextmanager
async def mx_servers(greetings: Mapping[str, bytes]) -> AsyncIterator[MxServers]:
    """Servers by address; an empty greeting hangs up."""
    servers = MxServers(greetings, free_port())
    listening = [await asyncio.start_server(servers.talk, ip, servers.port) for ip in greetings]
    try:
        yield servers
    finally:
        for one in listening:
            one.close()


@contextmanager
def deaf_server(ip: str, port: int = 0) -> Iterator[int]:
    """A port that does not answer: its queue of connections is full. Gives the port."""
    with socket.socket() as listener:
        listener.bind((ip, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex((ip, port))
            yield port
        finally:
            for one in waiting:
                one.close()


def free_port() -> int:
    """A port that nobody has on any address."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])
