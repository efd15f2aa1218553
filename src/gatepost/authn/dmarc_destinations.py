# SPDX-License-Identifier: Apache-2.0
"""Do those who are to get a domain's reports want them? RFC 7489 7.1.

Without this anybody could point reports about anybody's mail at a victim.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gatepost.authn.dmarc_record import (
    MAX_RECORDS,
    DmarcRecord,
    is_dmarc_record,
    organizational_domain,
    parse_dmarc_record,
)
from gatepost.authn.dmarc_uri import MAX_URIS, ReportUri
from gatepost.net import Resolver


class Destinations(msgspec.Struct, frozen=True):
    """``accepted`` get the report; ``refused`` with the reason; ``undecided`` when the DNS did
    not answer, to be asked again later."""

    accepted: tuple[ReportUri, ...] = ()
    refused: tuple[tuple[ReportUri, str], ...] = ()
    undecided: tuple[ReportUri, ...] = ()


async def verify_destinations(
    resolver: Resolver, policy_domain: str, uris: Iterable[ReportUri]
) -> Destinations:
    """Which of the ``rua`` that ``policy_domain`` publishes may get its reports.

    One query for each host that is not of the same organisational domain. A host may name other
    mailboxes of its own instead; naming another host's loses it the reports. Only mailboxes are
    accepted, ten at most: no other scheme has a transport.
    """
    accepted: dict[ReportUri, None] = {}  # in order, each once
    refused: list[tuple[ReportUri, str]] = []
    undecided: list[ReportUri] = []
    home = organizational_domain(policy_domain)
    for uri in uris:
        if not uri.address:
            refused.append((uri, "no mailbox"))
        elif organizational_domain(uri.host) == home:
            accepted[uri] = None
        else:
            name = f"{policy_domain}._report._dmarc.{uri.host}"
            answer = await resolver.query(name, "TXT")
            if answer.failed:
                undecided.append(uri)
                continue
            texts = [text for text in answer.records[:MAX_RECORDS] if isinstance(text, bytes)]
            granted, reason = judge_grant(uri, [t for t in texts if is_dmarc_record(t)])
            accepted |= dict.fromkeys(granted)
            if reason:
                refused.append((uri, reason))
    return Destinations(tuple(accepted)[:MAX_URIS], tuple(refused), tuple(undecided))


def judge_grant(uri: ReportUri, texts: list[bytes]) -> tuple[tuple[ReportUri, ...], str]:
    """Where the report for ``uri`` goes by its host's records, or why nowhere."""
    if not texts:
        return (), "the host does not ask for these reports"
    records: list[DmarcRecord] = [record for record in map(parse_dmarc_record, texts) if record]
    instead = [other for record in records for other in record.rua]
    if not instead:
        return (uri,), ""
    if any(other.host != uri.host for other in instead):
        return (), "the host names another host"  # RFC 7489 7.1: then to neither
    mailboxes = tuple(other for other in instead if other.address)
    return mailboxes, "" if mailboxes else "no mailbox"
