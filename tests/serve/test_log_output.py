# SPDX-License-Identifier: Apache-2.0
"""Places for log lines, and readers that stand still."""

import os
import pty
import re
import socket
import time

import pytest

from gatepost.serve.errors import ServeError
from gatepost.serve.log_output import PATIENCE, ConsoleOutput, FileOutput, SyslogOutput


def test_a_file_is_appended_to_and_opened_again_after_a_rotation(tmp_path):
    path = tmp_path / "log"
    path.write_text("old\n")
    output = FileOutput(str(path))
    output.write("one", "info")
    path.rename(tmp_path / "log.1")
    output.write("two", "info")
    output.reopen()
    output.write("three ü", "info")
    output.close()
    assert (tmp_path / "log.1").read_text() == "old\none\ntwo\n"
    assert path.read_text() == "three ü\n"
    assert path.stat().st_mode & 0o007 == 0


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(ServeError, match=r"cannot write the log .*/no/log: No such file"):
        FileOutput(f"{tmp_path}/no/log")


def test_a_file_that_cannot_be_opened_again_leaves_the_old_one(tmp_path):
    (tmp_path / "d").mkdir()
    output = FileOutput(f"{tmp_path}/d/log")
    (tmp_path / "d").rename(tmp_path / "e")
    with pytest.raises(ServeError):
        output.reopen()
    output.write("still", "info")
    output.close()
    assert (tmp_path / "e/log").read_text() == "still\n"


def test_a_full_disk_is_counted_and_raises_nothing():
    output = FileOutput("/dev/full")
    output.write("x", "info")
    assert output.lost == 1
    output.close()


def pipe():
    read, write = os.pipe()
    return write, read


def socket_pair():
    ours, theirs = socket.socketpair()
    return theirs.detach(), ours.detach()


@pytest.mark.slow
@pytest.mark.parametrize("make", [pipe, socket_pair])
def test_a_reader_that_stands_still_costs_one_short_wait(make):
    fd, other = make()
    output = ConsoleOutput(fd)
    started = time.monotonic()
    for _ in range(1000):
        output.write("x" * 4000, "info")
    assert output.lost > 100
    assert time.monotonic() - started < PATIENCE + 2
    flags = os.get_blocking(fd)
    while True:  # it reads again
        data = os.read(other, 65536)
        if len(data) < 65536:
            break
    output.write("here", "info")
    assert output.lost == 0
    assert flags, "the descriptor that we share with others must stay as it is"
    output.close()
    os.close(fd)
    os.close(other)


@pytest.mark.parametrize("make", [pipe, socket_pair])
def test_what_is_written_arrives(make):
    fd, other = make()
    output = ConsoleOutput(fd)
    output.write("one ü", "info")
    output.write("two", "info")
    assert os.read(other, 100) == "one ü\ntwo\n".encode()
    assert not output.is_tty
    output.close()
    os.close(fd)
    os.close(other)


def test_a_reader_that_has_gone_is_no_error():
    read, write = os.pipe()
    output = ConsoleOutput(write)
    os.close(read)
    output.write("x", "info")
    assert output.lost == 1
    output.close()
    os.close(write)


def test_a_terminal_is_known():
    ours, theirs = pty.openpty()
    output = ConsoleOutput(theirs)
    assert output.is_tty
    output.write("x", "info")
    assert os.read(ours, 100) == b"x\r\n"
    output.close()
    os.close(ours)
    os.close(theirs)


def syslog(path):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(path)
    return daemon


def test_syslog_gets_facility_severity_and_pid_and_survives_a_restart(tmp_path):
    path = f"{tmp_path}/log"
    daemon = syslog(path)
    output = SyslogOutput("mail", "gatepost", path=path)
    output.write("(normal) task; check: x", "error")
    line = daemon.recv(1000).decode()
    assert re.fullmatch(
        rf"<19>\w{{3}} [ \d]\d \d\d:\d\d:\d\d gatepost\[{os.getpid()}\]: \(normal\) task; check: x",
        line,
    )
    daemon.close()
    os.unlink(path)
    output.write("lost", "info")
    assert output.lost == 1
    daemon = syslog(path)
    output.write("again", "info")
    assert daemon.recv(1000).endswith(b"again")
    assert output.lost == 0
    output.close()
    daemon.close()


def test_a_syslog_that_stands_still_is_not_waited_for(tmp_path):
    daemon = syslog(f"{tmp_path}/log")
    output = SyslogOutput("local7", "gatepost", path=f"{tmp_path}/log")
    for _ in range(5000):
        output.write("x" * 200, "info")
    assert output.lost > 0
    output.close()
    daemon.close()


def test_without_a_syslog_it_says_so(tmp_path):
    with pytest.raises(ServeError, match="cannot log to syslog: nothing listens on"):
        SyslogOutput("mail", "gatepost", path=f"{tmp_path}/log")
