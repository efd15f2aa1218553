# SPDX-License-Identifier: Apache-2.0
"""How do the connections of one scan listener (11333) begin, and come to an end?

The worker makes the sockets: ``loop.create_server(port.protocol_factory, sock=…)``. All
listeners of a worker may share one ``Scan``. What requests hold in memory is bounded for the
whole listener; beyond it a request gets an error, which its MTA takes for "try again later".
"""

from __future__ import annotations

import asyncio

from gatepost.serve.reply import Scan
from gatepost.serve.scan_connection import ScanConnection
from gatepost.serve.scan_listener import ScanListener
from gatepost.serve.scan_options import ScanPortCounters, ScanPortOptions

__all__ = ["ScanPort", "ScanPortCounters", "ScanPortOptions"]


class ScanPort:
    """The connections of one scan listener."""

    def __init__(self, scan: Scan, options: ScanPortOptions | None = None) -> None:
        self._listener = ScanListener(scan, options or ScanPortOptions())

    @property
    def ready(self) -> bool:
        """Whether ``/ping`` answers ``pong``; set it once all workers accept."""
        return self._listener.ready

    @ready.setter
    def ready(self, value: bool) -> None:
        self._listener.ready = value

    @property
    def counters(self) -> ScanPortCounters:
        return self._listener.counters

    @property
    def open_connections(self) -> int:
        return len(self._listener.members)

    @property
    def running_scans(self) -> int:
        return len(self._listener.tasks)

    @property
    def held_bytes(self) -> int:
        """Bytes of requests that are in hand."""
        return self._listener.budget.held

    def protocol_factory(self) -> ScanConnection:
        """A protocol for one accepted connection."""
        return ScanConnection(self._listener)

    async def drain(self, grace: float = 10.0) -> None:
        """Ends all connections; the listening socket must be closed already, by its owner.

        Requests in hand may go on for ``grace`` seconds; then a message that is still being
        scanned gets an error, and the rest are closed.
        """
        listener = self._listener
        listener.draining = True
        try:
            async with asyncio.timeout(grace):
                while listener.members:
                    listener.changed.clear()
                    await listener.changed.wait()
        except TimeoutError:
            for member in tuple(listener.members):
                member.give_up()
        await asyncio.gather(*listener.tasks, return_exceptions=True)
