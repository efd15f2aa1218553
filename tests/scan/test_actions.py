# SPDX-License-Identifier: Apache-2.0
"""From scores to actions, and what settings change of the thresholds: core reference §3.4."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan

import pytest

from gatepost.scan.actions import Action, ActionTable, action_name
from scan_core import shipped_actions


@pytest.mark.parametrize(
    "score, action",
    [
        (-100.0, "no action"),
        (3.99, "no action"),
        (4.0, "greylist"),  # equal is reached
        (5.9, "greylist"),
        (6.0, "add header"),
        (14.99, "add header"),
        (15.0, "reject"),
        (1e9, "reject"),
    ],
)
def test_the_highest_threshold_that_is_reached(score: float, action: str) -> None:
    assert shipped_actions().choose(score).name == action


@pytest.mark.parametrize(
    "name, canonical",
    [
        ("add_header", "add header"),
        ("soft_reject", "soft reject"),
        ("rewrite_subject", "rewrite subject"),
        ("no_action", "no action"),
        ("no-action", "no action"),
        ("accept", "no action"),
        ("reject", "reject"),
        ("hold", "hold"),
    ],
)
def test_names_have_aliases(name: str, canonical: str) -> None:
    assert action_name(name) == canonical
    assert shipped_actions().get(name).name == canonical


@pytest.mark.parametrize(
    "action, score, chosen",
    [
        (Action("hold", 10.0), 12.0, "hold"),
        (Action("hold", None), 12.0, "add header"),
        (Action("hold", nan), 12.0, "add header"),
        (Action("hold", 10.0, ham=True), 12.0, "add header"),
        (Action("hold", 10.0, disabled=True), 12.0, "add header"),
        (Action("hold", 99.0), 120.0, "hold"),
    ],
)
def test_custom_actions(action: Action, score: float, chosen: str) -> None:
    assert shipped_actions(action).choose(score).name == chosen


@pytest.mark.parametrize(
    "changes, score, action",
    [
        ({"reject": 5.0}, 5.0, "reject"),
        ({"add_header": 2.0}, 2.0, "add header"),
        ({"reject": None}, 99.0, "add header"),
        ({"reject": nan}, 99.0, "add header"),
        ({"soft reject": 10.0}, 12.0, "soft reject"),  # it had no threshold before
        ({"hold": 10.0}, 12.0, "hold"),  # nobody knew it before
        ({"no action": 5.0}, 5.5, "no action"),
        ({"add_header": None, "add header": 7.0}, 7.0, "add header"),  # two spellings
    ],
)
def test_settings_change_thresholds(
    changes: Mapping[str, float | None], score: float, action: str
) -> None:
    table = shipped_actions()
    assert table.overlaid(changes).choose(score).name == action
    assert table.choose(score).name == shipped_actions().choose(score).name


@pytest.mark.parametrize(
    "changes, required, thresholds",
    [
        ({"reject": 20.0}, 20.0, {"reject": 20.0, "add header": 6.0, "greylist": 4.0}),
        # as rspamd: the action that was the highest stays the one that clients are shown
        ({"reject": 5.0}, 5.0, {"reject": 5.0, "add header": 6.0, "greylist": 4.0}),
        ({"add header": 50.0}, 15.0, {"reject": 15.0, "add header": 50.0, "greylist": 4.0}),
        ({"reject": None}, 15.0, {"reject": 15.0, "add header": 6.0, "greylist": 4.0}),
        ({"reject": nan}, 6.0, {"add header": 6.0, "greylist": 4.0}),
        ({"greylist": None}, 15.0, {"reject": 15.0, "add header": 6.0}),
    ],
)
def test_what_clients_read_under_settings(
    changes: Mapping[str, float | None], required: float, thresholds: dict[str, float]
) -> None:
    table = shipped_actions().overlaid(changes)
    assert table.required_score == required
    assert table.thresholds == thresholds


def test_a_nulled_action_cannot_be_forced_either() -> None:
    table = shipped_actions().overlaid({"reject": None})
    assert table.get("reject").disabled
    assert not shipped_actions().get("reject").disabled


def test_without_thresholds_nothing_is_required() -> None:
    table = ActionTable([])
    assert isnan(table.required_score)
    assert table.choose(1e9).name == "no action"


def test_the_same_changes_give_the_same_table() -> None:
    table = shipped_actions()
    assert table.overlaid({"reject": 5.0}) is table.overlaid({"reject": 5.0})
    assert table.overlaid({"reject": float("nan")}) is table.overlaid({"reject": float("nan")})
    assert table.overlaid({}) is table


def test_ever_new_changes_do_not_pile_up() -> None:
    table = shipped_actions()
    for number in range(1000):
        table.overlaid({"reject": float(number)})
    assert len(table._overlays) <= 256


@pytest.mark.parametrize(
    "action, spam",
    [("reject", True), ("greylist", True), ("soft reject", True), ("no action", False)],
)
def test_every_action_but_ham_is_spam(action: str, spam: bool) -> None:
    assert shipped_actions().get(action).ham is not spam
