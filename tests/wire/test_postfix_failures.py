# SPDX-License-Identifier: Apache-2.0
"""When workers die under load, is any letter lost, refused for good, or delivered twice?"""

from __future__ import annotations

import os
import signal
import smtplib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest

from gatepost_server import GatepostServer, run_gatepost
from letters import letter
from servers_postfix import PostfixServer, needs_postfix, run_postfix

pytestmark = needs_postfix

ALICE, BOB = "alice@example.org", "bob@example.com"
SENDERS, LETTERS = 8, 240
REPLACED_WITHIN = 20.0
"""Seconds from a worker's death to its successor; it takes two or three."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[GatepostServer, PostfixServer]]:
    with (
        run_gatepost(tmp_path, {}, workers=2) as gatepost,
        run_postfix(gatepost.smtpd_milters, users=[ALICE]) as postfix,
    ):
        yield gatepost, postfix


def _submit(postfix: PostfixServer, subject: str) -> int:
    """The code of Postfix's last word to the client."""
    try:
        with postfix.submission(ALICE) as client:
            client.sendmail(ALICE, [BOB], letter(subject=subject))
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code
    except smtplib.SMTPRecipientsRefused as refused:
        return refused.recipients[BOB][0]
    return 250


@pytest.mark.slow
def test_a_letter_is_delivered_once_or_its_sender_is_told_to_try_again(
    pair: tuple[GatepostServer, PostfixServer],
) -> None:
    gatepost, postfix = pair
    victims = gatepost.process.children()
    assert len(victims) >= 2
    codes = dict[str, int]()
    with ThreadPoolExecutor(SENDERS) as senders:
        tasks = {
            senders.submit(_submit, postfix, subject): subject
            for subject in (f"letter {number}" for number in range(LETTERS))
        }
        for count, done in enumerate(as_completed(tasks)):
            if count in (LETTERS // 4, LETTERS // 2):
                os.kill(victims.pop(), signal.SIGKILL)
            codes[tasks[done]] = done.result()
    assert {code for code in codes.values() if code != 250 and code // 100 != 4} == set()
    accepted = {subject for subject, code in codes.items() if code == 250}
    assert len(accepted) >= LETTERS // 4
    delivered = [postfix.sink.next().header("Subject")[0] for _ in accepted]
    assert sorted(delivered) == sorted(accepted)
    assert postfix.sink.all() == []


@pytest.mark.slow
def test_letters_pass_again_when_all_workers_died(
    pair: tuple[GatepostServer, PostfixServer],
) -> None:
    gatepost, postfix = pair
    for worker in gatepost.process.children():
        os.kill(worker, signal.SIGKILL)
    until = time.monotonic() + REPLACED_WITHIN
    codes = list[int]()
    while 250 not in codes:
        assert time.monotonic() < until, codes
        codes.append(_submit(postfix, "again"))
    assert {code // 100 for code in codes} <= {2, 4}
    assert postfix.sink.next().header("Subject") == ["again"]


def test_local_mail_waits_in_the_maildrop_while_the_scanner_is_down(
    pair: tuple[GatepostServer, PostfixServer],
) -> None:
    gatepost, postfix = pair
    gatepost.process.stop()
    postfix.sendmail(ALICE, [BOB], letter())
    postfix.process.wait_for("milter-reject: .*4.7.1 Service unavailable")
    assert [waiting["queue_name"] for waiting in postfix.queue()] == ["maildrop"]
