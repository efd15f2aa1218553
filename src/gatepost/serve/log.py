# SPDX-License-Identifier: Apache-2.0
"""How does the process log: at which level, in which shape, to which place?

One ``Log`` is open at a time; it takes over Python's root logger, so that libraries' warnings
land in it too. The supervisor opens it and the workers inherit it.
"""

from __future__ import annotations

import logging

from gatepost.serve.errors import ServeError
from gatepost.serve.log_format import NOTICE, LineFormat, severity_of
from gatepost.serve.log_options import LogOptions
from gatepost.serve.log_output import ConsoleOutput, FileOutput, Output, SyslogOutput

SUPERVISOR, WORKER = "main", "normal"
"""What Rspamd calls these processes in its log."""
OURS = "gatepost"
_LEVELS = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "notice": NOTICE,
    "info": logging.INFO,
    "silent": logging.INFO,
    "debug": logging.DEBUG,
}

log = logging.getLogger("gatepost.log")


class Log(logging.Handler):
    """An open log. Raises ``ServeError`` when its place cannot be opened."""

    def __init__(self, options: LogOptions, worker_type: str = SUPERVISOR) -> None:
        super().__init__()
        self.options = options
        self._output, color = _open(options)
        self._format = LineFormat(options, worker_type, color=color)
        self._debugged: list[logging.Logger] = []
        self._is_open = True

    def install(self) -> None:
        """Makes this the log of the process; one that was before stays open."""
        root = logging.getLogger()
        for handler in root.handlers[:]:
            if isinstance(handler, Log):
                handler.uninstall()
        root.addHandler(self)
        level = _LEVELS[self.options.level]
        root.setLevel(max(level, logging.WARNING))
        logging.getLogger(OURS).setLevel(level)
        self._debugged = [logging.getLogger(f"{OURS}.{m}") for m in self.options.debug_modules]
        for logger in self._debugged:
            logger.setLevel(logging.DEBUG)

    def uninstall(self) -> None:
        """Takes it out of the process's loggers, if it is there."""
        root = logging.getLogger()
        if self not in root.handlers:
            return
        root.removeHandler(self)
        for logger in (logging.getLogger(OURS), *self._debugged):
            logger.setLevel(logging.NOTSET)

    def enter_worker(self) -> None:
        """We are a worker now: its name, and with ``silent`` its level."""
        self._format.worker_type = WORKER
        if self.options.level == "silent":
            logging.getLogger(OURS).setLevel(NOTICE)

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._output.lost
        severity = severity_of(record)
        self._output.write(self._format.line(record), severity)
        if lost and not self._output.lost:
            gap = logging.makeLogRecord({"name": log.name, "msg": f"{lost} lines were lost here"})
            gap.levelno, gap.funcName = logging.WARNING, "emit"
            self._output.write(self._format.line(gap), "warning")

    def reopen(self) -> None:
        """Opens the file anew, after a rotation; where that fails, the old one goes on."""
        try:
            self._output.reopen()
        except ServeError as error:
            log.error("%s", error)

    def close(self) -> None:
        """Ends it; the logging module calls this once more at exit."""
        self.uninstall()
        if self._is_open:
            self._is_open = False
            self._output.close()
        super().close()


def _open(options: LogOptions) -> tuple[Output, bool]:
    """The place, and whether to colour."""
    match options.type:
        case "file":
            if not options.filename:
                raise ServeError('logging: type is "file", but filename is not set')
            return FileOutput(options.filename), False
        case "syslog":
            return SyslogOutput(options.facility, OURS), False
        case "console":
            console = ConsoleOutput()
            return console, options.color and console.is_tty
