# SPDX-License-Identifier: Apache-2.0
"""Signals that wait in a queue."""

import os
import select
import signal

import pytest

from gatepost.serve.signals import SignalInbox


@pytest.fixture
def inbox():
    before = {n: signal.getsignal(n) for n in (signal.SIGUSR1, signal.SIGUSR2)}
    inbox = SignalInbox([signal.SIGUSR1])
    yield inbox
    inbox.close()
    assert {n: signal.getsignal(n) for n in before} == before


def test_signals_are_taken_in_order_each_once(inbox):
    inbox.catch([signal.SIGUSR2])
    for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(os.getpid(), number)
    assert select.select([inbox], [], [], 5)[0] == [inbox]
    assert inbox.take() == [signal.SIGUSR2, signal.SIGUSR1]
    assert inbox.take() == []


def test_a_flood_of_signals_is_no_harm(inbox):
    for _ in range(10_000):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert inbox.take() == [signal.SIGUSR1]
