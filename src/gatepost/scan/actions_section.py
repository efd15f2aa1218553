# SPDX-License-Identifier: Apache-2.0
"""The section ``actions { … }``: thresholds, and what Rspamd keeps beside them, read.

Source: core reference §3.4; the order of thresholds is §1.5, end.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar, Literal

import msgspec

from gatepost.config import Configuration, Names, Problems, bind, did_you_mean
from gatepost.scan.actions import ALIASES, NO_ACTION, SEVERITY, Action, ActionTable, action_name
from gatepost.scan.groups_section import find_metrics
from gatepost.ucl import Array, Object, Value

EXTRAS = ("unknown_weight", "grow_factor", "subject")
FLAGS = ("no_threshold", "threshold_only", "ham")
RISING = ("greylist", "add header", "rewrite subject", "quarantine", "reject", "discard")


class ActionsConfig(msgspec.Struct, frozen=True):
    """The actions and the three values that live in the same section.

    ``unknown_weight`` is the score of a symbol that nobody declared; ``grow_factor`` 1 or less
    is off; ``subject`` None leaves the template of rewritten subjects to its default.
    """

    table: ActionTable
    unknown_weight: float = 0.0
    grow_factor: float = 1.0
    subject: str | None = None


class _Extras(msgspec.Struct, frozen=True, kw_only=True):
    unknown_weight: float = 0.0
    grow_factor: float = 1.0
    subject: str | None = None


class _ActionOptions(msgspec.Struct, frozen=True, kw_only=True):
    score: float | None = None
    flags: Names = []
    milter: Literal["discard", "quarantine"] | None = None
    priority: int | None = None

    aliases: ClassVar[dict[str, str]] = {"threshold": "score"}


def find_actions(config: Configuration) -> Object:
    """The section ``actions``, with what the old section ``metric`` says of them."""
    section = config.section("actions")
    found = Object(section, origin=section.origin)
    found.marks.update(section.marks)
    for _, metric in find_metrics(config):
        actions = metric.get("actions")
        for part in (metric, actions if isinstance(actions, Object) else Object()):
            for key, value in part.items():
                is_ours = part is not metric or key in EXTRAS
                if is_ours and (key not in found or part.priority(key) >= found.priority(key)):
                    found[key] = value
                    found.marks[key] = part.marks.get(key, part.origin)
    return found


def read_actions(section: Object, problems: Problems) -> ActionsConfig:
    """The actions of ``section``. Without any, score alone never leads to one."""
    extras = bind(_Extras, section, "actions", problems, ignored=list(section))
    chosen: dict[str, tuple[int, str, Action]] = {}
    for key, value in section.items():
        if key in EXTRAS:
            continue
        read = _read_action(key, value, section, problems)
        if read is None:
            continue
        priority, action = read
        # `add_header` and `add header` are two keys and one action.
        if action.name not in chosen or priority >= chosen[action.name][0]:
            chosen[action.name] = (priority, key, action)
    for _, key, action in chosen.values():
        _look_at_name(key, action, section, problems)
    actions = {action.name: action for _, _, action in chosen.values()}
    _look_at_order(actions, section, problems)
    actions.setdefault(NO_ACTION.name, NO_ACTION)
    # Configuring an action takes its ham flag, so one that is not configured has it.
    actions.setdefault("greylist", Action("greylist", None, ham=True))
    return ActionsConfig(
        ActionTable(actions.values()),
        unknown_weight=extras.unknown_weight,
        grow_factor=extras.grow_factor,
        subject=extras.subject,
    )


def _read_action(
    key: str, value: Value, section: Object, problems: Problems
) -> tuple[int, Action] | None:
    """The action and the priority with which it was written; ``None`` if it cannot be read."""
    name, where, path = action_name(key), section.place(key), f"actions.{key}"
    if isinstance(value, Array) and value.implicit and value:
        value = value[-1]
    options = _ActionOptions()
    if isinstance(value, Object):
        if key == "actions":
            problems.error(where, f"{path}: this is the body of `actions` already")
            return None
        options = bind(_ActionOptions, value, path, problems)
        for flag in options.flags:
            if flag not in FLAGS:
                problems.error(
                    where, f"{path}.flags: unknown flag `{flag}`{did_you_mean(flag, FLAGS)}"
                )
        threshold = options.score
    elif value is None:
        threshold = None
    else:
        number = _number(value)
        if number is None:
            message = f"{path}: expected a number, null or an object {{ … }}, found `{value}`"
            problems.error(where, message)
            return None
        threshold = number
    if threshold is not None and not math.isfinite(threshold):
        threshold = None
    if "no_threshold" in options.flags:
        threshold = None
    ham = name == NO_ACTION.name or "ham" in options.flags
    priority = section.priority(key) if options.priority is None else options.priority
    return priority, Action(name, threshold, ham=ham, milter=options.milter)


def _number(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _look_at_name(key: str, action: Action, section: Object, problems: Problems) -> None:
    if action.name not in SEVERITY:
        hint = did_you_mean(key, [*SEVERITY, *ALIASES])
        message = f"actions.{key}: not one of Rspamd's actions, taken as a custom one{hint}"
        problems.warning(section.place(key), message)


def _look_at_order(actions: dict[str, Action], section: Object, problems: Problems) -> None:
    """A harder action with a lower threshold is never what was meant."""
    limits = [
        (name, threshold)
        for name in RISING
        if name in actions and (threshold := actions[name].threshold) is not None
    ]
    for (milder, low), (harder, high) in pairwise(limits):
        if low > high:
            problems.warning(
                section.where,
                f"actions: `{milder}` ({low:g}) is above the harder `{harder}` ({high:g})",
            )
