# SPDX-License-Identifier: Apache-2.0
"""Which way did the letter come, by its Received headers?

Reads ``[from X] [by Y] [with P] [id I] [for A] ; date`` (RFC 5321 4.4) in the forms that
Postfix, Exim, Sendmail, Exchange, Gmail and qmail write. Nothing here is proof: anybody can
write a Received header. Source: content reference §1.11.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, TypedDict, Unpack

from gatepost.mail.dates import parse_date
from gatepost.mail.headers import Header
from gatepost.mail.lazy import lazy
from gatepost.mail.limits import Limits

DEFAULT_LIMITS = Limits()
IPAddress = IPv4Address | IPv6Address

MAX_HEADER = 8192  # characters of one header that are read
BEGINNING = re.compile(r"(?:from|by)[\s(]", re.IGNORECASE)
PLAIN_BEGINNING = re.compile(rb"[^:]++:[ \t\r\n]*+(?:from|by)(?:\(|[ \t]++[!-<>-~])", re.IGNORECASE)
KEYS = frozenset(("from", "by", "via", "with", "id", "for"))
INNER = r"(?:[^()\\]++|\\.|\((?:[^()\\]++|\\.|\([^()]*+\)?)*+\)?)*+"
PIECE = re.compile(rf"\(({INNER})\)?|;\s*+([^;]*+)\Z|([^\s();]++)", re.DOTALL)
BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.%]+)\](?::\d+)?", re.IGNORECASE)
HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?\Z")
LOOSE_IP = re.compile(r"(?:\A|[\s@=])(?:IPv6:)?([0-9A-Fa-f:.]{3,45})(?=\Z|[\s,;])", re.IGNORECASE)
HELO = re.compile(r"\b(?:helo|ehlo)[= ](\[[^\]\s]*\]|[^\s\])]+)", re.IGNORECASE)

# Protocol words (RFC 3848 and what mailers add to it) → flags.
PROTOCOLS: dict[str, frozenset[str]] = {
    name: frozenset(flags.split())
    for name, flags in {
        "smtp": "smtp",
        "smtps": "smtp ssl",
        "smtpa": "smtp authenticated",
        "smtpsa": "smtp ssl authenticated",
        "esmtp": "esmtp",
        "esmtpa": "esmtpa authenticated",
        "esmtps": "esmtps ssl",
        "esmtpsa": "esmtpsa ssl authenticated",
        "asmtp": "esmtpa authenticated",
        "utf8smtp": "esmtp",
        "utf8smtpa": "esmtpa authenticated",
        "utf8smtps": "esmtps ssl",
        "utf8smtpsa": "esmtpsa ssl authenticated",
        "lmtp": "lmtp",
        "lmtpa": "lmtp authenticated",
        "lmtps": "lmtp ssl",
        "lmtpsa": "lmtp ssl authenticated",
        "utf8lmtp": "lmtp",
        "utf8lmtpa": "lmtp authenticated",
        "utf8lmtps": "lmtp ssl",
        "utf8lmtpsa": "lmtp ssl authenticated",
        "imap": "imap",
        "imaps": "imap ssl",
        "http": "http",
        "https": "http ssl",
        "local": "local",
    }.items()
}
NO_FLAGS: frozenset[str] = frozenset()


class ReceivedHop:
    """One hop, read from ``raw`` when first asked; what it does not say is ``None`` or empty.

    A hop that no header tells of is made with what is known of it as keywords.
    """

    def __init__(
        self,
        raw: str | Header = "",
        limits: Limits = DEFAULT_LIMITS,
        **known: Unpack[HopFields],
    ) -> None:
        self._source = raw
        self._limits = limits
        if known:
            self.__dict__.update(known)

    @lazy
    def raw(self) -> str:
        """The header's value, unfolded and decoded."""
        source = self._source
        return source if isinstance(source, str) else source.value.strip()[:MAX_HEADER]

    @lazy
    def _split(self) -> tuple[dict[str, Words], str]:
        return split_hop(self.raw, self._limits)

    @lazy
    def _client(self) -> tuple[str | None, str | None, IPAddress | None]:
        client = self._split[0].get("from")
        return (None, None, None) if client is None else read_client(client)

    @lazy
    def from_hostname(self) -> str | None:
        """What the client called itself (HELO)."""
        return self._client[0]

    @lazy
    def real_hostname(self) -> str | None:
        """What the client's address resolved to."""
        return self._client[1]

    @lazy
    def real_ip(self) -> IPAddress | None:
        """The client's address."""
        return self._client[2]

    @lazy
    def by_hostname(self) -> str | None:
        """The host that took the letter."""
        return _first(self._split[0].get("by")) or None

    @lazy
    def proto(self) -> str:
        """The protocol in lower case, empty when it is not named."""
        return _protocol(self._split[0].get("with"))

    @lazy
    def id(self) -> str:
        """The queue id there."""
        return _first(self._split[0].get("id"))

    @lazy
    def for_(self) -> str:
        """The address the letter was taken for."""
        return _first(self._split[0].get("for")).strip("<>")

    @lazy
    def timestamp(self) -> float | None:
        """Seconds since the epoch."""
        return parse_date(self._split[1])

    @lazy
    def flags(self) -> frozenset[str]:
        """The protocol (``smtp``, ``esmtpsa`` …), ``ssl``, ``authenticated``, ``artificial``."""
        return PROTOCOLS.get(self.proto, NO_FLAGS)

    @property
    def artificial(self) -> bool:
        """True for the hop that the scanner made of what the MTA told it."""
        return not self.raw and "artificial" in self.flags

    @property
    def ssl(self) -> bool:
        return "ssl" in self.flags

    @property
    def authenticated(self) -> bool:
        return "authenticated" in self.flags

    def __repr__(self) -> str:
        return f"ReceivedHop({self.raw!r})"


class HopFields(TypedDict, total=False):
    """What a hop may be made with when there is no header."""

    from_hostname: str | None
    real_hostname: str | None
    real_ip: IPAddress | None
    by_hostname: str | None
    proto: str
    id: str
    for_: str
    timestamp: float | None
    flags: frozenset[str]


class Words(NamedTuple):
    """What follows one keyword: words, and the comments among them."""

    words: list[str]
    comments: list[str]


def parse_received(value: str, limits: Limits = DEFAULT_LIMITS) -> ReceivedHop | None:
    """Reads one unfolded Received header; ``None`` when it begins with neither from nor by."""
    text = value.strip()[:MAX_HEADER]
    return ReceivedHop(text, limits) if BEGINNING.match(text) else None


def read_hop(header: Header, limits: Limits) -> ReceivedHop | None:
    """The hop of a Received header, whose value is not decoded before somebody asks."""
    if PLAIN_BEGINNING.match(header.raw_line):
        return ReceivedHop(header, limits)
    return parse_received(header.value, limits)


def split_hop(text: str, limits: Limits) -> tuple[dict[str, Words], str]:
    """The words after each keyword, and the text after the last semicolon."""
    parts: dict[str, Words] = {}
    current = Words([], [])
    words = comments = 0
    date = ""
    for comment, last, word in PIECE.findall(text):
        if word:
            words += 1
            key = word.lower()
            if key in KEYS and key not in parts:
                current = parts[key] = Words([], [])
            elif words <= limits.max_received_parts:
                current.words.append(word)
        elif last:
            date = last
        elif comment:
            comments += 1
            if comments <= limits.max_received_comments:
                current.comments.append(comment)
    return parts, date


def _first(part: Words | None) -> str:
    return part.words[0].rstrip(";") if part is not None and part.words else ""


def _protocol(part: Words | None) -> str:
    """The protocol in lower case: the first word that is one ("Microsoft SMTP Server")."""
    if part is None:
        return ""
    for word in part.words:
        if word.lower() in PROTOCOLS:
            return word.lower()
    return _first(part).lower()


def read_client(part: Words) -> tuple[str | None, str | None, IPAddress | None]:
    """Announced name, resolved name and address of the client, in any mailer's form."""
    announced = part.words[0] if part.words else ""
    announced_ip = _ip_of(announced)
    real_hostname: str | None = None
    real_ip: IPAddress | None = None
    helo = ""
    for comment in part.comments:
        found_helo = HELO.search(comment)
        if found_helo and not helo:
            helo = found_helo.group(1)
            comment = comment[: found_helo.start()] + comment[found_helo.end() :]
        host, ip = _verified(comment)
        real_hostname = real_hostname or host
        if real_ip is None and ip is not None:
            real_ip = ip
    for word in part.words[1:]:  # "from helo [1.2.3.4] by", without brackets around it
        if real_ip is None:
            real_ip = _ip_of(word) if word.startswith("[") else None
    if real_ip is None:
        real_ip = announced_ip
    elif helo and real_hostname is None and announced_ip is None:
        # Exim, qmail: "from resolved.name ([ip] helo=announced)"
        real_hostname = _known_host(announced)
    if helo:
        announced = helo
    return announced.rstrip(".") or None, real_hostname, real_ip


def _verified(comment: str) -> tuple[str | None, IPAddress | None]:
    """Name and address in a comment: ``host [ip]``, ``[ip]``, ``ip``, ``[ip]:port``."""
    bracketed = BRACKETED.search(comment)
    if bracketed is not None:
        words = comment[: bracketed.start()].split()
        name = words[-1].rpartition("@")[2] if words else ""
        return _known_host(name), _address(bracketed.group(1))
    for loose in LOOSE_IP.finditer(comment):
        ip = _address(loose.group(1))
        if ip is not None:
            if comment[loose.start() : loose.start() + 1] == "@":  # qmail: "ident@1.2.3.4"
                return None, ip
            words = comment[: loose.start()].split()
            return _known_host(words[-1]) if words else None, ip
    return None, None


def _known_host(name: str) -> str | None:
    if not _is_host(name) or name.lower() in ("unknown", "unverified", "helo", "ehlo"):
        return None
    return name.rstrip(".")


def _is_host(name: str) -> bool:
    return HOST.match(name) is not None


def _ip_of(word: str) -> IPAddress | None:
    bracketed = BRACKETED.match(word)
    return _address(bracketed.group(1) if bracketed else word)


def _address(text: str) -> IPAddress | None:
    if not text[:1] or ("." not in text and ":" not in text):
        return None
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
