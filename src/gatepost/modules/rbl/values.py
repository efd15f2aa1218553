# SPDX-License-Identifier: Apache-2.0
"""What a rule asks for: each kind of check as a source of values, read from a message.

Sources that read the same have the same ``key``, so that what two hundred rules want of a
message is collected once. Source: direction-modules reference §16, Check kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from gatepost.mail import ReceivedHop, Url, registrable_domain
from gatepost.modules.rbl.compose_map import ComposeMap
from gatepost.modules.rbl.options import RuleOptions
from gatepost.net import reversed_labels
from gatepost.scan.envelope import IPAddress
from gatepost.scan.selector_urls import Choice
from gatepost.scan.selector_values import MAX_VALUES
from gatepost.scan.selectors import Selector
from gatepost.scan.task import Task

MAX_SHOWN = 256
"""Characters of a value that a symbol's option shows."""
# No empty label, none of more than 63 characters, none that begins or ends with a hyphen.
ASKABLE = re.compile(
    r"(?!-)[^.\s\x00-\x1f\ud800-\udfff]{1,63}+(?<!-)"
    r"(?:\.(?!-)[^.\s\x00-\x1f\ud800-\udfff]{1,63}+(?<!-))*+\Z"
)
MAX_ASKED = 250  # characters of a name, without the list's own
GMAIL = ("gmail.com", "googlemail.com")
EVERY_TURN = MAX_VALUES
UNWANTED = frozenset(("redirected",))
MAILTO = "mailto"


class Value(NamedTuple):
    """Something to ask for.

    ``shown`` is how options and whitelists name it, ``text`` what is hashed, ``name`` the same
    as the labels of a name, empty where it cannot be that. ``domain`` of an address is looked
    for in whitelists as well.
    """

    shown: str
    text: str
    name: str
    domain: str = ""


Read = Callable[[Task], Sequence[Value]]


class Source(NamedTuple):
    """A kind of check: its label in options, how it reads a message, whether it must be asked
    whatever the message's limit of questions."""

    label: str
    key: object
    read: Read
    forced: bool = False


class Around(NamedTuple):
    """What the sources of a rule need besides its options."""

    is_local: Callable[[IPAddress], bool]
    is_excluded: Callable[[IPAddress], bool]
    limit: int
    compose: ComposeMap | None
    selectors: Sequence[tuple[str, Selector]]


def value_of(text: str, *, domain: str = "") -> Value:
    """A text that is a name or part of one."""
    name = text.lower() if len(text) <= MAX_ASKED and ASKABLE.match(text) else ""
    return Value(text[:MAX_SHOWN], text, name, domain)


def value_of_address(address: IPAddress) -> Value:
    """An address, its octets or nibbles reversed (RFC 5782 2.1 and 2.4)."""
    octets = reversed_labels(address)
    return Value(str(address), octets, octets)


def sources_of(options: RuleOptions, around: Around) -> list[Source]:
    """The sources of a rule; ``options`` have their defaults filled in."""
    found: list[Source] = []
    if options.asks("helo"):
        found.append(Source("helo", "helo", read_helo, forced=True))
    if options.asks("dkim"):
        found.append(dkim_source(options, around))
    if options.asks("emails"):
        found.append(emails_source(options, around))
    if options.asks("replyto"):
        found.append(replyto_source(options, around))
    if any(options.asks(kind) for kind in ("urls", "content_urls", "numeric_urls", "images")):
        found.append(urls_source(options, around))
    if options.asks("from"):
        found.append(from_source(options))
    if options.asks("received"):
        found.append(received_source(options, around))
    if options.asks("rdns"):
        found.append(Source("rdns", "rdns", read_rdns, forced=True))
    if options.asks("selector"):
        flat = bool(options.selector_flatten)
        found += [selector_source(label, selector, flat) for label, selector in around.selectors]
    return found


def read_helo(task: Task) -> Sequence[Value]:
    """The name that the client gave; an address literal is none (RFC 5321 4.1.3)."""
    helo = task.helo
    return [] if not helo or helo.startswith("[") else [value_of(helo)]


def read_rdns(task: Task) -> Sequence[Value]:
    """The name that the client's address has."""
    hostname = task.hostname
    return [] if not hostname or hostname == "unknown" else [value_of(hostname)]


def from_source(options: RuleOptions) -> Source:
    """The client's address."""
    versions = versions_of(options)

    def read(task: Task) -> Sequence[Value]:
        address = task.ip
        if address is None or address.version not in versions:
            return []
        return [value_of_address(address)]

    return Source("from", ("from", versions), read, forced=True)


def versions_of(options: RuleOptions) -> tuple[int, ...]:
    """The IP versions a list of addresses knows."""
    return tuple(version for version, on in ((4, options.ipv4), (6, options.ipv6)) if on)


def received_source(options: RuleOptions, around: Around) -> Source:
    """The addresses of earlier hops. That of the client is left to ``from``, if that is asked."""
    versions = versions_of(options)
    without_client = options.asks("from")
    exclude_local = bool(options.exclude_local)
    wanted, unwanted = frozenset(options.received_flags), frozenset(options.received_nflags)
    first, last = options.received_min_pos, options.received_max_pos

    def admits(hop: ReceivedHop, position: int, total: int, client: IPAddress | None) -> bool:
        address = hop.real_ip
        if address is None or address.version not in versions:
            return False
        if without_client and address == client:
            return False
        if exclude_local and (around.is_local(address) or around.is_excluded(address)):
            return False
        return (
            in_range(position, total, first, last)
            and hop.flags >= wanted
            and hop.flags.isdisjoint(unwanted)
        )

    def read(task: Task) -> Sequence[Value]:
        hops = [hop for hop in task.message.received if not hop.artificial]
        found = {
            hop.real_ip: None
            for position, hop in enumerate(hops, 1)
            if admits(hop, position, len(hops), task.ip)
        }
        return [value_of_address(address) for address in found if address is not None]

    own = around.is_excluded if exclude_local else None
    key = ("received", versions, without_client, exclude_local, own, wanted, unwanted, first, last)
    return Source("received", key, read)


def in_range(position: int, total: int, first: int | None, last: int | None) -> bool:
    """Whether a hop, counted from 1 at the top, is in the range; negative ends count from the
    bottom, -1 is the last hop."""
    if first is not None:
        least = total + 1 + first if first < 0 else first
        if position < least:
            return False
    if last is not None and last != 0:
        most = total + 1 + last if last < 0 else last
        return position <= most
    return True


def dkim_source(options: RuleOptions, around: Around) -> Source:
    """The domains whose signatures hold, as DKIM_TRACE names them."""
    domain_only, match_from = bool(options.dkim_domainonly), bool(options.dkim_match_from)
    full, compose = options.url_full_hostname, around.compose

    def read(task: Task) -> Sequence[Value]:
        trace = task.symbol("DKIM_TRACE")
        if trace is None:
            return []
        signed = dict.fromkeys(
            option.rpartition(":")[0] for option in trace.options if option.endswith(":+")
        )
        if match_from:
            author = part_of(task.from_domain, compose, full)
            return [value_of(author)] if author in {*map(shortened, signed)} else []
        parts = (shortened(domain) if domain_only else domain for domain in signed)
        return [value_of(part) for part in dict.fromkeys(parts)]

    def shortened(domain: str) -> str:
        return part_of(domain, compose, full)

    key = ("dkim", domain_only, match_from, full, compose)
    return Source("dkim", key, read, forced=match_from)


def part_of(host: str, compose: ComposeMap | None, full: bool) -> str:
    """What of a host name is asked for: its eSLD, unless the rule says more."""
    if compose is not None:
        return compose.part_of(host, registrable_domain(host))
    return host if full else registrable_domain(host)


def urls_source(options: RuleOptions, around: Around) -> Source:
    """One URL for each eSLD, unless a compose map says what to ask for."""
    compose, full = around.compose, options.url_full_hostname
    plain = options.asks("urls")
    numbers = (plain or options.asks("numeric_urls")) and not options.no_ip
    images = options.asks("images")
    # As rspamd: content URLs go with the others unless they are switched off.
    content = options.asks("content_urls") or (plain and options.content_urls is not False)
    choice = choice_of(around.limit, 1 if compose is None else EVERY_TURN)

    def admits(url: Url) -> bool:
        flags = url.flags
        if not url.host or ("image" in flags and not images):
            return False
        if "content" in flags and not content:
            return False
        if "numeric" in flags:
            return numbers
        return plain or ("image" in flags and images) or ("content" in flags and content)

    def read(task: Task) -> Sequence[Value]:
        chosen = choice.of(url for url in task.message.urls if admits(url))
        names = dict.fromkeys(name_of(url) for url in chosen)
        return [value_of(name) for name in names if "." in name]

    def name_of(url: Url) -> str:
        if "numeric" in url.flags:
            return reversed_labels(ip_address(url.host))
        if compose is not None:
            return compose.part_of(url.host, url.tld)
        return url.host if full else url.tld

    key = ("urls", compose, full, plain, numbers, images, content, around.limit)
    return Source("url", key, read)


def choice_of(limit: int, esld_limit: int) -> Choice:
    """Which URLs are asked for: ``limit`` in all (0: of any number), so many of one eSLD."""
    return Choice(
        limit=limit or EVERY_TURN,
        esld_limit=esld_limit,
        flags=frozenset(),
        unwanted=UNWANTED,
        explicit=False,
        emails=True,
        ignore_ip=False,
    )


class Mailbox(NamedTuple):
    """How a rule writes mail addresses."""

    domain_only: bool
    delimiter: str
    full: bool
    compose: ComposeMap | None

    def value(self, user: str, host: str) -> Value | None:
        """The address without tags, dots and other names of the same box."""
        user, host = without_aliases(user.lower(), host.lower())
        if not user or not host:
            return None
        if self.domain_only:
            return value_of(part_of(host, self.compose, self.full))
        return value_of(f"{user}{self.delimiter}{host}", domain=host)


def mailbox_of(options: RuleOptions, around: Around) -> Mailbox:
    """How the rule writes them; a hash is one of the address, a name has no ``@``."""
    delimiter = options.emails_delimiter
    if delimiter is None:
        delimiter = "@" if options.hash else "."
    domain_only = bool(options.emails_domainonly)
    return Mailbox(domain_only, delimiter, options.url_full_hostname, around.compose)


def emails_source(options: RuleOptions, around: Around) -> Source:
    """The mail addresses in texts and links."""
    mailbox = mailbox_of(options, around)
    once = mailbox.domain_only and mailbox.compose is None
    choice = choice_of(around.limit, 1 if once else EVERY_TURN)

    def read(task: Task) -> Sequence[Value]:
        chosen = choice.of(url for url in task.message.url_set if url.scheme == MAILTO)
        return _each_once(mailbox.value(url.user, url.host) for url in chosen)

    return Source("email", ("emails", mailbox, around.limit), read)


def replyto_source(options: RuleOptions, around: Around) -> Source:
    """The first address of Reply-To."""
    mailbox = mailbox_of(options, around)

    def read(task: Task) -> Sequence[Value]:
        first = task.message.reply_to[:1]
        return _each_once(mailbox.value(one.user, one.domain) for one in first)

    return Source("replyto", ("replyto", mailbox), read)


def _each_once(values: Iterable[Value | None]) -> list[Value]:
    return list(dict.fromkeys(value for value in values if value is not None))


def without_aliases(user: str, domain: str) -> tuple[str, str]:
    """The box that an address names: tags after ``+`` go, and at Gmail dots do too."""
    if "+" in user[1:]:
        user = user[0] + user[1:].partition("+")[0]
    if domain in GMAIL:
        return user.replace(".", ""), "gmail.com"
    return user, domain


def selector_source(label: str, selector: Selector, flat: bool) -> Source:
    """Each value of a selector, those of its parts one by one where it is flattened."""

    def read(task: Task) -> Sequence[Value]:
        texts = selector.flat_values(task) if flat else selector.values(task)
        return [value_of(text) for text in dict.fromkeys(texts) if text]

    return Source(label, ("selector", selector.text, flat), read)
