# SPDX-License-Identifier: Apache-2.0
"""Who sent this message, and what does that switch on and off?

The idea of the whole program. Two independent facts make up a direction: a user
identity reached us (``authenticated``), and the client's address is one of ours
(``local``). Either makes a message outbound. A module does not test them in its
check: it declares a policy, and from that alone ``gatepost directions`` prints what
runs, the plan leaves out what does not, and ``gatepost explain`` says why.

Source: direction-modules reference §0; the policies are DESIGN §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Effect = Literal["run", "skip", "adapt"]
Kind = Literal["inbound", "local", "authenticated", "both"]


class Direction(msgspec.Struct, frozen=True):
    """The direction of one message; there are four, see ``ALL_DIRECTIONS``."""

    local: bool = False
    authenticated: bool = False

    @property
    def outbound(self) -> bool:
        """True when the message leaves through us, for either reason."""
        return self.local or self.authenticated

    @property
    def kind(self) -> Kind:
        """The column of ``gatepost directions`` this message falls into."""
        if self.authenticated:
            return "both" if self.local else "authenticated"
        return "local" if self.local else "inbound"


INBOUND = Direction()
LOCAL = Direction(local=True)
AUTHENTICATED = Direction(authenticated=True)
BOTH = Direction(local=True, authenticated=True)
ALL_DIRECTIONS: dict[Kind, Direction] = {
    "inbound": INBOUND,
    "local": LOCAL,
    "authenticated": AUTHENTICATED,
    "both": BOTH,
}


def direction_of(*, local: bool, authenticated: bool) -> Direction:
    """The one shared ``Direction`` for these two facts."""
    if authenticated:
        return BOTH if local else AUTHENTICATED
    return LOCAL if local else INBOUND


class Ruling(msgspec.Struct, frozen=True):
    """What a policy decides for one direction.

    ``because`` names the condition that skips the check, ``option`` the option of the
    module (without its section) that would let it run.
    """

    effect: Effect
    because: Literal["", "local", "authenticated", "inbound"] = ""
    option: str | None = None


RUN = Ruling("run")
ADAPT = Ruling("adapt")


class RunAlways(msgspec.Struct, frozen=True):
    """The module runs whatever the direction."""

    override: tuple[str, ...] = ()
    note: str = ""

    def ruling(self, direction: Direction, switches: Mapping[str, bool]) -> Ruling:
        """Always ``run``."""
        return RUN


class Skip(msgspec.Struct, frozen=True):
    """The module does not run for local senders, authenticated ones, or both.

    ``override`` names the options that let it run after all. The two conditions are
    independent: with a user *and* a local address both options must be on.
    """

    local: bool = False
    authenticated: bool = False
    override: tuple[str, ...] = ("check_local", "check_authed")
    note: str = ""

    def ruling(self, direction: Direction, switches: Mapping[str, bool]) -> Ruling:
        """``switches`` holds the value in force of each option in ``override``."""
        if direction.authenticated and self.authenticated and not switches.get("check_authed"):
            option = "check_authed" if "check_authed" in self.override else None
            return Ruling("skip", "authenticated", option)
        if direction.local and self.local and not switches.get("check_local"):
            option = "check_local" if "check_local" in self.override else None
            return Ruling("skip", "local", option)
        return RUN


class Adapt(msgspec.Struct, frozen=True):
    """The module runs, but does something else; its check reads ``task.direction``.

    ``note`` says what changes. When both conditions hold, what happens is the more
    restricted of the two, unless the module is one that only outbound mail switches on.
    Where ``override`` names ``check_local`` or ``check_authed``, that option makes an
    adapted (or skipped) check run in full for its condition, as with `Skip`; other names
    are options that the check itself reads.
    """

    note: str
    inbound: Effect = "run"
    local: Effect = "adapt"
    authenticated: Effect = "adapt"
    override: tuple[str, ...] = ()

    def ruling(self, direction: Direction, switches: Mapping[str, bool]) -> Ruling:
        """One of the three declared effects; for both conditions the stronger one."""
        if not direction.outbound:
            return Ruling(self.inbound, "inbound" if self.inbound == "skip" else "")
        effects: list[tuple[Effect, Literal["local", "authenticated"], str]] = []
        if direction.authenticated and not switches.get("check_authed"):
            effects.append((self.authenticated, "authenticated", "check_authed"))
        if direction.local and not switches.get("check_local"):
            effects.append((self.local, "local", "check_local"))
        for wanted in ("adapt", "run", "skip") if self.inbound == "skip" else ("skip", "adapt"):
            for effect, because, option in effects:
                if effect == "skip" == wanted:
                    return Ruling("skip", because, option if option in self.override else None)
                if effect == wanted:
                    return Ruling(effect)
        return RUN


DirectionPolicy = RunAlways | Skip | Adapt

SWITCHES = ("check_local", "check_authed")
"""The override options that ``options`` has as well, for modules that leave them unset."""
