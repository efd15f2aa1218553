# SPDX-License-Identifier: Apache-2.0
"""``gatepost configtest``: checks the configuration and says everything that is wrong with it."""

from __future__ import annotations

import argparse
import json

from gatepost.app import build
from gatepost.cli import DONE, WRONG_CONFIGURATION
from gatepost.cli.configuration import add_configuration_arguments, show_problem
from gatepost.config import ConfigError, Problem
from gatepost.serve.preparing import prepare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Configuration, ``--quiet``, ``--strict``, ``--json``."""
    parser.description = (
        "Reads the whole configuration as `serve` would, and names every mistake with file, "
        "line and what was expected. Exit code 0 when it can be served, 78 when not."
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing when all is well")
    parser.add_argument("-s", "--strict", action="store_true", help="warnings are mistakes too")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 when the configuration can be served, 78 when not."""
    problems: tuple[Problem, ...]
    try:
        app = build(args.config, overrides=args.option)
        prepare(app, test=True)
        problems = tuple(app.problems.all)
    except ConfigError as error:
        problems = error.problems
    bad = any(args.strict or problem.severity == "error" for problem in problems)
    if args.json:
        print(json.dumps({"ok": not bad, "problems": [_as_object(one) for one in problems]}))
        return WRONG_CONFIGURATION if bad else DONE
    for problem in problems:
        show_problem(problem)
    if bad:
        print("syntax BAD")
    elif not args.quiet:
        print("syntax OK")
    return WRONG_CONFIGURATION if bad else DONE


def _as_object(problem: Problem) -> dict[str, object]:
    where = problem.where
    return {
        "severity": problem.severity,
        "file": where.file if where is not None else None,
        "line": where.line if where is not None else None,
        "message": problem.message,
    }
