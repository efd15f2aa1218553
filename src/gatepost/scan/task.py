# SPDX-License-Identifier: Apache-2.0
"""One message being scanned, with its envelope, and what its checks may reach.

A check gets the task and nothing else: no globals, no clock but ``task.now``, no other
module. What it may change are the result (by yielding hits and by ``set_pre_result``),
the headers and signatures for the MTA, and ``variables`` for checks that run after it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any

from gatepost.mail import Address, Message
from gatepost.net import TaskResolver
from gatepost.scan.applied import NOTHING_APPLIED, Applied
from gatepost.scan.direction import INBOUND, Direction
from gatepost.scan.envelope import Envelope, IPAddress, is_rspamc, log_tag
from gatepost.scan.result import NORMAL, FoundSymbol, PreResult, Result
from gatepost.store import Store

log = logging.getLogger("gatepost.task")


class AddedHeader:
    """A header that the MTA is to add; ``order`` is its position, ``None`` the end."""

    __slots__ = ("name", "order", "value")

    def __init__(self, name: str, value: str, order: int | None = None) -> None:
        self.name = name
        self.value = value
        self.order = order


class Task:
    """One message on its way through the engine.

    ``id`` names it in the log; the request's ``Log-Tag`` comes first in it.
    ``now`` is the time of arrival in seconds since the epoch, the only clock for checks.
    ``flags`` are Rspamd's task flags (``skip``, ``pass_all``, ``no_log`` ...). Nothing comes of
    ``skip_process``: contents are looked at only where a check asks for them.
    """

    __slots__ = (
        "added_headers",
        "direction",
        "dkim_signatures",
        "envelope",
        "flags",
        "id",
        "message",
        "now",
        "removed_headers",
        "resolved",
        "resolver",
        "result",
        "settings",
        "started",
        "store",
        "variables",
    )

    def __init__(
        self,
        message: Message,
        envelope: Envelope,
        *,
        result: Result,
        resolver: TaskResolver,
        store: Store,
        direction: Direction = INBOUND,
        settings: Applied = NOTHING_APPLIED,
        now: float | None = None,
    ) -> None:
        self.id = log_tag(envelope) + secrets.token_hex(3)
        self.message = message
        self.envelope = envelope
        self.result = result
        self.resolver = resolver
        self.store = store
        self.direction = direction
        self.settings = settings
        self.now = time.time() if now is None else now
        self.started = time.perf_counter()
        self.flags: set[str] = set(envelope.flags) | settings.flags
        self.variables: dict[str, Any] = dict(settings.variables)
        self.resolved: dict[Address, Address] = {}
        self.added_headers: list[AddedHeader] = []
        self.removed_headers: dict[str, int | list[int]] = {}
        self.dkim_signatures: list[str] = []

    # Who sent it

    @property
    def user(self) -> str | None:
        """The authenticated user, as the MTA gave it; ``None`` when there is none."""
        return self.envelope.user or None

    @property
    def user_domain(self) -> str | None:
        """The part after the user's last ``@``, in lower case, if there is one."""
        _, at, domain = (self.envelope.user or "").rpartition("@")
        return domain.lower() if at else None

    @property
    def ip(self) -> IPAddress | None:
        """The client's address; from Received when the MTA gave none."""
        return self.envelope.ip

    @property
    def hostname(self) -> str | None:
        """The client's verified name (PTR), if it has one."""
        return self.envelope.hostname

    @property
    def helo(self) -> str | None:
        """What the client called itself."""
        return self.envelope.helo

    @property
    def sender(self) -> Address | None:
        """The envelope sender; its ``addr`` is empty for a bounce."""
        return self.envelope.sender

    @property
    def sender_domain(self) -> str:
        """The domain of the envelope sender in lower case, empty for a bounce."""
        sender = self.envelope.sender
        return sender.domain.lower() if sender is not None else ""

    @property
    def from_domain(self) -> str:
        """The domain of the first address in From, in lower case, empty when there is none."""
        addresses = self.message.from_
        return addresses[0].domain.lower() if addresses else ""

    @property
    def recipients(self) -> Sequence[Address]:
        """The envelope recipients; those of the header when the MTA gave none."""
        return self.envelope.recipients or self.message.recipients

    @property
    def principal_recipient(self) -> str | None:
        """The one recipient that per-recipient state belongs to, in lower case (§0.5)."""
        if self.envelope.deliver_to:
            return self.envelope.deliver_to
        delivered_to = self.message.headers.get("Delivered-To")
        if delivered_to:
            return delivered_to.strip("<> \t").lower()
        recipients = self.recipients
        return self.resolve(recipients[0]).addr.lower() if recipients else None

    def resolve(self, address: Address) -> Address:
        """Whom an address stands for: without tags, through aliases (module ``aliases``)."""
        return self.resolved.get(address, address) if self.resolved else address

    @property
    def reply_sender(self) -> str | None:
        """Where an answer goes: the first address of Reply-To, else of From, else the sender.

        ``None`` where none of them is there, or a Reply-To without an address (§0.5).
        """
        message = self.message
        if "Reply-To" in message.headers:
            addresses = message.reply_to
        else:
            addresses = message.from_ or ([self.sender] if self.sender is not None else [])
        return (addresses[0].addr or None) if addresses else None

    @property
    def is_rspamc(self) -> bool:
        """True when somebody scans by hand (``gpc``, ``gatepost scan``, the controller)."""
        return is_rspamc(self.envelope)

    # What was found

    def has(self, name: str) -> bool:
        """True when the symbol was found in this message."""
        return name in self.result.found

    def symbol(self, name: str) -> FoundSymbol | None:
        """The symbol as found so far, with its options."""
        return self.result.found.get(name)

    @property
    def pre_result(self) -> PreResult | None:
        """The pre-result with the highest priority, ``least`` ones included."""
        pre_results = self.result.pre_results
        return pre_results[0] if pre_results else None

    def set_pre_result(
        self,
        action: str,
        message: str = "",
        *,
        module: str,
        score: float = float("nan"),
        priority: int = NORMAL,
        least: bool = False,
        process_all: bool = False,
        no_smtp_message: bool = False,
    ) -> None:
        """Forces ``action`` (or at ``least`` it), with the text for the SMTP reply."""
        self.result.set_pre_result(
            PreResult(
                action=action,
                message=message,
                module=module,
                score=score,
                priority=priority,
                least=least,
                process_all=process_all,
                no_smtp_message=no_smtp_message,
            )
        )

    # What the MTA is to change

    def add_header(self, name: str, value: str, order: int | None = None) -> None:
        """Has the MTA add a header; ``order`` 0 is the top, ``None`` the end."""
        self.added_headers.append(AddedHeader(name, value, order))

    def remove_header(self, name: str, which: int | list[int] = 0) -> None:
        """Has the MTA remove a header: 0 all of them, n the n-th, -n from the end, or several."""
        self.removed_headers[name] = which

    def log(self, level: int, message: str, *args: object) -> None:
        """Writes to the log under this task's id; never pass it text of the letter."""
        log.log(level, message, *args, extra={"task": self.id, "queue_id": self.envelope.queue_id})
