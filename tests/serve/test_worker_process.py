# SPDX-License-Identifier: Apache-2.0
"""Forked processes and the words they exchange with their parent."""

import os
import select
import signal
import sys
import time

import pytest

from gatepost.serve.worker_process import GO, Stage, WorkerProcess


def ended(worker):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        how = worker.reap()
        if how is not None:
            worker.channel.close()
            return how
        select.select([worker.channel], [], [], 0.01)
    raise AssertionError("it runs on")


@pytest.mark.parametrize(
    "run, how",
    [
        (lambda channel: 0, "it ended with code 0"),
        (lambda channel: 7, "it ended with code 7"),
        (lambda channel: sys.exit(3), "SystemExit in the worker's main function"),
        (lambda channel: 1 // 0, "ZeroDivisionError in the worker's main function"),
        (
            lambda channel: os.kill(os.getpid(), signal.SIGKILL) or signal.pause(),
            "it was killed by SIGKILL",
        ),
        (lambda channel: channel.send(b"failed no store\n") and 1, "no store"),
    ],
)
def test_how_a_worker_ended_is_known(run, how):
    assert ended(WorkerProcess.fork(run)) == how


def test_its_words_are_its_stages():
    def run(channel):
        channel.send(b"accep")
        channel.recv(10)
        channel.send(b"ting\nre")
        channel.recv(10)
        channel.send(b"ady\nunknown word\n")
        channel.recv(10)
        return 0

    worker = WorkerProcess.fork(run)
    stages = []
    for _ in range(3):
        select.select([worker.channel], [], [], 10)
        assert worker.listen()
        stages.append(worker.stage)
        worker.say(GO)
    assert stages == [Stage.STARTING, Stage.ACCEPTING, Stage.READY]
    ended(worker)
    worker.say(GO)  # nobody hears it, and nothing breaks


def test_signals_sent_at_once_are_not_lost():
    def run(channel):
        signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.pause()
        return 0

    worker = WorkerProcess.fork(run)
    worker.stop(5.0)
    assert ended(worker) == "it ended with code 9"


def test_the_parent_s_signals_are_as_before():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    ended(WorkerProcess.fork(lambda channel: 0))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_the_end_of_a_parent_is_heard():
    def run(channel):
        return 5 if channel.recv(10) == b"" else 6

    worker = WorkerProcess.fork(run)
    worker.channel.shutdown(1)
    assert ended(worker) == "it ended with code 5"
