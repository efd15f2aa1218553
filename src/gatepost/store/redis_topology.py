# SPDX-License-Identifier: Apache-2.0
"""Which of several Redis servers is asked?

A topology takes commands in groups, each for one key, and gives the replies in the same order.
A group travels whole, on one connection, so that a MULTI stays together. A topology belongs to
one process and one event loop.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from gatepost.store.errors import StoreError
from gatepost.store.redis_link import Command, Link, Reply
from gatepost.store.redis_servers import parse_servers
from gatepost.store.settings import StoreSettings

Group: TypeAlias = tuple[bytes, Sequence[Command]]
"""A key, and the commands that concern it."""


class Topology(Protocol):
    """Servers that keep one state. ``is_slotted``: no command may name several keys."""

    is_slotted: bool

    async def write(self, groups: Sequence[Group]) -> list[list[Reply]]:
        """Sends each group to the server that may change its key."""
        ...

    async def read(self, groups: Sequence[Group]) -> list[list[Reply]]:
        """The same for what changes nothing, from a replica if need be."""
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...


class FixedServers:
    """The servers that the configuration names: one to write to, some to read from."""

    is_slotted = False

    def __init__(self, settings: StoreSettings, monotonic: Callable[[], float]) -> None:
        servers = parse_servers(settings.servers)
        writers = parse_servers(settings.write_servers) or servers
        if not writers:
            raise StoreError("redis: no server to write to", temporary=False)
        readers = parse_servers(settings.read_servers) or [writers[0], *servers]
        connect = functools.partial(Link, settings=settings, monotonic=monotonic)
        links = {address: connect(address) for address in (*readers, writers[0])}
        self._writer = links[writers[0]]
        self._readers = tuple(links.values())

    async def write(self, groups: Sequence[Group]) -> list[list[Reply]]:
        return await run_groups(self._writer, groups)

    async def read(self, groups: Sequence[Group]) -> list[list[Reply]]:
        return await read_from_first(self._readers, groups)

    async def close(self) -> None:
        for link in self._readers:
            await link.close()


async def run_groups(link: Link, groups: Sequence[Group]) -> list[list[Reply]]:
    """All groups in one round trip to one server."""
    if len(groups) == 1:
        return [await link.run(groups[0][1])]
    replies = iter(await link.run([command for _, commands in groups for command in commands]))
    return [[next(replies) for _ in commands] for _, commands in groups]


async def read_from_first(links: Sequence[Link], groups: Sequence[Group]) -> list[list[Reply]]:
    """From the first server that can be asked and knows the answer; a read may be sent twice."""
    for link in links[:-1]:
        try:
            replies = await run_groups(link, groups)
        except StoreError:
            continue
        if not any(is_temporary(reply) for group in replies for reply in group):
            return replies
    return await run_groups(links[-1], groups)


def is_temporary(reply: Reply) -> bool:
    """Whether it was refused for something that lies with the server, as ``LOADING``."""
    return isinstance(reply, StoreError) and reply.temporary
