# SPDX-License-Identifier: Apache-2.0
"""The words that the name of a rate is made of, and what each is for a message.

``user_rip`` limits each user at each public address. Source: direction-modules reference §15.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gatepost.scan.envelope import IPAddress
from gatepost.scan.task import Task

Keyword = Callable[[Task], str | None]
"""The value of a word for this message; ``None`` when it has none, and so no bucket."""


def keywords(
    bounce_senders: Sequence[str],
    is_local: Callable[[IPAddress], bool],
    *,
    local_users: bool = True,
) -> dict[str, Keyword]:
    """Every word. ``bounce_senders`` are local parts that bounces come from.

    With ``local_users`` the ``rip`` of somebody who logged in is his address whatever it is;
    without, as in Rspamd, a local address is none.
    """
    bouncing = frozenset(bounce_senders)

    def bounce(task: Task) -> str | None:
        local_part = task.sender.user if task.sender is not None else ""
        return "_" if not local_part or local_part in bouncing else None

    def public_address(task: Task) -> str | None:
        local = task.ip is not None and is_local(task.ip)
        return None if local and not (local_users and task.user) else _ip(task)

    return {
        "asn": _asn,
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


def own_keyword(name: str, function: Callable[[Task], object]) -> Keyword:
    """The postmaster's own word, made safe: where his function fails the word has no value, and
    rates without it go on. ``function.uses_user = True`` makes it one of the user's."""

    def value(task: Task) -> str | None:
        try:
            found = function(task)
        except Exception as error:  # his code, whatever it does, is not to undo other limits
            task.log(logging.ERROR, "ratelimit: keyword %s failed: %r", name, error)
            return None
        return None if found is None else str(found)

    value.__dict__["uses_user"] = getattr(function, "uses_user", False)
    return value


def _asn(task: Task) -> str | None:
    number = task.variables.get("asn")
    return None if number is None else str(number)


def _ip(task: Task) -> str | None:
    return str(task.ip) if task.ip is not None else None


def _from(task: Task) -> str | None:
    if task.sender is not None:  # as rspamd: all bounces share the bucket of the empty sender
        return task.resolve(task.sender).addr.lower()
    authors = task.message.from_
    return task.resolve(authors[0]).addr.lower() if authors else None


def _attachments(task: Task) -> str | None:
    digests = [part.digest.hex() for part in task.message.parts if part.filename]
    return "".join(digests) or None


def _files(task: Task) -> str | None:
    return ":".join(part.filename for part in task.message.parts if part.filename) or None
