# SPDX-License-Identifier: Apache-2.0
"""The sections ``composites { NAME { … } }`` and ``composite "NAME" { … }``, read.

Source: core reference §4 (keys).
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gatepost.config import Configuration, Names, Problems, bind, sections_in
from gatepost.scan.composites import Composite, CompositePolicy
from gatepost.scan.errors import ExpressionError
from gatepost.scan.symbol import Symbol
from gatepost.ucl import Object

GROUP = "composite"
SWITCHES = ("enabled", "disabled")


class CompositeConfig(msgspec.Struct, frozen=True):
    """One composite and the symbol to register for it."""

    symbol: Symbol
    composite: Composite


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    expression: str | None = None
    score: float | None = None
    description: str | None = None
    group: str | None = None
    groups: Names = []
    policy: CompositePolicy = "default"
    enabled: bool = True
    disabled: bool = False
    depends_on: Names = []
    name: str | None = None

    aliases: ClassVar[dict[str, str]] = {"weight": "score"}


def read_composites(
    config: Configuration, problems: Problems, *, unknown_weight: float = 0.0
) -> list[CompositeConfig]:
    """All composites that are switched on, in the order written; of two of one name the later.

    ``unknown_weight`` is the score of one that names none. Mistakes go to ``problems``.
    """
    found: dict[str, CompositeConfig] = {}
    for name, body, path in _bodies(config, problems):
        options = bind(_Options, body, path, problems)
        found.pop(name, None)
        if not options.enabled or options.disabled:
            continue
        if options.expression is None:
            problems.error(body.where, f"{path}: `expression` is missing")
            continue
        try:
            composite = Composite(name, options.expression, options.policy, options.depends_on)
        except ExpressionError as error:
            problems.error(body.place("expression"), f"{path}.expression: {error}")
            continue
        symbol = Symbol(
            name,
            unknown_weight if options.score is None else options.score,
            options.expression if options.description is None else options.description,
            group=options.group or GROUP,
            groups=tuple(options.groups),
        )
        found[name] = CompositeConfig(symbol, composite)
    return list(found.values())


def _bodies(config: Configuration, problems: Problems) -> list[tuple[str, Object, str]]:
    """The name, body and path of every composite, in the order written."""
    found: list[tuple[str, Object, str]] = []
    for holder in sections_in(config.tree.get("composite")):
        name = holder.get("name")
        if isinstance(name, str):
            found.append((name, holder, f"composite.{name}"))
            continue
        found.extend(_named(holder, "composite", problems))
    for holder in sections_in(config.tree.get("composites")):
        found.extend(_named(holder, "composites", problems))
    return found


def _named(holder: Object, path: str, problems: Problems) -> list[tuple[str, Object, str]]:
    found: list[tuple[str, Object, str]] = []
    for name, value in holder.items():
        if name in SWITCHES and not isinstance(value, dict):
            continue
        bodies = sections_in(value)
        if not bodies:
            problems.error(holder.place(name), f"{path}.{name}: expected a composite {{ … }}")
        found.extend((name, body, f"{path}.{name}") for body in bodies)
    return found
