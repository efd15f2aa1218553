# SPDX-License-Identifier: Apache-2.0
"""Errors of the commands.

GatepostError
└── CliError
    ├── UsageError      the command line is wrong: exit code 2
    └── RequestFailed   a server gave no result
"""

from gatepost.errors import GatepostError


class CliError(GatepostError):
    """Anything a command has to report."""


class UsageError(CliError):
    """The command line does not make sense."""


class RequestFailed(CliError):
    """A request without a result; ``body`` is what the server said, if anything."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body
