# SPDX-License-Identifier: Apache-2.0
"""What a check can ask a task, and what it can tell it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gatepost.scan.applied import Applied
from gatepost.scan.envelope import Envelope, parse_envelope
from gatepost.scan.symbol import Hit
from gatepost.scan.task import Task
from scan_core import make_task


def task(raw: bytes = b"\r\n", settings: Applied | None = None, **headers: str) -> Task:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    more: dict[str, Any] = {} if settings is None else {"settings": settings}
    return make_task(raw, envelope=parse_envelope(pairs), **more)


@pytest.mark.parametrize(
    "user, domain",
    [
        ("anna@Example.ORG", "example.org"),
        ("a@b@example.org", "example.org"),
        ("anna", None),
        ("", None),
    ],
)
def test_the_users_domain(user: str, domain: str | None) -> None:
    assert task(User=user).user_domain == domain


def test_an_empty_user_is_none() -> None:
    assert make_task(envelope=Envelope(user="")).user is None


@pytest.mark.parametrize(
    "sender, domain", [("<a@Example.ORG>", "example.org"), ("<>", ""), ("<postmaster>", "")]
)
def test_the_senders_domain(sender: str, domain: str) -> None:
    assert task(From=sender).sender_domain == domain
    assert task().sender_domain == ""


@pytest.mark.parametrize(
    "raw, domain",
    [
        (b"From: Anna <a@Example.ORG>, b@example.net\r\n\r\n", "example.org"),
        (b"From: nobody\r\n\r\n", ""),
        (b"\r\n", ""),
    ],
)
def test_the_domain_of_from(raw: bytes, domain: str) -> None:
    assert task(raw).from_domain == domain


TO = b"To: c@example.net\r\nDelivered-To: <D@example.net>\r\n\r\n"


@pytest.mark.parametrize(
    "raw, headers, principal",
    [
        (TO, {"Deliver_To": "<E@example.net>", "Rcpt": "f@example.net"}, "e@example.net"),
        (TO, {"Rcpt": "f@example.net"}, "d@example.net"),
        (b"To: c@x.example\r\n\r\n", {"Rcpt": "F@x.example,g@x.example"}, "f@x.example"),
        (b"To: C@x.example\r\n\r\n", {}, "c@x.example"),
        (b"\r\n", {}, None),
    ],
)
def test_the_principal_recipient(
    raw: bytes, headers: dict[str, str], principal: str | None
) -> None:
    assert task(raw, **headers).principal_recipient == principal


@pytest.mark.parametrize(
    "raw, sender, address",
    [
        (
            b"From: A@x.example\r\nReply-To: B <b@x.example>, c@x.example\r\n\r\n",
            "d@x",
            "b@x.example",
        ),
        (b"From: A@x.example, b@x.example\r\n\r\n", "d@x.example", "A@x.example"),
        (b"From: a@x.example\r\nReply-To: \r\n\r\n", "d@x.example", None),
        (b"Subject: x\r\n\r\n", "d@x.example", "d@x.example"),
        (b"Subject: x\r\n\r\n", "<>", None),
    ],
)
def test_where_an_answer_goes(raw: bytes, sender: str, address: str | None) -> None:
    assert task(raw, From=sender).reply_sender == address


def test_recipients_are_those_of_the_envelope_else_of_the_header() -> None:
    assert [a.addr for a in task(TO, Rcpt="f@x.example").recipients] == ["f@x.example"]
    assert [a.addr for a in task(TO).recipients] == ["c@example.net"]


def test_what_was_found_so_far() -> None:
    found = task()
    found.result.insert(Hit("X", ("option",)))
    symbol = found.symbol("X")
    assert symbol is not None and symbol.options == ["option"]
    assert (found.has("X"), found.has("Y"), found.symbol("Y")) == (True, False, None)


def test_the_pre_result_of_highest_priority_is_shown_first() -> None:
    found = task()
    assert found.pre_result is None
    found.set_pre_result("greylist", "wait", module="a", least=True)
    found.set_pre_result("reject", module="b", priority=2, score=20.0)
    assert found.pre_result is not None
    assert (found.pre_result.module, found.pre_result.score) == ("b", 20.0)
    assert found.result.messages == {"smtp_message": "wait"}


def test_flags_come_from_request_and_settings() -> None:
    applied = Applied(flags=frozenset({"no_stat"}), variables={"k": "v"})
    found = task(settings=applied, Flags="no_log")
    assert found.flags == {"no_log", "no_stat"}
    found.flags.add("skip")
    found.variables["k"] = "changed"
    assert applied.flags == {"no_stat"} and applied.variables == {"k": "v"}


def test_what_the_mta_is_to_change() -> None:
    found = task()
    found.add_header("X-Spam", "Yes")
    found.add_header("Received", "here", order=0)
    found.remove_header("X-Old")
    found.remove_header("X-Other", -1)
    added = [(header.name, header.value, header.order) for header in found.added_headers]
    assert added == [("X-Spam", "Yes", None), ("Received", "here", 0)]
    assert found.removed_headers == {"X-Old": 0, "X-Other": -1}


def test_the_log_knows_task_and_queue(caplog: pytest.LogCaptureFixture) -> None:
    found = task(Queue_Id="4F1")
    found.log(logging.WARNING, "something about %s", "it")
    record = caplog.records[-1]
    assert record.getMessage() == "something about it"
    assert (record.__dict__["task"], record.__dict__["queue_id"]) == (found.id, "4F1")


@pytest.mark.parametrize(
    "tag, prefix",
    [("4ABCDEF", "4ABCDEF"), ("", ""), ("a b", ""), ("<x>\n", ""), ("x" * 21, "")],
)
def test_the_name_in_the_log_begins_as_the_mta_asks(tag: str, prefix: str) -> None:
    first, second = task(Log_Tag=tag), task(Log_Tag=tag)
    assert first.id.startswith(prefix) and len(first.id) == len(prefix) + 6
    assert first.id != second.id


def test_every_task_has_a_name_of_its_own() -> None:
    assert len({task().id for _ in range(50)}) == 50
