# SPDX-License-Identifier: Apache-2.0
"""What the settings that were chosen for a message change.

``Applied`` is the outcome of choosing and merging settings (``settings.py``): plain
data that the plan, the result and the reply read. ``Switches`` is the part that
decides which checks run; together with the direction it is the key of the plan.

Source: core reference §5.4 (apply keys) and §5.5 (merge).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Policy = Literal["default", "implicit_deny", "implicit_allow"]


class Switches(msgspec.Struct, frozen=True):
    """Which symbols and groups are on and off; hashable, ``None`` means no enable list.

    An empty enable set (not ``None``) disables everything, as in Rspamd.
    ``by_id`` is true for a static settings id: there a disabled virtual symbol only
    blocks its own insertion, while its check still runs (core reference §5.4, end).
    """

    symbols_enabled: frozenset[str] | None = None
    groups_enabled: frozenset[str] | None = None
    symbols_disabled: frozenset[str] = frozenset()
    groups_disabled: frozenset[str] = frozenset()
    policy: Policy = "default"
    by_id: bool = False

    @property
    def restricts(self) -> bool:
        """True when everything that is not enabled by name is off."""
        if self.policy == "implicit_allow":
            return False
        if self.policy == "implicit_deny":
            return True
        return self.symbols_enabled is not None or self.groups_enabled is not None


NO_SWITCHES = Switches()


class InsertedSymbol(msgspec.Struct, frozen=True):
    """A symbol that settings insert; ``weight`` multiplies the configured score."""

    name: str
    weight: float = 1.0
    options: tuple[str, ...] = ()


class SettingsMatch(msgspec.Struct, frozen=True):
    """One line of ``explain``: a settings rule, whether it matched, and why (not)."""

    name: str
    id: str | None
    matched: bool
    why: str


class Applied(msgspec.Struct):
    """The settings in force for one message; the default changes nothing.

    ``actions``: new threshold, ``None`` for an action that is disabled, NaN for one
    without a threshold. ``scores`` replace configured scores.
    """

    names: tuple[str, ...] = ()
    id: str = ""
    switches: Switches = NO_SWITCHES
    scores: dict[str, float] = {}
    actions: dict[str, float | None] = {}
    symbols: tuple[InsertedSymbol, ...] = ()
    subject: str | None = None
    add_headers: dict[str, object] = {}
    remove_headers: dict[str, object] = {}
    flags: frozenset[str] = frozenset()
    messages: dict[str, str] = {}
    variables: dict[str, str] = {}
    plugins: dict[str, object] = {}
    whitelist: bool = False


NOTHING_APPLIED = Applied()
