# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.milter import messages as m
from gatepost.serve.milter.errors import MilterError
from gatepost.serve.milter.framing import FrameReader

WIRE = [
    ("0000000D 4F 00000006 000001FF 001FFFFF", m.Negotiate(6, 0x1FF, 0x1FFFFF)),
    (b"C" b"mail.example.org\0" b"4" b"\x9c\x40" b"203.0.113.7\0",
     m.Connect("mail.example.org", "4", 40_000, "203.0.113.7")),
    (b"C" b"[2001:db8::7]\0" b"6" b"\0\x19" b"IPv6:2001:db8::7\0",
     m.Connect("[2001:db8::7]", "6", 25, "IPv6:2001:db8::7")),
    (b"C" b"localhost\0" b"L" b"\0\0" b"/run/lmtp\0", m.Connect("localhost", "L", 0, "/run/lmtp")),
    (b"C" b"unknown\0" b"U", m.Connect("unknown")),
    (b"H" b"client.example.org\0", m.Helo("client.example.org")),
    (b"M" b"<alice@example.org>\0" b"SIZE=1000\0" b"BODY=8BITMIME\0",
     m.Mail("<alice@example.org>", ("SIZE=1000", "BODY=8BITMIME"))),
    (b"M" b"<>\0", m.Mail("<>")),
    (b"R" + "<jürg@bücher.example>\0".encode(), m.Rcpt("<jürg@bücher.example>")),
    (b"R" b"<bob@example.com>\0" b"NOTIFY=NEVER\0",
     m.Rcpt("<bob@example.com>", ("NOTIFY=NEVER",))),
    (b"T", m.Data()),
    (b"L" b"Subject\0" b"one\n two\0", m.Header(b"Subject", b"one\n two")),
    (b"L" b"X-Empty\0" b"\0", m.Header(b"X-Empty", b"")),
    (b"N", m.EndOfHeaders()),
    (b"B" b"body\r\n\0", m.Body(b"body\r\n\0")),
    (b"E", m.EndOfMessage()),
    (b"E" b"tail", m.EndOfMessage(b"tail")),
    (b"A", m.Abort()),
    (b"Q", m.Quit()),
    (b"K", m.QuitNewConnection()),
    (b"U" b"FOO\0", m.Unknown("FOO")),
    (b"D" b"M" b"i\0" b"4ABC\0", m.Macros(b"M", b"i\0" b"4ABC\0")),
]  # fmt: skip


def wire_bytes(wire):
    if isinstance(wire, str):
        return bytes.fromhex(wire)
    return len(wire).to_bytes(4, "big") + wire


@pytest.mark.parametrize("wire, message", WIRE)
def test_each_message_reads_and_writes_as_on_the_wire(wire, message):
    reader = FrameReader()
    reader.feed(wire_bytes(wire))
    assert m.decode(reader.next()) == message
    assert m.encode(message) == wire_bytes(wire)


@pytest.mark.parametrize(
    "payload, values",
    [
        (b"i\x004ABC\0{auth_authen}\0alice\0", {"i": "4ABC", "auth_authen": "alice"}),
        (b"{i}\x004ABC\0", {"i": "4ABC"}),
        (b"j\0", {"j": ""}),
        (b"", {}),
        (b"v\0no end", {"v": "no end"}),
        (b"j\0caf\xe9\0", {"j": "caf\ufffd"}),
    ],
)
def test_macros_are_named_without_braces(payload, values):
    assert m.Macros(b"C", payload).values() == values


@pytest.mark.parametrize(
    "code, payload",
    [
        (b"O", b"\0\0\0\x06"),
        (b"O", b""),
        (b"C", b""),
        (b"C", b"host without end"),
        (b"C", b"host\0"),
        (b"C", b"host\x004\0"),
        (b"D", b""),
        (b"L", b""),
        (b"L", b"name alone"),
        (b"L", b"\0value\0"),
        (b"?", b""),
    ],
)
def test_a_broken_payload_is_an_error(code, payload):
    with pytest.raises(MilterError):
        m.decode((code[0], payload))


def test_arguments_are_bounded():
    payload = b"<a@b>\0" + b"X=1\0" * 10_000
    assert len(m.decode((ord("M"), payload)).arguments) == m.MAX_ARGUMENTS


@given(st.integers(0, 255), st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_a_milter_error(code, payload):
    try:
        message = m.decode((code, payload))
    except MilterError:
        return
    assert m.encode(message)[4] == code
