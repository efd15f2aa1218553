# SPDX-License-Identifier: Apache-2.0
"""What does the seal say was found? The text of ARC-Authentication-Results, RFC 8617 4.1.1.

It is what the checks found, or, with ``reuse_auth_results``, what an Authentication-Results
field says that a service we trust has put on the letter.

Source: direction-modules reference §7 and §19.3.
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.authn import (
    AuthenticationResults,
    Client,
    format_authentication_results,
    parse_authentication_results,
    state_results,
)
from gatepost.scan.task import Task

MAX_FIELDS = 50
"""Authentication-Results fields that are looked at."""


class SealedResults(NamedTuple):
    """``text`` is an Authentication-Results value. ``arc`` is what it says of the chain, where
    that is another's word; it then goes before ours."""

    text: str
    arc: str | None = None


def state_found(task: Task, authserv_id: str, *, name_user: bool) -> SealedResults:
    """What the checks of this scan found."""
    sender = task.sender
    ip, helo = task.variables.get("spf_client") or (str(task.ip or ""), task.helo or "")
    client = Client(
        ip=ip,
        helo=helo,
        mail_from=sender.addr if sender is not None else "",
        user=(task.user or "") if name_user else "",
        authenticated=task.direction.authenticated,
    )
    results = state_results(task.variables, client, authserv_id=authserv_id)
    return SealedResults(format_authentication_results(authserv_id, results))


def reuse_field(task: Task, authserv_id: str) -> SealedResults | None:
    """What the topmost field of that service says; ``None`` if there is none."""
    for field in task.message.headers.get_all("Authentication-Results")[:MAX_FIELDS]:
        found = parse_authentication_results(field.raw)
        if _same(found.authserv_id, authserv_id):
            text = format_authentication_results(found.authserv_id, found.results)
            return SealedResults(text, _arc_of(found))
    return None


def _arc_of(found: AuthenticationResults) -> str | None:
    said = found.of("arc")
    return said[0].result if said else None


def _same(one: str, other: str) -> bool:
    return bool(one) and one.rstrip(".").lower() == other.rstrip(".").lower()
