# SPDX-License-Identifier: Apache-2.0
"""Log lines as log tools read them."""

import json
import logging
import os
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.serve.log_format import MAX_MESSAGE, NOTICE, LineFormat
from gatepost.serve.log_options import LogOptions

WHEN = time.mktime((2026, 11, 23, 6, 30, 21, 0, 0, -1)) + 0.123456


def record(message="it works", *args, name="gatepost.task", level=logging.INFO, **extra):
    made = logging.LogRecord(name, level, __file__, 1, message, args, None, "check")
    made.created, made.process = WHEN, 5917
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def line(what, *, worker_type="normal", color=False, **options):
    return LineFormat(LogOptions(**options), worker_type, color=color).line(what)


@pytest.mark.parametrize(
    "what, options, expected",
    [
        (
            record("id: <x@y>, …", task="55c94e", queue_id="4ABC", result=True),
            {},
            "2026-11-23 06:30:21 #5917(normal) <55c94e>; task; rspamd_task_write_log: id: <x@y>, …",
        ),
        (
            record("%d of %s", 3, "four", name="gatepost.dkim_signing"),
            {},
            "2026-11-23 06:30:21 #5917(normal) dkim_signing; check: 3 of four",
        ),
        (
            record(task="0123456789", queue_id="4ABC"),
            {"log_usec": True},
            "2026-11-23 06:30:21.12346 #5917(normal) <012345>; task; check: it works; qid: <4ABC>",
        ),
        (
            record(session="a1", level=NOTICE, queue_id="undef"),
            {"log_severity": True},
            "2026-11-23 06:30:21 [notice] #5917(normal) <a1>; task; check: it works",
        ),
        (record(), {"systemd": True}, "(normal) task; check: it works"),
        (record(), {"type": "syslog"}, "(normal) task; check: it works"),
        (
            record(task="0123456789"),
            {"max_tag_len": 10},
            "2026-11-23 06:30:21 #5917(normal) <0123456789>; task; check: it works",
        ),
        (
            record("a\r\nb\x1b[31m\x00c"),
            {},
            "2026-11-23 06:30:21 #5917(normal) task; check: a  b?[31m?c",
        ),
        (
            record("%d", "no number"),
            {},
            "2026-11-23 06:30:21 #5917(normal) task; check: %d (TypeError in its arguments)",
        ),
    ],
)
def test_a_record_as_text(what, options, expected):
    assert line(what, **options) == expected


def test_the_supervisor_is_called_main_as_in_rspamd():
    assert "#5917(main) " in line(record(), worker_type="main")


def test_only_what_is_wrong_is_coloured():
    assert line(record(), color=True).startswith("2026")
    assert line(record(level=logging.WARNING), color=True).startswith("\033[0;33m2026")
    assert line(record(level=logging.CRITICAL), color=True).endswith("works\033[0m")


def test_a_record_as_json():
    what = record("a\n“b”", task="0123456789", queue_id="4ABC", level=logging.ERROR)
    assert json.loads(line(what, log_json=True)) == {
        "ts": WHEN,
        "pid": 5917,
        "severity": "error",
        "worker_type": "normal",
        "id": "0123456789",
        "module": "task",
        "function": "check",
        "message": "a “b”",
        "queue_id": "4ABC",
    }


def raised(error, cause=None):
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_an_exception_is_its_type_and_place_but_not_a_library_s_words():
    error = raised(ValueError("Dear Alice, my secret is"))
    what = record("the scan failed")
    what.exc_info = (type(error), error, error.__traceback__)
    text = line(what)
    assert re.search(r"failed: ValueError at serve/test_log_format\.py:\d+\(raised\)$", text)


def test_a_line_is_bounded():
    assert len(line(record("x" * 1_000_000))) < MAX_MESSAGE + 200


@settings(max_examples=100)
@given(st.text(), st.text(), st.text())
def test_a_record_is_one_line_whatever_is_in_it(message, tag, queue_id):
    what = record("%s", message, task=tag, queue_id=queue_id)
    for options in ({}, {"log_json": True}):
        made = line(what, **options)
        assert len(made.splitlines()) == 1
        assert made.isprintable()
    assert os.linesep not in made
