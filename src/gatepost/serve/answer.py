# SPDX-License-Identifier: Apache-2.0
"""From a finished task to the reply that every front end speaks.

Source: core reference §6.3.
"""

from __future__ import annotations

import time
from email.header import Header

from gatepost.mail import Message
from gatepost.scan.header_changes import read_text, read_value, removed_headers
from gatepost.scan.result import Verdict
from gatepost.scan.task import AddedHeader, Task
from gatepost.serve.reply import (
    AddHeader,
    CheckReply,
    GroupReply,
    HeaderValue,
    MilterReply,
    SymbolReply,
)

DEFAULT_SUBJECT = "*** SPAM *** %s"
MAX_SUBJECT = 2000  # characters


class AnswerOptions:
    """What the configuration says of replies: the subject template, which groups are shown."""

    __slots__ = ("public_groups_only", "subject")

    def __init__(self, *, subject: str = DEFAULT_SUBJECT, public_groups_only: bool = False) -> None:
        self.subject = subject
        self.public_groups_only = public_groups_only


def build_reply(task: Task, verdict: Verdict, options: AnswerOptions) -> CheckReply:
    """The reply for a finished task; ``verdict`` is its result's."""
    result, action = task.result, verdict.action
    reply = CheckReply(
        is_skipped=result.skipped,
        score=verdict.score,
        required_score=verdict.required_score,
        action=action.name,
        messages=result.messages,
        thresholds=result.actions.thresholds,
        symbols=_symbols(task),
        time_real=time.perf_counter() - task.started,
    )
    if verdict.forced_by is not None:
        reply.passthrough_module = verdict.forced_by.module
    if action.milter in ("discard", "quarantine"):
        reply.reject = action.milter
    if action.name == "rewrite subject":
        chosen = task.variables.get("metric_subject")  # by a module, after the settings
        template = str(chosen) if chosen else task.settings.subject or options.subject
        reply.subject = rewritten_subject(task.message.subject, verdict.score, template)
    if not task.message.is_empty:
        reply.message_id = task.message.message_id
        if task.envelope.protocol != "milter":  # which has no place for them; they cost a third
            reply.urls = _urls(task.message, extended="ext_urls" in task.flags)
            reply.emails = list(dict.fromkeys(task.message.emails)) or None
    if task.dkim_signatures:
        signatures = task.dkim_signatures
        reply.dkim_signature = signatures[0] if len(signatures) == 1 else list(signatures)
    if "groups" in task.flags:
        reply.groups = _groups(task, options)
    milter = _milter(task)
    if milter:
        reply.milter = milter
    return reply


def rewritten_subject(old: str, score: float, template: str) -> str:
    """Fills ``%s`` (old subject), ``%d`` (score) and ``%%``; RFC 2047 where not ASCII."""
    pieces: list[str] = []
    rest = template
    while rest:
        before, percent, rest = rest.partition("%")
        pieces.append(before)
        if percent:
            code, rest = rest[:1], rest[1:]
            pieces.append({"s": old, "d": f"{score:.2f}", "%": "%"}.get(code, "%" + code))
    subject = " ".join("".join(pieces)[:MAX_SUBJECT].split())
    if subject.isascii() and subject.isprintable():
        return subject
    clean = subject.encode("utf-8", "replace").decode()
    return Header(clean, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def _symbols(task: Task) -> dict[str, SymbolReply]:
    return {
        found.name: SymbolReply(
            name=found.name,
            score=found.score,
            metric_score=found.metric_score,
            description=found.registered.description or None,
            options=found.options or None,
        )
        for found in task.result.visible()
    }


def _groups(task: Task, options: AnswerOptions) -> dict[str, GroupReply]:
    known = task.result.registry.groups
    return {
        name: GroupReply(name=name, score=score, description=known[name].description or None)
        for name, score in task.result.group_scores().items()
        if known[name].public or not options.public_groups_only
    }


def _urls(message: Message, *, extended: bool) -> list[str] | list[dict[str, object]] | None:
    urls = [url for url in message.urls if url.host]
    if not urls:
        return None
    if not extended:
        return list(dict.fromkeys(url.host for url in urls))
    extended_urls: list[dict[str, object]] = [
        {"url": url.text, "tld": url.tld, "host": url.host, "flags": sorted(url.flags)}
        for url in urls
    ]
    return extended_urls


def _milter(task: Task) -> MilterReply | None:
    settings = task.settings
    if not (
        task.added_headers
        or task.removed_headers
        or settings.add_headers
        or settings.remove_headers
    ):
        return None
    added: dict[str, AddHeader] = {}
    for name, value in settings.add_headers.items():
        added[name] = _from_settings(value)
    for header in task.added_headers:
        _append(added, header)
    return MilterReply(add_headers=added, remove_headers=removed_headers(task))


def _append(added: dict[str, AddHeader], header: AddedHeader) -> None:
    value = HeaderValue(header.value, header.order)
    old = added.get(header.name)
    if old is None:
        added[header.name] = value
    elif isinstance(old, list):
        old.append(value)
    else:
        first = HeaderValue(old) if isinstance(old, str) else old
        added[header.name] = [first, value]


def _from_settings(value: object) -> AddHeader:
    if isinstance(value, list):
        return [HeaderValue(*read_value(item)) for item in value]
    return HeaderValue(*read_value(value)) if isinstance(value, dict) else read_text(value)
