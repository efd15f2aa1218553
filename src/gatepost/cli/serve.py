# SPDX-License-Identifier: Apache-2.0
"""``gatepost serve``: runs the scanner in the foreground."""

from __future__ import annotations

import argparse

from gatepost.app import build
from gatepost.cli.configuration import add_configuration_arguments, show_problem
from gatepost.serve.prepared import Prepared
from gatepost.serve.preparing import prepare
from gatepost.serve.supervisor import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``-c``, ``-o``."""
    parser.description = (
        "Runs the scanner in the foreground until SIGTERM: milter for the MTA (11332) and scan "
        "port (11333). When all workers accept, it prints `ready milter=… scan=…` on stderr. "
        "SIGHUP loads the configuration anew; a bad one is refused and the old one stays."
    )
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop, 1 when it cannot run; ``ConfigError`` is 78."""

    def load() -> Prepared:
        app = build(args.config, overrides=args.option)
        prepared = prepare(app)
        for problem in app.problems.warnings:
            show_problem(problem)
        return prepared

    serve(load)
    return 0
