# SPDX-License-Identifier: Apache-2.0
"""``options.dns`` → what the resolver is made of: servers, health, made-up records."""

from __future__ import annotations

from gatepost.config import OptionsSection, Problems
from gatepost.net import (
    Answer,
    Health,
    RecordType,
    ResolverSettings,
    UpstreamError,
    name_servers,
    read_fake_records,
)
from gatepost.ucl import Object

FakeRecords = dict[tuple[str, RecordType], Answer]


def read_dns(
    options: OptionsSection, section: Object, problems: Problems
) -> tuple[ResolverSettings, FakeRecords]:
    """Settings and ``fake_records`` of the resolver; ``section`` is ``options`` as written."""
    written = section.get("dns")
    dns = written if isinstance(written, Object) else Object(where=section.where)

    def complain(index: int, message: str) -> None:
        where = dns.place("fake_records")
        problems.error(where, f"options.dns.fake_records, entry {index + 1}: {message}")

    records = read_fake_records(options.dns.fake_records, complain)
    upstream = options.upstream
    settings = ResolverSettings(
        nameserver=tuple(options.dns.nameserver),
        timeout=options.dns.timeout,
        retransmits=options.dns.retransmits,
        cache_size=options.dns.cache_size,
        cache_bytes=options.dns.cache_bytes,
        health=Health(
            max_errors=upstream.max_errors,
            error_time=upstream.error_time,
            revive_time=upstream.revive_time,
        ),
    )
    try:
        name_servers(settings)
    except UpstreamError as error:
        problems.error(dns.place("nameserver"), f"options.dns: {error}")
        settings = ResolverSettings()
    return settings, records
