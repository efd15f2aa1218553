# SPDX-License-Identifier: Apache-2.0
"""Where reputations are kept: in the store, or in a zone of the DNS that somebody else writes.

Source: direction-modules reference §20, Redis backend and DNS backend. Names and hashes in the
store are Rspamd's: both can share one Redis. A zone answers with TXT records; Rspamd asks for
addresses, which cannot hold what it expects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from gatepost.modules.reputation.options import BackendOptions, DnsOptions, StoreOptions
from gatepost.modules.reputation.scoring import Standing, parse_standing, standing_of
from gatepost.modules.reputation.tokens import Token
from gatepost.net import reversed_labels
from gatepost.scan.selector_digests import encode, hash_of
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import to_bytes
from gatepost.store import Window


class Backend(Protocol):
    """Where a rule looks, and, where ``learns`` says so, what it writes to."""

    learns: bool

    async def read(self, task: Task, tokens: Sequence[Token]) -> list[Standing | None]:
        """What is known of each token, in their order; ``None`` where nobody says.

        Raises ``StoreError`` when the store does not answer.
        """
        ...

    async def learn(self, task: Task, tokens: Sequence[Token], score: float) -> None:
        """Remembers for each token that a letter had this score. Raises ``StoreError``."""
        ...


class StoreBackend:
    """One hash a token in the store, which forgets it after ``expiry`` without letters."""

    learns = True

    def __init__(self, options: StoreOptions) -> None:
        self.options = options
        self.windows = [Window(one.name, one.time, one.mult) for one in options.buckets]
        self.multipliers = [one.mult for one in options.buckets]
        self.fields = ["n", *(f"v{one.name}" for one in options.buckets)]

    async def read(self, task: Task, tokens: Sequence[Token]) -> list[Standing | None]:
        """One round trip. A token that nobody has seen has a standing of no letters."""
        rows = await task.store.hash_get_many(self._keys(tokens), self.fields)
        return [standing_of(row, self.multipliers) for row in rows]

    async def learn(self, task: Task, tokens: Sequence[Token], score: float) -> None:
        """One round trip; no two workers undo each other's learning."""
        keys, expire = self._keys(tokens), self.options.expiry
        await task.store.average(keys, score, self.windows, now=task.now, expire=expire)

    def _keys(self, tokens: Sequence[Token]) -> list[str]:
        return [name_of(token.prefix + token.name, self.options) for token in tokens]


class DnsBackend:
    """Reads ``COUNT;AVERAGE[;AVERAGE…]`` from TXT records of a zone, and learns nothing.

    The name is the token (an address in reverse), its prefix, and the zone.
    """

    learns = False

    def __init__(self, options: DnsOptions) -> None:
        self.options = options
        self.zone = options.list.strip(".")

    async def read(self, task: Task, tokens: Sequence[Token]) -> list[Standing | None]:
        """Asks for all at once. Records that cannot be understood are logged."""
        return await asyncio.gather(*(self._read(task, token) for token in tokens))

    async def learn(self, task: Task, tokens: Sequence[Token], score: float) -> None:
        """Does nothing: who writes the zone learns."""

    async def _read(self, task: Task, token: Token) -> Standing | None:
        answer = await task.resolver.query(self._name(token), "TXT")
        if answer.failed:
            task.log(logging.WARNING, "reputation: %s: %s", self.zone, answer.rcode)
        for record in answer.records:
            standing = parse_standing(record) if isinstance(record, bytes) else None
            if standing is not None:
                return standing
            task.log(logging.WARNING, "reputation: %s: a record is no reputation", self.zone)
        return None

    def _name(self, token: Token) -> str:
        name = token.name
        if token.address is not None:
            name = reversed_labels(token.address)
        labels = (name_of(name, self.options), token.prefix, self.zone)
        return ".".join(label for label in labels if label)


def name_of(token: str, options: BackendOptions) -> str:
    """What a token is called: its hash, cut, behind the prefix; each where it is asked for."""
    name = to_bytes(_hashed(token, options) if options.hashed else token)
    if options.hashlen is not None:
        name = name[: options.hashlen]
    return options.prefix + name.decode("utf-8", "surrogateescape")


def _hashed(token: str, options: BackendOptions) -> str:
    return encode(hash_of(to_bytes(token), options.hash_alg, key=b""), options.hash_encoding)
