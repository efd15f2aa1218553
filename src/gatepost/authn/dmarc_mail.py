# SPDX-License-Identifier: Apache-2.0
"""The letter that brings a DMARC aggregate report (RFC 7489 7.2.1.1).

It is put together by hand: the standard library would break long domain names in the subject
into encoded words, which those who sort reports by it do not read.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from collections.abc import Sequence
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, quote

from gatepost.authn.dmarc_report import AggregateReport, compress_report, report_file_name
from gatepost.authn.dmarc_uri import ReportUri

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
SPACE = re.compile(r"\s+")
NO_ID = re.compile(r"[^A-Za-z0-9._@-]+")
MAX_NAME = 100  # characters of the name in From
BOUNDARY = "=_dmarc_aggregate_report"
"""Neither part can hold it: Base64 has no underscore, and the text is ours."""


def build_report_mail(
    report: AggregateReport,
    to: Sequence[str],
    *,
    date: float,
    message_id: str,
    from_name: str = "",
    unique_id: str = "",
) -> bytes:
    """The whole letter, ready for SMTP: CRLF, seven bits, lines below 998 bytes.

    ``to``: mailboxes, as in :attr:`ReportUri.address`. It comes from ``report.email``, which has
    to be aligned and signed like any mail. ``date`` in seconds since the epoch; ``message_id``
    without brackets. The size limits of destinations count ``len()`` of what is returned: see
    :func:`choose_destinations`.
    """
    file_name = quote(report_file_name(report, unique_id))
    fields = [
        f"From: {mailbox(report.email, from_name)}",
        "To: " + ",\r\n ".join(word(address) for address in to),
        *subject_lines(report),
        f"Date: {format_datetime(datetime.fromtimestamp(date, UTC))}",
        f"Message-ID: <{NO_ID.sub('-', message_id)}>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed;\r\n boundary="{BOUNDARY}"',
        "Auto-Submitted: auto-generated",  # RFC 3834 5: nobody's vacation answers it
    ]
    lines = [
        *fields,
        "",
        f"--{BOUNDARY}",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "",
        *introduction(report),
        "",
        f"--{BOUNDARY}",
        f'Content-Type: application/gzip;\r\n name="{file_name}"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment;\r\n filename="{file_name}"',
        "",
    ]
    packed = encodebytes(compress_report(report)).replace(b"\n", b"\r\n")
    return "\r\n".join([*lines, ""]).encode("ascii") + packed + f"--{BOUNDARY}--\r\n".encode()


def choose_destinations(uris: Sequence[ReportUri], size: int) -> list[ReportUri]:
    """Those that take a letter of ``size`` bytes, in the order in which they were published."""
    return [uri for uri in uris if uri.address and uri.takes(size)]


def subject_lines(report: AggregateReport) -> list[str]:
    """The subject as RFC 7489 7.2.1.1 has it, folded before each of its parts."""
    return [
        f"Subject: Report Domain: {word(report.domain)}",
        f" Submitter: {word(report.receiver)}",
        f" Report-ID: <{NO_ID.sub('-', report.report_id)}>",
    ]


def introduction(report: AggregateReport) -> list[str]:
    period = (
        format_datetime(datetime.fromtimestamp(moment, UTC))
        for moment in (report.begin, report.end)
    )
    return [
        f"This is an aggregate report from {word(report.receiver)}",
        f"for the domain {word(report.domain)},",
        "from {} to {}.".format(*period),
    ]


def mailbox(address: str, name: str) -> str:
    name = CONTROL.sub(" ", name[:MAX_NAME]).strip()
    if not name:
        return word(address)
    if name.isascii():
        return f'"{quote(name)}" <{word(address)}>'
    name = name.encode("utf-8", "replace").decode("utf-8")
    return f"{Header(name, 'utf-8').encode(linesep=chr(13) + chr(10))} <{word(address)}>"


def word(text: str) -> str:
    """``text`` as one ASCII word of a header; our own names and checked addresses are already."""
    text = SPACE.sub("", CONTROL.sub("", text[:320]))
    return text.encode("ascii", "replace").decode("ascii")
