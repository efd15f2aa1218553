# SPDX-License-Identifier: Apache-2.0
"""What did we see of a domain's mail in one period? The DMARC aggregate report as XML.

RFC 7489 7.2 and appendix C. The XML is produced piece by piece, so that a report of a million
rows takes no more memory than one of ten, and is valid under the RFC's schema whatever strangers
put into domains and selectors.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias
from xml.sax.saxutils import escape

import msgspec

from gatepost.authn.dmarc import DkimIdentity, DmarcVerdict, SpfIdentity
from gatepost.authn.dmarc_record import DmarcRecord, Policy

MAX_TEXT = 1000
"""Characters of one element's text; a domain name has at most 255."""
MAX_NAME = 255  # characters of a domain name in a file's name

OverrideType: TypeAlias = Literal[
    "forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "other"
]
SPF_RESULTS = frozenset(("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"))
DKIM_RESULTS = frozenset(("none", "pass", "fail", "policy", "neutral", "temperror", "permerror"))
# XML 1.0 2.2: what no document may hold, not even escaped.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
NO_UNIQUE_ID = re.compile(r"[^A-Za-z0-9]+")


class Override(msgspec.Struct, frozen=True):
    """Why the disposition is not the published policy (``PolicyOverrideReason``)."""

    type: OverrideType
    comment: str = ""


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` messages that are alike in everything else here.

    ``spf_aligned`` and ``dkim_aligned`` are DMARC's view of the two; ``spf`` and ``dkim`` what
    these said by themselves. ``envelope_from`` is empty for bounces.
    """

    source_ip: IPv4Address | IPv6Address
    count: int
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    disposition: Policy = "none"
    spf_aligned: bool = False
    dkim_aligned: bool = False
    overrides: tuple[Override, ...] = ()
    spf: tuple[SpfIdentity, ...] = ()
    dkim: tuple[DkimIdentity, ...] = ()


class AggregateReport(msgspec.Struct, kw_only=True):
    """One domain, one period: ``begin`` and ``end`` in seconds since the epoch (UTC).

    ``receiver`` is the domain that reports, ``domain`` the one whose ``record`` was found.
    ``report_id`` is unique among our reports to that domain. ``rows`` may be an iterator that is
    used up by the one writing; a report without rows is not valid and not worth sending.
    """

    receiver: str
    org_name: str
    email: str
    report_id: str
    begin: int
    end: int
    domain: str
    record: DmarcRecord
    rows: Iterable[ReportRow]
    extra_contact_info: str = ""
    errors: tuple[str, ...] = ()


def build_row(
    verdict: DmarcVerdict,
    source_ip: IPv4Address | IPv6Address,
    *,
    count: int = 1,
    envelope_from: str = "",
    envelope_to: str = "",
    spf: SpfIdentity | None = None,
    dkim: Iterable[DkimIdentity] = (),
    overrides: tuple[Override, ...] = (),
) -> ReportRow:
    """The row of a message; that it was sampled out (or that sampling was off) is said in it."""
    if verdict.sampled_out:
        overrides = (Override("sampled_out"), *overrides)
    if verdict.sampling_overridden:
        overrides = (Override("local_policy", "pct is not honoured"), *overrides)
    return ReportRow(
        source_ip=source_ip,
        count=count,
        header_from=verdict.domain,
        envelope_from=envelope_from,
        envelope_to=envelope_to,
        disposition=verdict.disposition,
        spf_aligned=verdict.spf_aligned,
        dkim_aligned=verdict.dkim_aligned,
        overrides=overrides,
        spf=(spf,) if spf else (),
        dkim=tuple(dkim),
    )


def report_xml(report: AggregateReport) -> Iterator[bytes]:
    """The report as pieces of UTF-8: one for the head, one a row, one for the end."""
    head = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<feedback>\n',
        element("version", "1.0"),
        metadata(report),
        published(report),
    ]
    yield "".join(head).encode()
    for row in report.rows:
        yield record(row).encode()
    yield b"</feedback>\n"


def compress_report(report: AggregateReport) -> bytes:
    """The report's XML, compressed with gzip (RFC 1952). The same report gives the same bytes."""
    packer = zlib.compressobj(level=9, wbits=31)
    pieces = [packer.compress(piece) for piece in report_xml(report)]
    return b"".join(pieces) + packer.flush()


def report_file_name(report: AggregateReport, unique_id: str = "") -> str:
    """``receiver!domain!begin!end[!unique-id].xml.gz`` (RFC 7489 7.2.1.1).

    Characters that have no place in a file name become a hyphen, in ``unique_id`` nothing.
    """
    names = (report.receiver[:MAX_NAME], report.domain[:MAX_NAME])
    receiver, domain = (NO_FILE_NAME.sub("-", name) for name in names)
    parts = [receiver, domain, f"{report.begin:d}", f"{report.end:d}"]
    if unique := NO_UNIQUE_ID.sub("", unique_id[:MAX_NAME]):
        parts.append(unique)
    return "!".join(parts) + ".xml.gz"


def metadata(report: AggregateReport) -> str:
    contact = report.extra_contact_info
    return group(
        "report_metadata",
        element("org_name", report.org_name),
        element("email", report.email),
        element("extra_contact_info", contact) if contact else "",
        element("report_id", report.report_id),
        group("date_range", number("begin", report.begin), number("end", report.end)),
        *(element("error", error) for error in report.errors),
    )


def published(report: AggregateReport) -> str:
    policy = report.record
    return group(
        "policy_published",
        element("domain", report.domain),
        element("adkim", policy.dkim_alignment),
        element("aspf", policy.spf_alignment),
        element("p", policy.policy),
        # The schema wants sp and fo even where the record has none: what is in effect.
        element("sp", policy.policy_for(subdomain=True)),
        number("pct", policy.percent),
        element("fo", ":".join(policy.failure_options)),
    )


def record(row: ReportRow) -> str:
    """One ``record`` element."""
    evaluated = group(
        "policy_evaluated",
        element("disposition", row.disposition),
        element("dkim", "pass" if row.dkim_aligned else "fail"),
        element("spf", "pass" if row.spf_aligned else "fail"),
        *(
            group(
                "reason",
                element("type", override.type),
                element("comment", override.comment) if override.comment else "",
            )
            for override in row.overrides
        ),
    )
    return group(
        "record",
        group(
            "row",
            element("source_ip", address_text(row.source_ip)),
            number("count", row.count),
            evaluated,
        ),
        group(
            "identifiers",
            element("envelope_to", row.envelope_to) if row.envelope_to else "",
            element("envelope_from", row.envelope_from),
            element("header_from", row.header_from),
        ),
        auth_results(row),
    )


def auth_results(row: ReportRow) -> str:
    # The schema wants one SPF result at least: where there was none, `none` says so.
    spf = row.spf or (SpfIdentity(row.envelope_from, "none"),)
    signatures = (
        group(
            "dkim",
            element("domain", signature.domain),
            element("selector", signature.selector) if signature.selector else "",
            element("result", known(signature.result, DKIM_RESULTS)),
        )
        for signature in row.dkim
    )
    senders = (
        group(
            "spf",
            element("domain", identity.domain),
            element("scope", identity.scope),
            element("result", known(identity.result, SPF_RESULTS)),
        )
        for identity in spf
    )
    return group("auth_results", *signatures, *senders)


def known(result: str, results: frozenset[str]) -> str:
    return result if result in results else "none"


def address_text(address: IPv4Address | IPv6Address) -> str:
    """IPv6 as eight groups: the schema's expression knows neither ``::`` nor a zone."""
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    packed = address.packed
    return ":".join(f"{packed[i] << 8 | packed[i + 1]:x}" for i in range(0, 16, 2))


def element(name: str, text: str) -> str:
    text = NO_XML.sub("\ufffd", text[:MAX_TEXT])
    return f"<{name}>{escape(text)}</{name}>\n"


def number(name: str, value: int) -> str:
    return f"<{name}>{value:d}</{name}>\n"


def group(name: str, *inside: str) -> str:
    return f"<{name}>\n{''.join(inside)}</{name}>\n"
