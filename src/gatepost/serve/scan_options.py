# SPDX-License-Identifier: Apache-2.0
"""What may a postmaster set for a scan listener, and what does it count?

Names and defaults are those of Rspamd's ``normal`` worker and of its ``options``
(core reference §2 and §10.1); the bounds on headers are ours.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class ScanPortOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one scan listener."""

    settings_id: str = ""
    """Settings id of all mail from this listener; it replaces the client's."""
    mime: bool = True
    """False for a listener of things that are no letters: each is one part, not parsed."""
    max_message: Positive = 50 * 1024 * 1024
    """Bytes of a message, also after decompression."""
    max_held: Count = 0
    """Bytes of requests held at once, all connections together; 0: four of the largest."""
    timeout: Seconds = 60.0
    """Seconds that a client may be silent in a request; in all it may take ten times that."""
    scan_timeout: Seconds = 60.0
    """Seconds for one scan. The engine's own deadline comes first; this is the safety net."""
    max_tasks: Count = 0
    """Connections at once, 0 for any number; one more is closed without a reply."""
    max_header_bytes: Positive = 256 * 1024
    """Bytes of the request line and headers: room for a thousand long recipients."""
    max_header_lines: Positive = 4096
    enable_shutdown_workaround: bool = True
    """Serve clients that shut their sending side after the request (old Exim)."""


class ScanPortCounters(msgspec.Struct):
    """What a listener has done since it began."""

    connections: int = 0
    refused_connections: int = 0
    """Closed at once: ``max_tasks``, or the server stops."""
    bad_requests: int = 0
    """Answered with an error, unscanned."""
    timeouts: int = 0
    """Clients that were too slow with their request."""
    pings: int = 0
    scans: int = 0
    """Messages handed to the scan."""
    replies: int = 0
    """Messages answered with a verdict."""
    failures: int = 0
    """Scans without a verdict."""
    cancelled: int = 0
    """Scans whose client went away."""
