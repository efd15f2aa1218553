# SPDX-License-Identifier: Apache-2.0
"""What did the DNS say? Record types, result codes, and the one value that every query returns."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, TypeAlias

import idna
import msgspec

RecordType = Literal["A", "AAAA", "MX", "NS", "PTR", "TXT", "SOA", "CNAME"]

Rcode = Literal[
    "noerror",  # there are records
    "norec",  # the name exists, this type does not (NODATA)
    "nxdomain",
    "servfail",
    "refused",  # by the server, or because nobody listens there: asking again at once is in vain
    "formerr",
    "notimp",
    "timeout",  # nobody answered in time
    "badname",  # not a name that can be asked for (RFC 1035 2.3.4: too long, empty label)
    "limit",  # this message has asked its share (``dns_max_requests``)
    "closed",  # the resolver was shut down
]

MAX_NAME = 253
"""Longest name in presentation form, without the final dot (RFC 1035 2.3.4)."""

NAME_SHAPE = re.compile(r"(?:[!-\-/-\[\]-~]{1,63}\.)*[!-\-/-\[\]-~]{1,63}")
"""Printable ASCII labels of 1 to 63 bytes. No backslash: it starts an escape in every library."""

DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What separates labels (RFC 3490 3.1)."""


class Mx(NamedTuple):
    """A mail exchanger. ``host`` is ``"."`` for a domain that takes no mail (RFC 7505)."""

    preference: int
    host: str


class Soa(NamedTuple):
    """The start of a zone (RFC 1035 3.3.13); times in seconds."""

    mname: str
    rname: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


Record: TypeAlias = str | bytes | Mx | Soa


class Answer(msgspec.Struct, frozen=True):
    """The outcome of one query.

    ``records`` are addresses and names as ``str`` (lower case, no final dot), TXT as ``bytes``
    (the strings of one record joined, RFC 7208 3.3), MX and SOA as tuples. ``ttl`` is how many
    seconds the answer may be kept: the least of all records on the way, CNAMEs included.
    """

    rcode: Rcode
    records: tuple[Record, ...] = ()
    ttl: float = 0.0

    @property
    def ok(self) -> bool:
        """There is at least one record."""
        return self.rcode == "noerror" and bool(self.records)

    @property
    def found_nothing(self) -> bool:
        """The DNS answered, and the answer is that there is no such record (a void look-up)."""
        return self.rcode in ("nxdomain", "norec")

    @property
    def failed(self) -> bool:
        """Nobody knows: no answer, or a server's error. Ask again later (temperror)."""
        return not (self.ok or self.found_nothing or self.rcode == "badname")

    @property
    def texts(self) -> tuple[str, ...]:
        """The records that are names or addresses."""
        return tuple(record for record in self.records if isinstance(record, str))


def find_query_name(name: str) -> str | None:
    """``name`` as it is asked for: lower case A-labels, no final dot; ``None`` if it can't be.

    Internationalised names become A-labels (RFC 5891; UTS 46 mapping, as browsers do).
    """
    name = name.removesuffix(".").lower()
    if not name.isascii():
        if len(name) > MAX_NAME:  # before the costly part
            return None
        try:
            name = ".".join(map(to_a_label, DOTS.split(name)))
        except (idna.IDNAError, UnicodeError):
            return None
    if len(name) > MAX_NAME or NAME_SHAPE.fullmatch(name) is None:
        return None
    return name


def reversed_labels(address: IPv4Address | IPv6Address) -> str:
    """``4.3.2.1`` for 1.2.3.4, of IPv6 the nibbles: how DNS lists name it (RFC 5782 2.1, 2.4)."""
    return address.reverse_pointer.rsplit(".", 2)[0]


def to_a_label(label: str) -> str:
    """An ASCII label stays as it is: ``_dkim`` is no host name, but it is asked for."""
    if label.isascii():
        return label
    return idna.encode(label, uts46=True).decode("ascii").lower()
