# SPDX-License-Identifier: Apache-2.0
"""What a signature sees of a letter: which fields, in which order, and which body."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn import Letter, shared_letter
from gatepost.mail import Message

HEADER = b"A: 1\r\nb: 2\r\nA: 3\r\n\tfold\r\nno field at all\r\nC : 4\r\n"


def test_fields_are_kept_as_they_came():
    letter = Letter(HEADER, b"")
    assert letter.index == {"a": [0, 2], "b": [1], "c": [3]}
    assert letter.fields == [b"A: 1\r\n", b"b: 2\r\n", b"A: 3\r\n\tfold\r\n", b"C : 4\r\n"]
    assert letter.count("a") == 2 and letter.count("x") == 0


def test_instances_are_taken_from_the_bottom_each_once():
    letter = Letter(HEADER, b"")
    assert letter.select(["a", "B", "A", "x", "a"]) == [2, 1, 0]
    assert letter.header_text(["a", "a"], "relaxed") == b"a:3 fold\r\na:1\r\n"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\r\r\n"])
def test_line_ends_of_any_kind_make_the_same_letter(end):
    raw = HEADER + b"\r\none\r\ntwo\r\n"
    same, other = Letter.from_bytes(raw), Letter.from_bytes(raw.replace(b"\r\n", end))
    assert other.fields == same.fields
    assert other.body("simple") == same.body("simple") == b"one\r\ntwo\r\n"


def test_a_mbox_line_is_no_field():
    letter = Letter.from_bytes(b"From anna Fri Jul 11 2003\nTo: b\n\ntext\n")
    assert letter.fields == [b"To: b\r\n"]
    assert Letter(b"From anna@x Fri Jul 11 21:00:37\r\nTo: b\r\n", b"").fields == [b"To: b\r\n"]


def test_a_body_hash_may_stop_early():
    letter = Letter(HEADER, b"one \r\ntwo")
    whole = hashlib.sha256(b"one\r\ntwo\r\n").digest()
    assert letter.body_hash("relaxed", "sha256") == whole
    assert letter.body_hash("relaxed", "sha256", 3) == hashlib.sha256(b"one").digest()
    assert letter.body_hash("relaxed", "sha256", 0) == hashlib.sha256(b"").digest()
    assert letter.body_hash("relaxed", "sha1", 10**30) == hashlib.sha1(b"one\r\ntwo\r\n").digest()


def test_a_lone_cr_is_text_only_on_request():
    letter = Letter(HEADER, b"a\rb\r\n")
    assert letter.body("simple") == b"a\r\nb\r\n"
    literal = letter.with_lone_cr()
    assert literal is not None and literal.body("simple") == b"a\rb\r\n"
    assert Letter(HEADER, b"a\nb\r\n").with_lone_cr() is None


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_a_letter(header, body):
    letter = Letter(header, body)
    for field in letter.fields:
        assert field.endswith(b"\r\n")
    letter.header_text([*letter.index] * 2, "relaxed")
    letter.body_hash("relaxed", "sha256")
    Letter.from_bytes(header + b"\r\n\r\n" + body).body("simple")


def test_another_header_keeps_what_is_known_of_the_body():
    letter = Letter(HEADER, b"one \r\ntwo")
    other = letter.with_header(b"X: 1\r\n")
    assert list(other.index) == ["x"] and letter.count("a") == 2
    assert other.body_hash("relaxed", "sha256") == letter.body_hash("relaxed", "sha256")
    assert other.body("relaxed") is letter.body("relaxed")


def test_all_who_share_a_message_share_its_letter():
    message, kept = Message(HEADER + b"\r\ntext\r\n"), {}
    assert shared_letter(message, kept) is shared_letter(message, kept) is kept["letter"]
    assert kept["letter"].count("a") == 2
    assert shared_letter(message, {"letter": "not ours"}).count("a") == 2
    edited = shared_letter(message, kept, b"X: 1\r\n")
    assert list(edited.index) == ["x"] and kept["letter"].count("a") == 2
    assert edited.body("simple") is kept["letter"].body("simple")
