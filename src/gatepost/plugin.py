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
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, TypeVar, get_args

from gatepost.scan.module import Stage
from gatepost.scan.python_rules import MARK, Rule, Way
from gatepost.scan.symbol import Hit, Symbol
from gatepost.scan.task import Task

__all__ = ["Hit", "Stage", "Task", "hit", "postfilter", "prefilter", "symbol"]

F = TypeVar("F", bound=Callable[..., Any])
NAME = re.compile(r"[A-Za-z_][\w.:-]{0,254}", re.ASCII)


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
