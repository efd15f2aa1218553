# SPDX-License-Identifier: Apache-2.0
"""What may stand in the section ``dmarc``: names of symbols, reports, the rewriting of From.

Names and defaults are Rspamd's (direction-modules reference §4), except where a default would
name Rspamd to the world.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gatepost.config import Count, Raw, Seconds
from gatepost.scan.module import ModuleOptions

Port = Annotated[int, Meta(ge=1, le=65_535)]
Rows = Annotated[int, Meta(ge=1, le=100_000)]


class SymbolNames(msgspec.Struct, frozen=True):
    """``symbols``: what the symbols are called. Those of SPF and DKIM are taken and ignored:
    their verdicts do not come here as symbols."""

    allow: str = "DMARC_POLICY_ALLOW"
    reject: str = "DMARC_POLICY_REJECT"
    quarantine: str = "DMARC_POLICY_QUARANTINE"
    softfail: str = "DMARC_POLICY_SOFTFAIL"
    badpolicy: str = "DMARC_BAD_POLICY"
    dnsfail: str = "DMARC_DNSFAIL"
    na: str = "DMARC_NA"
    spf_allow_symbol: Raw = None
    spf_deny_symbol: Raw = None
    spf_softfail_symbol: Raw = None
    spf_neutral_symbol: Raw = None
    spf_tempfail_symbol: Raw = None
    spf_permfail_symbol: Raw = None
    spf_na_symbol: Raw = None
    dkim_allow_symbol: Raw = None
    dkim_deny_symbol: Raw = None
    dkim_tempfail_symbol: Raw = None
    dkim_permfail_symbol: Raw = None
    dkim_na_symbol: Raw = None


class Actions(msgspec.Struct, frozen=True):
    """``actions``: the least that happens to a letter. ``softfail`` is for those that ``pct``
    spared from quarantine, ``na`` for those without one author."""

    reject: str | None = None
    quarantine: str | None = None
    softfail: str | None = None
    na: str | None = None


class RedisKeys(msgspec.Struct, frozen=True):
    """``redis_keys``: what the keys of reports begin with, and what joins their parts."""

    index_prefix: str = "dmarc_idx"
    report_prefix: str = "dmarc_rpt"
    join_char: str = ";"


class Reporting(msgspec.Struct, frozen=True, kw_only=True):
    """``reporting``: what is counted while scanning, and who sends the reports.

    ``max_entries``: different rows of one domain and day. ``max_domains``: domains of one day,
    an addition to Rspamd's options. Both bound what strangers can have us store.
    """

    enabled: bool = False
    max_entries: Rows = 1000
    max_domains: Count = 100_000
    keys_expire: Seconds = 172_800.0
    redis_keys: RedisKeys = RedisKeys()
    report_local_controller: bool = False
    only_domains: Raw = None
    exclude_domains: Raw = None
    exclude_recipients: Raw = None
    exclude_rua_addresses: Raw = None
    email: str = ""
    domain: str = ""
    org_name: str = ""
    bcc_addrs: list[str] = []
    helo: str = ""
    smtp: str = "127.0.0.1"
    smtp_port: Port = 25
    retries: Count = 2
    from_name: str = "Gatepost"
    msgid_from: str = ""


class Munging(msgspec.Struct, frozen=True, kw_only=True):
    """``munging``: From of letters to mailing lists is rewritten. ``munge_from`` changes nothing,
    in Rspamd neither."""

    list_map: Raw = None
    munge_map_condition: Raw = None
    reply_goes_to_list: bool = False
    mitigate_allow_only: bool = True
    mitigate_strict_only: bool = False
    munge_from: bool = True


class DmarcOptions(ModuleOptions, frozen=True):
    """The section ``dmarc``."""

    actions: Actions = Actions()
    """The least action for each disposition: `quarantine`, `reject`, `softfail`, `na`."""
    no_sampling_domains: Raw = None
    """Policy domains whose `pct` does not count: the full policy applies to all their mail."""
    no_reporting_domains: Raw = None
    """The old name of `exclude_domains` in `reporting`."""
    symbols: SymbolNames = SymbolNames()
    """Other names for the symbols."""
    reporting: Reporting = Reporting()
    """Aggregate reports; see [dmarc-reports](../dmarc-reports.md)."""
    munging: Munging | None = None
    """Rewrites From of letters to mailing lists whose `list_map` has them."""
