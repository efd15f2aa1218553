# SPDX-License-Identifier: Apache-2.0
import pytest

from gatepost.serve.connections import ByteBudget
from gatepost.serve.milter import letter as letter_file
from gatepost.serve.milter.letter import Letter


def new(limit=1000, budget=None):
    return Letter(budget or ByteBudget(10_000), limit)


def test_the_message_is_put_together_again():
    letter = new()
    letter.add_header(b"Received", b"from a\n\tby b;\n today")
    letter.add_header(b"Subject", b"")
    letter.end_headers()
    letter.add_body(b"one\r")
    letter.add_body(b"\ntwo\r\n")
    assert letter.take_bytes() == (
        b"Received: from a\r\n\tby b;\r\n today\r\nSubject: \r\n\r\none\r\ntwo\r\n"
    )
    assert letter.header_names == [b"Received", b"Subject"]


@pytest.mark.parametrize(
    "steps, raw",
    [
        ([], b""),
        (["eoh"], b""),
        (["header"], b"A: b\r\n\r\n"),
        (["header", "eoh"], b"A: b\r\n\r\n"),
        (["eoh", "body"], b"\r\ntext"),
        (["body"], b"\r\ntext"),
        (["header", "body"], b"A: b\r\n\r\ntext"),
    ],
)
def test_missing_pieces(steps, raw):
    letter = new()
    for step in steps:
        match step:
            case "header":
                letter.add_header(b"A", b"b")
            case "eoh":
                letter.end_headers()
            case "body":
                letter.add_body(b"text")
    assert letter.take_bytes() == raw


def test_the_largest_message_is_kept_and_one_byte_more_is_not():
    for size, refusal in ((992, None), (993, "oversize")):
        letter = new(1000)
        letter.add_header(b"A", b"b")
        letter.end_headers()
        letter.add_body(b"x" * (size - 2))
        letter.add_body(b"xx")
        assert letter.refusal == (refusal if size + 8 > 1000 else None)


def test_what_is_too_large_is_dropped_at_once():
    budget = ByteBudget(10_000)
    letter = new(1000, budget)
    letter.set_sender("<a@b>", ())
    letter.add_body(b"x" * 900)
    letter.add_body(b"x" * 200)
    assert letter.refusal == "oversize"
    assert budget.held == 0
    letter.add_body(b"x")
    letter.add_header(b"A", b"b")
    letter.add_recipient("<c@d>", ())
    assert budget.held == 0 and letter.refusal == "oversize"


def test_all_letters_share_one_budget():
    budget = ByteBudget(1500)
    first, second = new(1000, budget), new(1000, budget)
    first.add_body(b"x" * 990)
    second.add_body(b"x" * 990)
    assert (first.refusal, second.refusal) == (None, "busy")
    first.close()
    assert budget.held == 0
    third = new(1000, budget)
    third.add_body(b"x" * 990)
    assert third.refusal is None


def test_bytes_stay_counted_until_the_letter_is_closed():
    budget = ByteBudget(1500)
    letter = new(1000, budget)
    letter.add_body(b"x" * 100)
    letter.take_bytes()
    assert budget.held == 102
    letter.close()
    letter.close()
    assert budget.held == 0


def test_headers_and_recipients_are_counted(monkeypatch):
    monkeypatch.setattr(letter_file, "MAX_FIELDS", 3)
    for add in (
        lambda letter: letter.add_header(b"A", b"b"),
        lambda letter: letter.add_recipient("<a@b>", ()),
    ):
        letter = new()
        for _ in range(3):
            add(letter)
        assert letter.refusal is None
        add(letter)
        assert letter.refusal == "oversize"


def test_the_envelope_is_bounded(monkeypatch):
    monkeypatch.setattr(letter_file, "MAX_ENVELOPE", 20)
    letter = new()
    letter.set_sender("<a@b.example>", ())
    letter.add_recipient("<c@d.example>", ())
    assert letter.refusal == "oversize"
