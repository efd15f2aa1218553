# SPDX-License-Identifier: Apache-2.0
"""Does somebody at this address take mail? One connection says so.

A verdict is text, as it is kept in the store (direction-modules reference §9): ``gd`` good,
``rf`` refused, ``tc`` and ``tr`` out of time while connecting and reading, ``inv`` not SMTP,
``err:NNN`` an SMTP server that does not want us.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import msgspec

GOOD, REFUSED, TIMEOUT_CONNECT, TIMEOUT_READ, INVALID = "gd", "rf", "tc", "tr", "inv"
ERROR = "err:"
VERDICT = re.compile(r"gd|rf|tc|tr|inv|err:[45]\d\d")

REPLY = re.compile(rb"([2-5]\d\d)([ -]|\r?\n)")
MAX_LINE = 512  # octets, RFC 5321 4.5.3.1.5
MAX_LINES = 32  # of one greeting; more is no greeting


class Probe(msgspec.Struct, frozen=True):
    """How to look: times in seconds, each a limit. Without ``greeting`` a connection is enough."""

    port: int = 25
    connect_timeout: float = 2.0
    read_timeout: float = 5.0
    greeting: bool = False
    quit: bool = False

    @property
    def longest(self) -> float:
        """No probe takes longer, in seconds."""
        return self.connect_timeout + (self.read_timeout if self.greeting else 0.0)

    async def __call__(self, host: str) -> str:
        """The verdict on ``host``, an address. Raises nothing."""
        try:
            async with asyncio.timeout(self.connect_timeout):
                reader, writer = await asyncio.open_connection(host, self.port, limit=MAX_LINE)
        except (ConnectionRefusedError, ConnectionResetError):
            return REFUSED
        except (OSError, TimeoutError):  # unreachable is as good as silent; so is our own trouble
            return TIMEOUT_CONNECT
        try:
            if not self.greeting:
                return GOOD
            async with asyncio.timeout(self.read_timeout):
                return await self._greet(reader, writer)
        except TimeoutError:
            return TIMEOUT_READ
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        code, more = await _read_reply(reader)
        if code != "220":
            return f"{ERROR}{code}" if code[:1] in ("4", "5") else INVALID
        if self.quit:
            for _ in range(MAX_LINES):
                if not more:
                    break
                _, more = await _read_reply(reader)
            with contextlib.suppress(OSError):
                writer.write(b"QUIT\r\n")
                await writer.drain()
        return GOOD


async def _read_reply(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """The code of one line, empty when it is none, and whether lines follow."""
    try:
        line = await reader.readline()
    except (OSError, ValueError):  # the connection was cut, the line is too long
        return "", False
    found = REPLY.match(line)
    return ("", False) if found is None else (found[1].decode(), found[2] == b"-")
