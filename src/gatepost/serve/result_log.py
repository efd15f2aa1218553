# SPDX-License-Identifier: Apache-2.0
"""One line for each message, in the exact shape that log tools of Rspamd parse.

Source: core reference §10.4. Nothing of the letter's text is in it: ids, addresses of the
envelope, symbols and their options only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

from gatepost.mail import Address
from gatepost.scan.result import FoundSymbol, Verdict
from gatepost.scan.task import Task

MAX_ELEMENTS = 7
PASSED_BY_SCORE = "unknown reason"


def result_line(task: Task, verdict: Verdict, *, max_elements: int = MAX_ELEMENTS) -> str:
    """The line without its prefix; lists are cut at ``max_elements`` (``task_max_elts``)."""
    envelope, message, result = task.envelope, task.message, task.result
    letter = "S" if result.skipped else "T" if verdict.is_spam else "F"
    action = _clean(verdict.action.name)
    score = f"{verdict.score:.2f}/{verdict.required_score:.2f}"
    parts = [f"id: <{_clean(message.message_id)}>"]
    if envelope.queue_id != "undef":
        parts.append(f"qid: <{_clean(envelope.queue_id)}>")
    if envelope.ip is not None or envelope.socket_path:
        parts.append(f"ip: {envelope.ip or _clean(envelope.socket_path)}")
    if envelope.user:
        parts.append(f"user: {_clean(envelope.user)}")
    if envelope.sender is not None:
        parts.append(f"from: <{_clean(envelope.sender.addr)}>")
    symbols = ",".join(_symbol(found, max_elements) for found in _by_weight(result.visible()))
    parts.append(f"(default: {letter} ({action}): [{score}] [{symbols}])")
    parts.append(f"len: {len(message.raw)}")
    parts.append(f"time: {(time.perf_counter() - task.started) * 1000:.3f}ms")
    parts.append(f"dns req: {task.resolver.requests}")
    parts.append(f"digest: <{message.digest}>")
    if envelope.recipients:
        parts.append(f"rcpts: <{_addresses(envelope.recipients, max_elements)}>")
    if message.recipients:
        parts.append(f"mime_rcpts: <{_addresses(message.recipients, max_elements)}>")
    forced = verdict.forced_by
    if forced is not None:
        value = "nan" if math.isnan(forced.score) else f"{forced.score:.2f}"
        text = _clean(forced.message or PASSED_BY_SCORE).replace('"', "'")
        parts.append(f'forced: {action} "{text}"; score={value} (set by {_clean(forced.module)})')
    if task.settings.id:
        parts.append(f"settings_id: {_clean(task.settings.id)}")
    return ", ".join(parts)


def _by_weight(found: Iterable[FoundSymbol]) -> list[FoundSymbol]:
    return sorted(found, key=lambda symbol: (-abs(symbol.score), symbol.name))


def _symbol(found: FoundSymbol, max_elements: int) -> str:
    options = "".join(f"{_clean(option)};" for option in found.options[:max_elements])
    if len(found.options) > max_elements:
        options += "...;"
    return f"{_clean(found.name)}({found.score:.2f}){{{options}}}"


def _addresses(addresses: Sequence[Address], max_elements: int) -> str:
    text = ",".join(_clean(address.addr) for address in addresses[:max_elements])
    return text + ",..." if len(addresses) > max_elements else text


def _clean(text: str) -> str:
    """Text from outside, safe on one line of a log: no line can be forged."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in text)
