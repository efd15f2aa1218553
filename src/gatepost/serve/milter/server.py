# SPDX-License-Identifier: Apache-2.0
"""How do the milter connections of one listener begin, and come to an end?

The worker makes the sockets: ``loop.create_server(server.protocol_factory, sock=…)``. All
listeners of a worker may share one ``Scan``. What messages hold in memory is bounded for
the whole listener; beyond it messages get a temporary failure, connections go on.
"""

from __future__ import annotations

from gatepost.serve.connections import HELD_MESSAGES, Front
from gatepost.serve.milter.connection import MilterConnection
from gatepost.serve.milter.listener import Listener, MilterCounters
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.reply import Scan


class MilterServer(Front):
    """The connections of one milter listener.

    ``max_message`` is in bytes, ``timeout`` in seconds for one scan, ``max_held`` in bytes
    for all messages together (default: four of the largest).
    """

    def __init__(
        self,
        scan: Scan,
        options: MilterOptions,
        *,
        max_message: int,
        timeout: float,
        max_held: int | None = None,
    ) -> None:
        held = HELD_MESSAGES * max_message if max_held is None else max_held
        self._listener = Listener(
            scan, options, max_message=max_message, timeout=timeout, max_held=held
        )
        super().__init__(self._listener)

    @property
    def counters(self) -> MilterCounters:
        return self._listener.counters

    def protocol_factory(self) -> MilterConnection:
        return MilterConnection(self._listener)

    async def drain(self, grace: float = 10.0) -> None:
        """Ends all connections; the listening socket must be closed already, by its owner.

        A connection whose SMTP client has gone closes at once. The others may go on for
        ``grace`` seconds, because to close one earlier would cost its client a temporary
        failure; then messages that are still being scanned get one.
        """
        self._listener.draining = True
        for member in tuple(self._listener.members):
            if member.is_idle:
                member.close()
        await super().drain(grace)
