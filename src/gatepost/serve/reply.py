# SPDX-License-Identifier: Apache-2.0
"""What a scan answers: the object of ``/checkv2``, and how a front end asks for it.

Every front end (HTTP, milter, ``gatepost scan``) turns its protocol into request
headers and a message, calls one ``Scan`` and turns the ``CheckReply`` back into its
own words. None of them knows the engine, and the engine knows none of them.

Source: core reference §6.1 (request headers), §6.3 (the reply).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

RequestHeaders = list[tuple[str, str]]
"""Request headers as sent: names in any case, repeated lines kept, in order."""


class Peer(msgspec.Struct, frozen=True):
    """Who connected to us: ``address`` is an IP literal or a UNIX path, ``listener`` its socket."""

    address: str = ""
    listener: str = ""
    protocol: str = "http"
    settings_id: str = ""
    """The listener's own settings id; it replaces the client's (core reference §5.7)."""
    mime: bool = True
    """False: nothing from this listener is parsed as MIME, as with ``Raw: yes``."""


class SymbolReply(msgspec.Struct, omit_defaults=True):
    """One symbol of the reply; ``score`` counts after composites, ``metric_score`` before."""

    name: str
    score: float
    metric_score: float
    description: str | None = None
    options: list[str] | None = None


class GroupReply(msgspec.Struct, omit_defaults=True):
    """One group of the reply, present with the request flag ``groups``."""

    name: str
    score: float
    description: str | None = None


class HeaderValue(msgspec.Struct, omit_defaults=True):
    """A header to add; ``order`` is the position (-1 or none: at the end)."""

    value: str
    order: int | None = None


AddHeader = str | HeaderValue | list[HeaderValue]


class MilterReply(msgspec.Struct, omit_defaults=True):
    """What the MTA is to change; ``remove_headers``: 0 all, n the n-th, -n from the end."""

    add_headers: dict[str, AddHeader] = {}
    remove_headers: dict[str, int | list[int]] = {}
    change_from: str | None = None
    add_rcpt: list[str] = []
    del_rcpt: list[str] = []
    reject: str | None = None
    spam_header: str | dict[str, str] | None = None
    no_action: bool = False

    def __bool__(self) -> bool:
        return self != MilterReply()


class CheckReply(
    msgspec.Struct,
    omit_defaults=True,
    rename={"message_id": "message-id", "dkim_signature": "dkim-signature"},
):
    """The reply of one scan, field by field the JSON object of ``/checkv2``."""

    is_skipped: bool
    score: float
    required_score: float
    action: str
    messages: dict[str, str]
    thresholds: dict[str, float]
    symbols: dict[str, SymbolReply]
    time_real: float
    passthrough_module: str | None = None
    groups: dict[str, GroupReply] | None = None
    subject: str | None = None
    reject: str | None = None
    urls: list[str] | list[dict[str, object]] | None = None
    emails: list[str] | None = None
    message_id: str | None = None
    dkim_signature: str | list[str] | None = None
    milter: MilterReply | None = None
    profile: dict[str, float] | None = None


Scan = Callable[[RequestHeaders, bytes, Peer], Awaitable[CheckReply]]
"""Scans one message. Raises ``ScanFailed`` when there is no verdict: a temporary failure."""
