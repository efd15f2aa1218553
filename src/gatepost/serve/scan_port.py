# SPDX-License-Identifier: Apache-2.0
"""How do the connections of one scan listener (11333) begin, and come to an end?

The worker makes the sockets: ``loop.create_server(port.protocol_factory, sock=…)``. All
listeners of a worker may share one ``Scan``. What requests hold in memory is bounded for the
whole listener; beyond it a request gets an error, which its MTA takes for "try again later".
"""

from __future__ import annotations

from gatepost.serve.connections import Front
from gatepost.serve.reply import Scan
from gatepost.serve.scan_connection import ScanConnection
from gatepost.serve.scan_listener import ScanListener
from gatepost.serve.scan_options import ScanPortCounters, ScanPortOptions

__all__ = ["ScanPort", "ScanPortCounters", "ScanPortOptions"]


class ScanPort(Front):
    """The connections of one scan listener."""

    def __init__(self, scan: Scan, options: ScanPortOptions | None = None) -> None:
        self._listener = ScanListener(scan, options or ScanPortOptions())
        super().__init__(self._listener)

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

    def protocol_factory(self) -> ScanConnection:
        return ScanConnection(self._listener)
