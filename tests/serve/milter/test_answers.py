# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.milter import answers as a

WIRE = [
    (a.ReplyCode("554 5.7.1 Gtube pattern"), b"y" b"554 5.7.1 Gtube pattern\0"),
    (a.ChangeHeader(1, "X-Spam", ""), b"m" b"\0\0\0\1" b"X-Spam\0" b"\0"),
    (a.ChangeHeader(1, "X-Spam", "Yes"), b"m" b"\0\0\0\1" b"X-Spam\0" b"Yes\0"),
    (a.InsertHeader(2, "DKIM-Signature", "v=1;\n\tb=x"),
     b"i" b"\0\0\0\2" b"DKIM-Signature\0" b"v=1;\n\tb=x\0"),
    (a.AddHeader("X-Note", "grün"), b"h" b"X-Note\0" + "grün".encode() + b"\0"),
    (a.AddHeader("X-Nul", "a\0b"), b"h" b"X-Nul\0" b"ab\0"),
    (a.ChangeFrom("<a@example.org>"), b"e" b"<a@example.org>\0"),
    (a.AddRcpt("<b@example.org>"), b"+" b"<b@example.org>\0"),
    (a.DelRcpt("<b@example.org>"), b"-" b"<b@example.org>\0"),
    (a.Quarantine("why"), b"q" b"why\0"),
    (a.Accept(), b"a"),
    (a.Continue(), b"c"),
    (a.Discard(), b"d"),
    (a.Tempfail(), b"t"),
    (a.Negotiated(6, 0x17D, 0xFF080, {0: "j v"}),
     b"O" b"\0\0\0\6" b"\0\0\1\x7d" b"\0\x0f\xf0\x80" b"\0\0\0\0" b"j v\0"),
]  # fmt: skip


@pytest.mark.parametrize("answer, wire", WIRE)
def test_each_answer_reads_as_on_the_wire(answer, wire):
    assert a.encode([answer]) == len(wire).to_bytes(4, "big") + wire


def test_answers_go_out_in_order():
    wire = a.encode([a.ChangeHeader(1, "X", ""), a.Accept()])
    assert wire == b"\0\0\0\x08m\0\0\0\1X\0\0\0\0\0\1a"
