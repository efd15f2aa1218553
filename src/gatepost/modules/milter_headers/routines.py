# SPDX-License-Identifier: Apache-2.0
"""What does each routine write about a message? One function a routine, by Rspamd's names.

Source: direction-modules reference §19.2, §19.3. A routine first has the headers of its name
removed, also when it then has nothing to say: what a stranger wrote there is no finding of ours.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import NamedTuple

from gatepost.authn import (
    Client,
    find_own,
    format_authentication_results,
    parse_authentication_results,
    state_results,
)
from gatepost.modules.milter_headers.edits import Edits
from gatepost.modules.milter_headers.options import Routines
from gatepost.scan.authserv_id import find_authserv_id
from gatepost.scan.maps import Map
from gatepost.scan.result import FoundSymbol, Verdict
from gatepost.scan.task import Task

MAX_BAR = 100  # characters
NOT_SPAM = frozenset(("no action", "greylist"))
MAX_FIELDS = 100  # Authentication-Results that are looked at


class Writing(NamedTuple):
    """One message whose headers are being written."""

    task: Task
    verdict: Verdict
    edits: Edits
    routines: Routines
    distrusted: Map | None = None
    """``remove_ar_from``: authserv-ids whose statements are removed."""
    joined: bool = True
    """Values of one kind go into one header (``headers_modify_mode = compat``)."""


Routine = Callable[[Writing], None]


def write_result(it: Writing) -> None:
    """X-Spamd-Result: score and symbols; X-Rspamd-Pre-Result: who decided without them."""
    options, before = it.routines.x_spamd_result, it.routines.x_rspamd_pre_result
    it.edits.remove(options.header, options.remove)
    it.edits.remove(before.header, before.remove)
    found = list(it.task.result.visible())
    if options.sort_by == "name":
        found.sort(key=lambda one: one.name)
    else:
        found.sort(key=lambda one: -abs(one.score))
    rejected = it.verdict.action.name == "reject"
    parts = [f"default: {rejected} [{it.verdict.score:.2f} / {it.verdict.required_score:.2f}]"]
    parts += [f"{one.name}({one.score:.2f})[{','.join(one.options)}]" for one in found]
    pieces = [part + ";" for part in parts[:-1]] + parts[-1:]
    it.edits.add_lines(options.header, pieces, breaks=options.stop_chars)
    forced = it.task.pre_result
    if forced is not None:
        said = [f"action={forced.action}", f"module={forced.module}", forced.message]
        it.edits.add(before.header, "; ".join(text for text in said if text))


def write_server(it: Writing) -> None:
    options = it.routines.x_rspamd_server
    it.edits.remove(options.header, options.remove)
    it.edits.add(options.header, options.hostname or platform.node())


def write_queue_id(it: Writing) -> None:
    options = it.routines.x_rspamd_queue_id
    it.edits.remove(options.header, options.remove)
    if it.task.envelope.queue_id != "undef":
        it.edits.add(options.header, it.task.envelope.queue_id)


def write_action(it: Writing) -> None:
    options = it.routines.x_rspamd_action
    it.edits.remove(options.header, options.remove)
    it.edits.add(options.header, it.verdict.action.name)


def write_bar(it: Writing) -> None:
    """A sign for each full point: ``+++``, ``--``, or ``/`` between -1 and 1."""
    options = it.routines.x_spamd_bar
    it.edits.remove(options.header, options.remove)
    bar = _bar(it.verdict.score, options.positive) or _bar(-it.verdict.score, options.negative)
    if bar or options.neutral:
        it.edits.add(options.header, bar or options.neutral)


def write_level(it: Writing) -> None:
    options = it.routines.x_spam_level
    it.edits.remove(options.header, options.remove)
    bar = _bar(it.verdict.score, options.char)
    if bar:
        it.edits.add(options.header, bar)


def write_status(it: Writing) -> None:
    options = it.routines.x_spam_status
    it.edits.remove(options.header, options.remove)
    word = "No" if it.verdict.action.name in NOT_SPAM else "Yes"
    it.edits.add_lines(options.header, [f"{word}, score={it.verdict.score:.2f}"])


def write_spam_header(it: Writing) -> None:
    options = it.routines.spam_header
    it.edits.remove(options.header, options.remove)
    if it.verdict.action.name not in NOT_SPAM:
        it.edits.add(options.header, options.value)


def remove_spam_flag(it: Writing) -> None:
    it.edits.remove(it.routines.remove_spam_flag.header, 0)


def remove_header(it: Writing) -> None:
    options = it.routines.remove_header
    if options.header:
        it.edits.remove(options.header, options.remove)


def remove_headers(it: Writing) -> None:
    for name, which in it.routines.remove_headers.headers.items():
        it.edits.remove(name, which)


def add_headers(it: Writing) -> None:
    options = it.routines.add_headers
    for name, value in options.headers.items():
        it.edits.remove(name, options.remove)
        it.edits.add(name, value)


def write_virus(it: Writing) -> None:
    """What antivirus modules found, that they found nothing, or that they could not look."""
    options, task = it.routines.x_virus, it.task
    it.edits.remove(options.header, options.remove)
    found = [symbol for name in options.symbols if (symbol := task.symbol(name))]
    failed = [symbol for name in options.symbols_fail if (symbol := task.symbol(name))]
    if found:
        value = _said_by(found)
        if options.status_infected:
            value = f"{options.status_infected}, {value}"
    elif failed:
        value = f"{options.status_fail}({_said_by(failed)})" if options.status_fail else ""
    else:
        value = options.status_clean or ""
    if value:
        it.edits.add_lines(options.header, [value])


def write_os_fingerprint(it: Writing) -> None:
    options = it.routines.x_os_fingerprint
    it.edits.remove(options.header, options.remove)
    found = it.task.variables.get("os_fingerprint")
    if isinstance(found, tuple | list) and len(found) == 4:
        system, link, uptime, distance = found
        value = f"{system}, (up: {uptime} min), (distance {distance}, link: {link})"
        it.edits.add_lines(options.header, [value])


def write_authentication_results(it: Writing) -> None:
    """RFC 8601: what SPF, DKIM, DMARC, ARC and the log-in say; what claims to be ours goes."""
    options, task = it.routines.authentication_results, it.task
    authserv_id = options.authserv_id or find_authserv_id(task)
    if it.distrusted is not None:
        it.edits.remove(options.header, _distrusted(task, options.header, it.distrusted))
    elif options.remove != "own":
        it.edits.remove(options.header, options.remove)
    if options.remove == "own":
        it.edits.remove(options.header, _own(task, options.header, authserv_id))
    sender = task.sender
    ip, helo = task.variables.get("spf_client") or (str(task.ip or ""), task.helo or "")
    client = Client(
        ip=ip,
        helo=helo,
        mail_from="" if sender is None else sender.addr,
        user=(task.user or "") if options.add_smtp_user else "",
        authenticated=task.direction.authenticated,
    )
    results = state_results(task.variables, client, authserv_id=authserv_id)
    value = format_authentication_results(authserv_id, results, newline=it.edits.newline)
    it.edits.add_folded(options.header, value, 1)


def write_stat_signature(it: Writing) -> None:
    options = it.routines.stat_signature
    it.edits.remove(options.header, options.remove)
    signature = it.task.variables.get("stat_signature")
    if signature:
        it.edits.add(options.header, str(signature))


def write_fuzzy_hashes(it: Writing) -> None:
    options = it.routines.fuzzy_hashes
    it.edits.remove(options.header, options.remove)
    found = it.task.variables.get("fuzzy_hashes")
    values = [_fuzzy(one) for one in found] if isinstance(found, tuple | list) else []
    if it.joined and values:
        it.edits.add_lines(options.header, [v + "," for v in values[:-1]] + values[-1:])
    else:
        for value in values:
            it.edits.add_lines(options.header, [value])


def _fuzzy(hash: object) -> str:
    """``HASH (rule=…; flag=…; …)`` of what the fuzzy check left: such a text, or its fields."""
    if not isinstance(hash, Mapping):
        return str(hash)
    keys = ("rule", "flag", "prob", "queried", "added")
    known = "; ".join(f"{key}={hash[key]}" for key in keys if key in hash)
    return f"{hash.get('hash', '')} ({known})"


def _bar(score: float, sign: str) -> str:
    return sign * int(min(score, MAX_BAR)) if score >= 1 else ""


def _said_by(found: list[FoundSymbol]) -> str:
    return ",".join(text for symbol in found for text in symbol.options or ["unknown"])


def _own(task: Task, header: str, authserv_id: str) -> int | list[int]:
    """Which are forged; under a name of our own there are no others."""
    if header.lower() != "authentication-results":
        return 0
    return find_own(task.message.headers, authserv_id)


def _distrusted(task: Task, header: str, ids: Map) -> list[int]:
    """Numbers of the fields of these services, or of hosts below ``.domain``."""
    numbers: list[int] = []
    fields = task.message.headers.get_all(header)[:MAX_FIELDS]
    for number, field in enumerate(fields, 1):
        name = parse_authentication_results(field.raw).authserv_id.lower().rstrip(".")
        labels = name.split(".")[:128]
        parents = ("." + ".".join(labels[at:]) for at in range(1, len(labels)))
        if name in ids or any(parent in ids for parent in parents):
            numbers.append(number)
    return numbers


ROUTINES: dict[str, Routine] = {
    "x-spamd-result": write_result,
    "x-rspamd-server": write_server,
    "x-rspamd-queue-id": write_queue_id,
    "x-rspamd-action": write_action,
    "x-spamd-bar": write_bar,
    "x-spam-level": write_level,
    "x-spam-status": write_status,
    "spam-header": write_spam_header,
    "remove-spam-flag": remove_spam_flag,
    "remove-header": remove_header,
    "remove-headers": remove_headers,
    "add-headers": add_headers,
    "x-virus": write_virus,
    "x-os-fingerprint": write_os_fingerprint,
    "authentication-results": write_authentication_results,
    "stat-signature": write_stat_signature,
    "fuzzy-hashes": write_fuzzy_hashes,
}

EXTENDED = ("x-spamd-result", "x-rspamd-server", "x-rspamd-queue-id", "x-rspamd-action")
"""What ``extended_spam_headers`` adds."""

NEVER_SKIPPED = frozenset(("remove-spam-flag", "fuzzy-hashes"))
