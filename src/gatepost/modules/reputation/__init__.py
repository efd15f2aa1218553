# SPDX-License-Identifier: Apache-2.0
"""Reputation: what were earlier letters from this sender, of this domain, with these links?

Rules are the postmaster's own; none is shipped. Each says what has a reputation (``selector``),
where it is kept (``backend``), and with ``inbound`` and ``outbound`` of its selector for which
mail it is. A rule learns the score of every letter that it looked at, so that what is new today
is known tomorrow.

Source: direction-modules reference §20.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatepost.modules.reputation.making import RuleMaker
from gatepost.scan.direction import RUN
from gatepost.scan.module import (
    Adapt,
    Check,
    Direction,
    Module,
    ModuleOptions,
    Raw,
    Ruling,
    Setup,
    Symbol,
)


class Reputation(Module):
    """The checks of all rules: ``SYMBOL``, ``SYMBOL_POST`` (dkim) and ``SYMBOL_IDEMPOTENT``."""

    name = "reputation"
    group = "reputation"
    outbound = Adapt(
        "each rule for the mail that its selector names", override=("inbound", "outbound")
    )

    class Options(ModuleOptions, frozen=True):
        """Read by ``making.py``, which knows the options of rules."""

        rules: Raw = None
        """`NAME { selector "…" { … } backend "…" { … } symbol; }`, one for each rule."""
        asn_cc_whitelist: Raw = None
        """Autonomous systems and countries that no rule of the selector `ip` looks at."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Reads the rules and opens their maps."""
        places = self.options.asn_cc_whitelist
        harmless = setup.map(places, kind="map", option="asn_cc_whitelist")
        self.rules = RuleMaker(setup, harmless).make_all(self.options.rules)

    def ready(self) -> bool:
        """Without rules nothing has a reputation."""
        return bool(self.rules)

    def ruling(self, direction: Direction) -> Ruling:
        """``run`` where all rules do; else as declared, for each rule has a ruling of its own."""
        if not self.rules:
            return super().ruling(direction)
        return RUN if all(rule.ruling(direction) == RUN for rule in self.rules) else Ruling("adapt")

    def symbols(self) -> Sequence[Symbol]:
        """Those of all rules."""
        return [symbol for rule in self.rules for symbol in rule.symbols()]

    def checks(self) -> Sequence[Check]:
        """Those of all rules; each follows its rule's ruling."""
        return [check for rule in self.rules for check in rule.checks(self)]
