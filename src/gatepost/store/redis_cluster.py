# SPDX-License-Identifier: Apache-2.0
"""Which node of a Redis Cluster has a key?

Each key belongs to one of 16384 slots, each slot to one node. The table of slots is read from
any node on first use, and again when a node redirects us or cannot be reached. What a node
refused or never got goes on to the right one; what may have been carried out is the caller's
to repeat. The nodes are asked all at once, each one time.

Source: Redis Cluster specification (``CLUSTER SLOTS``, MOVED and ASK redirection).
"""

import asyncio
from collections.abc import Callable, Sequence

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from gatepost.store.errors import StoreError
from gatepost.store.redis_link import Command, Link, RedirectedError, Reply, UnreachableError
from gatepost.store.redis_servers import Address, parse_servers
from gatepost.store.redis_topology import Group, run_groups
from gatepost.store.settings import StoreSettings

ROUNDS = 4
"""How often a group is sent on: a slot that moves redirects twice."""
ASK_AGAIN = 0.1
"""Seconds between two readings of the table while a node is away."""


class Cluster:
    """The nodes of a Cluster; ``servers`` are those that are asked for the others.

    Raises `StoreError` for settings that make no sense.
    """

    is_slotted = True

    def __init__(self, settings: StoreSettings, monotonic: Callable[[], float]) -> None:
        seeds = parse_servers([*settings.servers, *settings.write_servers])
        if not seeds:
            raise StoreError("redis: no node of the cluster is named", temporary=False)
        if settings.db:
            raise StoreError("redis: a cluster has no database but 0", temporary=False)
        if settings.sentinels:
            raise StoreError("redis: sentinels do not watch a cluster", temporary=False)
        self._seeds = seeds
        self._settings = settings
        self._monotonic = monotonic
        self._links: dict[Address, Link] = {}
        self._owners: list[Link | None] = []
        self._doubtful = True
        self._learnt_at = float("-inf")
        self._learning = asyncio.Lock()

    async def write(self, groups: Sequence[Group]) -> list[list[Reply]]:
        if self._doubtful:
            await self._learn()
        replies: list[list[Reply]] = [[]] * len(groups)
        left: Sequence[int] = range(len(groups))
        sent_on: dict[int, Link] = {}
        trouble: dict[Link, StoreError] = {}
        for _ in range(ROUNDS):
            shares = self._share(left, groups, sent_on)
            trouble = await self._run_shares(shares, groups, sent_on, replies)
            unreached = [i for link in trouble for i in shares[link]]
            sent_on = self._follow(shares, replies)
            left = [*unreached, *sent_on]
            if not left:
                return replies
            if self._doubtful:
                await self._learn()
            for i in unreached:
                owner = self._owner(groups[i][0])
                if owner in trouble:
                    raise trouble[owner]
        if trouble:
            raise next(iter(trouble.values()))
        return replies

    read = write

    async def close(self) -> None:
        for link in self._links.values():
            await link.close()

    def _link(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None:
            link = Link(address, self._settings, monotonic=self._monotonic)
            self._links[address] = link
        return link

    def _owner(self, key: bytes) -> Link:
        slot = key_slot(key)
        link = self._owners[slot] if self._owners else None
        if link is None:
            self._doubtful = True
            raise StoreError(f"redis: no node of the cluster has slot {slot}")
        return link

    def _share(
        self, left: Sequence[int], groups: Sequence[Group], sent_on: dict[int, Link]
    ) -> dict[Link, list[int]]:
        """Which node gets which groups."""
        shares: dict[Link, list[int]] = {}
        for i in left:
            shares.setdefault(sent_on.get(i) or self._owner(groups[i][0]), []).append(i)
        return shares

    async def _run_shares(
        self,
        shares: dict[Link, list[int]],
        groups: Sequence[Group],
        sent_on: dict[int, Link],
        replies: list[list[Reply]],
    ) -> dict[Link, StoreError]:
        """Fills in ``replies``; gives the nodes that could not be reached.

        Raises `StoreError` when a node may have got its share and did not answer.
        """
        trouble: dict[Link, StoreError] = {}

        async def run(link: Link, share: list[int]) -> None:
            # who owns the slot anyway does not mind being told that we ask
            sent = [with_asking(groups[i]) if i in sent_on else groups[i] for i in share]
            try:
                answers = await run_groups(link, sent)
            except StoreError as error:
                trouble[link] = error
                return
            for i, (_, commands), answer in zip(share, sent, answers, strict=True):
                replies[i] = without_asking(commands, answer) if i in sent_on else answer

        if len(shares) == 1:
            await run(*next(iter(shares.items())))
        else:
            await asyncio.gather(*(run(link, share) for link, share in shares.items()))
        for error in trouble.values():
            self._doubtful = True
            if not isinstance(error, UnreachableError):
                raise error
        return trouble

    def _follow(self, shares: dict[Link, list[int]], replies: list[list[Reply]]) -> dict[int, Link]:
        """The groups that another node has, and which."""
        sent_on: dict[int, Link] = {}
        for link, share in shares.items():
            for i in share:
                for reply in replies[i]:
                    if isinstance(reply, RedirectedError):
                        # without a name it is another port of the same host
                        host = reply.host or link.address.host
                        sent_on[i] = self._link(Address(host, reply.port, ""))
                        self._doubtful = self._doubtful or not reply.asking
                        break
        return sent_on

    async def _learn(self) -> None:
        """Reads the table of slots from the first node that has one."""
        async with self._learning:
            now = self._monotonic()
            if not self._doubtful or now - self._learnt_at < ASK_AGAIN:
                return
            self._learnt_at = now
            known = dict.fromkeys([*self._links, *self._seeds])
            links = [self._link(address) for address in known]
            trouble: StoreError | None = None
            for link in sorted(links, key=lambda link: link.is_failing):
                try:
                    reply = (await link.run((("CLUSTER", "SLOTS"),)))[0]
                    table = read_table(reply, link.address)
                except StoreError as error:
                    trouble = error
                    continue
                await self._adopt(table)
                return
            if not self._owners:
                raise trouble or StoreError("redis: no node of the cluster answers")

    async def _adopt(self, table: list[tuple[int, int, Address]]) -> None:
        before, self._links = self._links, {}
        owners: list[Link | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, address in table:
            link = self._links[address] = before.get(address) or self._link(address)
            owners[first : last + 1] = [link] * (last + 1 - first)
        self._owners = owners
        self._doubtful = False
        for address, link in before.items():
            if address not in self._links:
                await link.close()


def with_asking(group: Group) -> Group:
    """Tells the node that the slot is on its way to it; a MULTI needs to be told once."""
    key, commands = group
    asking: Command = ("ASKING",)
    if commands[0] == ("MULTI",):
        return key, (asking, *commands)
    return key, tuple(part for command in commands for part in (asking, command))


def without_asking(commands: Sequence[Command], replies: list[Reply]) -> list[Reply]:
    """The replies to what was sent besides."""
    pairs = zip(commands, replies, strict=True)
    return [reply for command, reply in pairs if command != ("ASKING",)]


def read_table(reply: Reply, asked: Address) -> list[tuple[int, int, Address]]:
    """First slot, last slot and master, from what ``CLUSTER SLOTS`` gives."""
    if isinstance(reply, StoreError):
        raise reply
    table = []
    for row in reply if isinstance(reply, list) else []:
        match row:
            case [int(first), int(last), [bytes() | None as host, int(port), *_], *_]:
                # a node that knows no address of its own names none
                name = host.decode("utf-8", "replace") if host else asked.host
                if (
                    0 <= first <= last < REDIS_CLUSTER_HASH_SLOTS
                    and name != "?"
                    and 0 < port < 65536
                ):
                    table.append((first, last, Address(name, port, "")))
    if not table:
        raise StoreError(f"redis {asked}: no node of a cluster that is ready")
    return table
