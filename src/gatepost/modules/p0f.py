# SPDX-License-Identifier: Apache-2.0
"""p0f: which system did the client's packets come from?

Asks a running p0f (version 3) over its UNIX socket and keeps the answer for a while. A mail
server on a desktop system is worth knowing of.

Source: direction-modules reference §12; the protocol is p0f's README, section 4 (API access).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from gatepost.scan.envelope import IPAddress
from gatepost.scan.module import (
    Hits,
    Module,
    ModuleOptions,
    Raw,
    Seconds,
    Setup,
    Skip,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.regexps import Regexp
from gatepost.scan.task import Task
from gatepost.store import StoreError
from gatepost.ucl import Object

QUERY, REPLY = 0x50304601, 0x50304602
OK, NO_MATCH = 0x10, 0x20
SHAPE = struct.Struct("=9IhBB32s32s32s32s32s32s")
"""The reply in the byte order of the machine: both ends of a UNIX socket are on it."""
STRANGE = re.compile(r"[^\w\-.() ]")


class Fingerprint(NamedTuple):
    """What p0f knows of an address; ``uptime`` in minutes, ``distance`` in hops (-1: unknown)."""

    system: str
    link: str
    uptime: int
    distance: int

    def strings(self) -> tuple[str, str, str]:
        """The three strings that patterns are tried on."""
        link = self.link or "unknown"
        return (self.system or "unknown", f"link={link}", f"distance={self.distance}")


class P0f(Module):
    """Names the client's system."""

    name = "p0f"
    group = "p0f"
    outbound = Skip(local=True, override=())

    P0F = Symbol("P0F", 0.0, "fingerprint of the client", option="symbol", nostat=True)
    FAIL = Symbol("P0F_FAIL", 0.0, "p0f did not answer", nostat=True)

    class Options(ModuleOptions, frozen=True):
        """Off unless the configuration says where p0f listens."""

        enabled: bool = False
        socket: str | None = None
        """Path of p0f's socket (``p0f -s``)."""
        timeout: Seconds = 5.0
        """Seconds for one question."""
        symbol: str = "P0F"
        """Symbol of a string that no pattern matches; it weighs nothing."""
        patterns: Raw = None
        """Symbols, each with a regular expression for the strings."""
        expire: Seconds = 7200.0
        """Seconds that an answer is kept."""
        prefix: str = "p0f"
        """Prefix of the keys in the store."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Compiles the patterns."""
        self.patterns: list[tuple[Symbol, Regexp]] = []
        written = self.options.patterns
        if written is None:
            return
        if not isinstance(written, Object):
            setup.problem("patterns", "expected a section { SYMBOL = 'regexp'; }")
            return
        for name, pattern in written.items():
            for regexp in setup.regexps([str(pattern)], option="patterns"):
                self.patterns.append((Symbol(name, 0.0, f"p0f: {pattern}", nostat=True), regexp))

    def ready(self) -> bool:
        """Without a socket there is nobody to ask."""
        return self.options.socket is not None

    def symbols(self) -> Sequence[Symbol]:
        """Those of the patterns, the general one, and the failure."""
        return [*(symbol for symbol, _ in self.patterns), *super().symbols()]

    @runs(Stage.PREFILTER, callback="P0F_CHECK", priority=5, empty=True)
    async def check(self, task: Task) -> Hits:
        """Asks the store, then p0f; nothing for an address that p0f has not seen."""
        guessed = task.envelope.ip_guessed  # then a local address makes no direction
        if task.ip is None or (guessed and self.setup.is_local(task.ip)):
            return
        key = f"{self.options.prefix}{task.ip}"
        raw = await self._kept(task, key)
        if raw is None:
            try:
                raw = await ask(self.options.socket or "", task.ip, self.options.timeout)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                task.log(logging.WARNING, "p0f: no answer: %s", error or type(error).__name__)
                yield self.FAIL(weight=0.0)
                return
            if is_answer(raw):
                await self._keep(task, key, raw)
        found = parse_reply(raw)
        if found is None:
            return
        task.variables["os_fingerprint"] = found
        for text in found.strings():
            matching = (symbol for symbol, regexp in self.patterns if regexp.search(text))
            symbol = next(matching, None)
            if symbol is not None:
                yield symbol(text)
            elif self.P0F:
                yield self.P0F(text, weight=0.0)

    async def _kept(self, task: Task, key: str) -> bytes | None:
        try:
            kept = await task.store.get(key)
        except StoreError as error:
            task.log(logging.WARNING, "p0f: %s", error)
            return None
        return kept if kept is not None and len(kept) == SHAPE.size else None

    async def _keep(self, task: Task, key: str, raw: bytes) -> None:
        try:
            await task.store.set(key, raw, expire=self.options.expire)
        except StoreError as error:
            task.log(logging.WARNING, "p0f: %s", error)


async def ask(path: str, address: IPAddress, timeout: float) -> bytes:
    """p0f's raw answer about an address, within ``timeout`` seconds.

    Raises ``OSError``, ``TimeoutError`` or ``asyncio.IncompleteReadError``.
    """
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(query(address))
            return await reader.readexactly(SHAPE.size)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def query(address: IPAddress) -> bytes:
    """The question: 21 bytes, a short address padded with zeros."""
    return struct.pack("=IB16s", QUERY, address.version, address.packed)


def is_answer(raw: bytes) -> bool:
    """True when p0f says what it knows, or that it knows nothing: it took the question."""
    return SHAPE.unpack(raw)[:2] in ((REPLY, OK), (REPLY, NO_MATCH))


def parse_reply(raw: bytes) -> Fingerprint | None:
    """What an answer of 232 bytes says; ``None`` when p0f knows nothing or answers nonsense."""
    if len(raw) != SHAPE.size:
        return None
    fields = SHAPE.unpack(raw)
    if fields[0] != REPLY or fields[1] != OK:
        return None
    name, flavor, _, _, link, _ = (_text(field) for field in fields[12:])
    return Fingerprint(f"{name} {flavor}".strip(), link, fields[5], fields[9])


def _text(field: bytes) -> str:
    return STRANGE.sub("", field.partition(b"\0")[0].decode("latin-1"))
