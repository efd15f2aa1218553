# SPDX-License-Identifier: Apache-2.0
"""Which options does ``gpc`` take? Those of rspamc that concern scanning.

Source: core reference §9.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gatepost import __version__

SCAN_COMMANDS = ("symbols", "check", "report")
CONTROLLER_COMMANDS = {
    "learn_spam": "learn message as spam",
    "learn_ham": "learn message as ham",
    "learn_class": "learn message as a class (learn_class:CLASS)",
    "neural_learn": "train the neural network (neural_learn:CLASS)",
    "fuzzy_add": "add hashes of a message to the fuzzy storage",
    "fuzzy_del": "delete hashes of a message from the fuzzy storage",
    "fuzzy_delhash": "delete a hash from the fuzzy storage",
    "stat": "show statistics",
    "stat_reset": "show and reset statistics",
    "counters": "show statistics of symbols",
    "uptime": "show the uptime",
    "add_symbol": "change a symbol",
    "add_action": "change an action",
}
SORTS = ("name", "weight", "score", "time", "frequency", "hits")

EXAMPLES = """\
examples:
  gpc letter.eml                                 scan one message
  gpc -u alice@example.org -i 10.0.0.5 letter.eml
                                                 as if alice had logged in to send it
  gpc -F alice@example.org -r bob@example.com < letter.eml
                                                 envelope given, message from stdin
  gpc -n 4 -j ~/Maildir/cur                      a folder, four at once, JSON
  gpc -h mx1:11333 --settings-id outbound *.eml  another server, a settings id
  gpc -m letter.eml > scanned.eml                the message with the result as headers
  gpc -h /run/gatepost/scan.sock letter.eml      over a UNIX socket

exit codes: 0 all messages were scanned, whatever the verdict; 1 something failed; 2 wrong usage
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser; as in rspamc ``-h`` is the host, so help is ``--help`` alone."""
    parser = argparse.ArgumentParser(
        prog="gpc",
        usage="gpc [OPTION]... [COMMAND] [FILE | FOLDER | -]...",
        description="Have messages scanned by Gatepost (or Rspamd) and print the result.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="FILE",
        help="messages and folders of them; none or '-' reads one from stdin. "
        "A first word 'symbols' (the default), 'check' or 'report' is the command",
    )
    _add_general(parser)
    _add_envelope(parser)
    _add_request(parser)
    _add_output(parser)
    _add_learning(parser)
    return parser


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, with ``command`` and ``inputs`` told apart. Exits with 2 on wrong usage."""
    parser = build_parser()
    args = parser.parse_intermixed_args(argv)
    inputs: list[str] = args.inputs
    first = inputs[0].lower() if inputs else ""
    known = first in SCAN_COMMANDS or first.partition(":")[0] in CONTROLLER_COMMANDS
    args.command = first if known else "symbols"
    args.inputs = inputs[1:] if known else inputs
    return args


def command_list() -> str:
    """What ``--commands`` prints."""
    rows = [("symbols", "scan message and show symbols (default command)")]
    rows += [(name, f"{text} (needs the controller)") for name, text in CONTROLLER_COMMANDS.items()]
    return "gpc commands:\n" + "".join(f"  {name:>13}  {text}\n" for name, text in rows)


def _add_general(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("general")
    group.add_argument(
        "-h",
        "--connect",
        metavar="HOST",
        default="localhost",
        help="host, host:port, [v6]:port or the path of a UNIX socket (localhost:11333)",
    )
    group.add_argument(
        "-P",
        "--password",
        nargs="?",
        const="",
        metavar="WORD",
        help="password, or the file that holds it (/… or ./…); alone: ask for it",
    )
    group.add_argument(
        "-t", "--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for one scan (10)"
    )
    group.add_argument(
        "-n", "--max-requests", type=_count, default=8, metavar="N", help="scans at once (8)"
    )
    group.add_argument("-b", "--bind", metavar="IP", help="connect from this address")
    group.add_argument("-v", "--verbose", action="store_true", help="say what is done")
    group.add_argument("--commands", action="store_true", help="list the commands")
    group.add_argument("--help", action="help", help="show this help")
    group.add_argument("--version", action="version", version=f"gpc {__version__}")


def _add_envelope(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("envelope: how the message came")
    group.add_argument("-u", "--user", help="authenticated user")
    group.add_argument("-i", "--ip", help="address of the client")
    group.add_argument("-F", "--from", dest="sender", metavar="ADDRESS", help="SMTP sender")
    group.add_argument(
        "-r", "--rcpt", action="append", default=[], metavar="ADDRESS", help="recipient; repeatable"
    )
    group.add_argument("-d", "--deliver", metavar="USER", help="mailbox it is delivered to")
    group.add_argument("--helo", metavar="NAME", help="HELO of the client")
    group.add_argument("--hostname", metavar="NAME", help="host name of the client")
    group.add_argument("--queue-id", metavar="ID", help="queue id of the MTA")


def _add_request(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("scan")
    group.add_argument("-p", "--pass", "--pass-all", dest="pass_all", action="store_true",
                       help="run all filters")  # fmt: skip
    group.add_argument("--settings", metavar="JSON", help="settings for this scan")
    group.add_argument("--settings-id", metavar="ID", help="settings id")
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'K: V'",
        help="another request header, also K=V; repeatable",
    )
    group.add_argument("--raw", action="store_true", help="the input is no MIME message")
    group.add_argument("--log-tag", metavar="TAG", help="prefix of the log tag")
    group.add_argument(
        "-U", "--user-agent", default="rspamc", metavar="NAME",
        help="User-Agent; 'rspamc' is what modules know a scan by hand by (rspamc)",
    )  # fmt: skip
    group.add_argument("-E", "--empty", action="store_true", help="scan nothing, not stdin")
    group.add_argument("-z", "--compressed", action="store_true", help="compress with zstd")
    group.add_argument("--msgpack", action="store_true", help="ask for a MessagePack reply")
    group.add_argument("--extended-urls", action="store_true", help="all that is known of URLs")
    group.add_argument("--profile", action="store_true", help="how long each check took")
    group.add_argument("--files-list", metavar="FILE", help="scan the files named in FILE too")
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="files in folders to leave out; repeatable",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("-j", "--json", action="store_true", help="JSON, as the server gave it")
    group.add_argument("--compact", action="store_true", help="JSON on one line")
    group.add_argument("--ucl", action="store_true", help="UCL")
    group.add_argument(
        "-R", "--human", action="store_true", help="a report in SpamAssassin's manner"
    )
    group.add_argument("-m", "--mime", action="store_true", help="the message with result headers")
    group.add_argument("--headers", action="store_true", help="the reply's header lines too")
    group.add_argument(
        "--sort",
        default="name",
        type=_sort,
        metavar="BY",
        help=f"order of symbols: {', '.join(SORTS)}, with ':asc' reversed (name)",
    )
    group.add_argument("-e", "--exec", metavar="PROGRAM", help="pipe the output to a program")


def _add_learning(parser: argparse.ArgumentParser) -> None:
    """Taken so that a learning command is refused for what it is, not for its options."""
    for names in (("-c", "--classifier"), ("-w", "--weight"), ("-f", "--flag")):
        parser.add_argument(*names, help=argparse.SUPPRESS)
    parser.add_argument("-S", "--fuzzy-symbol", help=argparse.SUPPRESS)
    for name in ("--skip-images", "--skip-attachments"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= value <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1024")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _sort(text: str) -> str:
    if text.removesuffix(":asc") not in SORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SORTS)}")
    return text
