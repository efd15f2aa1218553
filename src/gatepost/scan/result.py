# SPDX-License-Identifier: Apache-2.0
"""What the checks found, what it adds up to, and which action that means.

``Result`` takes hits and pre-results while the engine runs, keeps the sums of capped
groups, and decides the action once. It does no I/O and knows no module.

Source: core reference §3.2 (pre-results), §3.3 (scores, shots, group caps), §3.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from gatepost.scan.actions import Action, ActionTable
from gatepost.scan.symbol import Hit, Registered, SymbolRegistry

LOW, NORMAL, HIGH, CRITICAL = 0, 1, 2, 3
UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_SCORE = 1e12  # of one insertion; as rspamd, NaN and infinity weigh nothing
MAX_OPTIONS = 1000  # each new one is compared with all

Removed = Literal["", "weight", "symbol", "both"]


class FoundSymbol:
    """A symbol of this message: what it adds (``score``), what it added before composites."""

    __slots__ = (
        "metric_score",
        "name",
        "option_bytes",
        "options",
        "registered",
        "removed",
        "score",
        "shots",
        "weight",
    )

    def __init__(self, registered: Registered) -> None:
        self.name = registered.name
        self.registered = registered
        self.score = 0.0
        self.metric_score = 0.0
        self.weight = 0.0
        self.shots = 0
        self.options: list[str] = []
        self.option_bytes = 0
        self.removed: Removed = ""

    @property
    def visible(self) -> bool:
        """False when a composite took the symbol out of the reply."""
        return self.removed not in ("symbol", "both")


class PreResult(msgspec.Struct, frozen=True):
    """A decision taken by a module: an action whatever the score, or at ``least`` that one.

    ``score`` NaN leaves the score alone. ``process_all`` fixes the action and lets the other
    stages go on; only filters that have not begun are left out.
    """

    action: str
    message: str
    module: str
    score: float = math.nan
    priority: int = NORMAL
    least: bool = False
    process_all: bool = False
    no_smtp_message: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The end of a scan: the action, the score it was decided on, and who forced it."""

    action: Action
    score: float
    required_score: float
    forced_by: PreResult | None = None

    @property
    def is_spam(self) -> bool:
        """The letter of Rspamd's log line: every action without the ham flag is spam."""
        return not self.action.ham


class Result:
    """The findings of one message. Once ``closed`` (the idempotent stage), nothing is added."""

    __slots__ = (
        "_group_sums",
        "_scores",
        "actions",
        "closed",
        "found",
        "max_option_bytes",
        "messages",
        "pre_results",
        "registry",
        "score",
        "skipped",
    )

    def __init__(
        self,
        registry: SymbolRegistry,
        actions: ActionTable,
        *,
        scores: Mapping[str, float] | None = None,
        max_option_bytes: int = 4096,
    ) -> None:
        """``scores`` are the overrides of the settings in force."""
        self.registry = registry
        self.actions = actions
        self.found: dict[str, FoundSymbol] = {}
        self.score = 0.0
        self.pre_results: list[PreResult] = []
        self.messages: dict[str, str] = {}
        self.max_option_bytes = max_option_bytes
        self.skipped = False
        self.closed = False
        self._scores = scores or None
        self._group_sums: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def insert(self, hit: Hit, *, forced: bool = False) -> None:
        """Adds one hit; ``forced`` lets an unregistered symbol weigh its own weight."""
        if self.closed:
            return
        found = self.found.get(hit.name)
        if found is None:
            found = self.found[hit.name] = FoundSymbol(self.registry.get(hit.name))
        base = found.registered.score
        if self._scores is not None:
            base = self._scores.get(hit.name, base)
        if forced and not self.registry.is_known(hit.name) and not self._is_rescored(hit.name):
            base = 1.0
        weight = hit.weight if abs(base * hit.weight) <= MAX_SCORE else 0.0
        self._add(found, base * weight, weight)
        for option in hit.options:
            self._add_option(found, option)

    def _is_rescored(self, name: str) -> bool:
        return self._scores is not None and name in self._scores

    def set_pre_result(self, pre_result: PreResult) -> None:
        """Forces an action. The highest priority wins; equal ones in the order of setting."""
        action = self.actions.get(pre_result.action)
        if self.skipped or self.closed or action.disabled:
            return
        pre_result = msgspec.structs.replace(pre_result, action=action.name)
        at = next(
            (i for i, p in enumerate(self.pre_results) if p.priority < pre_result.priority),
            len(self.pre_results),
        )
        self.pre_results.insert(at, pre_result)
        if pre_result.message and not pre_result.no_smtp_message:
            self.messages.setdefault("smtp_message", pre_result.message)

    def disable_action(self, name: str) -> None:
        """Takes an action from this message: the score chooses among the others."""
        self.actions = self.actions.overlaid({name: None})

    def stops(self, *, filters: bool) -> bool:
        """True when a pre-result leaves out further checks: of the filters, or of other stages."""
        return any(not p.least and (filters or not p.process_all) for p in self.pre_results)

    def verdict(self) -> Verdict:
        """The action and score, from pre-results and thresholds."""
        required = self.actions.required_score
        chosen = self.actions.choose(self.score)
        if self.skipped and not self.pre_results:
            return Verdict(self.actions.get("no action"), self.score, required)
        score, forced_by = self.score, None
        for pre in self.pre_results:
            action = self.actions.get(pre.action)
            if not pre.least:
                forced = self.score if math.isnan(pre.score) else pre.score
                if action.name == "no action":
                    forced = min(self.score, forced)
                return Verdict(action, forced, required, pre)
            if action.is_above(chosen):
                chosen, forced_by = action, pre
                score = score if action.threshold is None else max(score, action.threshold)
        return Verdict(chosen, score, required, forced_by)

    def remove(self, name: str, what: Removed) -> None:
        """Takes a symbol out of the reply, its weight out of the score, or both (composites)."""
        found = self.found[name]
        if what in ("weight", "both") and found.removed not in ("weight", "both"):
            self.score -= found.score
            found.score = 0.0
        parts = {found.removed, what} - {""}
        found.removed = "both" if len(parts) > 1 or "both" in parts else what

    def adjust(self, name: str, score: float, *options: str) -> None:
        """Gives a symbol that was found this score instead of its own (``adjust_result``)."""
        found = self.found.get(name)
        if found is None or self.closed or found.removed in ("weight", "both"):
            return
        change = score - found.score
        for group in found.registered.capped:
            self._group_sums[group.name] = self._group_sums.get(group.name, 0.0) + change
        self.score += change
        found.score = found.metric_score = score
        for option in options:
            self._add_option(found, option)

    def withdraw(self, module: str) -> None:
        """Takes back what ``module`` forced on the letter, with its text for the SMTP reply."""
        taken = [pre for pre in self.pre_results if pre.module == module]
        self.pre_results = [pre for pre in self.pre_results if pre.module != module]
        if self.messages.get("smtp_message") in {pre.message for pre in taken}:
            del self.messages["smtp_message"]
            for pre in self.pre_results:
                if pre.message and not pre.no_smtp_message:
                    self.messages.setdefault("smtp_message", pre.message)

    def grow(self, factor: float) -> None:
        """Applies ``grow_factor``: many small findings together weigh more (§3.3)."""
        limit = self.actions.required_score
        if factor <= 1.0 or not limit > 0:
            return
        positive = [found for found in self.found.values() if found.score > 0]
        total = factor if positive else 1.0
        for found in positive:
            total *= 1.0 + (factor - 1.0) * found.score / limit
        if not math.isfinite(total * self.score):
            return
        for found in positive:
            self.score += found.score * (total - 1.0)
            found.score *= total
            found.metric_score = found.score

    def group_scores(self) -> dict[str, float]:
        """What the symbols of each group add to the score, those that are not shown as well."""
        sums: dict[str, float] = {}
        for found in self.found.values():
            for group in found.registered.groups:
                sums[group.name] = sums.get(group.name, 0.0) + found.score
        return sums

    def visible(self) -> Iterable[FoundSymbol]:
        """The symbols that the reply shows."""
        return (found for found in self.found.values() if found.visible)

    def _add(self, found: FoundSymbol, score: float, weight: float) -> None:
        if found.shots >= found.registered.shots:
            # A further insertion only counts where it says the same thing louder.
            if score * found.score < 0 or abs(score) <= abs(found.score):
                return
            added = self._within_groups(found.registered, score - found.score)
        else:
            found.shots += 1
            added = self._within_groups(found.registered, score)
        found.weight = weight
        found.score += added
        found.metric_score = found.score
        self.score += added

    def _within_groups(self, registered: Registered, score: float) -> float:
        for group in registered.capped:
            total = self._group_sums.get(group.name, 0.0)
            score = min(max(score, group.min_score - total), group.max_score - total)
        for group in registered.capped:
            self._group_sums[group.name] = self._group_sums.get(group.name, 0.0) + score
        return score

    def _add_option(self, found: FoundSymbol, option: str) -> None:
        if found.registered.one_param and found.options:
            return
        if not option.isprintable():
            option = UNPRINTABLE.sub("\ufffd", option)
        if option in found.options or len(found.options) >= MAX_OPTIONS:
            return
        if found.option_bytes < 0:  # the list is closed
            return
        found.option_bytes += len(option.encode())
        if found.option_bytes > self.max_option_bytes:
            found.option_bytes = -1
            option = "..."
        found.options.append(option)
