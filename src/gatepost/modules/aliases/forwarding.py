# SPDX-License-Identifier: Apache-2.0
"""Was this letter forwarded on its way, and by whose service?

Each service leaves a trace of its own: a sender rewritten in its manner, a header, or only a
Received header that names another recipient. Source: content reference §8.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from gatepost.mail import Address
from gatepost.modules.aliases.tags import without_tags
from gatepost.scan.task import Task

SRS = re.compile(r"srs[01]=", re.IGNORECASE)
YANDEX = re.compile(r"\.yandex\.[a-z]+\Z", re.IGNORECASE)


class Forwarding(NamedTuple):
    """``kind`` as in the names of the symbols; ``whence`` the address that forwards, if known."""

    kind: str
    whence: str = ""


def find_forwarding(task: Task) -> Forwarding | None:
    """The first trace that is found, those of services before the general one."""
    recipients = task.envelope.recipients
    if not recipients:
        return None
    sender = task.sender
    if sender is not None and sender.addr:
        for kind, test in BY_SENDER.items():
            whence = test(task, sender, recipients[0], len(recipients) == 1)
            if whence is not None:
                return Forwarding(kind, whence)
    if len(recipients) == 1:
        whence = _received_for_another(task, recipients[0])
        if whence:
            return Forwarding("generic", whence)
    return None


def _by_google(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    user, found, verp = sender.user.rpartition("+caf_=")
    if not only or not found or not user:
        return None
    if not verp.lower().startswith(rcpt.addr.lower().replace("@", "=")):
        return None
    return f"{user}@{sender.domain}"


def _by_yandex(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    from_there = YANDEX.search(task.hostname or "") is not None
    return "" if from_there and "X-Yandex-Forward" in task.message.headers else None


def _by_mailru(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    from_there = (task.hostname or "").lower().endswith(".mail.ru")
    return "" if from_there and "X-MailRu-Forward" in task.message.headers else None


def _by_srs(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    # As rspamd: only where the address within is the recipient's own.
    within = f"={rcpt.domain}={rcpt.user}".lower()
    return "" if only and SRS.match(sender.user) and within in sender.user.lower() else None


def _by_sieve(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    rewritten = only and SRS.match(sender.user)
    return "" if rewritten and "X-Sieve-Redirected-From" in task.message.headers else None


def _by_cpanel(task: Task, sender: Address, rcpt: Address, only: bool) -> str | None:
    if not only or not SRS.match(sender.user):
        return None
    return "" if "forwarded message" in (task.message.headers.get("From-Rewrite") or "") else None


BY_SENDER: dict[str, Callable[[Task, Address, Address, bool], str | None]] = {
    "google": _by_google,
    "yandex": _by_yandex,
    "mailru": _by_mailru,
    "srs": _by_srs,
    "sieve": _by_sieve,
    "cpanel": _by_cpanel,
}


def _received_for_another(task: Task, rcpt: Address) -> str:
    """The recipient that the last hop which names one took the letter for, if it is another."""
    message = task.message
    taken_for = next((hop.for_ for hop in message.received if hop.for_), "")
    if "@" not in taken_for or not message.recipients:
        return ""
    other = _mailbox(taken_for)
    if other.lower() == _mailbox(rcpt.addr).lower():
        return ""
    # A list that writes to each subscriber by name is no forwarder.
    to = message.recipients[0].addr.lower()
    if "List-Unsubscribe" in message.headers and to in (other.lower(), taken_for.lower()):
        return ""
    return other


def _mailbox(addr: str) -> str:
    user, _, domain = addr.rpartition("@")
    return without_tags(Address(addr, user, domain), gmail=False, plus=True)[0].addr
