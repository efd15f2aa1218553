# SPDX-License-Identifier: Apache-2.0
"""Where mistakes of the configuration are collected, so that one run shows all of them.

Nothing that reads the configuration raises at the first mistake: it reports and goes on,
and whoever asked for the configuration raises ``ConfigError`` once, with everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from gatepost.config.errors import ConfigError, Problem, Severity
from gatepost.ucl import Where

MAX_PROBLEMS = 500  # a folder of the wrong kind must not fill the terminal for minutes


class Problems:
    """Collects mistakes in the order in which they were found, each once."""

    def __init__(self) -> None:
        self.all: list[Problem] = []
        self._seen: set[Problem] = set()

    def error(self, where: Where | None, message: str) -> None:
        """Reports something that keeps Gatepost from starting."""
        self._add("error", where, message)

    def warning(self, where: Where | None, message: str) -> None:
        """Reports something that works, but probably not as meant."""
        self._add("warning", where, message)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.all if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.all if problem.severity == "warning"]

    def raise_errors(self) -> None:
        """Raises ``ConfigError`` with everything collected, if an error is among it."""
        if self.errors:
            raise ConfigError(self.all)

    def _add(self, severity: Severity, where: Where | None, message: str) -> None:
        problem = Problem(severity, where, message)
        if problem not in self._seen and len(self.all) < MAX_PROBLEMS:
            self._seen.add(problem)
            self.all.append(problem)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?`` for the nearest known name, or nothing when none is near."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean `{near[0]}`?" if near else ""
