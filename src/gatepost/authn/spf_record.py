# SPDX-License-Identifier: Apache-2.0
"""What does an SPF record say? From the text of a TXT record to typed terms (RFC 7208 4.6, 5, 6).

The whole record is checked: a syntax error anywhere makes it invalid, whatever stands before it.
Reading is dear and evaluating cheap, and the same few hundred records come again and again, so
that records are kept by their text, within bounds.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import msgspec

from gatepost.authn.spf_macros import MacroString, parse_domain_spec, parse_macro_string

MAX_RECORD = 65_535
"""Octets: what a TXT record can hold."""

MAX_TERMS = 6_000
"""More than there is room for in a TXT record with ``ip4`` terms alone."""

VERSION = b"v=spf1"
VISIBLE = re.compile(rb"[ -~]*")
MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
DIRECTIVE = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)")
CIDR = r"(0|[1-9][0-9]{0,2})"
ADDRESS_SUFFIX = re.compile(rf"(?::(.*?))?(?:/{CIDR})?(?://{CIDR})?")
NETWORK_SUFFIX = re.compile(rf":([^/]{{1,45}})(?:/{CIDR})?")


class Mechanism(msgspec.Struct, frozen=True):
    """One directive. ``text`` is the mechanism as written, without its qualifier.

    ``target`` is ``None`` where the record names no domain: the current one is meant.
    ``network`` is the address of ``ip4`` and ``ip6`` as a number. ``host_bits4`` and
    ``host_bits6`` count the right-hand bits that are not compared (0: all are).
    """

    name: str
    qualifier: str
    text: str
    target: MacroString | None = None
    network: int = 0
    host_bits4: int = 0
    host_bits6: int = 0


class SpfRecord(msgspec.Struct, frozen=True):
    """A record's directives in order, and its modifiers. ``error`` says why it is invalid."""

    text: str
    mechanisms: tuple[Mechanism, ...] = ()
    redirect: MacroString | None = None
    exp: MacroString | None = None
    error: str = ""


class SpfRecordCache:
    """Records by their text, least recently used first out.

    ``max_records`` bounds how many, ``max_octets`` the length of their texts together (what is
    kept is up to 70 times as large).
    """

    def __init__(self, max_records: int = 2048, max_octets: int = 512 * 1024) -> None:
        self.max_records = max_records
        self.max_octets = max_octets
        self.octets = 0
        self.records: OrderedDict[bytes, SpfRecord] = OrderedDict()

    def parse(self, raw: bytes) -> SpfRecord:
        """As :func:`parse_spf_record`, from memory if it can be."""
        record = self.records.get(raw)
        if record is not None:
            self.records.move_to_end(raw)
            return record
        record = parse_spf_record(raw)
        self.octets += len(raw)
        self.records[raw] = record
        while len(self.records) > self.max_records or self.octets > self.max_octets:
            self.octets -= len(self.records.popitem(last=False)[0])
        return record


def select_records(texts: Iterable[bytes]) -> list[bytes]:
    """Those of a name's TXT records that are SPF records, of version 1 (RFC 7208 4.5)."""
    return [
        text
        for text in texts
        if text[:6].lower() == VERSION and (len(text) == 6 or text[6] == 0x20)
    ]


def parse_spf_record(raw: bytes) -> SpfRecord:
    """The record in the octets of a TXT record, its strings joined. Never raises."""
    text = raw[:MAX_RECORD].decode("latin-1")
    try:
        if len(raw) > MAX_RECORD:
            raise ValueError(f"more than {MAX_RECORD} octets")
        if VISIBLE.fullmatch(raw) is None:
            raise ValueError("a character that is not visible ASCII")
        return _read_terms(text)
    except ValueError as error:
        return SpfRecord(text, error=str(error))


def _read_terms(text: str) -> SpfRecord:
    version, *terms = text.split(" ")
    if version.lower() != "v=spf1":
        raise ValueError("no version v=spf1")
    if len(terms) > MAX_TERMS:  # runs of spaces among them: nobody writes thousands
        raise ValueError(f"more than {MAX_TERMS} terms")
    mechanisms: list[Mechanism] = []
    known: dict[str, MacroString] = {}
    for term in terms:
        if not term:
            continue
        modifier = MODIFIER.fullmatch(term)
        if modifier is None:
            mechanisms.append(_read_directive(term))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name not in ("redirect", "exp"):
            parse_macro_string(value)  # RFC 7208 6: ignored, but its syntax counts
        elif name in known:
            raise ValueError(f"{name} stands there twice")  # RFC 7208 6
        else:
            known[name] = _named(name, value)
    return SpfRecord(text, tuple(mechanisms), known.get("redirect"), known.get("exp"))


def _read_directive(term: str) -> Mechanism:
    match = DIRECTIVE.fullmatch(term)
    if match is None:
        raise ValueError(f"{term[:40]!r} is no term")
    name, rest = match[2].lower(), match[3]
    qualifier, text = match[1] or "+", match[2] + rest
    if name == "all":
        if rest:
            raise ValueError("all takes no argument")
        return Mechanism(name, qualifier, text)
    if name in ("a", "mx"):
        return _read_addresses(name, qualifier, text, rest)
    if name in ("ip4", "ip6"):
        return _read_network(name, qualifier, text, rest)
    if name in ("include", "exists", "ptr"):
        if name == "ptr" and not rest:
            return Mechanism(name, qualifier, text)
        if rest[:1] != ":":
            raise ValueError(f"{name} needs a domain")
        return Mechanism(name, qualifier, text, _named(name, rest[1:]))
    raise ValueError(f"unknown mechanism {match[2][:40]!r}")


def _read_addresses(name: str, qualifier: str, text: str, rest: str) -> Mechanism:
    """``a`` and ``mx`` with their dual CIDR lengths (RFC 7208 5.3)."""
    match = ADDRESS_SUFFIX.fullmatch(rest)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not of the form {name}:domain/4//6")
    domain, cidr4, cidr6 = match.groups()
    target = None if domain is None else _named(name, domain)
    bits4, bits6 = _host_bits(text, cidr4, 32), _host_bits(text, cidr6, 128)
    return Mechanism(name, qualifier, text, target, 0, bits4, bits6)


def _read_network(name: str, qualifier: str, text: str, rest: str) -> Mechanism:
    match = NETWORK_SUFFIX.fullmatch(rest)
    if match is None or "%" in match[1]:  # ipaddress would read a scope id
        raise ValueError(f"{text[:40]!r} is no network")
    if name == "ip4":
        bits = _host_bits(text, match[2], 32)
        return Mechanism(name, qualifier, text, None, int(IPv4Address(match[1])), bits)
    bits = _host_bits(text, match[2], 128)
    return Mechanism(name, qualifier, text, None, int(IPv6Address(match[1])), 0, bits)


def _host_bits(text: str, cidr: str | None, width: int) -> int:
    length = width if cidr is None else int(cidr)
    if length > width:
        raise ValueError(f"{text[:40]!r}: more than {width} bits")
    return width - length


def _named(name: str, spec: str) -> MacroString:
    try:
        return parse_domain_spec(spec)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
