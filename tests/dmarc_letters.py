# SPDX-License-Identifier: Apache-2.0
"""The report in a letter that brings one, after the schema of RFC 7489 has accepted it."""

from __future__ import annotations

import email
import gzip
from email import policy
from email.message import EmailMessage
from pathlib import Path

from lxml import etree

SCHEMA = etree.XMLSchema(
    etree.parse(Path(__file__).parent / "authn" / "data" / "dmarc-rfc7489.xsd")
)
NO_ENTITIES = etree.XMLParser(resolve_entities=False, no_network=True)


class ReportLetter:
    """A letter as it came over SMTP; ``feedback`` is the root of the valid XML."""

    def __init__(self, content: bytes) -> None:
        parsed = email.message_from_bytes(content, policy=policy.SMTP)
        assert isinstance(parsed, EmailMessage)
        self.mail = parsed
        (attached,) = parsed.iter_attachments()
        self.file_name = attached.get_filename() or ""
        self.feedback = read_report(attached.get_content())

    @property
    def report_id(self) -> str:
        return self.feedback.findtext("report_metadata/report_id") or ""

    @property
    def counts(self) -> dict[str, int]:
        """How many messages, by client."""
        found: dict[str, int] = {}
        for row in self.feedback.findall("record/row"):
            ip = row.findtext("source_ip") or ""
            found[ip] = found.get(ip, 0) + int(row.findtext("count") or 0)
        return found


def read_report(packed: bytes) -> etree._Element:
    """The compressed XML; ``AssertionError`` with the reasons if it is not valid."""
    tree = etree.fromstring(gzip.decompress(packed), NO_ENTITIES)
    assert SCHEMA.validate(tree), SCHEMA.error_log
    return tree
