# SPDX-License-Identifier: Apache-2.0
"""Which request headers do the options of ``gpc`` ask for?

Source: core reference §6.1 and §9.1.
"""

from __future__ import annotations

import argparse
import getpass
import re
from pathlib import Path

from gatepost.cli.errors import UsageError

RequestHeaders = list[tuple[str, str]]
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def request_headers(args: argparse.Namespace) -> RequestHeaders:
    """The headers that are alike for every message. Raises ``UsageError``."""
    headers: RequestHeaders = [("User-Agent", args.user_agent)]
    for name, value in (
        ("Ip", args.ip),
        ("From", args.sender),
        ("User", args.user),
        *(("Rcpt", rcpt) for rcpt in args.rcpt),
        ("Deliver-To", args.deliver),
        ("Helo", args.helo),
        ("Hostname", args.hostname),
        ("Queue-Id", args.queue_id),
        ("Log-Tag", args.log_tag),
        ("Settings", args.settings and " ".join(args.settings.splitlines())),
        ("Settings-ID", args.settings_id),
        ("Password", read_password(args.password)),
    ):
        if value is not None:
            headers.append((name, value))
    if args.pass_all:
        headers.append(("Pass", "all"))
    if args.raw:
        headers.append(("Raw", "yes"))
    if args.extended_urls:
        headers.append(("URL-Format", "extended"))
    if args.msgpack:
        headers.append(("Accept", "application/msgpack"))
    headers.extend(map(custom_header, args.header))
    # Rspamd then sends a message that it rewrote behind its reply.
    headers.append(("Flags", "profile,body_block" if args.profile else "body_block"))
    refuse_controls(headers)
    return headers


def refuse_controls(headers: RequestHeaders) -> None:
    """Raises ``UsageError`` for a value that would begin another header line."""
    for name, value in headers:
        if CONTROLS.search(value):
            raise UsageError(f"the value of {name} has a line break or another control character")


def custom_header(text: str) -> tuple[str, str]:
    """``K: V`` or ``K=V``, whichever sign comes first; a name alone has an empty value."""
    found = re.search("[:=]", text)
    name = text[: found.start()] if found else text
    value = text[found.end() :] if found else ""
    if not NAME.fullmatch(name):
        raise UsageError(f"--header {text!r}: expected 'Name: value' or Name=value")
    return name, value.strip()


def read_password(word: str | None) -> str | None:
    """The password itself: given, in a file (``/…``, ``./…``) or asked for (empty)."""
    if word == "":
        return getpass.getpass("Password: ")
    if word and word[0] in "/.":
        try:
            return Path(word).read_text(encoding="utf-8").rstrip()
        except (OSError, UnicodeDecodeError):
            return word  # as rspamc: then it is a password that looks like a path
    return word
