# SPDX-License-Identifier: Apache-2.0
"""What may a postmaster set for a milter listener?

Names and defaults are those of Rspamd's ``rspamd_proxy`` worker (core reference §10.2);
``on_failure`` and ``on_oversize`` are ours.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class MilterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one milter listener."""

    settings_id: str = ""
    """Settings id of all mail from this listener; it replaces the MTA's ``{settings_id}``."""
    discard_on_reject: bool = False
    """``reject`` takes the message and drops it."""
    quarantine_on_reject: bool = False
    """``reject`` takes the message into the MTA's hold queue."""
    spam_header: str = "X-Spam"
    """Header that ``add header`` sets to ``Yes``."""
    reject_message: str = "Spam message rejected"
    tempfail_message: str = "Try again later"
    quarantine_message: str = "Spam message quarantined"
    client_ca_name: str = ""
    """A client certificate of this issuer logs in: its subject becomes the user."""
    log_tag_type: Literal["session", "queue_id", "none"] = "session"
    """What goes before the scan's log lines: the milter session, the queue id, nothing."""
    max_connections: Count = 0
    """Connections at once, 0 for any number; one more is closed, which the MTA tempfails."""
    max_connections_per_source: Count = 0
    """The same for one address."""
    on_failure: Literal["tempfail", "accept"] = "tempfail"
    """A scan that gave no verdict: try again later, or let it pass unscanned."""
    on_oversize: Literal["reject", "tempfail", "accept"] = "reject"
    """A message beyond ``max_message``: it will not shrink, so 552 5.3.4 tells the sender
    at once, where a temporary failure would keep it in a queue for days."""
