# SPDX-License-Identifier: Apache-2.0
"""Errors of the front ends.

GatepostError
└── ServeError
    ├── ScanFailed      no verdict: the MTA gets a temporary failure
    └── BadRequest      the client's fault: carries the status to answer with
"""

from gatepost.errors import GatepostError


class ServeError(GatepostError):
    """Anything a front end has to answer for."""


class ScanFailed(ServeError):
    """The scan gave no verdict; the message must be kept by the MTA and tried again."""


class BadRequest(ServeError):
    """The request cannot be scanned as it is; ``status`` is the HTTP status of §6.2."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status


class BindError(ServeError):
    """An address cannot be listened on; the text names it and says why."""
