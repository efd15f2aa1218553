# SPDX-License-Identifier: Apache-2.0
"""Whose mailbox is an address with a tag, or one with dots at Gmail?

``user+tag@domain`` (RFC 5233) goes to ``user@domain`` nearly everywhere; Gmail ignores dots as
well, and its two domains are one.
"""

from __future__ import annotations

import msgspec

from gatepost.mail import Address

GMAIL = ("gmail.com", "googlemail.com")


def without_tags(address: Address, *, gmail: bool, plus: bool) -> tuple[Address, tuple[str, ...]]:
    """The address of the mailbox, and the tags; the address itself where there is nothing to do."""
    user, domain = address.user, address.domain
    at_gmail = gmail and domain in GMAIL
    if not at_gmail and not (plus and "+" in user):
        return address, ()
    name, *tags = user.split("+")
    if not name:  # `+tag@domain` is a mailbox of that name
        name, tags = user, []
    if at_gmail:
        name, domain = name.replace(".", "") or name, GMAIL[0]
    if (name, domain) == (user, address.domain):
        return address, ()
    return replaced(address, name, domain), tuple(tag for tag in tags if tag)


def replaced(address: Address, user: str, domain: str) -> Address:
    """The same mailbox's owner under another address."""
    addr = f"{user}@{domain}"
    raw = f'"{address.name}" <{addr}>' if address.name else f"<{addr}>"
    return msgspec.structs.replace(address, addr=addr, user=user, domain=domain, raw=raw)
