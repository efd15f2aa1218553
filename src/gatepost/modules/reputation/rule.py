# SPDX-License-Identifier: Apache-2.0
"""One rule: what is known of the senders, domains or users in this letter, and what it teaches.

A rule is a selector, a backend and a symbol. It looks (a filter), it may correct the score of
a signature (a postfilter), and it learns the letter's score (an idempotent check); all three
follow the rule's own ruling on the direction.

Source: direction-modules reference §20.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import Any

from gatepost.modules.reputation.backends import Backend
from gatepost.modules.reputation.exemptions import Exempts
from gatepost.modules.reputation.kinds import DkimKind, Finding, Kind
from gatepost.modules.reputation.scoring import weigh
from gatepost.modules.reputation.tokens import Token
from gatepost.scan.direction import RUN
from gatepost.scan.module import (
    Check,
    Direction,
    Hit,
    Hits,
    Module,
    Ruling,
    Stage,
    Symbol,
)
from gatepost.scan.task import Task
from gatepost.scan.verdicts import rough_verdict
from gatepost.store import StoreError


class Rule:
    """One rule of the configuration.

    ``path`` is where its selector is written below the module's section. ``signature_symbol``
    is the symbol whose score a rule of the ``dkim`` selector corrects.
    """

    def __init__(
        self,
        symbol: str,
        kind: Kind[Any],
        backend: Backend,
        *,
        path: str,
        exempts: Exempts | None = None,
        signature_symbol: str = "R_DKIM_ALLOW",
    ) -> None:
        self.symbol = symbol
        self.kind = kind
        self.backend = backend
        self.path = path
        self.exempts = exempts
        self.signature_symbol = signature_symbol
        self.variable = f"reputation:{symbol}"
        split = kind.options.split_symbols
        self.spam, self.ham = (f"{symbol}_SPAM", f"{symbol}_HAM") if split else (symbol, symbol)

    def ruling(self, direction: Direction) -> Ruling:
        """By ``inbound`` and ``outbound`` of the selector; as rspamd, neither means both."""
        options = self.kind.options
        if options.inbound == options.outbound:
            return RUN
        if direction.outbound and not options.outbound:
            option = f"{self.path}.outbound"
            return Ruling("skip", "authenticated" if direction.authenticated else "local", option)
        if not direction.outbound and not options.inbound:
            return Ruling("skip", "inbound", f"{self.path}.inbound")
        return RUN

    def symbols(self) -> tuple[Symbol, ...]:
        """As rspamd, they have no score until the configuration gives them one."""
        if self.spam == self.ham:
            return (Symbol(self.symbol, 0.0, "What earlier letters like this one were"),)
        return (
            Symbol(self.ham, 0.0, "Earlier letters like this one were good"),
            Symbol(self.spam, 0.0, "Earlier letters like this one were bad"),
        )

    def checks(self, module: Module) -> list[Check]:
        """One to look; one to correct, for signatures; one to learn, where that is possible."""
        make = partial(Check, module=module, group=module.group, ruling=self.ruling)
        late = partial(make, explicit_disable=True, ignore_passthrough=True)
        name = self.symbol
        found = [
            make(name, Stage.FILTER, self.check, after=self.kind.after, symbols=self.symbols())
        ]
        if isinstance(self.kind, DkimKind):
            found.append(late(f"{name}_POST", Stage.POSTFILTER, self.correct))
        if self.backend.learns:
            found.append(late(f"{name}_IDEMPOTENT", Stage.IDEMPOTENT, self.learn))
        return found

    async def check(self, task: Task) -> Hits:
        """Looks up what is known, and yields what it means."""
        tokens = self._tokens(task)
        if not tokens:
            return
        asked = self.kind.wanted(tokens)
        try:
            standings = await self.backend.read(task, asked) if asked else []
        except StoreError as error:
            task.log(logging.ERROR, "reputation: %s is not known: %s", self.symbol, error)
            return
        known = [(t, found) for t, found in zip(asked, standings, strict=True) if found is not None]
        judge = partial(
            weigh,
            lower_bound=self.kind.options.lower_bound,
            required=task.result.actions.required_score,
        )
        for finding in self.kind.findings(known, judge):
            task.variables[self.variable] = finding.sum
            yield self._hit(task, finding)

    def correct(self, task: Task) -> None:
        """A signature says more for a letter, or less, by what its domain sent before."""
        total, signed = task.variables.get(self.variable), task.symbol(self.signature_symbol)
        options = self.kind.options
        if total and signed is not None and not self._is_exempt(task):
            change = options.max_accept_adjustment * math.tanh(total)
            task.result.adjust(self.signature_symbol, signed.score + change)

    async def learn(self, task: Task) -> None:
        """Remembers the score that the letter has without this rule.

        A decision that some module forced says nothing of its kind: nothing is learnt.
        """
        if rough_verdict(task.result) == "passthrough":
            return
        tokens = self._tokens(task)
        if not tokens:
            return
        score = task.result.verdict().score - self._own_score(task)
        try:
            await self.backend.learn(task, tokens, score)
        except StoreError as error:
            task.log(logging.ERROR, "reputation: %s learns nothing: %s", self.symbol, error)

    def _tokens(self, task: Task) -> list[Token]:
        return [] if self._is_exempt(task) else self.kind.tokens(task)

    def _is_exempt(self, task: Task) -> bool:
        return self.exempts is not None and self.exempts(task)

    def _hit(self, task: Task, finding: Finding) -> Hit:
        weight = finding.weight
        if self.spam == self.ham or weight >= 0:
            return Hit(self.spam, (finding.option,), weight)
        # A score below 0 times a weight below 0 would speak against the letter.
        own = task.result.registry.get(self.ham).score
        return Hit(self.ham, (finding.option,), abs(weight) if own < 0 else weight)

    def _own_score(self, task: Task) -> float:
        found = (task.symbol(name) for name in (self.spam, self.ham))
        return next((symbol.score for symbol in found if symbol is not None), 0.0)
