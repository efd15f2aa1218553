# SPDX-License-Identifier: Apache-2.0
"""``gatepost directions``: what runs for inbound, local and authenticated mail."""

from __future__ import annotations

import argparse
import json
import sys

from gatepost.app import App, Loaded
from gatepost.cli.configuration import add_configuration_arguments, load_app
from gatepost.cli.gpc_output import Style
from gatepost.scan.direction import ALL_DIRECTIONS

COLUMNS = ("inbound", "local", "authenticated", "both")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Configuration, ``--json``."""
    parser.description = (
        "Prints for each module whether it runs, is skipped or does something else (adapt) for "
        "inbound mail, local senders, authenticated ones, and both at once, under the loaded "
        "configuration; and which option changes that."
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Always 0, unless the configuration is wrong."""
    app = load_app(args)
    if args.json:
        print(json.dumps({"modules": table(app)}, ensure_ascii=False))
    else:
        _show(table(app), Style(terminal=sys.stdout.isatty()))
    return 0


def table(app: App) -> dict[str, dict[str, object]]:
    """Every module that exists, enabled or not, with its ruling for each direction."""
    ordered = sorted(app.modules, key=lambda loaded: loaded.module.name)
    return {loaded.module.name: _row(loaded) for loaded in ordered}


def _row(loaded: Loaded) -> dict[str, object]:
    module = loaded.module
    row: dict[str, object] = {"enabled": loaded.enabled}
    for kind, direction in ALL_DIRECTIONS.items():
        row[kind] = module.ruling(direction).effect
    row["override"] = list(module.outbound.override)
    row["note"] = module.outbound.note
    return row


def _show(rows: dict[str, dict[str, object]], style: Style) -> None:
    width = max((len(name) for name in rows), default=6)
    head = f"{'module':<{width}}  " + "  ".join(f"{column:<13}" for column in COLUMNS)
    print(style.bold(f"{head}  override"))
    for name, row in rows.items():
        cells = "  ".join(f"{row[column]!s:<13}" for column in COLUMNS)
        override = row["override"]
        options = ", ".join(override) if isinstance(override, list) else ""
        off = "" if row["enabled"] else "  (off)"
        print(f"{name:<{width}}  {cells}  {options or '–'}{off}")
        if row["note"]:
            print(f"{'':<{width}}  {row['note']}")
