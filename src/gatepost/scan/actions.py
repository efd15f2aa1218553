# SPDX-License-Identifier: Apache-2.0
"""From a score to an action: thresholds, their order, and what settings change of them.

Source: core reference §3.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

ALIASES = {
    "add_header": "add header",
    "soft_reject": "soft reject",
    "rewrite_subject": "rewrite subject",
    "no_action": "no action",
    "accept": "no action",
    "no-action": "no action",
}

SEVERITY = {
    "no action": 0,
    "greylist": 1,
    "add header": 2,
    "rewrite subject": 3,
    "quarantine": 4,
    "soft reject": 5,
    "reject": 6,
    "discard": 7,
}


def action_name(name: str) -> str:
    """The canonical name: ``add_header`` and ``add header`` are the same action."""
    return ALIASES.get(name, name)


class Action(msgspec.Struct, frozen=True):
    """One action; ``threshold`` None: score alone never reaches it.

    ``ham`` actions do not count as spam and are never chosen by score;
    ``milter`` is ``discard`` or ``quarantine`` for custom actions that mean one of these.
    """

    name: str
    threshold: float | None = None
    ham: bool = False
    milter: str | None = None
    disabled: bool = False

    @property
    def severity(self) -> int:
        """How severe it is, 0 for ``no action``; custom actions rank with ``add header``."""
        return SEVERITY.get(self.name, 2)

    def is_above(self, other: Action) -> bool:
        """True when this, as the least there must be, goes before what the score chose.

        A custom action that no score reaches was asked for on purpose: only ``reject`` and
        ``discard`` are above it.
        """
        if self.threshold is None and self.name not in SEVERITY:
            return other.name not in ("reject", "discard")
        return self.severity > other.severity


NO_ACTION = Action("no action", None, ham=True)


class ActionTable:
    """The actions of one configuration, or of one configuration under one overlay."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self.actions: dict[str, Action] = {action.name: action for action in actions}
        self._by_threshold = sorted(
            (
                action
                for action in self.actions.values()
                if _is_number(action.threshold) and not action.disabled and not action.ham
            ),
            # Of two with one threshold the more severe is meant, as in Rspamd [3.4 live].
            key=lambda action: (action.threshold or 0.0, action.severity),
        )
        self.thresholds: dict[str, float] = {
            action.name: action.threshold or 0.0 for action in reversed(self._by_threshold)
        }
        self.top = max(self.thresholds, key=self.thresholds.__getitem__, default="")
        self.required_score: float = self.thresholds.get(self.top, math.nan)
        self._overlays: dict[tuple[tuple[str, float | None], ...], ActionTable] = {}

    def choose(self, score: float) -> Action:
        """The action with the highest threshold that ``score`` reaches, else ``no action``."""
        for action in reversed(self._by_threshold):
            if action.threshold is not None and score >= action.threshold:
                return action
        return self.actions.get("no action", NO_ACTION)

    def get(self, name: str) -> Action:
        """The action of this name; one that is not configured has no threshold."""
        name = action_name(name)
        return self.actions.get(name) or Action(name, None, ham=name == "no action")

    def overlaid(self, changes: Mapping[str, float | None]) -> ActionTable:
        """This table with ``changes``: a number, ``None`` to disable, NaN for no threshold.

        As in Rspamd, ``required_score`` stays that of the action that was highest before, and
        a reject threshold that settings null stays in it and in ``thresholds``: clients read it.
        """
        if not changes:
            return self
        # One name may come in two spellings; one NaN is equal to itself only.
        named = {action_name(name): value for name, value in changes.items()}
        key = tuple(
            (name, math.nan if value is not None and math.isnan(value) else value)
            for name, value in sorted(named.items(), key=lambda change: change[0])
        )
        found = self._overlays.get(key)
        if found is None:
            if len(self._overlays) >= 256:  # settings from request headers are anybody's
                self._overlays.clear()
            found = self._overlays[key] = self._overlay(dict(key))
        return found

    def _overlay(self, changes: Mapping[str, float | None]) -> ActionTable:
        actions = dict(self.actions)
        for name, value in changes.items():
            old = actions.get(name, Action(name))
            if value is None:
                actions[name] = msgspec.structs.replace(old, disabled=True)
            elif math.isnan(value):
                actions[name] = msgspec.structs.replace(old, threshold=None, disabled=False)
            else:
                actions[name] = msgspec.structs.replace(
                    old, threshold=value, disabled=False, ham=False
                )
        table = ActionTable(actions.values())
        table._show_what_clients_read(self, changes)
        return table

    def _show_what_clients_read(
        self, base: ActionTable, changes: Mapping[str, float | None]
    ) -> None:
        limit = base.thresholds.get("reject")
        if limit is not None and changes.get("reject", 0.0) is None:
            self.thresholds = {"reject": limit, **self.thresholds}
        if base.top in self.thresholds:
            self.top = base.top
            self.required_score = self.thresholds[base.top]


def _is_number(threshold: float | None) -> bool:
    return threshold is not None and not math.isnan(threshold)
