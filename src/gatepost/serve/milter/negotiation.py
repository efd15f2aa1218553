# SPDX-License-Identifier: Apache-2.0
"""Of what an MTA offers, what do we take?

Only what was offered: for anything else both Postfix and Sendmail answer 451. From what
was offered we take the edits we make, and "no reply" for every step but the end of the
message, so that a whole message costs one round trip. An MTA that cannot leave out our
replies gets CONTINUE for each of its commands.

SETSYMLIST replaces the MTA's list of macros for one stage, here CONNECT, and leaves the
other stages as configured. The list therefore repeats the defaults of Postfix and
Sendmail beside our own ``{settings_id}``.

Source: core reference §8.1, §8.5, §5.7.
"""

from __future__ import annotations

from gatepost.serve.milter import answers, messages
from gatepost.serve.milter.answers import Negotiated
from gatepost.serve.milter.errors import MilterError

VERSION = 6
OLDEST = 2
SETS_MACROS = 6
"""The version that knows SETSYMLIST."""

WANTED_ACTIONS = (
    answers.ADD_HEADERS
    | answers.ADD_RCPT
    | answers.DEL_RCPT
    | answers.CHANGE_HEADERS
    | answers.QUARANTINE
    | answers.CHANGE_FROM
)

NO_REPLY: dict[type[messages.MtaMessage], int] = {
    messages.Header: 1 << 7,
    messages.Connect: 1 << 12,
    messages.Helo: 1 << 13,
    messages.Mail: 1 << 14,
    messages.Rcpt: 1 << 15,
    messages.Data: 1 << 16,
    messages.Unknown: 1 << 17,
    messages.EndOfHeaders: 1 << 18,
    messages.Body: 1 << 19,
}
"""Message → the bit that spares us the answer to it."""

WANTED_STEPS = sum(NO_REPLY.values())

AT_CONNECT = 0
CONNECT_MACROS = "j _ v {daemon_name} {daemon_addr} {if_name} {client_name} {settings_id}"


def negotiate(offer: messages.Negotiate) -> Negotiated:
    """Our answer to an offer. Raises ``MilterError`` for a version that nobody speaks."""
    if offer.version < OLDEST:
        raise MilterError(
            f"milter protocol version {offer.version}; {OLDEST} to {VERSION} are spoken"
        )
    version = min(offer.version, VERSION)
    actions = offer.actions & WANTED_ACTIONS
    macros: dict[int, str] = {}
    if version >= SETS_MACROS and offer.actions & answers.SET_MACROS:
        actions |= answers.SET_MACROS
        macros = {AT_CONNECT: CONNECT_MACROS}
    return Negotiated(version, actions, offer.protocol & WANTED_STEPS, macros)


def answered_messages(negotiated: Negotiated) -> frozenset[type[messages.MtaMessage]]:
    """The messages after which the MTA waits for our word, the end of a message apart."""
    return frozenset(kind for kind, bit in NO_REPLY.items() if not negotiated.protocol & bit)
