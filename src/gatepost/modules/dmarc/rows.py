# SPDX-License-Identifier: Apache-2.0
"""One row of a report as the store keeps it: a line of fields with commas between.

The first twelve fields are Rspamd's: address, SPF and DKIM as DMARC sees them, disposition,
reason, author domain, domains of DKIM signatures by result (pass, fail, temperror, permerror,
with bars between), domain and result of SPF. Two more are ours, which Rspamd's sender leaves
alone: the scope of SPF, and selector and exact result of each signature in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from gatepost.authn import DkimIdentity, DmarcVerdict, Override, ReportRow, SpfIdentity

MAX_SIGNATURES = 20
MAX_NAME = 255
RSPAMD_FIELDS = 12

# What would be read as the end of a field, or as no text at all. Mail decides what is here.
UNSAFE = re.compile(r"[^!-~]|[,|:]")
RESULTS = ("pass", "fail", "temperror", "permerror")
COLUMN = {"pass": 0, "fail": 1, "temperror": 2, "permerror": 3, "policy": 1, "neutral": 1}


def write_row(
    verdict: DmarcVerdict,
    source_ip: IPv4Address | IPv6Address,
    spf: SpfIdentity | None,
    dkim: Iterable[DkimIdentity],
) -> str:
    """The row of one message."""
    columns: list[list[DkimIdentity]] = [[], [], [], []]
    for signature in [one for one in dkim if one.domain and one.result in COLUMN][:MAX_SIGNATURES]:
        columns[COLUMN[signature.result]].append(signature)
    reason = "sampled_out" if verdict.sampled_out else ""
    if verdict.sampling_overridden:
        reason = "local_policy"
    fields = [
        str(plain_address(source_ip)),
        "pass" if verdict.spf_aligned else "fail",
        "pass" if verdict.dkim_aligned else "fail",
        verdict.disposition,
        reason,
        safe(verdict.domain),
        *("|".join(safe(one.domain) for one in column) for column in columns),
        safe(spf.domain) if spf else "",
        spf.result if spf else "none",
        spf.scope if spf else "",
        "|".join(f"{safe(one.selector)}:{one.result}" for column in columns for one in column),
    ]
    return ",".join(fields)


def read_row(line: str, count: int) -> ReportRow | None:
    """The row that `write_row`, or Rspamd, wrote; ``None`` if it is none."""
    fields = line.split(",")
    if len(fields) < RSPAMD_FIELDS:
        return None
    try:
        source_ip = ip_address(fields[0])
    except ValueError:
        return None
    disposition, reason, scope = fields[3], fields[4], "".join(fields[12:13])
    by_helo = scope == "helo"
    spf = SpfIdentity(fields[10], fields[11], "helo" if by_helo else "mfrom")
    return ReportRow(
        source_ip=source_ip,
        count=count,
        header_from=fields[5],
        # RFC 7489 appendix C: empty for a bounce, whose SPF is about the HELO name.
        envelope_from="" if by_helo else fields[10],
        disposition=find_disposition(disposition),
        spf_aligned=fields[1] == "pass",
        dkim_aligned=fields[2] == "pass",
        overrides=find_overrides(reason),
        spf=(spf,) if fields[10] else (),
        dkim=read_signatures(fields[6:10], "".join(fields[13:14])),
    )


def read_signatures(columns: list[str], details: str) -> tuple[DkimIdentity, ...]:
    """Signatures by result, made exact by ``details`` where they have as many."""
    found = [
        (domain, result)
        for column, result in zip(columns, RESULTS, strict=True)
        for domain in column.split("|")
        if domain
    ]
    exact = [detail.rpartition(":") for detail in details.split("|")] if details else []
    if len(exact) != len(found):
        return tuple(DkimIdentity(domain, result) for domain, result in found)
    return tuple(
        DkimIdentity(domain, result or rough, selector)
        for (domain, rough), (selector, _, result) in zip(found, exact, strict=True)
    )


def find_disposition(text: str) -> Literal["none", "quarantine", "reject"]:
    """The disposition that a field names; what is no such word counts as ``none``."""
    if text == "reject":
        return "reject"
    return "quarantine" if text == "quarantine" else "none"


def find_overrides(reason: str) -> tuple[Override, ...]:
    """Why the disposition is not the published policy, by Rspamd's two words for it."""
    if reason == "sampled_out":
        return (Override("sampled_out"),)
    if reason == "local_policy":
        return (Override("local_policy", "pct is not honoured"),)
    return ()


def plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Without what a schema does not know: a zone, IPv4 dressed as IPv6."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def safe(text: str) -> str:
    """``text`` as part of a field, at most 255 characters."""
    return UNSAFE.sub("-", text[:MAX_NAME])
