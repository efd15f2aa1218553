# SPDX-License-Identifier: Apache-2.0
"""``gatepost configdump``: prints the configuration as it is after all layers and overrides."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys

from gatepost.cli.configuration import add_configuration_arguments, show_problem
from gatepost.cli.errors import CliError
from gatepost.config import (
    Configuration,
    Problems,
    did_you_mean,
    find_configuration,
    load_configuration,
)
from gatepost.modules import ALL
from gatepost.scan.module import section_names
from gatepost.ucl import Array, Object, Value, to_plain, to_ucl

SECRET = re.compile(
    r"(?:^|_)(?:password|passwd|secret|secret_?key|token|privkey|private_?key|api_?key|cookie_key"
    r"|rawkey)$"
)
"""Keys whose values nobody else may see."""
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")
PEM = "PRIVATE KEY-----"
HIDDEN = "(hidden)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sections, ``--json``, configuration."""
    parser.description = (
        "Prints the merged configuration: built-in defaults, local.d, override.d, rspamd.conf.*, "
        "-o. With sections, only these, each under a heading."
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="such as options or actions")
    parser.add_argument("-j", "--json", action="store_true", help="JSON in place of UCL")
    parser.add_argument("-C", "--compact", action="store_true", help="JSON on one line")
    parser.add_argument(
        "-T", "--skip-template", action="store_true", help="leave {= … =} as it is written"
    )
    parser.add_argument(
        "--safe",
        action="store_true",
        help="hide passwords, tokens and private keys, for showing it to others",
    )
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0, or 1 for a section that is not there."""
    problems = Problems()
    config = load_configuration(
        find_configuration(args.config, os.environ),
        modules=section_names(ALL),
        problems=problems,
        overrides=args.option,
        template=not args.skip_template,
    )
    for problem in problems.warnings:
        show_problem(problem)
    problems.raise_errors()
    if args.safe:
        hide_secrets(config.tree)
    if args.json or args.compact:
        _print_json(config, args)
    elif args.sections:
        for name in args.sections:
            print(f"*** Section {name} ***")
            sys.stdout.write(to_ucl(_section(config, name)))
            print(f"*** End of section {name} ***")
    else:
        sys.stdout.write(to_ucl(config.tree))
    return 0


def hide_secrets(value: Object | Array) -> None:
    """Puts a word in the place of every secret, all the way down."""
    if isinstance(value, dict):
        for key, inner in value.items():
            value[key] = _without_secret(inner, SECRET.search(key.lower()) is not None)
    else:
        value[:] = [_without_secret(inner, False) for inner in value]


def _without_secret(value: Value, is_secret: bool) -> Value:
    if is_secret and value is not None:
        return HIDDEN
    if isinstance(value, dict | list):
        hide_secrets(value)
    elif isinstance(value, str):
        return HIDDEN if PEM in value else CREDENTIALS.sub(f"{HIDDEN}@", value)
    return value


def _print_json(config: Configuration, args: argparse.Namespace) -> None:
    names = args.sections
    if len(names) == 1:
        value = to_plain(_section(config, names[0]))
    else:
        value = {name: to_plain(_section(config, name)) for name in names or config.tree}
    print(json.dumps(value, indent=None if args.compact else 4, ensure_ascii=False))


def _section(config: Configuration, name: str) -> Value:
    if name in config:
        return config.tree[name]
    hint = did_you_mean(name, config.tree)
    raise CliError(f"the configuration has no section `{name}`{hint}")
