# SPDX-License-Identifier: Apache-2.0
"""The message with the result as headers: what ``gpc --mime`` prints.

Source: core reference §9.1. The headers go to the end of the message's own, as in rspamc.
"""

from __future__ import annotations

import argparse
import base64
import re
import textwrap
from collections.abc import Iterator

from gatepost import __version__
from gatepost.cli.gpc_client import ScanReply
from gatepost.cli.gpc_output import (
    Result,
    dkim_signatures,
    is_spam,
    number,
    sorted_symbols,
    structured_text,
)

END_OF_HEADERS = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LINE_END = re.compile(rb"\r\n|\n|\r")
LINE_BREAKS = re.compile(r"\r\n|\r|\n")
STARS = 32


def mime_message(message: bytes, reply: ScanReply, name: str, args: argparse.Namespace) -> bytes:
    """``message`` (or what the server made of it) with headers that tell the result."""
    fields = list(_fields(reply, args))
    if args.json or args.compact or args.ucl:
        encoded = base64.b64encode(structured_text(reply, name, args).encode()).decode()
        fields.append(("X-Spam-Result", "\n ".join(textwrap.wrap(encoded, 60))))
    whole = message if reply.new_message is None else _rewritten(message, reply.new_message)
    return insert_headers(whole, fields)


def mime_failure(message: bytes, error: str) -> bytes:
    """``message`` with a header that says why there is no result."""
    scanner = ("X-Spam-Scanner", f"gpc {__version__}")
    return insert_headers(message, [scanner, ("X-Spam-Error", error)])


def insert_headers(message: bytes, fields: list[tuple[str, str]]) -> bytes:
    """``message`` with ``fields`` behind its headers, in its own kind of line ends.

    Every line break in a value becomes a fold, so that a value can't end the header.
    """
    found = LINE_END.search(message)
    newline = found[0] if found else b"\r\n"
    end = END_OF_HEADERS.search(message)
    if message[: len(newline)] == newline:  # no headers at all
        head, rest = b"", message
    elif end is not None:
        head, rest = message[: end.start() + len(newline)], message[end.start() + len(newline) :]
    else:
        head, rest = message.removesuffix(newline) + newline, newline
    lines = [newline.join(_folded(name, value)) + newline for name, value in fields]
    return head + b"".join(lines) + rest


def _folded(name: str, value: str) -> list[bytes]:
    first, *more = LINE_BREAKS.split(value)
    folds = [line if line[:1] in (" ", "\t") else " " + line for line in more if line.strip()]
    return [line.encode("utf-8", "replace") for line in (f"{name}: {first}", *folds)]


def _fields(reply: ScanReply, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    result = reply.result
    action = str(result.get("action", "no action"))
    score, required = number(result.get("score", 0)), number(result.get("required_score", 0))
    yield "X-Spam-Scanner", f"gpc {__version__}"
    yield "X-Spam-Scan-Time", f"{reply.seconds:.3}"
    if is_spam(action):
        yield "X-Spam", "yes"
    yield "X-Spam-Action", action
    yield "X-Spam-Score", f"{score:.2f} / {required:.2f}"
    yield "X-Spam-Level", "*" * _stars(score)
    names = ",".join(name for name, _ in sorted_symbols(result, args.sort))
    yield "X-Spam-Symbols", _fold_list(names)
    for signature in dkim_signatures(result):
        yield "DKIM-Signature", signature
    yield from _added(result)


def _stars(score: float) -> int:
    """One for each point begun; NaN has none."""
    return min(STARS, -int(-score // 1)) if score > 0 else 0


def _fold_list(names: str) -> str:
    """Breaks a comma-separated list so that no line is longer than 76 where that can be."""
    lines = [""]
    for name in names.split(","):
        if lines[-1] and len(lines[-1]) + len(name) > 60:
            lines.append("")
        lines[-1] += name + ","
    return "\n\t".join(lines).rstrip(",")


def _added(result: Result) -> Iterator[tuple[str, str]]:
    """``milter.add_headers``: a string, an object with ``value``, or a list of either."""
    milter = result.get("milter")
    added = milter.get("add_headers") if isinstance(milter, dict) else None
    for name, values in (added if isinstance(added, dict) else {}).items():
        for value in values if isinstance(values, list) else [values]:
            text = value.get("value") if isinstance(value, dict) else value
            if text is not None:
                yield str(name), str(text)


def _rewritten(message: bytes, new: bytes) -> bytes:
    """A rewritten message comes whole, or (flag ``milter``) as its body alone."""
    if END_OF_HEADERS.search(new):
        return new
    end = END_OF_HEADERS.search(message)
    return (message[: end.end()] if end else b"") + new
