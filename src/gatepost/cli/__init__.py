# SPDX-License-Identifier: Apache-2.0
"""The command ``gatepost``: picks the sub-command and turns errors into exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration. A sub-command is a module
of this room with ``add_arguments(parser)`` and ``run(args) -> int``; only the one that is
asked for is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from gatepost import __version__
from gatepost.errors import GatepostError

DONE, FAILED, WRONG_USAGE, WRONG_CONFIGURATION = 0, 1, 2, 78
INTERRUPTED = 130  # as shells report a command that SIGINT ended


class Command(NamedTuple):
    module: str
    summary: str


COMMANDS = {
    "serve": Command("gatepost.cli.serve", "run the scanner: milter, HTTP"),
    "scan": Command("gatepost.cli.scan", "scan messages here, without a running scanner"),
    "explain": Command("gatepost.cli.explain", "say for one message why each check ran or not"),
    "directions": Command(
        "gatepost.cli.directions", "what runs for inbound, local and authenticated mail"
    ),
    "configtest": Command("gatepost.cli.configtest", "check the configuration"),
    "configdump": Command("gatepost.cli.configdump", "print the merged configuration"),
    "dmarc-report": Command("gatepost.cli.dmarc_report", "send the DMARC reports of a day"),
    "keygen": Command("gatepost.cli.keygen", "make a DKIM key and the record for the DNS"),
}


class CommandModule(Protocol):
    """What a sub-command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``gatepost ARGV``; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # NumPy would start a thread for matrices that nobody multiplies, and `serve` forks.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return _run(arguments)
    except SystemExit as stop:  # argparse: --help, or wrong usage
        return stop.code if isinstance(stop.code, int) else WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return reader_has_gone()
    except GatepostError as error:
        return _report(error)


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    command = COMMANDS.get(name)
    if command is None:
        return _top_level(arguments)
    module = cast(CommandModule, import_module(command.module))
    parser = argparse.ArgumentParser(prog=f"gatepost {name}", description=command.summary)
    module.add_arguments(parser)
    code = module.run(parser.parse_args(arguments[1:]))
    sys.stdout.flush()  # a reader that has gone is to be noticed here
    return code


def _top_level(arguments: list[str]) -> int:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {c.summary}" for name, c in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="gatepost",
        description="A mail scanner that stands at the way out.",
        epilog=f"commands:\n{commands}\n\n'gatepost COMMAND --help' says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gatepost {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=tuple(COMMANDS))
    parser.parse_args(arguments[:1])
    return DONE


def _report(error: GatepostError) -> int:
    from gatepost.cli.errors import UsageError
    from gatepost.config import ConfigError

    if isinstance(error, ConfigError):
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return WRONG_CONFIGURATION
    print(f"gatepost: {error}", file=sys.stderr)
    return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def reader_has_gone() -> int:
    """``… | head``: Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
