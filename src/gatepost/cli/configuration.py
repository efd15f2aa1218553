# SPDX-License-Identifier: Apache-2.0
"""The options by which every command finds its configuration, and how mistakes are shown."""

from __future__ import annotations

import argparse
import sys

from gatepost.app import App, build
from gatepost.config import Problem


def add_configuration_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds ``-c`` and ``-o``."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="DIR|FILE",
        help="a folder with local.d/ and override.d/, or one whole file in the manner of "
        "rspamd.conf (default: $GATEPOST_CONFIG, /etc/gatepost, $XDG_CONFIG_HOME/gatepost, "
        "else the built-in defaults)",
    )
    parser.add_argument(
        "-o",
        "--option",
        action="append",
        default=[],
        type=_override,
        metavar="SECTION.KEY=VALUE",
        help="override one value of the configuration (repeatable), such as "
        "-o options.task_timeout=4s",
    )


def _override(text: str) -> str:
    """``text`` if it has the form of an override; what it says, the configuration judges."""
    path, equals, _ = text.partition("=")
    keys = path.split(".")
    if not equals or len(keys) < 2 or not all(map(str.strip, keys)):
        raise argparse.ArgumentTypeError(
            f"expected SECTION.KEY=VALUE, such as ratelimit.max_delay=1d, found {text!r}"
        )
    return text


def load_app(args: argparse.Namespace) -> App:
    """The configuration that the arguments name; its warnings go to stderr.

    Raises ``ConfigError`` with every mistake.
    """
    app = build(args.config, overrides=args.option)
    for problem in app.problems.warnings:
        show_problem(problem)
    return app


def show_problem(problem: Problem) -> None:
    """One mistake on stderr; the severity in colour where that is a terminal."""
    text = str(problem)
    if sys.stderr.isatty():
        color = "31" if problem.severity == "error" else "33"
        text = text.replace(f"{problem.severity}:", f"\x1b[{color}m{problem.severity}\x1b[0m:", 1)
    print(text, file=sys.stderr)
