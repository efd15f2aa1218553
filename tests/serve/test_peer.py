# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end."""

import asyncio

import pytest

from gatepost.serve.peer import peer_of


@pytest.mark.parametrize(
    ("peername", "sockname", "address", "listener"),
    [
        (("192.0.2.1", 4711), ("127.0.0.1", 11333), "192.0.2.1", "127.0.0.1:11333"),
        (("2001:db8::1", 4711, 0, 0), ("::1", 11333, 0, 0), "2001:db8::1", "[::1]:11333"),
        ("", "/run/gatepost/scan.sock", "", "/run/gatepost/scan.sock"),
        (None, None, "", ""),
    ],
)
def test_addresses_are_written_as_people_write_them(peername, sockname, address, listener):
    transport = asyncio.BaseTransport({"peername": peername, "sockname": sockname})
    peer = peer_of(transport, protocol="http", settings_id="x")
    assert (peer.address, peer.listener) == (address, listener)
    assert (peer.protocol, peer.settings_id) == ("http", "x")
