# SPDX-License-Identifier: Apache-2.0
"""The small face for rules in Python: a decorator that makes a function a rule.

    from gatepost.plugin import Task, symbol

    @symbol("NO_SUBJECT", score=1.5, group="headers", description="nothing in the Subject")
    def no_subject(task: Task):
        return not task.message.subject

A rule is a plain function, or ``async`` when it waits for something. It returns

- ``True``, or the match of a regular expression: the symbol,
- ``False``, ``None``, ``0``, ``""``, ``[]``: nothing,
- text, or a list or set of texts: the symbol with these options,
- a number: the symbol, its score multiplied by it,
- ``(True or number, "option", …)``: both,
- what ``hit()`` made, or a list of these: any of the rule's symbols,

or it yields any of these. docs/python-rules.md has the whole story.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, TypeVar, get_args

from gatepost.scan.module import Direction, Ruling, Stage
from gatepost.scan.symbol import Hit, Symbol
from gatepost.scan.task import Task

__all__ = ["Hit", "Rule", "Stage", "Task", "hit", "postfilter", "prefilter", "rules_of", "symbol"]

F = TypeVar("F", bound=Callable[..., Any])
Way = Literal["inbound", "outbound", "authenticated", "local"]
MARK = "__gatepost_rules__"
NAME = re.compile(r"[A-Za-z_][\w.:-]{0,254}", re.ASCII)


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

        Raises ``TypeError`` for anything else, ``ValueError`` for a symbol that is not the rule's.
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
        raise TypeError(
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
            raise ValueError(f"{found.name} is none of the symbols of {self.symbol.name}: virtual=")
        return found


def hit(name: str, *options: str, weight: float = 1.0) -> Hit:
    """A finding of the symbol ``name``, one of the rule's ``virtual`` ones for instance."""
    return Hit(name, options, weight)


def symbol(
    name: str,
    *,
    score: float = 0.0,
    group: str = "python",
    groups: Iterable[str] = (),
    description: str = "",
    stage: Stage = Stage.FILTER,
    virtual: Mapping[str, float] | Iterable[str] = (),
    after: str | Iterable[str] = (),
    requires: str | Iterable[str] = (),
    direction: Way | None = None,
    priority: int = 0,
    timeout: float = 0.0,
    one_shot: bool = False,
    empty: bool = False,
    ignore_passthrough: bool = False,
) -> Callable[[F], F]:
    """Makes a function of a task the rule of the symbol ``name``.

    ``score`` is what the symbol adds, unless the configuration says otherwise. ``virtual`` are
    further symbols that the rule may insert by ``hit()``, with their scores. ``after`` names
    checks that have to be done before (``DKIM_SIGNED``), ``requires`` ones without which it does
    not run; symbols will do as well, for the checks that insert them. ``direction`` is the only
    one the rule is for: ``authenticated`` needs a user, ``local`` a client of ours, ``outbound``
    one of both, ``inbound`` neither. ``priority`` orders pre- and postfilters, ``timeout``
    (seconds) is for rules that wait. With ``empty`` it also runs for messages without content,
    with ``ignore_passthrough`` also after a check has decided the action.
    """
    virtual = (virtual,) if isinstance(virtual, str) else virtual
    scores = virtual if isinstance(virtual, Mapping) else dict.fromkeys(virtual, 0.0)
    _refuse_nonsense({name: score, **scores}, stage, direction)
    others = tuple(Symbol(other, weight) for other, weight in scores.items())
    declared = Symbol(name, score, description, one_shot=one_shot, groups=tuple(groups))

    def decorate(function: F) -> F:
        _refuse_function(name, function, timeout)
        rule = Rule(
            symbol=declared,
            stage=stage,
            group=group,
            virtual=others,
            after=_names(after),
            requires=_names(requires),
            direction=direction,
            priority=priority,
            timeout=timeout,
            empty=empty,
            ignore_passthrough=ignore_passthrough,
            function=function,
        )
        function.__dict__.setdefault(MARK, []).append(rule)
        return function

    return decorate


def prefilter(name: str, *, priority: int = 5, **arguments: Any) -> Callable[[F], F]:
    """``symbol`` for a rule that runs before all filters; it may call ``task.set_pre_result``."""
    return symbol(name, stage=Stage.PREFILTER, priority=priority, **arguments)


def postfilter(name: str, *, priority: int = 5, **arguments: Any) -> Callable[[F], F]:
    """``symbol`` for a rule that runs when the score is known."""
    return symbol(name, stage=Stage.POSTFILTER, priority=priority, **arguments)


def rules_of(names: Mapping[str, object]) -> list[Rule]:
    """The rules among the names of a module, in the order in which they were written."""
    found: list[Rule] = []
    for value in names.values():
        for rule in getattr(value, "__dict__", {}).get(MARK, ()):
            if rule not in found:  # a second name for the same function
                found.append(rule)
    return found


def _refuse_nonsense(scores: Mapping[str, object], stage: object, direction: object) -> None:
    """Mistakes are named when the file is loaded, with its line, not when mail comes."""
    for name, score in scores.items():
        if not isinstance(name, str):
            raise TypeError('expected the name of the symbol: @symbol("NAME")')
        if not NAME.fullmatch(name):
            raise ValueError(f"`{name[:100]}` is no name for a symbol; expected letters, digits, _")
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise TypeError(f"{name}: expected a number as score, found {score!r}")
        if not isfinite(score):
            raise ValueError(f"{name}: expected a finite score, found {score!r}")
    if not isinstance(stage, Stage):
        known = ", ".join(f"Stage.{one.name}" for one in Stage)
        raise TypeError(f"expected one of {known}, found {stage!r}")
    if direction is not None and direction not in get_args(Way):
        raise ValueError(f"expected one of {', '.join(get_args(Way))}, found {direction!r}")


def _refuse_function(name: str, function: Callable[..., Any], timeout: float) -> None:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise TypeError(f"{name}: a rule is called with the task and nothing else") from None
    waits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if timeout and not waits:
        raise TypeError(f"{name}: a timeout can only end a rule that is `async`")


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
