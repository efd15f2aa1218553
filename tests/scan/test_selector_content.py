# SPDX-License-Identifier: Apache-2.0
"""Extractors of what is in the letter."""

import hashlib

import pytest

from selector_tasks import evaluate, make_task


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("header(Subject)", "Grüße an Alle"),
        ("header(subject)", "Grüße an Alle"),
        ("header(X-Mark)", "one"),
        ("header(X-Mark, full)", ["one", "two"]),
        ("header(x-mark, strong)", "two"),
        ("header(X-MARK, strong)", None),
        ("header(x-mark, 'full,strong')", ["two"]),
        ("header(x-mark, full, strong)", ["two"]),
        ("header(X-None)", None),
        ("header(X-None, full)", None),
        ("received(real_ip)", ["192.0.2.7", "10.1.2.3"]),
        ("received('by_hostname')", ["mx.example.org", "mail.example.net"]),
        ("received(for)", ["bob@example.org"]),
        ("received_count", "2"),
        ("messageid", "abc@example.net"),
        ("files", ["Invoice.pdf"]),
        ("attachments(hex, md5)", [hashlib.md5(b"hello").hexdigest()]),
        ("attachments(base64, sha1)", ["qvTGHdzF6KLavt4PO0gs2a6pQ00="]),
        ("languages", None),
        ("words.take_n(3)", ["go", "to", "https"]),
        ("words(raw).take_n(2)", ["go", "to"]),
        ("words(full).take_n(2)", ["go", "to"]),
    ],
)
def test_of_a_letter(text, value):
    assert evaluate(text) == value


def test_without_arguments_attachments_are_the_fuzzy_hashes():
    task = make_task()
    digests = [part.digest.hex() for part in task.message.attachments]
    assert evaluate("attachments", task) == evaluate("attachments(hex, blake2)", task) == digests


def test_the_digest_is_the_messages():
    task = make_task()
    assert evaluate("digest", task) == task.message.digest


def test_languages_are_those_that_were_told():
    task = make_task()
    task.message.text_parts[0].language = "en"
    assert evaluate("languages", task) == ["en"]


@pytest.mark.parametrize("text", ["files", "attachments", "received", "urls", "emails", "words"])
def test_an_empty_letter_has_none(text):
    assert evaluate(text, make_task(b"\n")) is None


def test_a_letter_of_many_words_is_cut():
    task = make_task(b"Content-Type: text/plain\n\n" + b"word " * 20_000)
    assert len(evaluate("words", task)) <= 4096
