# SPDX-License-Identifier: Apache-2.0
"""What in a letter has a reputation, and under which name?

Each selector finds tokens: things that earlier letters had as well.
Source: direction-modules reference §20, the table of selectors.
"""

from __future__ import annotations

from typing import NamedTuple

from gatepost.authn import DkimVerdict, SpfResult
from gatepost.mail import registrable_domain
from gatepost.modules.reputation.options import IpOptions
from gatepost.scan.envelope import IPAddress
from gatepost.scan.selectors import Selector
from gatepost.scan.task import Task
from gatepost.scan.zbase32 import hashed

MAX_TOKENS = 64
"""Of one letter and one rule, however much a selector finds."""
SPF_LENGTH = 32
UNFOLLOWED = frozenset(("html_displayed", "image", "content"))
MARKS = {"pass": "a", "fail": "r"}


class Token(NamedTuple):
    """One thing with a reputation. ``name`` follows ``prefix`` in the store.

    ``address`` is that of an ``ip`` token, which a zone has in reverse. ``share`` says how much
    the token counts, ``label`` what it is in options and exclusion maps.
    """

    name: str
    prefix: str = ""
    address: IPAddress | None = None
    share: float = 1.0
    label: str = ""


def sender_tokens(task: Task, options: IpOptions) -> list[Token]:
    """Autonomous system and country, where the asn module found them, and the network."""
    if task.ip is None:
        return []
    found: list[Token] = []
    for label, prefix, share in (
        ("asn", options.asn_prefix, options.scores.asn),
        ("country", options.country_prefix, options.scores.country),
    ):
        value = task.variables.get(label)
        if value:
            found.append(Token(str(value), prefix, share=share, label=label))
    ip = masked(task.ip, options)
    found.append(Token(str(ip), options.ip_prefix, ip, options.scores.ip, "ip"))
    return found


def masked(ip: IPAddress, options: IpOptions) -> IPAddress:
    """The first address of the client's network."""
    mask = options.ipv4_mask if ip.version == 4 else options.ipv6_mask
    host_bits = ip.max_prefixlen - mask
    return type(ip)(int(ip) >> host_bits << host_bits)


def spf_token(task: Task) -> Token | None:
    """The record that let the client pass, as a hash; everybody's ``+all`` proves nothing."""
    found = spf_of(task)
    if found is None or found.result != "pass" or found.plus_all or not found.record:
        return None
    return Token(hashed(found.record, SPF_LENGTH), label=found.domain.lower())


def spf_of(task: Task) -> SpfResult | None:
    """The verdict of the spf module, where it ran."""
    found = task.variables.get("spf")
    return found if isinstance(found, SpfResult) else None


def signers(task: Task) -> dict[str, str]:
    """The eSLD of each domain that signed: ``a`` (a signature holds), ``r`` (none does) or ``u``.

    Rspamd takes the last signature of a domain; here the best one counts.
    """
    found: dict[str, str] = {}
    for verdict in task.variables.get("dkim", ()):
        if isinstance(verdict, DkimVerdict) and verdict.domain:
            domain, mark = registrable_domain(verdict.domain.lower()), MARKS.get(verdict.result)
            known = found.get(domain)
            if known is None or mark == "a" or (mark == "r" and known == "u"):
                found[domain] = mark or "u"
    return found


def signer_tokens(task: Task) -> list[Token]:
    """One for each domain that signed; the label is the domain."""
    found = list(signers(task).items())[:MAX_TOKENS]
    return [Token(f"{domain}.{mark}", label=domain) for domain, mark in found]


def url_domains(task: Task) -> dict[str, int]:
    """The eSLDs of what a reader could follow or write to, and how many URLs each has."""
    found: dict[str, int] = {}
    for url in task.message.url_set:
        if url.tld and not url.flags & UNFOLLOWED:
            found[url.tld] = found.get(url.tld, 0) + 1
    return found


def url_tokens(task: Task, limit: int) -> list[Token]:
    """The domains with the most URLs; the share is how many."""
    ordered = sorted(url_domains(task).items(), key=lambda item: -item[1])
    return [Token(domain, share=float(count), label=domain) for domain, count in ordered[:limit]]


def selector_tokens(task: Task, selector: Selector) -> list[Token]:
    """Each value of a selector once, without empty ones."""
    values = dict.fromkeys(value for value in selector.values(task) if value)
    return [Token(value, label=value) for value in list(values)[:MAX_TOKENS]]
