# SPDX-License-Identifier: Apache-2.0
"""Which server is the master now, by what the Sentinels say?

They are asked on first use, every ``sentinel_watch_time``, and when the master cannot be
reached, does not answer or turns out to be a replica. What surely was not carried out goes to
the new master at once; what may have been is the caller's to repeat.

Source: the guidelines for Sentinel clients of Redis.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from gatepost.store.errors import StoreError
from gatepost.store.redis_link import Link, ReplicaError, Reply, UnreachableError
from gatepost.store.redis_servers import Address, parse_servers
from gatepost.store.redis_topology import Group, read_from_first, run_groups
from gatepost.store.settings import StoreSettings

log = logging.getLogger("gatepost.store")

SENTINEL_PORT = 5000  # Rspamd's default
ASK_AGAIN = 0.1
"""Seconds between two questions to the Sentinels while there is no master."""

LUA_CLASSES = {"a": "[A-Za-z]", "d": "[0-9]", "l": "[a-z]", "u": "[A-Z]", "w": "[A-Za-z0-9]"}
"""What follows a ``%`` in a pattern of Lua, as a regular expression."""

UNFIT = re.compile(r"\b(?:s_down|o_down|disconnected)\b")


class Roles(NamedTuple):
    """Who does what: ``readers`` are the master, then its replicas."""

    master: Link
    readers: tuple[Link, ...]


class Sentinels:
    """A master and its replicas, as the Sentinels name them.

    ``servers`` stand in for as long as no Sentinel has answered. Raises `StoreError`
    for settings that make no sense.
    """

    is_slotted = False

    def __init__(self, settings: StoreSettings, monotonic: Callable[[], float]) -> None:
        own = msgspec.structs.replace(
            settings,
            username=settings.sentinel_username,
            password=settings.sentinel_password,
            db=0,
        )
        addresses = parse_servers(settings.sentinels, SENTINEL_PORT)
        if not addresses:
            raise StoreError("redis: no sentinel to ask", temporary=False)
        self._is_ours = name_filter(settings)
        self._sentinels = [Link(address, own, monotonic=monotonic) for address in addresses]
        self._settings = settings
        self._monotonic = monotonic
        self._links: dict[Address, Link] = {}
        self._initial = parse_servers([*settings.write_servers, *settings.servers])
        self._roles: Roles | None = None
        self._errors = 0
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def write(self, groups: Sequence[Group]) -> list[list[Reply]]:
        roles = await self._current()
        try:
            replies = await run_groups(roles.master, groups)
        except UnreachableError:
            self._errors += 1
            successor = await self._successor(roles)
            if successor is None:
                raise
            return await run_groups(successor, groups)
        except StoreError:
            self._errors += 1
            raise
        refused = [i for i, group in enumerate(replies) if any(map(is_refusal, group))]
        if not refused:
            self._errors = 0
            return replies
        self._errors = self._settings.sentinel_master_maxerrors + 1
        successor = await self._successor(roles)
        if successor is not None:
            again = await run_groups(successor, [groups[i] for i in refused])
            for i, group in zip(refused, again, strict=True):
                replies[i] = group
        return replies

    async def read(self, groups: Sequence[Group]) -> list[list[Reply]]:
        roles = await self._current()
        try:
            return await read_from_first(roles.readers, groups)
        finally:
            if roles.master.is_failing:
                self._errors += 1

    async def close(self) -> None:
        for link in (*self._sentinels, *self._links.values()):
            await link.close()

    async def _successor(self, roles: Roles) -> Link | None:
        """Another master than that of ``roles``, if there is one by now."""
        try:
            now = await self._current()
        except StoreError:
            return None
        return None if now.master is roles.master else now.master

    async def _current(self) -> Roles:
        """Who does what, asking for it where that is due."""
        roles = self._roles
        if roles is not None and not self._is_due():
            return roles
        async with self._asking:
            if self._roles is None or self._is_due():
                self._asked_at = self._monotonic()
                self._roles = await self._ask_or_stay()
            return self._roles

    async def _ask_or_stay(self) -> Roles:
        """Better the master that was than none: it may be well when the Sentinels are not."""
        try:
            roles = await self._ask()
        except StoreError:
            if self._roles is not None:
                return self._roles
            if not self._initial:
                raise
            self._errors = self._settings.sentinel_master_maxerrors + 1
            return await self._assign(self._initial[0], self._initial[1:])
        self._errors = 0
        if self._roles is not None and roles.master is not self._roles.master:
            before, now = self._roles.master.address, roles.master.address
            log.warning("redis: the master is now %s; it was %s", now, before)
        return roles

    def _is_due(self) -> bool:
        since = self._monotonic() - self._asked_at
        if self._errors > self._settings.sentinel_master_maxerrors:
            return since >= ASK_AGAIN
        return since >= self._settings.sentinel_watch_time

    async def _ask(self) -> Roles:
        """What the first Sentinel says that can be asked; the next time another is the first."""
        self._sentinels.append(self._sentinels.pop(0))
        trouble: StoreError | None = None
        for sentinel in sorted(self._sentinels, key=lambda link: link.is_failing):
            try:
                return await self._ask_one(sentinel)
            except StoreError as error:
                trouble = error
        why = str(trouble).removeprefix("redis: ")
        raise StoreError(f"redis: no sentinel knows the master: {why}") from trouble

    async def _ask_one(self, sentinel: Link) -> Roles:
        name = self._choose(to_rows((await sentinel.run((("SENTINEL", "MASTERS"),)))[0]))
        # the list of masters has the old one until the last replica follows the new one
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        master, replicas = await sentinel.run((question, ("SENTINEL", "REPLICAS", name)))
        rows = [row for row in to_rows(replicas) if not UNFIT.search(row.get("flags", ""))]
        address = to_address(dict(zip(("ip", "port"), to_words(master), strict=False)))
        return await self._assign(address, [to_address(row) for row in rows])

    def _choose(self, masters: Sequence[dict[str, str]]) -> str:
        ours = [row for row in masters if self._is_ours(row.get("name", ""))]
        if len(ours) != 1:
            known = ", ".join(sorted(row.get("name", "") for row in masters)) or "none"
            message = f"redis: one master is wanted, the sentinel has {known}"
            raise StoreError(f"{message}: set `sentinel_master_name`")
        return ours[0]["name"]

    async def _assign(self, master: Address, replicas: Sequence[Address]) -> Roles:
        before = self._links
        self._links = {
            address: before.get(address) or Link(address, self._settings, monotonic=self._monotonic)
            for address in (master, *replicas)
        }
        for address, link in before.items():
            if address not in self._links:
                await link.close()
        return Roles(self._links[master], tuple(self._links.values()))


def name_filter(settings: StoreSettings) -> Callable[[str], bool]:
    """Whether a master is meant: by its name, by a pattern, else each is."""
    if settings.sentinel_master_name is not None:
        return settings.sentinel_master_name.__eq__
    if settings.sentinel_masters_pattern is None:
        return lambda name: True
    # a pattern of Lua: those that people write for names are regular expressions but for the %
    written = settings.sentinel_masters_pattern
    try:
        pattern = re.compile(re.sub(r"%(.)", from_lua, written))
    except re.error as error:
        message = f"redis: sentinel_masters_pattern {written!r}: {error}"
        raise StoreError(message, temporary=False) from error
    return lambda name: pattern.search(name) is not None


def from_lua(escaped: re.Match[str]) -> str:
    """A class of characters, or one that means itself."""
    return LUA_CLASSES.get(escaped[1]) or re.escape(escaped[1])


def is_refusal(reply: Reply) -> bool:
    """Whether a replica said that it is one."""
    return isinstance(reply, ReplicaError)


def to_rows(reply: Reply) -> list[dict[str, str]]:
    """Servers, each with names and values by turns."""
    if isinstance(reply, StoreError):
        raise reply
    words = [to_words(row) for row in (reply if isinstance(reply, list) else [])]
    return [dict(zip(row[::2], row[1::2], strict=False)) for row in words]


def to_words(reply: Reply) -> list[str]:
    """The texts in a list; none if it is no list."""
    items = reply if isinstance(reply, list) else []
    return [item.decode("utf-8", "replace") for item in items if isinstance(item, bytes)]


def to_address(row: dict[str, str]) -> Address:
    """Where a server listens, as a Sentinel describes it."""
    try:
        host, port = row["ip"], int(row["port"])
    except (KeyError, ValueError):
        host, port = "", 0
    if not host or not 0 < port < 65536:
        raise StoreError(f"redis: a sentinel names a server without address: {row}")
    return Address(host, port, "")
