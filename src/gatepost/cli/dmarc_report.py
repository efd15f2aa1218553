# SPDX-License-Identifier: Apache-2.0
"""``gatepost dmarc-report``: sends the aggregate reports of whole days, each once."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gatepost.app import App
from gatepost.authn import AggregateReport, compress_report, report_file_name
from gatepost.cli.configuration import add_configuration_arguments, load_app
from gatepost.cli.dmarc_smtp import SmtpSender
from gatepost.cli.errors import CliError, UsageError
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.dmarc.delivery import Deliveries, Delivery
from gatepost.modules.dmarc.options import Reporting
from gatepost.modules.dmarc.report_keys import Day, day_of, make_day
from gatepost.store import StoreError, owner_name

DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # as SMTP takes it without extensions
MAX_DAYS = 366

EPILOG = """\
Reports of the whole previous day (local time) are sent unless days are named. A report that was
sent is not sent again: run it as often as you like, from any number of nodes; what could not be
sent is tried again by the next run. After a crash between the server's answer and the note of it
in the store, that one report is sent a second time, under the same Report-ID.

exit codes: 0 nothing is left to be done; 1 something is left, or failed; 2 wrong usage;
78 configuration
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Days, what to do with the reports, configuration."""
    parser.description = "Sends DMARC aggregate reports (RFC 7489) of what was counted."
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("days", nargs="*", metavar="YYYYMMDD", help="days (default: yesterday)")
    parser.add_argument("--since", metavar="DAY", help="the first of several days")
    parser.add_argument("--until", metavar="DAY", help="the last of them (default: yesterday)")
    parser.add_argument(
        "--domain", action="append", default=[], help="only reports to this domain (repeatable)"
    )
    parser.add_argument("--smtp", metavar="HOST[:PORT]", help="another server than `smtp` names")
    parser.add_argument(
        "-n",
        "--dry-run",
        "--no-opt",
        action="store_true",
        help="say what would be sent; send nothing, change nothing",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="write the reports into DIR instead of sending them"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_configuration_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 when nothing is left to be done."""
    trial = args.dry_run or args.output is not None
    days = find_days(args, time.time(), unfinished=trial)
    app = load_app(args)
    module = find_module(app)
    options = with_server(module.options.reporting, args.smtp)
    reports = asyncio.run(_run(app, module, options, days, args))
    tell(reports, days, args)
    return 1 if any(report.pending for report in reports) else 0


def find_days(args: argparse.Namespace, now: float, *, unfinished: bool) -> list[Day]:
    """The days that are named, else yesterday. Raises ``UsageError``.

    A day that is not over is reported once it is; only a trial may look at it.
    """
    today = day_of(now)
    yesterday = day_of(today.begin - 1)
    if args.days and (args.since or args.until):
        raise UsageError("either days, or --since and --until")
    days = [parse_day(text) for text in args.days] or [yesterday]
    if args.since or args.until:
        last = parse_day(args.until) if args.until else yesterday
        days = [parse_day(args.since)] if args.since else [last]
        if days[0].begin > last.begin:
            raise UsageError("--since is after --until")
        while days[-1].begin < last.begin:
            days.append(day_of(days[-1].end + 1))
            if len(days) > MAX_DAYS:
                raise UsageError(f"more than {MAX_DAYS} days")
    if not unfinished and any(day.end >= now for day in days):
        raise UsageError("a day that is not over has no report yet; --dry-run shows what there is")
    return list(dict.fromkeys(days))


def parse_day(text: str) -> Day:
    found = DATE.fullmatch(text)
    if found is not None:
        year, month, date = map(int, found.groups())
        try:
            day = make_day(year, month, date)
        except (OverflowError, ValueError):
            day = None
        # mktime() takes the 32nd of January for the 1st of February.
        if day is not None and day_of(day.begin) == day:
            return day
    raise UsageError(f"no day: {text!r}; expected YYYYMMDD")


def find_module(app: App) -> Dmarc:
    """The module of the configuration. Raises ``CliError`` where it reports nothing."""
    for loaded in app.modules:
        if isinstance(loaded.module, Dmarc):
            reporting = loaded.module.options.reporting
            if not loaded.enabled or not reporting.enabled:
                raise CliError("reports are off: `reporting { enabled = true; }` in dmarc.conf")
            check_options(app, reporting)
            return loaded.module
    raise CliError("there is no module `dmarc`")


def check_options(app: App, options: Reporting) -> None:
    """What only who sends has to have right. Raises ``ConfigError``."""
    where = app.config.section("dmarc").place("reporting")
    for name in ("email", "domain"):
        if not getattr(options, name):
            app.problems.error(where, f"dmarc.reporting: `{name}` is missing")
    for address in filter(None, (options.email, *options.bcc_addrs)):
        if ADDRESS.fullmatch(address) is None:
            app.problems.error(where, f"dmarc.reporting: `{address}` is no address")
    app.problems.raise_errors()


def with_server(options: Reporting, given: str | None) -> Reporting:
    """The options with the server of the command line."""
    if given is None:
        return options
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?", given)
    port = int(found[2] or 25) if found is not None else 0
    if found is None or not 0 < port < 65_536:
        raise UsageError(f"--smtp: expected HOST[:PORT], found {given!r}")
    return msgspec.structs.replace(options, smtp=found[1].strip("[]"), smtp_port=port)


async def _run(
    app: App, module: Dmarc, options: Reporting, days: Sequence[Day], args: argparse.Namespace
) -> list[Delivery]:
    opened = app.open()
    try:
        deliveries = Deliveries(
            opened.store,
            opened.resolver,
            options,
            owner=owner_name(),
            wanted=module.collector.wanted,
        )
        work = [
            (day, domain, keys)
            for day in days
            for domain, keys in (await deliveries.domains(day)).items()
            if not args.domain or domain in map(str.lower, args.domain)
        ]
        if args.output is not None or args.dry_run:
            return await _preview(deliveries, work, args.output)
        return await _send(deliveries, work, options)
    finally:
        await opened.close()


Work = Sequence[tuple[Day, str, Sequence[str]]]


async def _send(deliveries: Deliveries, work: Work, options: Reporting) -> list[Delivery]:
    """All reports in turn. Without a server the rest is left to the next run at once: to wait
    for it anew for each of a thousand reports would take hours."""
    found: list[Delivery] = []
    async with SmtpSender(
        options.smtp,
        options.smtp_port,
        sender=options.email,
        helo=options.helo,
        retries=options.retries,
    ) as send:
        for number, (day, domain, keys) in enumerate(work, 1):
            show_progress(number, len(work))
            if send.away:
                found.append(_failed(day, domain, f"{options.smtp}:{options.smtp_port} is away"))
                continue
            try:
                found.append(await deliveries.deliver(day, domain, keys, send, now=time.time()))
            except StoreError as error:
                found.append(_failed(day, domain, f"the store: {error}"))
    return found


def _failed(day: Day, domain: str, problem: str) -> Delivery:
    return Delivery(domain=domain, day=day.period, status="failed", problems=(problem,))


async def _preview(deliveries: Deliveries, work: Work, folder: str | None) -> list[Delivery]:
    found: list[Delivery] = []
    for number, (day, domain, keys) in enumerate(work, 1):
        show_progress(number, len(work))
        told, report = await deliveries.preview(day, domain, keys, now=time.time())
        if report is not None and folder is not None:
            write_report(Path(folder), report)
        found.append(told)
    return found


def write_report(folder: Path, report: AggregateReport) -> Path:
    """Writes the compressed XML under its proper name, whole or not at all."""
    path = folder / report_file_name(report)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_bytes(compress_report(report))
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CliError(f"{path}: {error.strerror}") from error
    return path


def show_progress(number: int, total: int) -> None:
    if total > 20 and sys.stderr.isatty():
        end = "\r\x1b[K" if number == total else ""
        print(f"\r{number}/{total} reports", end=end, file=sys.stderr, flush=True)


def tell(reports: Sequence[Delivery], days: Sequence[Day], args: argparse.Namespace) -> None:
    """The summary on stdout."""
    trial = args.dry_run or args.output is not None
    if args.json:
        summary = {
            "days": [{"day": day.period, "begin": day.begin, "end": day.end} for day in days],
            "dry_run": trial,
            "sent": sum(report.status == "sent" for report in reports),
            "pending": sum(report.pending for report in reports),
            "reports": [msgspec.to_builtins(report) for report in reports],
        }
        print(json.dumps(summary))
        return
    for report in reports:
        print(f"{report.day} {report.domain}: {describe(report, trial=trial)}")
        for problem in report.problems:
            print(f"  {problem}")
    pending = sum(report.pending for report in reports)
    print(f"reports of {', '.join(day.period for day in days)}: {len(reports)}", end="")
    print(f", to be tried again: {pending}")


def describe(report: Delivery, *, trial: bool) -> str:
    size = f"messages: {report.messages}, rows: {report.rows}, bytes: {report.size}"
    if report.recipients:
        verb = "would go" if trial else "sent"
        again = "; some to be tried again" if report.pending else ""
        return f"{verb} to {', '.join(report.recipients)} ({size}){again}"
    return {
        "sent": f"sent ({size})",
        "sent before": "was sent before",
        "nothing": "nothing was counted",
        "unwanted": "nobody wants it",
        "later": "to be tried again",
        "failed": "not sent, to be tried again",
        "busy": "another process is sending it, or was killed while it did (up to half an hour)",
    }[report.status]
