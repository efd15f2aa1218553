# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.framing import MAX_FRAME, FrameReader, to_frame

FRAMES = [(ord("N"), b""), (ord("B"), b"body"), (ord("B"), b"x" * (MAX_FRAME - 1))]


def read_all(reader):
    found = []
    while (frame := reader.next()) is not None:
        found.append(frame)
    return found


def test_frames_come_out_as_they_went_in():
    reader = FrameReader()
    reader.feed(b"".join(to_frame(bytes([code]), payload) for code, payload in FRAMES))
    assert read_all(reader) == FRAMES
    assert len(reader) == 0


@given(st.integers(1, 9))
@settings(max_examples=9, deadline=None)
def test_frames_may_come_in_any_pieces(size):
    reader, found = FrameReader(), []
    wire = b"".join(to_frame(bytes([code]), payload[:50]) for code, payload in FRAMES)
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
        found += read_all(reader)
    assert found == [(code, payload[:50]) for code, payload in FRAMES]


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_is_refused_before_anything_is_kept_for_it(length):
    reader = FrameReader()
    reader.feed(length.to_bytes(4, "big"))
    with pytest.raises(MilterError):
        reader.next()


def test_half_a_frame_is_none():
    reader = FrameReader()
    reader.feed(to_frame(b"B", b"body")[:-1])
    assert reader.next() is None
    assert reader.peek(5) == b"\0\0\0\x05B"
