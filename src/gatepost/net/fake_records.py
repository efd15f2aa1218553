# SPDX-License-Identifier: Apache-2.0
"""Which answers does the configuration make up? ``options.dns.fake_records`` (core reference §2).

For tests and for split views: an entry answers only its own name and type, everything else goes
to the real servers. A bad entry is named and left out.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from gatepost.net.answers import Answer, Mx, Rcode, Record, RecordType, Soa, find_query_name

Key = tuple[str, RecordType]
Complain = Callable[[int, str], None]

TYPES: dict[str, RecordType] = {name.lower(): name for name in get_args(RecordType)}
CODES: dict[str, Rcode] = {
    code: code for code in get_args(Rcode) if code not in ("badname", "limit", "closed")
} | {"norecord": "norec", "nodata": "norec", "nxdom": "nxdomain"}
SEPARATOR = re.compile(r"[\s:]+")


def read_fake_records(entries: object, complain: Complain) -> dict[Key, Answer]:
    """The table of made-up answers. ``complain(index, message)`` hears of each bad entry."""
    table: dict[Key, Answer] = {}
    if isinstance(entries, Mapping) or not isinstance(entries, Sequence):
        entries = [entries] if entries else []
    for index, entry in enumerate(entries):
        try:
            key, answer = read_entry(entry)
        except ValueError as error:
            complain(index, str(error))
        else:
            table[key] = answer
    return table


def read_entry(entry: object) -> tuple[Key, Answer]:
    """One ``{ name, type, rcode, replies }``. Raises ``ValueError`` with what is wrong."""
    if not isinstance(entry, Mapping):
        raise ValueError("expected an object with name, type and replies")
    raw_name = entry.get("name")
    name = find_query_name(raw_name) if isinstance(raw_name, str) else None
    if name is None:
        raise ValueError(f"{raw_name!r} is no domain name")
    kind = TYPES.get(str(entry.get("type", "a")).lower())
    if kind is None:
        raise ValueError(f"unknown type {entry.get('type')!r}: expected one of {', '.join(TYPES)}")
    code = CODES.get(str(entry.get("rcode", entry.get("code", "noerror"))).lower())
    if code is None:
        raise ValueError(f"unknown rcode {entry.get('rcode', entry.get('code'))!r}")
    if code != "noerror":
        return (name, kind), Answer(code)
    replies = entry.get("replies")
    if isinstance(replies, str):
        replies = [replies]
    if not isinstance(replies, Sequence) or not replies:
        raise ValueError(f"{name}: noerror needs replies")
    return (name, kind), Answer("noerror", tuple(read_reply(kind, str(r)) for r in replies))


def read_reply(kind: RecordType, reply: str) -> Record:
    """One reply string as a record of that type."""
    if kind == "TXT":
        return reply.encode("utf-8", "surrogateescape")
    if kind in ("A", "AAAA"):
        return read_address(kind, reply)
    fields = [field for field in SEPARATOR.split(reply.strip()) if field]
    if kind == "MX":
        if len(fields) != 2 or not fields[0].isdecimal():
            raise ValueError(f"MX {reply!r}: expected 'preference host'")
        return Mx(int(fields[0]), read_host(fields[1]))
    if kind == "SOA":
        if len(fields) != 7 or not all(field.isdecimal() for field in fields[2:]):
            raise ValueError(f"SOA {reply!r}: expected two names and five numbers")
        numbers = [int(field) for field in fields[2:]]
        return Soa(read_host(fields[0]), read_host(fields[1]), *numbers)
    return read_host(reply.strip())


def read_address(kind: RecordType, reply: str) -> str:
    address = ipaddress.ip_address(reply.strip())  # its ValueError says what is wrong
    if address.version != (4 if kind == "A" else 6):
        raise ValueError(f"{reply!r} is no address for a record of type {kind}")
    return str(address)


def read_host(text: str) -> str:
    if text == ".":
        return text
    name = find_query_name(text)
    if name is None:
        raise ValueError(f"{text!r} is no domain name")
    return name
