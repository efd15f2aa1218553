# SPDX-License-Identifier: Apache-2.0
"""The words that the name of a rate is made of, and what each is for a message.

``user_rip`` limits each user at each public address. Source: direction-modules reference §15.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatepost.scan.task import Task

Keyword = Callable[[Task], str | None]
"""The value of a word for this message; ``None`` when it has none, and so no bucket."""


def keywords(bounce_senders: Sequence[str], is_local: Callable[[Task], bool]) -> dict[str, Keyword]:
    """Every word. ``bounce_senders`` are local parts that bounces come from."""
    bouncing = frozenset(bounce_senders)

    def bounce(task: Task) -> str | None:
        local_part = task.sender.user if task.sender is not None else ""
        return "_" if not local_part or local_part in bouncing else None

    def public_address(task: Task) -> str | None:
        # For a user the address is what it is: who logs in is limited wherever he sits.
        if task.user is None and is_local(task):
            return None
        return _ip(task)

    return {
        "asn": lambda task: task.variables.get("asn"),
        "attachments": _attachments,
        "bounce": bounce,
        "digest": lambda task: task.message.digest,
        "files": _files,
        "from": _from,
        "ip": _ip,
        "rip": public_address,
        "to": lambda task: task.principal_recipient,
        "user": lambda task: task.user,
    }


def _ip(task: Task) -> str | None:
    return str(task.ip) if task.ip is not None else None


def _from(task: Task) -> str | None:
    if task.sender is not None and task.sender.addr:
        return task.sender.addr.lower()
    authors = task.message.from_
    return authors[0].addr.lower() if authors else None


def _attachments(task: Task) -> str | None:
    digests = [part.digest.hex() for part in task.message.parts if part.filename]
    return "".join(digests) or None


def _files(task: Task) -> str | None:
    return ":".join(part.filename for part in task.message.parts if part.filename) or None
