# SPDX-License-Identifier: Apache-2.0
"""What must a protocol be able to do to be spoken on the scan port?

The port looks at a connection's first line and picks a ``Dialect``. A dialect does no I/O:
it takes bytes and says what is to happen, and it words the answers.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gatepost.serve.reply import CheckReply, RequestHeaders


class Interim(NamedTuple):
    """Send this; the request goes on."""

    data: bytes


class Answer(NamedTuple):
    """Send this and close; there is nothing to scan. ``name`` is for the counters."""

    data: bytes
    name: str


class Ask(NamedTuple):
    """The request is complete: scan it."""

    headers: RequestHeaders
    body: bytes


Event = Interim | Answer | Ask


class Dialect(Protocol):
    """One conversation, from its first line to its answer."""

    def receive(self, data: bytes) -> Event | None:
        """Takes what came after the first line; ``None`` means more is needed.

        Raises ``BadRequest``. After an ``Answer`` or an ``Ask`` it is not called again.
        """
        ...

    def reply(self, reply: CheckReply) -> bytes:
        """The answer to a scanned message. Raises ``BadRequest``."""
        ...

    def refuse(self, message: str, status: int) -> bytes:
        """The answer to a request without a verdict; ``status`` as in HTTP."""
        ...
