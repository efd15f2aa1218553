# SPDX-License-Identifier: Apache-2.0
"""Python: what do the postmaster's own rules say?

Rules are functions in ``plugins.d/*.py`` of the configuration folder, and in the files that
``python = "file.py"`` names (relative to the file that says so; several are allowed).
``gatepost.plugin`` is all they need to import.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gatepost.scan.errors import RuleError
from gatepost.scan.module import Check, Module, ModuleOptions, RunAlways, Setup
from gatepost.scan.python_files import PythonFileError, load_python
from gatepost.scan.python_rules import Rule, rules_of
from gatepost.scan.symbol import Hit, Symbol
from gatepost.scan.task import Task
from gatepost.ucl import Array, Where

MAX_FILES = 1000


class Python(Module):
    """Runs the rules that were written in Python."""

    name = "python"
    group = "python"
    outbound = RunAlways(note="each rule says for itself which directions it is for")

    class Options(ModuleOptions, frozen=True):
        """Only the switch: the files are found, or named by ``python`` at the top level."""

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Runs every file once and collects its rules."""
        self.rules: list[Rule] = []
        owners: dict[str, Path] = {}
        if self.options.disabled or not self.options.enabled:
            return  # what is switched off is not even run to be looked at
        for path, where in _files(setup):
            try:
                found = rules_of(vars(load_python(path)))
            except PythonFileError as error:
                if error.line:
                    setup.problems.error(Where(str(path), error.line), error.message)
                else:
                    setup.problems.error(where, str(error))
                continue
            for rule in found:
                name = rule.symbol.name
                if name in owners:
                    place = _place_of(rule, path)
                    setup.problems.error(place, f"{name} is a rule of {owners[name]} already")
                else:
                    owners[name] = path
                    self.rules.append(rule)

    def ready(self) -> bool:
        """Without a rule there is nothing to run."""
        return bool(self.rules)

    def symbols(self) -> Sequence[Symbol]:
        """The symbols of all rules, virtual ones included."""
        return [symbol for rule in self.rules for symbol in (rule.symbol, *rule.virtual)]

    def checks(self) -> Sequence[Check]:
        """One check a rule, called as its symbol."""
        return [
            Check(
                callback=rule.symbol.name,
                stage=rule.stage,
                function=_as_check(rule),
                module=self,
                priority=rule.priority,
                after=rule.after,
                requires=rule.requires,
                symbols=(rule.symbol, *rule.virtual),
                group=rule.group,
                timeout=rule.timeout,
                ignore_passthrough=rule.ignore_passthrough,
                empty=rule.empty,
                ruling=rule.ruling,
                where=_place_of(rule),
            )
            for rule in self.rules
        ]


class FailsAlone:
    """Around a rule: one that exits ends itself, not the worker."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is SystemExit:
            raise RuleError("a rule may not exit")


def _as_check(rule: Rule) -> Callable[[Task], Any]:
    """The rule's function with what it returns, or yields, turned into hits."""
    function = rule.function
    alone = FailsAlone()
    if inspect.isasyncgenfunction(function):

        async def yielding(task: Task) -> AsyncIterator[Hit]:
            with alone:
                async for found in function(task):
                    for hit in rule.hits(found):
                        yield hit

        return yielding
    if inspect.iscoroutinefunction(function):

        async def waiting(task: Task) -> list[Hit]:
            with alone:
                return rule.hits(await function(task))

        return waiting
    if inspect.isgeneratorfunction(function):

        def generating(task: Task) -> Iterator[Hit]:
            with alone:
                for found in function(task):
                    yield from rule.hits(found)

        return generating

    def plain(task: Task) -> Sequence[Hit]:
        with alone:
            return rule.hits(function(task))

    return plain


def _place_of(rule: Rule, path: Path | None = None) -> Where:
    """Where the rule's function is written; ``path`` stands in for one without a file."""
    code = getattr(rule.function, "__code__", None)
    if code is None:
        return Where(str(path or ""), 0)
    return Where(str(path or code.co_filename), code.co_firstlineno)


def _files(setup: Setup) -> list[tuple[Path, Where]]:
    """Every file of rules, and where it was named; the folder's own come first, by name."""
    found: list[tuple[Path, Where]] = []
    folder = setup.config.folder
    if folder is not None and not setup.config.bare:
        for path in sorted((folder / "plugins.d").glob("*.py"))[:MAX_FILES]:
            found.append((path, Where(str(path), 0)))
    tree = setup.config.tree
    value = tree.get("python")
    named = value if isinstance(value, Array) else [value]
    for index, item in enumerate(named):
        if isinstance(item, str):
            where = value.place(index) if isinstance(value, Array) else tree.place("python")
            found.append((Path(where.file).parent / item, where))
    return found
