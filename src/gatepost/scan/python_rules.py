# SPDX-License-Identifier: Apache-2.0
"""A rule that a postmaster wrote in Python: what its decorator said, and what it found means.

``gatepost.plugin`` makes them, the module ``python`` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gatepost.scan.direction import Direction, Ruling
from gatepost.scan.errors import RuleError
from gatepost.scan.module import Stage
from gatepost.scan.symbol import Hit, Symbol

MARK = "__gatepost_rules__"
"""The attribute of a function that lists its rules."""
Way = Literal["inbound", "outbound", "authenticated", "local"]
"""The direction that a rule is for."""


@dataclass(frozen=True)
class Rule:
    """What a decorator says of its function."""

    symbol: Symbol
    stage: Stage = Stage.FILTER
    group: str = "python"
    virtual: tuple[Symbol, ...] = ()
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    direction: Way | None = None
    priority: int = 0
    timeout: float = 0.0
    empty: bool = False
    ignore_passthrough: bool = False
    function: Callable[..., Any] = field(default=lambda task: None)

    def ruling(self, direction: Direction) -> Ruling:
        """Whether the rule is for letters of this direction."""
        wanted = {
            None: True,
            "inbound": not direction.outbound,
            "outbound": direction.outbound,
            "authenticated": direction.authenticated,
            "local": direction.local,
        }
        if wanted[self.direction]:
            return Ruling("run")
        if direction.authenticated:
            return Ruling("skip", "authenticated")
        return Ruling("skip", "local" if direction.local else "inbound")

    def hits(self, found: object) -> list[Hit]:
        """What one returned or yielded value means.

        Raises ``RuleError`` for anything else, and for a symbol that is not the rule's.
        """
        if isinstance(found, Hit):
            return [self._own(found)]
        if found is None or found is False or found == "":
            return []
        if found is True or isinstance(found, re.Match):
            return [self.symbol()]
        if isinstance(found, str):
            return [self.symbol(found)]
        if isinstance(found, int | float):
            return [self.symbol(weight=float(found))] if found else []
        if isinstance(found, set | frozenset):
            found = sorted(found)
        if isinstance(found, tuple | list):
            return self._of_several(found)
        raise RuleError(
            f"{self.symbol.name} returned {type(found).__name__}; expected True, False, None, "
            "text, a number, hit(…), or a list or tuple of these"
        )

    def _of_several(self, found: Sequence[object]) -> list[Hit]:
        if any(isinstance(one, Hit) for one in found):
            return [hit for one in found for hit in self.hits(one)]
        weight, options = 1.0, list(found)
        if options and isinstance(options[0], bool | int | float):
            weight = float(options.pop(0))  # type: ignore[arg-type]  # narrowed on the line above
        if not weight or not found:
            return []
        return [self.symbol(*(str(option) for option in options), weight=weight)]

    def _own(self, found: Hit) -> Hit:
        """A name with a typing error would add nothing and never be noticed."""
        if found.name != self.symbol.name and all(found.name != one.name for one in self.virtual):
            raise RuleError(f"{found.name} is none of the symbols of {self.symbol.name}: virtual=")
        return found


def rules_of(names: Mapping[str, object]) -> list[Rule]:
    """The rules among the names of a module, in the order in which they were written."""
    found: list[Rule] = []
    for value in names.values():
        for rule in getattr(value, "__dict__", {}).get(MARK, ()):
            if rule not in found:  # a second name for the same function
                found.append(rule)
    return found
