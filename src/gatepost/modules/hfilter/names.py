# SPDX-License-Identifier: Apache-2.0
"""What does this host name look like: a mail server's, a dial-up line's, a mere address?

Source: direction-modules reference §14, the table of shapes. Different from Rspamd: what HELO
gives as an address is compared as one, so `10.example.org` is a name, `[IPv6:fe80::1]` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from gatepost.net import find_query_name
from gatepost.scan.regexps import Regexp

HIGHEST = 5
MAX_NAME = 255  # octets (RFC 1035 2.3.4); longer ones are looked at no further

# How a word stands in the name of a dial-up line: after a number, before one, alone, at a digit.
AFTER = r"[-.0-9][0-9][.-]?{}"
AFTER_SEPARATOR = r"[-.0-9][0-9][.-]{}"
BEFORE = r"{}[.-][0-9]"
BEFORE_CLOSELY = r"{}[.-]?[0-9]"
ALONE = r"[.-]{}[.-]"
AT_DIGIT = r"[0-9][.-]?{}"

DSL = "[ax|]?dsl"
DYNAMIC_DSL = f"{DSL}-dynamic"
DSL_LINE = f"{DSL}-line"

WEIGHTED: dict[int, dict[str, str]] = {
    5: {
        AFTER: f"{DYNAMIC_DSL} bredband cablemodem catv comcast dial-?up dynamic homeuser nat ppp "
        "pppoe pptp",
        AFTER_SEPARATOR: "broadband cdma dyn dynip gprs modem",
        BEFORE: "broad broadband brodband cablemodem catv cdma comcast dhcp dial-?up dynamic "
        "dynip gprs homeuser modem nat ppp pptp wifi",
        BEFORE_CLOSELY: DYNAMIC_DSL,
        ALONE: f"{DYNAMIC_DSL} bredband broad broadband cablemodem catv cdma dhcp dial-?up "
        "dynamic gprs homeuser modem nat ppp pptp wifi",
        AT_DIGIT: "broad dhcp wifi",
        "{}": "[-.0-9][.-]dynip[.-] [-.0-9][.-]pppoe[.-] [-.0-9][0-9]{3,}[.-]?clients? "
        "clients?[.-][0-9]{2,} dyn[.-][0-9][-.0-9]",
    },
    4: {
        AFTER: f"{DSL} {DSL_LINE} fibertel in-?addr pool",
        BEFORE: "fbx fibertel in-?addr pool",
        BEFORE_CLOSELY: f"{DSL} {DSL_LINE}",
        ALONE: f"{DSL} {DSL_LINE} fbx fibertel in-?addr pool",
        AT_DIGIT: "fbx",
    },
    3: {
        AFTER: "unused-addr",
        AFTER_SEPARATOR: "cable",
        BEFORE: "cable kabel unused-addr",
        ALONE: "cable kabel unused-addr",
        AT_DIGIT: "kabel",
    },
    2: {AFTER: "host", BEFORE: "host", ALONE: "host"},
    1: {
        AFTER: "customers? peer user",
        BEFORE: "customers? peer user",
        ALONE: "clients? customers? peer user vps",
    },
}

NO_SERVER = re.compile(
    r"[^.]+\Z"
    r"|(?:dsl)?(?:device|speedtouch)\.lan\Z"
    r"|.*\.(?:lan|local|home|localdomain|intra|in-addr\.arpa|priv|user|veloxzon)\Z",
    re.IGNORECASE | re.DOTALL,
)
"""What calls itself so in HELO is no mail server, or does not know its own name."""

ADDRESS_LIKE = re.compile(r"\d+[x.-]\d+[x.-]\d+[x.-]\d+\Z|[0-9a-f]+:", re.IGNORECASE)
RESERVED = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.51.100.0/24", "203.0.113.0/24", "::1/128", "2001:db8::/32", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8"),
    )
)

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
FQDN = re.compile(rf"(?:{LABEL}\.)+[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])\Z")


def weigh_host(name: str) -> int:
    """How much the name looks like that of a dial-up line: 0 (not at all) to 5."""
    text = name[:MAX_NAME]
    return next((weight for weight, shapes in _shapes() if shapes.test(text)), 0)


def weigh_helo(name: str) -> int:
    """The same for what a client calls itself: a name that no mail server has weighs 5."""
    return HIGHEST if NO_SERVER.match(name[:MAX_NAME]) else weigh_host(name)


def is_reserved(name: str) -> bool:
    """True for an address, as HELO has it, that no client on the Internet can have."""
    address = _address(name)
    if address is None:
        return False
    if address.version == 4 and int(address) & 0xFF == 0xFF:
        return True
    return any(address in network for network in RESERVED)


def is_address(name: str) -> bool:
    """True for an address, and for four numbers that make one with ``-`` or ``x`` between."""
    return ADDRESS_LIKE.match(name) is not None or _address(name) is not None


def is_fqdn(name: str) -> bool:
    """True for a full domain name; an international one counts as its ASCII form does."""
    ascii_name = find_query_name(name)
    return ascii_name is not None and FQDN.match(ascii_name) is not None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    text = name[5:] if name[:5].lower() == "ipv6:" else name  # RFC 5321 4.1.3
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@cache
def _shapes() -> list[tuple[int, Regexp]]:
    """One expression a weight, the highest first. A name is short: a sweep would not pay."""
    weights = range(HIGHEST, 0, -1)
    return [(w, Regexp("|".join(_expressions(WEIGHTED[w])), "i")) for w in weights]


def _expressions(shapes: dict[str, str]) -> Iterator[str]:
    for shape, words in shapes.items():
        for word in words.split():
            yield shape.replace("{}", word)
