# SPDX-License-Identifier: Apache-2.0
"""Errors of the network room.

    GatepostError
    └── NetError
        ├── UpstreamError   a list of servers cannot be read (a mistake in the configuration)
        ├── MapError        a map's definition cannot be used, or its file cannot be read
        ├── HttpError       a request that cannot be sent, or got no complete answer
        └── DatabaseError   a database of addresses cannot be read, or is none

DNS trouble is never an exception: it is an :class:`~gatepost.net.answers.Answer`.
"""

from gatepost.errors import GatepostError


class NetError(GatepostError):
    """Anything this room cannot go on with."""


class UpstreamError(NetError):
    """A server list such as ``round-robin:a:53,b:53:2`` that cannot be read."""


class MapError(NetError):
    """A map definition that names no usable source, or a source that cannot be read."""


class HttpError(NetError):
    """A request that cannot be sent, or that got no complete answer; ask again later."""


class DatabaseError(NetError):
    """A database of addresses that cannot be read, or a file that is none."""
