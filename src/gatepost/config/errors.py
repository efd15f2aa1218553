# SPDX-License-Identifier: Apache-2.0
"""Errors of the configuration.

GatepostError
└── ConfigError    the configuration cannot be used; it holds every mistake, not the first
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gatepost.errors import GatepostError
from gatepost.ucl import Where

Severity = Literal["error", "warning"]


class Problem(NamedTuple):
    """One mistake: where it stands, what was found and what was expected."""

    severity: Severity
    where: Where | None
    message: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where is not None and self.where.file else ""
        return f"{place}{self.severity}: {self.message}"


class ConfigError(GatepostError):
    """The configuration cannot be used. ``problems`` are its mistakes, errors and warnings."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
