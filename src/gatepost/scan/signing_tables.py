# SPDX-License-Identifier: Apache-2.0
"""OpenDKIM's two tables: who signs for this author, and where is the key?

``signing_table`` leads from an author's address to a name, ``key_table`` from that name to
``domain:key`` or ``domain:selector:key``; ``%`` is the author's domain. The tables decide alone:
sender and user are not compared with the author.

Source: direction-modules reference §6, step 6.
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.scan.maps import Map
from gatepost.scan.setup import Setup
from gatepost.scan.signing_domain import dns_name, find_author_domain
from gatepost.scan.signing_keys import Place, key_place
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task


class TableEntry(NamedTuple):
    """The domain to sign for, and its key; without one the Vault has it."""

    domain: str
    place: Place | None


class SigningTables:
    """Both tables; there is no key table where the Vault takes its part."""

    def __init__(self, signing: Map, keys: Map | None) -> None:
        self.signing = signing
        self.keys = keys

    def find(self, task: Task) -> TableEntry | None:
        """What signs for the first author, if the tables have it."""
        author = find_author_domain(task)
        if not author:
            return None
        name = self.signing.find(task.message.from_[0].addr.lower())
        if not name:
            return None
        name = author if name == "%" else name
        if self.keys is None:
            domain = dns_name(name)
            return TableEntry(domain, None) if domain else None
        return parse_entry(self.keys.find(name) or "", author)


def parse_entry(text: str, author: str) -> TableEntry | None:
    """A value of the key table: ``domain:key`` or ``domain:selector:key``."""
    parts = text.strip().split(":", 2)
    if len(parts) < 2 or not all(parts):
        return None
    domain = dns_name(parts[0].replace("%", author))
    place = key_place(parts[1] if len(parts) == 3 else None, parts[-1])
    if place.path is not None:
        place.path = place.path.replace("%", author)
    return TableEntry(domain, place) if domain else None


def open_tables(options: SigningOptions, setup: Setup) -> SigningTables | None:
    """The tables that are configured: a signing table needs a key table or a Vault."""
    if options.signing_table is None:
        return None
    if options.key_table is None and not options.use_vault:
        setup.problem("signing_table", "expected a `key_table` (or `use_vault`) beside it")
        return None
    signing = setup.map(options.signing_table, kind="glob", option="signing_table")
    keys = None
    if not options.use_vault:
        keys = setup.map(options.key_table, kind="glob", option="key_table")
    return None if signing is None else SigningTables(signing, keys)
