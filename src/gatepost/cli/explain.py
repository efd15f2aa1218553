# SPDX-License-Identifier: Apache-2.0
"""``gatepost explain``: says for one message why each check ran or did not."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gatepost.app import App
from gatepost.cli.configuration import add_configuration_arguments, load_app
from gatepost.cli.errors import UsageError
from gatepost.cli.gpc_output import Style
from gatepost.cli.letters import add_envelope_arguments, envelope_headers, letters
from gatepost.scan.applied import SettingsMatch
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.outcomes import Outcome, Trace
from gatepost.scan.task import Task
from gatepost.serve.reply import RequestHeaders

EXAMPLES = """\
examples:
  gatepost explain letter.eml --user alice@example.org --ip 10.0.0.5
  gatepost explain letter.eml --ip 203.0.113.7 --json | jq '.checks[] | select(.outcome != "ran")'
"""


@dataclass(frozen=True)
class Explained:
    """One message, and what there is to say of it."""

    task: Task
    settings: Sequence[SettingsMatch]
    checks: Sequence[Outcome]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """File, envelope, configuration, ``--json``."""
    parser.description = (
        "Scans one message and says which settings matched, which direction it has, and for "
        "each check whether it ran, or why not and which option would change that."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="`-` is stdin")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_envelope_arguments(parser)
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 when the message was scanned."""
    headers = envelope_headers(args)
    app = load_app(args)
    found = list(letters([args.file]))
    if len(found) != 1:
        raise UsageError(f"expected one message, found {len(found)} in {args.file}")
    explained = asyncio.run(_explain(app, headers, found[0][1]))
    if args.json:
        print(json.dumps(as_object(explained), ensure_ascii=False))
    else:
        _show(explained, Style(terminal=sys.stdout.isatty()))
    return 0


async def _explain(app: App, headers: RequestHeaders, raw: bytes) -> Explained:
    envelope = parse_envelope(
        headers, protocol="command", max_recipients=app.options.max_recipients
    )
    trace = Trace()
    opened = app.open()
    try:
        task = await opened.scanner.scan(raw, envelope, trace=trace)
    finally:
        await opened.close()
    checks = [*trace.outcomes.values(), *_switched_off(app)]
    return Explained(task, app.settings.explain(task), checks)


def _switched_off(app: App) -> list[Outcome]:
    """The checks of modules that the configuration leaves off."""
    return [
        Outcome(check.callback, module.name, "skipped", "disabled", f"{module.name}.enabled")
        for module in (loaded.module for loaded in app.modules if not loaded.enabled)
        for check in module.checks()
    ]


def as_object(explained: Explained) -> dict[str, object]:
    """The plain object of ``--json``."""
    task, verdict = explained.task, explained.task.result.verdict()
    direction, envelope = task.direction, task.envelope
    behind = {
        "client": {
            "ip": str(task.ip),
            "relay": envelope.relay,
            "resolved_by": list(envelope.resolved_by),
        }
    }
    return {
        "direction": {
            "local": direction.local,
            "authenticated": direction.authenticated,
            "outbound": direction.outbound,
        },
        **(behind if envelope.relay else {}),
        "settings": [
            {"name": one.name, "id": one.id, "matched": one.matched, "why": one.why}
            for one in explained.settings
        ],
        "checks": [
            {
                "name": one.name,
                "module": one.module,
                "outcome": one.outcome,
                "reason": one.reason or None,
                "option": one.option,
                "ms": round(one.ms, 3),
                "symbols": list(one.symbols),
            }
            for one in explained.checks
        ],
        "score": verdict.score,
        "action": verdict.action.name,
    }


def _show(explained: Explained, style: Style) -> None:
    task, verdict = explained.task, explained.task.result.verdict()
    direction = task.direction
    why = []
    if direction.authenticated:
        why.append(f"user {style.safe(task.user or '')}")
    if direction.local:
        why.append(f"client {task.ip or task.envelope.socket_path} is local")
    word = "outbound" if direction.outbound else "inbound"
    relay = task.envelope.relay
    if relay:
        by = ", ".join(task.envelope.resolved_by)
        print(f"Client:    {task.ip}, behind {style.safe(relay)} ({style.safe(by)})")
    print(f"Direction: {style.bold(word)} ({', '.join(why) or 'no user, no local client'})")
    for match in explained.settings:
        mark = "applied" if match.matched else "not applied"
        print(f"Settings:  {match.name}: {mark}: {style.safe(match.why)}")
    print()
    width = max((len(one.name) for one in explained.checks), default=0)
    for one in explained.checks:
        print(f"{one.name:<{width}}  {_outcome(one, style)}")
    print(
        f"\nScore:  {verdict.score:.2f} / {verdict.required_score:.2f}"
        f"\nAction: {style.action(verdict.action.name)}"
    )


def _outcome(one: Outcome, style: Style) -> str:
    text = f"{one.outcome:<8}"
    if one.outcome == "ran":
        return f"{text} {one.ms:8.3f} ms  {', '.join(one.symbols)}".rstrip()
    hint = f"  (changed by {one.option})" if one.option else ""
    return f"{text} {style.safe(one.reason)}{hint}"
