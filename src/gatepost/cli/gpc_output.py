# SPDX-License-Identifier: Apache-2.0
"""How does a result look: as rspamc prints it, as JSON, as UCL, as a report?

Source: core reference §9.1; the order and wording of the lines is what scripts parse.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import textwrap
from collections.abc import Callable, Iterator

from gatepost.cli.gpc_client import ScanReply

Result = dict[str, object]

# Rspamd's order of actions; those before "greylist" make a message spam.
ACTIONS = ("reject", "soft reject", "rewrite subject", "add header", "greylist", "no action")
COLOURS = {
    "reject": "31",
    "soft reject": "90",
    "rewrite subject": "33",
    "add header": "33",
    "greylist": "90",
    "no action": "32",
}
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Style:
    """How things are emphasised; on anything but a terminal, not at all."""

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal

    def bold(self, text: object) -> str:
        return self._escape("1", str(text))

    def action(self, name: str) -> str:
        return self._escape(COLOURS.get(name, "1"), name)

    def safe(self, text: str) -> str:
        """A letter must not command the terminal."""
        return CONTROLS.sub("?", text) if self.terminal else text

    def _escape(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{self.safe(text)}\x1b[0m" if self.terminal else text


def render(reply: ScanReply, name: str, args: argparse.Namespace, style: Style) -> str:
    """What is printed for one scanned message, with the blank line that ends it."""
    head = ""
    structured = args.json or args.compact or args.ucl
    if not (args.json or args.compact or args.human):
        head = f"Results for file: {style.bold(name)} ({reply.seconds:.3} seconds)\n"
    if args.headers:
        head += "".join(f"{key}: {style.safe(value)}\n" for key, value in reply.headers) + "\n"
    if structured:
        text = structured_text(reply, name, args)
    elif args.human:
        text = "\n".join(_report(reply.result, style, args)) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _lines(reply.result, style, args))
    if reply.new_message is not None:
        text += f"\nNew body:\n{reply.new_message.decode('utf-8', 'replace')}\n"
    return head + text + "\n"


def render_failure(message: str, name: str, args: argparse.Namespace) -> str:
    """What is printed on stdout for a message without a result."""
    if args.json or args.compact:
        failure = {"error": message, "filename": name}
        return json.dumps(failure, indent=None if args.compact else 4, ensure_ascii=False) + "\n"
    head = "" if args.human else f"Results for file: {name}\n"
    return f"{head}{message}\n\n"


def structured_text(reply: ScanReply, name: str, args: argparse.Namespace) -> str:
    """The reply's object with ``filename`` and ``scan_time``, as JSON or UCL."""
    result = {**reply.result, "filename": name, "scan_time": reply.seconds}
    if args.compact:
        return _compact(result)
    if args.json:
        return json.dumps(result, indent=4, ensure_ascii=False)
    from gatepost import ucl

    return ucl.to_ucl(ucl.parse(json.dumps(result), "<reply>", safe=True)).rstrip("\n")


def is_spam(action: str) -> bool | None:
    """Whether an action is for spam; ``None`` for one of the postmaster's own."""
    name = action.lower().replace("_", " ")
    return ACTIONS.index(name) < ACTIONS.index("greylist") if name in ACTIONS else None


def number(value: object) -> float:
    """A number of the reply; what is none counts as 0, null (NaN) as NaN."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, (int, float)) else 0.0


def _lines(result: Result, style: Style, args: argparse.Namespace) -> Iterator[str]:
    yield "[Metric: default]"
    action = result.get("action")
    if isinstance(action, str):
        yield f"Action: {style.action(action)}"
        spam = is_spam(action)
        if spam is not None:
            yield f"Spam: {'true' if spam else 'false'}"
    if "subject" in result:
        yield f"Subject: {style.bold(result['subject'])}"
    if "score" in result and "required_score" in result:
        score, required = (number(result[key]) for key in ("score", "required_score"))
        yield f"Score: {style.bold(f'{score:.2f}')} / {style.bold(f'{required:.2f}')}"
    for name, symbol in sorted_symbols(result, args.sort):
        shown = f"({number(symbol['score']):.2f})" if "score" in symbol else ""
        yield style.safe(f"Symbol: {name} {shown}{_options(symbol, ', ')}")
    for key, label in (("message-id", "Message-ID"), ("queue-id", "Queue-ID")):
        if key in result:
            yield style.safe(f"{label}: {result[key]}")
    for key, label in (("urls", "Urls"), ("emails", "Emails")):
        if key in result:
            wide = args.extended_urls and not args.compact
            yield style.safe(f"{label}: {_pretty(result[key]) if wide else _compact(result[key])}")
    if "error" in result:
        yield style.safe(f"Scan error: {result['error']}")
    messages = result.get("messages")
    if isinstance(messages, dict):
        for key, text in messages.items():
            shown = text if isinstance(text, str) else _compact(text)[:60]
            yield style.safe(f"Message - {key}: {shown}")
    for signature in dkim_signatures(result):
        yield style.safe(f"DKIM-Signature: {signature}")
    yield from _profile(result)


def sorted_symbols(result: Result, order: str) -> list[tuple[str, Result]]:
    """Name and object of each symbol in the order of ``--sort``."""
    found = result.get("symbols")
    symbols = [
        (str(name), symbol if isinstance(symbol, dict) else {})
        for name, symbol in (found.items() if isinstance(found, dict) else ())
    ]
    by = order.removesuffix(":asc")
    reverse = order.endswith(":asc")
    keys: dict[str, Callable[[tuple[str, Result]], float]] = {
        "score": lambda item: -abs(number(item[1].get("score", 0))),
        "weight": lambda item: -number(item[1].get("metric_score", 0)),
    }
    if by == "name":
        symbols.sort(key=lambda item: item[0], reverse=reverse)
    elif by in keys:  # the others are of counters, and symbols have none
        symbols.sort(key=keys[by], reverse=reverse)
    return symbols


def dkim_signatures(result: Result) -> list[str]:
    """The values of the DKIM-Signature headers that the reply brings."""
    found = result.get("dkim-signature")
    values = found if isinstance(found, list) else [found]
    return [value for value in values if isinstance(value, str)]


def _report(result: Result, style: Style, args: argparse.Namespace) -> Iterator[str]:
    """``-R``: one line of figures, then a table of rules."""
    thresholds = result.get("thresholds")
    limits = thresholds if isinstance(thresholds, dict) else {}
    score, required = number(result.get("score", 0)), number(result.get("required_score", 0))
    figures = [
        score,
        number(limits.get("greylist", 0)),
        number(limits.get("add header", 0)),
        required,
    ]
    action = str(result.get("action", "no action"))
    code = ACTIONS.index(action) if action in ACTIONS else ACTIONS.index("no action")
    yield (
        "/".join(style.bold(f"{figure:.2f}") for figure in figures)
        + f",action={code}:{style.action(action)}"
        + f",spam={int(bool(is_spam(action)))},skipped={int(bool(result.get('is_skipped')))}"
    )
    points, limit = style.bold(f"{score:.2f}"), style.bold(f"{required:.2f}")
    yield f"Content analysis details:   ({points} points, {limit} required)"
    yield ""
    yield " pts rule name              description"
    yield "---- ---------------------- " + "-" * 50
    for name, symbol in sorted_symbols(result, args.sort):
        text = " ".join(filter(None, (str(symbol.get("description") or ""), _options(symbol, ","))))
        line = f"{number(symbol.get('score', 0)):>4.1f} {name:<22} {text}"
        yield from textwrap.wrap(style.safe(line), 78, subsequent_indent=" " * 28) or [line]
    yield ""
    for key, label in (("urls", "Domains found"), ("emails", "Emails found")):
        if result.get(key):
            line = style.safe(f"{label}: {_compact(result[key])}")
            yield from textwrap.wrap(line, 78, subsequent_indent=" " * 4)


def _options(symbol: Result, separator: str) -> str:
    options = symbol.get("options")
    return f"[{separator.join(map(str, options))}]" if isinstance(options, list) else ""


def _profile(result: Result) -> Iterator[str]:
    profile = result.get("profile")
    if isinstance(profile, dict):
        yield "Profile data:"
        for name, spent in sorted(profile.items(), key=lambda item: -number(item[1])):
            yield f"\t{name}: {number(spent):.3f} ms"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False)
