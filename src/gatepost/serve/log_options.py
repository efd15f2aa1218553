# SPDX-License-Identifier: Apache-2.0
"""What may a postmaster set for the logs?

Names and defaults are those of Rspamd's ``logging`` section (core reference §10.4), but that
we log to the console, which is what a service manager collects.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gatepost.config import Count

Level = Literal["error", "warning", "notice", "info", "silent", "debug"]
Facility = Literal[
    "auth", "cron", "daemon", "kern", "lpr", "mail", "news", "syslog", "user", "uucp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``logging``."""

    type: Literal["console", "file", "syslog"] = "console"
    """``console`` is standard error."""
    filename: str = ""
    """With ``file``: the path, reopened on SIGUSR1."""
    facility: Facility = "mail"
    """With ``syslog``."""
    level: Level = "info"
    """``silent`` is ``info`` while starting and ``notice`` in workers."""
    color: bool = False
    """Severity in colour, where the output is a terminal."""
    log_usec: bool = False
    """Fractions of a second in the time."""
    log_severity: bool = False
    """``[error]`` and so on in each line of text; JSON always has it."""
    log_json: bool = False
    """One JSON object a line in place of text."""
    systemd: bool = False
    """Lines without their time, because the journal has its own."""
    debug_modules: tuple[str, ...] = ()
    """Modules that log at ``debug`` whatever ``level`` is."""
    task_max_elts: Count = 7
    """Recipients, and options of a symbol, that the result line of a message has."""
    max_tag_len: int = 6
    """Characters of the id in ``<…>``."""
