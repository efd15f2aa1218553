# SPDX-License-Identifier: Apache-2.0
"""A connection without a socket: a transport that notes what it is told."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.milter.connection import MilterConnection
from gatepost.serve.milter.framing import MAX_FRAME
from gatepost.serve.milter.listener import Listener
from gatepost.serve.milter.options import MilterOptions
from gatepost.serve.reply import CheckReply
from milter_client import frame, parse_replies

OFFER = frame("O", b"\0\0\0\6\0\0\1\xff\0\x1f\xff\xff")


class Wire(asyncio.Transport):
    def __init__(self):
        super().__init__({"peername": ("192.0.2.1", 4000), "sockname": ("::1", 11332, 0, 0)})
        self.written = b""
        self.reading = True
        self.closed = False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        assert self.reading
        self.reading = False

    def resume_reading(self):
        assert not self.reading
        self.reading = True

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    abort = close


class Desk:
    """A connection with its wire and a scan that waits for ``gate``."""

    def __init__(self, max_message=100_000):
        self.gate = asyncio.Event()
        self.peers = []
        self.listener = Listener(
            self.scan,
            MilterOptions(),
            max_message=max_message,
            timeout=30,
            max_held=4 * max_message,
        )
        self.connection = MilterConnection(self.listener)
        self.wire = Wire()
        self.connection.connection_made(self.wire)

    async def scan(self, headers, body, peer):
        self.peers.append(peer)
        await self.gate.wait()
        return CheckReply(False, 0.0, 15.0, "no action", {}, {}, {}, 0.0)

    async def settle(self):
        self.gate.set()
        while self.listener.tasks:
            await asyncio.gather(*self.listener.tasks)

    def end(self):
        self.connection.connection_lost(None)


async def test_reading_stops_when_more_than_a_frame_waits_for_a_scan():
    desk = Desk()
    desk.connection.data_received(OFFER + frame("E"))
    piece = frame("B", b"x" * 9_995)
    pieces = 0
    while desk.wire.reading:
        desk.connection.data_received(piece)
        pieces += 1
    assert MAX_FRAME < pieces * 10_000 <= MAX_FRAME + 10_000
    await desk.settle()
    assert desk.wire.reading
    desk.end()
    assert desk.listener.budget.held == 0


async def test_an_mta_that_does_not_read_is_not_answered_further():
    desk = Desk()
    desk.connection.data_received(frame("O", b"\0\0\0\2" + b"\0\0\0\x3f" + b"\0\0\0\0"))
    before = len(desk.wire.written)
    desk.connection.pause_writing()
    desk.connection.data_received(frame("N") * 30_000)
    assert len(desk.wire.written) == before
    assert not desk.wire.reading
    desk.connection.resume_writing()
    assert desk.wire.reading
    assert [one.code for one in parse_replies(desk.wire.written[before:])] == ["c"] * 30_000
    desk.end()


async def test_the_peer_is_told_to_the_scan():
    desk = Desk()
    desk.connection.data_received(OFFER + frame("E"))
    await desk.settle()
    assert (desk.peers[0].address, desk.peers[0].listener) == ("192.0.2.1", "[::1]:11332")
    desk.end()


async def test_a_scan_that_will_not_be_cancelled_harms_nobody():
    desk = Desk()
    desk.connection.data_received(OFFER + frame("E"))
    await asyncio.sleep(0)
    written = desk.wire.written
    desk.connection.connection_lost(None)
    await asyncio.gather(*desk.listener.tasks, return_exceptions=True)
    assert desk.wire.written == written and not desk.listener.members


CODES = "ABCDEHKLMNORTU"


@pytest.mark.parametrize("framed", [True, False])
def test_random_bytes_neither_raise_nor_pile_up(framed, caplog):
    caplog.set_level("CRITICAL")

    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def feed(data):
        asyncio.run(talk(data))

    async def talk(data):
        desk = Desk(max_message=500)
        desk.gate.set()
        desk.connection.data_received(OFFER)
        for _ in range(data.draw(st.integers(0, 25))):
            piece = data.draw(st.binary(max_size=60))
            if framed:
                piece = frame(data.draw(st.sampled_from(CODES)), piece)
            if desk.wire.closed:
                break
            desk.connection.data_received(piece)
            assert desk.listener.budget.held <= 2000
        await desk.settle()
        desk.end()
        assert desk.listener.budget.held == 0 and not desk.listener.members

    feed()
