# SPDX-License-Identifier: Apache-2.0
"""May this host send for that domain? SPF (RFC 7208), usable without the scanner.

    found = await check_spf(resolver, ip="192.0.2.1", helo="mx.a.example", mail_from="u@a.example")
    found.result, found.mechanism      # "pass", "+ip4:192.0.2.0/24"

Outcomes are values in the RFC's words: nothing that a zone or a peer says raises. With answers out
of a cache the coroutine runs through without waiting.
"""

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

import msgspec

from gatepost.authn.spf_check import Check, Outcome, SpfLimits, SpfQuery
from gatepost.authn.spf_record import SpfRecordCache
from gatepost.net import Resolver, find_query_name

MAX_TEXT = 320
"""Characters of a local part or HELO name that macros see: 64 + 1 + 255 (RFC 5321 4.5.3.1)."""

RFC_LIMITS = SpfLimits()
RECORDS = SpfRecordCache()


class SpfResult(msgspec.Struct, frozen=True):
    """What check_host() found.

    ``domain`` is the one that was asked about, of the sender or (``identity`` is ``helo``) of
    the HELO name. ``mechanism`` is what decided, as written in the record, for an ``include``
    the one inside, with the qualifier that counts in front: ``+ip4:192.0.2.0/24``; empty if
    nothing matched. ``path`` are the domains whose records led there. ``problem`` says in words
    why the result is none, temperror or permerror. ``explanation`` is for a fail only.

    ``record`` is the record of ``domain`` itself. ``plus_all``: the pass is one for everybody.
    ``lookups`` counts the terms that asked the DNS, ``void_lookups`` those that it had nothing
    for. ``ttl``: for so many seconds the same ``ip`` and ``domain`` have this result; 0 if that
    cannot be said, because of who sends, of host names, or of answers that were missing.
    """

    result: Outcome
    domain: str
    identity: Literal["mailfrom", "helo"]
    mechanism: str = ""
    path: tuple[str, ...] = ()
    problem: str = ""
    explanation: str = ""
    record: str = ""
    plus_all: bool = False
    lookups: int = 0
    void_lookups: int = 0
    ttl: float = 0.0


async def check_spf(
    resolver: Resolver,
    *,
    ip: str | IPv4Address | IPv6Address,
    helo: str = "",
    mail_from: str = "",
    receiver: str = "unknown",
    limits: SpfLimits = RFC_LIMITS,
    disable_ipv6: bool = False,
    explain: bool = True,
    default_explanation: str = "",
    records: SpfRecordCache = RECORDS,
    clock: Callable[[], float] = time.time,
) -> SpfResult:
    """Checks ``mail_from`` (empty: ``postmaster@helo``, RFC 7208 2.4) for the client ``ip``.

    ``receiver`` is this host's name and ``clock`` the time since the epoch, for explanations;
    without ``explain`` none is looked up. ``disable_ipv6`` asks for no AAAA record. ``records``
    remembers what records say. Raises ``ValueError`` if ``ip`` is a string that is no address.
    """
    address = ip_address(ip) if isinstance(ip, str) else ip
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address))  # RFC 7208 5; no scope id
    local, at, domain = mail_from.rpartition("@")
    identity: Literal["mailfrom", "helo"] = "mailfrom" if domain or at else "helo"
    if identity == "helo":
        domain = helo
    name = find_query_name(domain)
    # RFC 7208 4.3: no domain name of several labels, or a domain literal.
    if name is None or "." not in name or "[" in name:
        problem = f"{domain[:80]!r} is no domain name" if domain else "no domain"
        return SpfResult("none", domain[:MAX_TEXT], identity, problem=problem)
    if domain.isascii():
        name = domain.removesuffix(".")  # macros show it in the case it was given
    query = SpfQuery(
        address=address,
        domain=name,
        local_part=local[:MAX_TEXT] or "postmaster",  # RFC 7208 4.3
        helo=helo[:MAX_TEXT],
        receiver=receiver,
        limits=limits,
        disable_ipv6=disable_ipv6,
        records=records,
        clock=clock,
    )
    check = Check(resolver, query)
    found = await check.run()
    explanation = ""
    if found.result == "fail" and explain:
        explanation = await check.explain(found) or default_explanation
    return SpfResult(
        result=found.result,
        domain=name,
        identity=identity,
        mechanism=found.mechanism,
        path=found.path,
        problem=found.problem,
        explanation=explanation,
        record=check.top.text if check.top is not None else "",
        plus_all=found.result == "pass" and found.mechanism[1:].lower() == "all",
        lookups=check.lookups,
        void_lookups=check.void_lookups,
        ttl=check.ttl if check.lasting else 0.0,
    )
