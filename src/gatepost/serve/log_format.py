# SPDX-License-Identifier: Apache-2.0
"""How does a log record look as a line: in Rspamd's shape, or as JSON?

A record may carry ``task`` (id of the scan), ``session`` (milter connection) and ``queue_id``.
An exception is shown by where it was raised; its text only where we or the system worded it,
because a library's might quote the letter. One record is one line, always.

Source: core reference §10.4.
"""

from __future__ import annotations

import logging
import time

import msgspec

from gatepost.errors import describe
from gatepost.serve.log_options import LogOptions

NOTICE = 25
SEVERITIES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    NOTICE: "notice",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}
RESULT_FUNCTION = "rspamd_task_write_log"  # log tools find the result lines by it
MAX_MESSAGE = 32 * 1024  # characters
_RESET = "\033[0m"
_COLORS = {logging.WARNING: "\033[0;33m", logging.ERROR: "\033[1;31m"}
_PACKAGE = "gatepost."

_to_json = msgspec.json.Encoder().encode


class LineFormat:
    """Makes lines, without their line end; ``worker_type`` is Rspamd's name of the process."""

    def __init__(self, options: LogOptions, worker_type: str, *, color: bool = False) -> None:
        self.worker_type = worker_type
        self._options = options
        self._color = color
        self._second = -1
        self._time = ""

    def line(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        message = one_line(_message(record))
        module, function = _origin(record)
        if self._options.log_json:
            return self._json(record, module, function, message)
        tag = _tag(record)
        short = f"<{tag[: self._options.max_tag_len]}>; " if tag else ""
        queue_id = _text(record, "queue_id")
        if queue_id and function != RESULT_FUNCTION:  # the result line has it already
            message += f"; qid: <{queue_id}>"
        line = f"{self._head(record)}({self.worker_type}) {short}{module}; {function}: {message}"
        color = _COLORS.get(min(record.levelno, logging.ERROR)) if self._color else None
        return f"{color}{line}{_RESET}" if color else line

    def _head(self, record: logging.LogRecord) -> str:
        """What stands before the process type; a journal has all of it already."""
        options = self._options
        if options.systemd or options.type == "syslog":
            return ""
        severity = f"[{severity_of(record)}] " if options.log_severity else ""
        return f"{self._when(record.created)} {severity}#{record.process}"

    def _when(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._time}{f'{now - second:.5f}'[1:]}" if self._options.log_usec else self._time

    def _json(self, record: logging.LogRecord, module: str, function: str, message: str) -> str:
        fields = {
            "ts": record.created,
            "pid": record.process,
            "severity": severity_of(record),
            "worker_type": self.worker_type,
            "id": _tag(record),
            "module": module,
            "function": function,
            "message": message,
            "queue_id": _text(record, "queue_id"),
        }
        return _to_json(fields).decode()


def severity_of(record: logging.LogRecord) -> str:
    """The record's level by Rspamd's name."""
    return SEVERITIES.get(record.levelno) or record.levelname.lower()


def one_line(text: str) -> str:
    """The text without anything that could begin another line or move a terminal's cursor."""
    if len(text) > MAX_MESSAGE:
        text = text[:MAX_MESSAGE] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception as error:  # a wrong call of the logger must not break what it reports
        message = f"{record.msg} ({type(error).__name__} in its arguments)"
    if record.exc_info and record.exc_info[1] is not None:
        message += f": {describe(record.exc_info[1])}"
    return message


def _origin(record: logging.LogRecord) -> tuple[str, str]:
    if getattr(record, "result", False):
        return "task", RESULT_FUNCTION
    function = (record.funcName or "").strip("_<>")  # the private and the unnamed ones too
    return record.name.removeprefix(_PACKAGE), function


def _tag(record: logging.LogRecord) -> str:
    return _text(record, "task") or _text(record, "session")


def _text(record: logging.LogRecord, name: str) -> str:
    value = getattr(record, name, None)
    if not value or value == "undef":
        return ""
    return one_line(str(value)[:255])
