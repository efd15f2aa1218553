# SPDX-License-Identifier: Apache-2.0
"""The options that stand for an envelope, and the messages they are about."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Iterable, Iterator

from gatepost.cli.errors import CliError, UsageError
from gatepost.cli.gpc_inputs import find_inputs
from gatepost.cli.gpc_request import custom_header, refuse_controls
from gatepost.serve.reply import RequestHeaders
from gatepost.ucl import UclError, parse


def add_envelope_arguments(parser: argparse.ArgumentParser) -> None:
    """``--user``, ``--ip`` and what else an MTA would have told us."""
    envelope = parser.add_argument_group("envelope", "what the MTA would have told us")
    envelope.add_argument("--user", metavar="U", help="the user that logged in")
    envelope.add_argument("--ip", metavar="A", help="address of the client")
    envelope.add_argument("--helo", metavar="H", help="what the client called itself")
    envelope.add_argument("--hostname", metavar="N", help="verified name of the client")
    envelope.add_argument("--from", dest="sender", metavar="A", help="envelope sender")
    envelope.add_argument(
        "--rcpt", action="append", default=[], metavar="A", help="envelope recipient (repeatable)"
    )
    envelope.add_argument("--settings-id", metavar="ID", help="as the MTA or listener would choose")
    envelope.add_argument("--settings", metavar="JSON", help="settings of the request itself")
    envelope.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'K: V'",
        help="a further request header (repeatable)",
    )


def envelope_headers(args: argparse.Namespace) -> RequestHeaders:
    """The request headers that the options mean. Raises ``UsageError``."""
    _refuse_nonsense(args)
    headers: RequestHeaders = [("User-Agent", "rspamc")]  # a scan by hand: it does not count
    for name, value in (
        ("User", args.user),
        ("IP", args.ip),
        ("Helo", args.helo),
        ("Hostname", args.hostname),
        ("From", args.sender),
        *(("Rcpt", rcpt) for rcpt in args.rcpt),
        ("Settings-ID", args.settings_id),
        ("Settings", args.settings and " ".join(args.settings.splitlines())),
    ):
        if value is not None:
            headers.append((name, value))
    headers.extend(custom_header(text) for text in args.header)
    refuse_controls(headers)
    return headers


def _refuse_nonsense(args: argparse.Namespace) -> None:
    """What a scanner would pass over in silence, because an MTA sent it, is a slip here."""
    if args.ip and not args.ip.startswith("/"):
        try:
            ipaddress.ip_address(args.ip.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise UsageError(f"--ip {args.ip!r}: expected an IPv4 or IPv6 address") from None
    if args.settings is not None:
        try:
            parse(args.settings, "--settings", safe=True)
        except UclError as error:
            raise UsageError(str(error)) from None


def letters(names: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each message; ``-`` is stdin. Raises ``CliError`` for one that can't be
    read, so that nothing is silently left out."""
    for found in find_inputs(names, files_list=None, exclude=(), empty=False):
        if isinstance(found, CliError):
            raise found
        yield found.name, found.read()


def with_progress(found: Iterable[tuple[str, bytes]], total: int) -> Iterator[tuple[str, bytes]]:
    """The same, with a line of progress on a terminal when there is much to do."""
    shown = total > 20 and sys.stderr.isatty() and not sys.stdout.isatty()
    for number, letter in enumerate(found, 1):
        if shown:
            print(f"\r{number}/{total} messages", end="", file=sys.stderr, flush=True)
        yield letter
    if shown:
        print("\r\x1b[K", end="", file=sys.stderr)
