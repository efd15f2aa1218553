# SPDX-License-Identifier: Apache-2.0
"""The places of workers, and what a generation must have to be served."""

import os
import re
import signal
import socket

import pytest

from gatepost.serve.bind_address import parse_bind
from gatepost.serve.errors import BindError, ServeError
from gatepost.serve.generation import (
    FIRST_BACKOFF,
    HANGING,
    LONG_LIFE,
    MAX_BACKOFF,
    STARTING,
    Generation,
    Slot,
)
from gatepost.serve.prepared import MilterListener, Prepared, ScanPortListener
from gatepost.serve.worker_process import Stage, WorkerProcess


async def nobody():
    raise AssertionError("no worker is opened here")


def prepared(*listeners, **fields):
    return Prepared(listeners=listeners, open_worker=nobody, **{"workers": 2} | fields)


def milter(*texts):
    return MilterListener(bind=tuple(map(parse_bind, texts)))


def scan(*texts):
    return ScanPortListener(bind=tuple(map(parse_bind, texts)))


def test_a_dead_worker_is_replaced_later_and_later_but_not_after_a_long_life():
    ours, theirs = socket.socketpair()
    slot, now, waits = Slot(), 1000.0, []
    for lived in [1.0] * 9 + [LONG_LIFE + 1, 1.0]:
        slot.worker = WorkerProcess(0, ours)
        slot.worker.began = now - lived
        waits.append(slot.vacate(now))
        assert slot.worker is None and slot.due == now + waits[-1]
    assert waits[:3] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF]
    assert waits[8] == MAX_BACKOFF
    assert waits[9:] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF]
    ours.close()
    theirs.close()


def test_a_slot_that_never_had_a_worker_waits_too():
    slot = Slot()
    assert [slot.vacate(0.0), slot.vacate(0.0)] == [FIRST_BACKOFF, 2 * FIRST_BACKOFF]


def test_addresses_are_listed_by_kind_with_their_real_ports(tmp_path):
    one = Generation(
        prepared(scan("127.0.0.1:0"), milter("localhost:0", f"{tmp_path}/m"), milter("[::1]:0")),
        None,
    )
    port = r"[1-9]\d*"
    assert re.fullmatch(
        rf"milter=127\.0\.0\.1:({port}),\[::1\]:\1,{tmp_path}/m,\[::1\]:{port}"
        rf" scan=127\.0\.0\.1:{port}",
        one.addresses(),
    )
    one.close(None)


def test_a_kind_without_listeners_is_left_out():
    one = Generation(prepared(scan("127.0.0.1:0")), None)
    assert one.addresses().startswith("scan=")
    one.close(None)


def test_there_is_always_a_worker():
    one = Generation(prepared(scan("127.0.0.1:0"), workers=0), None)
    assert len(one.slots) == 1
    one.close(None)


@pytest.mark.parametrize(
    "listeners, error, why",
    [
        ((), ServeError, "there is nothing to serve"),
        ((milter(),), ServeError, "there is nothing to serve"),
        ((scan("*:0 ssl"),), BindError, r"\*:0 with ssl: there is no certificate"),
        ((scan("127.0.0.1:9"), milter("127.0.0.1:9")), BindError, "asked for twice"),
    ],
)
def test_what_cannot_be_served_is_said(listeners, error, why):
    with pytest.raises(error, match=why):
        Generation(prepared(*listeners), None)


@pytest.mark.parametrize(
    "stage, patience, why",
    [
        (Stage.STARTING, STARTING, "it did not start in time"),
        (Stage.ACCEPTING, STARTING, "it did not start in time"),
        (Stage.READY, HANGING, "it hung"),
    ],
)
def test_a_worker_that_hangs_is_killed(stage, patience, why):
    one = Generation(prepared(scan("127.0.0.1:0"), workers=1), None)
    worker = one.slots[0].worker = WorkerProcess.fork(lambda channel: signal.pause() or 0)
    worker.stage = stage
    one.kill_overdue(worker.heard + patience - 1)
    assert not worker.reason and one.wakes_at() == worker.heard + patience
    one.kill_overdue(worker.heard + patience + 1)
    assert os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT).si_status == signal.SIGKILL
    assert worker.reap() == why
    worker.channel.close()
    one.close(None)
