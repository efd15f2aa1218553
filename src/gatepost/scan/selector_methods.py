# SPDX-License-Identifier: Apache-2.0
"""Which ``:methods`` and fields does each kind of value have? Rspamd's names for them.

Source: content reference §1.3, §1.8, §1.9, §1.11 and §5.4. ``rcpts.addr`` means ``rcpts:addr``.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network
from operator import attrgetter
from typing import Any, NamedTuple

from gatepost.mail import Header, Url
from gatepost.scan.result import FoundSymbol
from gatepost.scan.selector_arguments import Arguments
from gatepost.scan.selector_values import (
    Kind,
    Read,
    Shape,
    Stage,
    each_of,
    plain,
    text_of_header,
    text_of_url,
)

IPAddress = IPv4Address | IPv6Address


class Method(NamedTuple):
    """``read`` gives its value; ``many``: one thing gives a list; ``build`` takes arguments."""

    read: Read
    many: bool = False
    build: Callable[[Arguments], Read] | None = None


def field(read: Read, *, many: bool = False) -> Method:
    """A method without arguments."""
    return Method(read, many)


def attributes(*names: str) -> dict[str, Method]:
    """Fields that are called here as there."""
    return {name: field(attrgetter(name)) for name in names}


def flagged(name: str) -> Method:
    return field(lambda thing: name in thing.flags)


def header_separator(header: Header) -> str:
    return "\t" if header.tab_separated else "" if header.empty_separator else " "


def phished(url: Url) -> str | None:
    return url.displayed if "phished" in url.flags else None


def octets(address: IPAddress) -> list[str]:
    """The bytes of an IPv4 address, the nibbles of an IPv6 one."""
    if address.version == 4:
        return [str(byte) for byte in address.packed]
    return list(address.packed.hex())


def masked(address: IPAddress, bits: int) -> str:
    """The address with all but its first ``bits`` cleared."""
    bits = min(max(bits, 0), address.max_prefixlen)
    return str(ip_network((address, bits), strict=False).network_address)


def build_mask(arguments: Arguments) -> Read:
    bits = arguments.number(0, least=0)
    return lambda address: masked(address, bits)


def substring(text: str, start: int, end: int) -> str:
    """Lua's ``string.sub``: both ends count from 1, or from the end when negative."""
    size = len(text)
    first = start if start > 0 else max(size + start + 1, 1) if start else 1
    last = end if end >= 0 else size + end + 1
    return text[first - 1 : last] if last > 0 else ""


def build_substring(arguments: Arguments) -> Read:
    start, end = arguments.number(0, 1), arguments.number(1, -1)
    return lambda text: substring(text, start, end)


def group_of(symbol: FoundSymbol) -> str | None:
    groups = symbol.registered.groups
    return groups[0].name if groups else None


METHODS: dict[Kind, dict[str, Method]] = {
    "string": {
        "len": field(len),
        "lower": field(str.lower),
        "reverse": field(lambda text: text[::-1]),
        "sub": Method(str, build=build_substring),
        "upper": field(str.upper),
    },
    "address": {
        **attributes("addr", "user", "domain", "name", "raw"),
        "flags": field(lambda address: address.flags, many=True),
    },
    "url": {
        "get_count": field(lambda url: url.count),
        "get_flags": field(lambda url: url.flags, many=True),
        "get_fragment": field(lambda url: url.fragment or None),
        "get_host": field(lambda url: url.host or None),
        "get_length": field(lambda url: len(url.text)),
        "get_order": field(lambda url: url.order),
        "get_path": field(lambda url: url.path.removeprefix("/") or None),
        "get_phished": field(phished),
        "get_port": field(lambda url: url.port or None),
        "get_protocol": field(lambda url: url.scheme),
        "get_query": field(lambda url: url.query or None),
        "get_raw": field(lambda url: url.text),
        "get_text": field(text_of_url),
        "get_tld": field(lambda url: url.tld or None),
        "get_user": field(lambda url: url.user or None),
        "get_visible": field(lambda url: url.displayed),
        "is_html_displayed": flagged("html_displayed"),
        "is_obscured": flagged("obscured"),
        "is_phished": flagged("phished"),
        "is_redirected": flagged("redirected"),
        "is_subject": flagged("subject"),
        "to_string": field(text_of_url),
        "tostring": field(text_of_url),
    },
    "ip": {
        "apply_mask": Method(str, build=build_mask),
        "get_version": field(lambda address: address.version),
        "inversed_str_octets": field(lambda address: octets(address)[::-1], many=True),
        "str_octets": field(octets, many=True),
        "to_string": field(str),
        "tostring": field(str),
    },
    "header": {
        **attributes("name", "tab_separated", "empty_separator", "order"),
        "decoded": field(lambda header: header.value),
        "raw": field(lambda header: header.raw_line),
        "separator": field(header_separator),
        "value": field(text_of_header),
    },
    "hop": {
        **attributes("from_hostname", "real_hostname", "real_ip", "by_hostname", "timestamp"),
        **attributes("artificial", "raw", "ssl", "authenticated"),
        "flags": field(lambda hop: hop.flags, many=True),
        "for": field(lambda hop: hop.for_ or None),
        "from_ip": field(lambda hop: hop.real_ip),
        "id": field(lambda hop: hop.id or None),
        "proto": field(lambda hop: hop.proto or None),
    },
    "word": attributes("stem", "norm", "raw", "flags"),
    "symbol": {
        **attributes("name", "score", "weight"),
        "group": field(group_of),
        "options": field(lambda symbol: symbol.options, many=True),
    },
    "result": attributes(
        *("action", "score", "required_score", "npositive", "nnegative"),
        *("positive_score", "negative_score", "passthrough"),
    ),
    "row": {},
}


def fields_of(kind: Kind) -> Callable[[Any], list[str]]:
    """Reads all fields of a table as texts, those that are empty left out; a row is its texts."""
    if kind == "row":
        return list
    reads = [method.read for method in METHODS[kind].values()]

    def read_all(thing: Any) -> list[str]:
        found: list[str] = []
        for read in reads:
            value = plain(read(thing))
            found.extend([value] if isinstance(value, str) else value or [])
        return found

    return read_all


def build_method(name: str, arguments: Arguments, shape: Shape) -> Stage:
    """The stage ``:name``; things that have no such value are left out of a list."""
    method = METHODS[shape.kind].get(name)
    if method is None:
        known = METHODS[shape.kind]
        shown = ", ".join(sorted(known)) or "nothing"
        raise arguments.error(f"a method of a {shape.kind} ({shown})", name, known=known)
    read = method.build(arguments) if method.build is not None else method.read
    values = each_of(lambda thing: plain(read(thing)))
    return Stage(values, Shape("string", True if method.many else shape.many))
