# SPDX-License-Identifier: Apache-2.0
"""Force actions: do these symbols together decide, whatever the score is?

A rule is an expression over symbols and the action that it forces. It is looked at as soon as
the checks that its symbols come from have ended. One that looks at the action so far
(``require_action``, ``honor_action``), or at composites, has to wait until these are there.

Source: content reference §8; expressions are those of composites without prefixes, groups
and options, and a symbol's value is the size of its score.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b

import msgspec

from gatepost.config import bind, did_you_mean
from gatepost.scan.actions import action_name
from gatepost.scan.errors import ExpressionError
from gatepost.scan.expressions import Expression, parse_expression
from gatepost.scan.module import (
    Check,
    Hit,
    Module,
    ModuleOptions,
    Raw,
    RunAlways,
    Setup,
    Stage,
    Symbol,
)
from gatepost.scan.selectors import Selector, parse_selector
from gatepost.scan.task import Task
from gatepost.ucl import Array, Object, Value, Where

PRIORITY = 9  # Rspamd's "high": after the other postfilters
LEAST_VALUE = 0.001  # of a symbol that was found, whatever its score
MAX_VALUE = 200  # characters of a value in a message
PLAIN_NAME = re.compile(r"[\w.:@$-]+")
PLACEHOLDER = re.compile(r"\$\{(.*?)\}")
Text = Callable[[Task], str]


class RuleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``rules { NAME { … } }``."""

    expression: str | None = None
    action: str | None = None
    message: str | None = None
    subject: str | None = None
    require_action: list[str] = []
    honor_action: list[str] = []
    limit: float = 0.0
    least: bool = False
    process_all: bool = False
    enabled: bool = True


class Rule(msgspec.Struct, frozen=True):
    """One rule, ready to be looked at. ``late``: when the composites are known."""

    symbol: Symbol
    expression: Expression
    action: str
    options: RuleOptions
    message: Text | None
    late: bool
    passes: bool
    require: frozenset[str]
    honor: frozenset[str]

    def check(self, task: Task) -> Iterator[Hit]:
        """Forces the action where the expression holds."""
        options = self.options
        now = task.result.verdict().action.name
        if now == self.action and self.message is None and options.subject is None:
            return
        if now in self.honor or (self.require and now not in self.require):
            return
        atoms = self.expression.atoms
        if self.expression.evaluate(lambda at: _value(task, atoms[at].text)) <= options.limit:
            return
        if options.subject is not None:
            task.variables["metric_subject"] = options.subject
        task.set_pre_result(
            self.action,
            self.message(task) if self.message is not None else "",
            module="force_actions",
            least=options.least,
            process_all=options.process_all,
        )
        yield self.symbol(self.action)


class ForceActions(Module):
    """Decides by symbols."""

    name = "force_actions"
    group = "force_actions"
    outbound = RunAlways()

    class Options(ModuleOptions, frozen=True):
        """``actions`` and ``messages`` are the old form: expressions listed by action."""

        rules: Raw = None
        """`NAME { expression; action; message; subject; require_action; honor_action; … }`"""
        actions: Raw = None
        """The old form: `ACTION = [EXPRESSION, [EXPRESSION, message, subject]]`,"""
        messages: Raw = None
        """and texts for its expressions."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Reads the rules of both forms."""
        self.actions = setup.known_actions()
        self.composites = {
            *setup.config.section("composites"),
            *(name for name, _ in setup.config.named("composite")),
        }
        found = [*self._rules(setup), *self._old_rules(setup)]
        self.rules = {rule.symbol.name: rule for rule in found}

    def ready(self) -> bool:
        """Without rules there is nothing to force."""
        return bool(self.rules)

    def symbols(self) -> Sequence[Symbol]:
        """One symbol a rule."""
        return [rule.symbol for rule in self.rules.values()]

    def checks(self) -> Sequence[Check]:
        """One check a rule, called as its symbol."""
        return [
            Check(
                callback=rule.symbol.name,
                stage=Stage.POSTFILTER if rule.late else Stage.FILTER,
                function=rule.check,
                module=self,
                priority=PRIORITY if rule.late else 0,
                after=tuple(atom.text for atom in rule.expression.atoms),
                symbols=(rule.symbol,),
                group=self.group,
                # What the postmaster decides goes before what a score says, however high.
                fine=rule.passes,
                ignore_passthrough=rule.passes,
                empty=True,
            )
            for rule in self.rules.values()
        ]

    def _rules(self, setup: Setup) -> Iterator[Rule]:
        section = self.options.rules
        if section is None:
            return
        if not isinstance(section, Object):
            setup.problem("rules", "expected a section { NAME { expression = …; action = …; } }")
            return
        for name, body in section.items():
            path = f"{setup.name}.rules.{name}"
            if not isinstance(body, Object):
                message = f"{path}: expected {{ expression = …; action = …; }}"
                setup.problems.error(section.place(name), message)
                continue
            options = bind(RuleOptions, body, path, setup.problems)
            if options.enabled:
                rule = self._rule(setup, f"FORCE_ACTION_{name}", options, path, body.place)
                if rule is not None:
                    yield rule

    def _old_rules(self, setup: Setup) -> Iterator[Rule]:
        """``actions { reject = ["EXPRESSION", ["EXPRESSION", "message", "subject"]]; }``."""
        section, messages = self.options.actions, self.options.messages
        if section is None:
            return
        if not isinstance(section, Object):
            setup.problem("actions", "expected a section { ACTION = [EXPRESSION, …]; }")
            return
        texts = messages if isinstance(messages, Object) else Object()
        for action, listed in section.items():
            where = section.place(action)
            path = f"{setup.name}.actions.{action}"
            for item in listed if isinstance(listed, Array) else [listed]:
                words = list(item) if isinstance(item, Array) else [item, texts.get(str(item))]
                if not 1 <= len(words) <= 3 or not isinstance(words[0], str):
                    expected = "an expression, or a list of expression, message and subject"
                    setup.problems.error(where, f"{path}: expected {expected}")
                    continue
                digest = blake2b(words[0].encode("utf-8", "surrogateescape")).hexdigest()
                options = RuleOptions(
                    expression=words[0],
                    action=action,
                    message=_text(words, 1),
                    subject=_text(words, 2),
                )
                name = f"FORCE_ACTION_{digest[:12].upper()}"
                rule = self._rule(setup, name, options, path, partial(_same, where), passes=False)
                if rule is not None:
                    yield rule

    def _rule(
        self,
        setup: Setup,
        name: str,
        options: RuleOptions,
        path: str,
        place: Callable[[str], Where],
        *,
        passes: bool = True,
    ) -> Rule | None:
        """The rule, if nothing is wrong with it. Goes through all of it to name every mistake."""

        def wrong(option: str, message: str) -> None:
            setup.problems.error(place(option), f"{path}.{option}: {message}")

        named = [("action", options.action)] if options.action is not None else []
        named += [("require_action", action) for action in options.require_action]
        named += [("honor_action", action) for action in options.honor_action]
        unknown = [(option, action) for option, action in named if action not in self.actions]
        for option, action in unknown:
            wrong(
                option, f"expected an action, found `{action}`{did_you_mean(action, self.actions)}"
            )
        expression = None
        try:
            expression = _parse(options.expression)
        except ExpressionError as error:
            wrong("expression", str(error))
        message = None
        try:
            message = _message(options.message, setup)
        except ExpressionError as error:
            wrong("message", str(error))
        if options.action is None:
            wrong("action", "expected an action, found nothing")
        if unknown or expression is None or options.action is None:
            return None
        on_composites = any(atom.text in self.composites for atom in expression.atoms)
        return Rule(
            symbol=Symbol(name, 0.0, f"forces {action_name(options.action)}"),
            expression=expression,
            action=action_name(options.action),
            options=options,
            message=message,
            late=bool(options.require_action or options.honor_action or on_composites),
            passes=passes,
            require=frozenset(map(action_name, options.require_action)),
            honor=frozenset(map(action_name, options.honor_action)),
        )


def _parse(text: str | None) -> Expression:
    if not text or not text.strip():
        raise ExpressionError("expected symbols, such as `A & !B`, found nothing")
    expression = parse_expression(text)
    for atom in expression.atoms:
        if not PLAIN_NAME.fullmatch(atom.text) or atom.text.startswith(("g:", "g+:", "g-:", "-")):
            raise ExpressionError(f"expected the name of a symbol, found `{atom.text[:100]}`")
    return expression


def _value(task: Task, name: str) -> float:
    found = task.symbol(name)
    return max(LEAST_VALUE, abs(found.score)) if found is not None else 0.0


def _message(text: str | None, setup: Setup) -> Text | None:
    """The text with ``${selector}`` filled in for each letter. Raises ``ExpressionError``."""
    if text is None:
        return None
    pieces: list[str | Selector] = list(PLACEHOLDER.split(text))
    for at in range(1, len(pieces), 2):
        pieces[at] = parse_selector(str(pieces[at]), maps=setup.maps)

    def filled(task: Task) -> str:
        return "".join(
            piece if isinstance(piece, str) else _shown(piece.flat_values(task)) for piece in pieces
        )

    return filled


def _shown(values: Sequence[str]) -> str:
    """Values from a letter in one line: they go out as a reply to a command."""
    text = ",".join(values)[:MAX_VALUE]
    return "".join(char if char.isprintable() else " " for char in text)


def _same(where: Where, option: str) -> Where:
    """The place of every option of a rule that stands in one line."""
    return where


def _text(words: Sequence[Value], at: int) -> str | None:
    value = words[at] if at < len(words) else None
    return None if value is None else str(value)
