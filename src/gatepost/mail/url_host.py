# SPDX-License-Identifier: Apache-2.0
"""Which host does the host part of a URL really name, however it is written?

Percent signs, full-width letters, zero-width characters, Unicode or Punycode, and addresses in
any notation that ``inet_aton`` takes all end in one canonical form. Source: content reference §1.8.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from gatepost.mail import url_flags
from gatepost.mail.public_suffix import has_public_suffix, registrable_domain

MAX_HOST = 255
MAX_LABEL = 63
# What is cached is short, so that the cache is bounded in bytes as well.
MAX_WRITTEN = 1024

ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\u180e]")
LABEL_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
PLAIN_HOST = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*+\Z"
)
NUMERIC_HOST = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}\Z")
MAX_DIGITS = 24  # of one number; more is no address in any notation


class Host(NamedTuple):
    """``name``: lower case, Punycode, dotted IPv4 or bare IPv6. ``tld`` is the eSLD."""

    name: str
    tld: str
    flags: frozenset[str]


def parse_host(written: str) -> Host | None:
    """The host that is meant; ``None`` when it cannot be one."""
    return _parse_host(written) if 0 < len(written) <= MAX_WRITTEN else None


@lru_cache(maxsize=4096)
def _parse_host(written: str) -> Host | None:
    name, flags = _canonical(written)
    name = name.strip(".").lower()
    if not 0 < len(name) <= MAX_HOST:
        return None
    if name[0] == "[" or name.count(":") > 1:
        return _ipv6(name, flags)
    if name[-1].isdigit() or "0x" in name:
        address = ipv4_of(name)
        if address:
            flags.add(url_flags.NUMERIC)
            return Host(address, address, frozenset(flags))
    if "xn--" in name or not name.isascii():
        flags.add(url_flags.IDN)
        ascii_name = to_ascii(name)
        if ascii_name is None:
            return None
        name = ascii_name
    if not PLAIN_HOST.match(name) and not _is_loose(name):
        return None
    if not has_public_suffix(name):
        flags.add(url_flags.NO_TLD)
    return Host(name, registrable_domain(name), frozenset(flags))


def _canonical(written: str) -> tuple[str, set[str]]:
    """Undoes percent signs, zero-width characters and compatibility forms, and notes each."""
    flags: set[str] = set()
    name = written
    if "%" in name:
        name = unquote(name, errors="replace")
        if name != written:
            flags.add(url_flags.HOST_ENCODED)
    if name.isascii():
        return name, flags
    clean = ZERO_WIDTH.sub("", name)
    if clean != name:
        flags.add(url_flags.ZW_SPACES)
    normal = unicodedata.normalize("NFKC", clean).translate(LABEL_DOTS)
    if normal != clean:
        flags.add(url_flags.UNNORMALISED)
    return normal, flags


def _is_loose(name: str) -> bool:
    """Hosts that no registry allows but resolvers find: hyphens or dots in odd places."""
    return all(
        0 < len(label) <= MAX_LABEL and label.replace("-", "a").replace("_", "a").isalnum()
        for label in name.split(".")
    )


def _ipv6(name: str, flags: set[str]) -> Host | None:
    if (name[0] == "[") != (name[-1] == "]"):
        return None
    try:
        address = str(ipaddress.IPv6Address(name.strip("[]").partition("%")[0]))
    except ValueError:
        return None
    flags.add(url_flags.NUMERIC)
    return Host(address, address, frozenset(flags))


def ipv4_of(name: str) -> str:
    """The dotted address for ``inet_aton``'s notations (hex, octal, fewer parts), else empty."""
    if not NUMERIC_HOST.match(name):
        return ""
    values: list[int] = []
    for part in name.split("."):
        if len(part) > MAX_DIGITS:
            return ""
        try:
            if part.startswith("0x"):
                values.append(int(part[2:] or "0", 16))
            else:
                values.append(int(part, 8) if part[0] == "0" and len(part) > 1 else int(part))
        except ValueError:  # 08 and 09 are decimal to most browsers' eyes, and no octal
            values.append(int(part))
    last = values.pop()
    if any(value > 255 for value in values) or last >= 256 ** (4 - len(values)):
        return ""
    number = last + sum(value << (24 - 8 * index) for index, value in enumerate(values))
    return str(ipaddress.IPv4Address(number))


def to_ascii(name: str) -> str | None:
    """Punycode for every label that needs it; ``None``: a character that no host may have."""
    labels = []
    for label in name.split("."):
        if label.isascii():
            labels.append(label)
            continue
        if len(label) > MAX_LABEL or not all(_may_be_in_label(char) for char in label):
            return None
        try:
            labels.append("xn--" + label.encode("punycode").decode("ascii"))
        except UnicodeError:
            return None
    return ".".join(labels)


@lru_cache(maxsize=4096)
def to_unicode(name: str) -> str:
    """The host as a reader would see it: Punycode labels decoded; broken ones are left."""
    if "xn--" not in name:
        return name
    labels = []
    for label in name.split("."):
        decoded = label
        if label.startswith("xn--") and len(label) <= MAX_LABEL:
            try:
                decoded = label[4:].encode("ascii").decode("punycode")
                decoded.encode("utf-8")
            except (UnicodeError, ValueError, OverflowError):
                decoded = label
        labels.append(decoded)
    return ".".join(labels)


def _may_be_in_label(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in "-_"
    if char == "\ufffd":  # what could not be decoded
        return False
    return unicodedata.category(char)[0] in "LMN" or unicodedata.category(char) == "So"
