# SPDX-License-Identifier: Apache-2.0
"""What can a selector start with? Client, envelope and result here; the letter in its own files.

An extractor reads its arguments once and gives a function from the task to a value, ``None`` when
there is none. Source: content reference §5.4.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

from gatepost.mail import Address
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_content import CONTENT
from gatepost.scan.selector_urls import URLS
from gatepost.scan.selector_values import (
    Extraction,
    Extractor,
    ScanResult,
    Shape,
    plain,
)
from gatepost.scan.task import Task

ANY, SMTP, MIME = "any", "smtp", "mime"
# `orig` and `raw` ask for the address as it was written, before aliases were resolved.
ADDRESS_WORDS = {"any": ANY, "smtp": SMTP, "envelope": SMTP, "mime": MIME, "orig": "", "raw": ""}
VARIABLE_TYPES = ("string", "double", "int", "int64", "bool", "string_list")
MAX_FORMAT = 256  # characters of a time format


def one(read: Callable[[Task], Any]) -> Callable[[Arguments], Extraction]:
    """An extractor of one string that takes no arguments."""
    return lambda arguments: Extraction(read, Shape("string"))


def variable(name: str) -> Callable[[Arguments], Extraction]:
    """A string that a module left in a variable."""
    return one(lambda task: first_text(plain(task.variables.get(name))))


def first_text(found: str | list[str] | None) -> str | None:
    return (found[0] if found else None) if isinstance(found, list) else found


def build_id(arguments: Arguments) -> Extraction:
    text = arguments.text(0, "")
    return Extraction(lambda task: text, Shape("string"))


def build_list(arguments: Arguments) -> Extraction:
    texts = arguments.texts()
    return Extraction(lambda task: list(texts), Shape("string", many=True))


def source_of(arguments: Arguments) -> tuple[str, bool]:
    """Which addresses are meant: of the envelope, of the header, or whichever there are; and
    whether as they were written."""
    given = arguments.choices(ADDRESS_WORDS)
    words = [ADDRESS_WORDS[word] for word in given]
    return next((word for word in words if word), ANY), "" in words


def build_from(arguments: Arguments) -> Extraction:
    source, original = source_of(arguments)

    def read(task: Task) -> Address | None:
        found = task.envelope.sender if source != MIME else None
        if found is None:
            authors = task.message.from_ if source != SMTP else []
            found = authors[0] if authors else None
        return found if original or found is None else task.resolve(found)

    return Extraction(read, Shape("address"))


def build_rcpts(arguments: Arguments) -> Extraction:
    source, original = source_of(arguments)

    def read(task: Task) -> list[Address]:
        if source == SMTP:
            found = task.envelope.recipients
        else:
            found = tuple(task.message.recipients if source == MIME else task.recipients)
        return list(found) if original else [task.resolve(one) for one in found]

    return Extraction(read, Shape("address", many=True))


def build_ip(arguments: Arguments) -> Extraction:
    return Extraction(lambda task: task.ip, Shape("ip"))


def build_variable(arguments: Arguments) -> Extraction:
    """``pool_var`` and ``task_cache``: what an earlier check left for later ones."""
    name = arguments.text(0, what="the name of a variable")
    if arguments.call.name == "pool_var":
        arguments.choice(1, VARIABLE_TYPES, "string")
    return Extraction(lambda task: plain(task.variables.get(name)), Shape("string", many=None))


def build_request_header(arguments: Arguments) -> Extraction:
    name = arguments.text(0, what="the name of a header")
    return Extraction(lambda task: task.envelope.header(name), Shape("string"))


def build_symbol(arguments: Arguments) -> Extraction:
    name = arguments.text(0, what="the name of a symbol")
    return Extraction(lambda task: task.symbol(name), Shape("symbol"))


def build_scan_result(arguments: Arguments) -> Extraction:
    return Extraction(read_result, Shape("result"))


def read_result(task: Task) -> ScanResult:
    verdict = task.result.verdict()
    scores = [found.score for found in task.result.visible()]
    return ScanResult(
        action=verdict.action.name,
        score=verdict.score,
        required_score=verdict.required_score,
        npositive=sum(score > 0 for score in scores),
        nnegative=sum(score < 0 for score in scores),
        positive_score=sum(score for score in scores if score > 0),
        negative_score=sum(score for score in scores if score < 0),
        passthrough=verdict.forced_by is not None,
    )


def build_time(arguments: Arguments) -> Extraction:
    what = arguments.choice(0, ("connect", "message"), "connect")
    layout = arguments.text(1, "", what="a time format such as '!%Y-%m-%d'")
    convert = time.gmtime if layout.startswith("!") else time.localtime
    layout = layout.removeprefix("!")
    if len(layout) > MAX_FORMAT or not layout.isprintable() or "*t" in layout:
        raise arguments.error(f"a time format of at most {MAX_FORMAT} characters", layout[:40])

    def read(task: Task) -> str | None:
        moment = task.now if what == "connect" else task.message.date
        if moment is None:
            return None
        try:
            return time.strftime(layout, convert(moment)) if layout else str(int(moment))
        except (ValueError, OverflowError, OSError):  # a Date header may name any year
            return None

    return Extraction(read, Shape("string"))


def build_hostname(arguments: Arguments) -> Extraction:
    name = platform.node()
    return Extraction(lambda task: name or None, Shape("string"))


def read_queue_id(task: Task) -> str | None:
    queue_id = task.envelope.queue_id
    return queue_id if queue_id != "undef" else None


EXTRACTORS: dict[str, Extractor] = {
    "id": Extractor("[text]", "the text itself, empty without one", build_id),
    "list": Extractor("text, …", "the texts as a list", build_list),
    "ip": Extractor("", "the client's address", build_ip),
    "asn": Extractor(
        "",
        "the client's AS number (module asn)",
        variable("asn"),
    ),
    "country": Extractor(
        "",
        "the client's country (module asn)",
        variable("country"),
    ),
    "helo": Extractor("", "what the client called itself", one(lambda task: task.helo)),
    "user": Extractor("", "the authenticated user", one(lambda task: task.user)),
    "authenticated": Extractor(
        "",
        "`true` for an authenticated sender, else `false`",
        one(lambda task: plain(task.direction.authenticated)),
    ),
    "from": Extractor(
        "[smtp|mime|any][, orig]", "the sender: of the envelope, else of From", build_from
    ),
    "rcpts": Extractor(
        "[smtp|mime|any][, orig]",
        "the recipients: of the envelope, else of To, Cc and Bcc",
        build_rcpts,
    ),
    "to": Extractor("", "the principal recipient", one(lambda task: task.principal_recipient)),
    "request_header": Extractor(
        "name", "the first value of a header of the scan request", build_request_header
    ),
    "queueid": Extractor("", "the MTA's queue id", one(read_queue_id)),
    "uid": Extractor("", "the id of this scan in the log", one(lambda task: task.id)),
    "settings": Extractor("", "the settings id in force", one(lambda t: t.settings.id or None)),
    "rspamd_hostname": Extractor("", "the name of the scanner's host", build_hostname),
    "time": Extractor(
        "[connect|message[, format]]",
        "when the message came (or what Date says): seconds since the epoch, or as `strftime`",
        build_time,
    ),
    "pool_var": Extractor("name[, type]", "a variable that an earlier check set", build_variable),
    "task_cache": Extractor("name", "the same", build_variable),
    "symbol": Extractor("name", "a symbol, if it was found so far", build_symbol),
    "scan_result": Extractor("", "action and score so far", build_scan_result),
    **CONTENT,
    **URLS,
}
"""All extractors by name."""
