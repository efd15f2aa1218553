# SPDX-License-Identifier: Apache-2.0
"""``gatepost scan``: scans messages here and now, without a running scanner."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from gatepost.app import App
from gatepost.cli.configuration import add_configuration_arguments, load_app
from gatepost.cli.gpc_client import ScanReply
from gatepost.cli.gpc_options import build_parser
from gatepost.cli.gpc_output import Style, render
from gatepost.cli.letters import (
    add_envelope_arguments,
    envelope_headers,
    letters,
    with_progress,
)
from gatepost.serve.http_reply import encode_reply
from gatepost.serve.preparing import answer_options
from gatepost.serve.reply import Peer, RequestHeaders
from gatepost.serve.scanning import Scanning

EXAMPLES = """\
examples:
  gatepost scan letter.eml --user alice@example.org --ip 10.0.0.5
  gatepost scan --json *.eml | jq .action
  gatepost scan -c ./etc -o options.gtube_patterns=all letter.eml

A scan by hand counts in no rate limit unless `ratelimit.allow_local` is on.
exit codes: 0 all were scanned, whatever the verdict; 1 failed; 2 wrong usage; 78 configuration
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files, envelope, configuration, ``--json``."""
    parser.description = "Scans messages with the configuration as it is, without a daemon."
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("files", nargs="*", metavar="FILE", help="messages; `-` or none is stdin")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a message, one a line, as /checkv2"
    )
    add_envelope_arguments(parser)
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 when every message was scanned."""
    headers = envelope_headers(args)
    app = load_app(args)
    asyncio.run(_scan_all(app, headers, args))
    return 0


async def _scan_all(app: App, headers: RequestHeaders, args: argparse.Namespace) -> None:
    opened = app.open()
    scanning = Scanning(
        opened.scanner, answer_options(app), max_recipients=app.options.max_recipients
    )
    peer = Peer(protocol="command")
    try:
        for name, raw in with_progress(letters(args.files), len(args.files)):
            started = time.perf_counter()
            reply = await scanning([*headers, ("Filename", name)], raw, peer)
            text = encode_reply(reply)
            if args.json:
                sys.stdout.buffer.write(text + b"\n")
                sys.stdout.buffer.flush()
            else:
                _show(text, name, time.perf_counter() - started)
    finally:
        await opened.close()


def _show(text: bytes, name: str, seconds: float) -> None:
    """As ``gpc`` shows a reply of the scan port."""
    reply = ScanReply(json.loads(text), [], seconds, None)
    plain = build_parser().parse_args([])
    print(render(reply, name, plain, Style(terminal=sys.stdout.isatty())), end="")
