# SPDX-License-Identifier: Apache-2.0
"""The log of a process: levels, files, records of libraries."""

import logging
import os

import pytest

from gatepost.serve.errors import ServeError
from gatepost.serve.log import Log
from gatepost.serve.log_format import NOTICE
from gatepost.serve.log_options import LogOptions

ours = logging.getLogger("gatepost.task")


@pytest.fixture
def open_log(tmp_path):
    opened = []

    def open_log(**options):
        log = Log(LogOptions(type="file", filename=f"{tmp_path}/log", **options))
        log.install()
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        log.close()


def written(tmp_path):
    lines = (tmp_path / "log").read_text().splitlines()
    return [line.rpartition(": ")[2] for line in lines]


@pytest.mark.parametrize(
    "level, expected",
    [
        ("error", ["error"]),
        ("warning", ["warning", "error"]),
        ("notice", ["notice", "warning", "error"]),
        ("info", ["info", "notice", "warning", "error"]),
        ("silent", ["info", "notice", "warning", "error"]),
        ("debug", ["debug", "info", "notice", "warning", "error"]),
    ],
)
def test_levels_are_rspamd_s(tmp_path, open_log, level, expected):
    open_log(level=level)
    ours.debug("debug")
    ours.info("info")
    ours.log(NOTICE, "notice")
    ours.warning("warning")
    ours.error("error")
    assert written(tmp_path) == expected


def test_silent_means_the_worker_alone(tmp_path, open_log):
    log = open_log(level="silent")
    ours.info("starting")
    log.enter_worker()
    ours.info("working")
    ours.log(NOTICE, "noticed")
    assert written(tmp_path) == ["starting", "noticed"]
    assert "(normal) " in (tmp_path / "log").read_text()


def test_single_modules_can_be_debugged(tmp_path, open_log):
    open_log(debug_modules=("dkim_signing",))
    logging.getLogger("gatepost.dkim_signing").debug("seen")
    ours.debug("not seen")
    assert written(tmp_path) == ["seen"]


def test_libraries_are_heard_when_they_warn(tmp_path, open_log):
    open_log(level="debug")
    logging.getLogger("asyncio").debug("chatter")
    logging.getLogger("asyncio").warning("slow callback")
    assert written(tmp_path) == ["slow callback"]


def test_a_new_log_takes_over_and_the_old_one_s_end_changes_nothing(tmp_path, open_log):
    old = open_log(level="debug")
    open_log(level="error")
    old.close()
    ours.warning("quiet")
    ours.error("loud")
    assert written(tmp_path) == ["loud"]


def test_a_file_that_cannot_be_opened_again_is_reported_in_the_old_one(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    log = Log(LogOptions(type="file", filename=f"{folder}/log"))
    log.install()
    folder.rename(tmp_path / "e")
    log.reopen()
    log.close()
    assert "cannot write the log" in (tmp_path / "e/log").read_text()


def test_lost_lines_are_told_of(tmp_path, open_log):
    log = open_log()
    log._output.lost = 3
    ours.info("here again")
    assert written(tmp_path) == ["here again", "3 lines were lost here"]


def test_a_file_without_a_name_is_a_mistake():
    with pytest.raises(ServeError, match="filename is not set"):
        Log(LogOptions(type="file"))


def test_after_its_end_nothing_is_written(tmp_path, open_log):
    open_log().close()
    ours.error("late")
    assert os.path.getsize(tmp_path / "log") == 0
