# SPDX-License-Identifier: Apache-2.0
"""What became of each check, written down only when somebody asks.

Every check of every message leaves exactly one outcome: ran, skipped (and why), timed
out, failed. The engine counts failures always, and keeps the full list in a ``Trace``
when ``gatepost explain`` or the request header ``Profile`` wants one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Ending = Literal["ran", "skipped", "timeout", "failed"]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one check; ``ms`` is the wall time it took, in milliseconds."""

    name: str
    module: str
    outcome: Ending
    reason: str = ""
    option: str | None = None
    ms: float = 0.0
    symbols: tuple[str, ...] = ()


class Trace:
    """The outcomes of one message, in the order in which the checks ended."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Notes an outcome; the first one of a check is the one that counts."""
        self.outcomes.setdefault(outcome.name, outcome)
