# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end of a transport, and which listener took the call?"""

from __future__ import annotations

import asyncio

from gatepost.serve.reply import Peer


def peer_of(
    transport: asyncio.BaseTransport, *, protocol: str, settings_id: str, mime: bool = True
) -> Peer:
    """The ``Peer`` of an accepted connection; address and listener as ``Peer`` has them."""
    return Peer(
        address=_host(transport.get_extra_info("peername")),
        listener=_address(transport.get_extra_info("sockname")),
        protocol=protocol,
        settings_id=settings_id,
        mime=mime,
    )


def _host(peername: object) -> str:
    """The address without its port; the path of a UNIX socket, mostly empty."""
    if isinstance(peername, tuple) and peername:
        return str(peername[0])
    return peername if isinstance(peername, str) else ""


def _address(sockname: object) -> str:
    """``host:port``, ``[v6]:port`` or a path."""
    if isinstance(sockname, tuple) and len(sockname) >= 2:
        host = str(sockname[0])
        return f"[{host}]:{sockname[1]}" if ":" in host else f"{host}:{sockname[1]}"
    return sockname if isinstance(sockname, str) else ""
