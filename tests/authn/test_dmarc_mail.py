# SPDX-License-Identifier: Apache-2.0
"""The letter around a report, read back by the standard library and by our own parser."""

from __future__ import annotations

import gzip
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.authn.dmarc_mail import build_report_mail, choose_destinations
from gatepost.authn.dmarc_record import DmarcRecord
from gatepost.authn.dmarc_report import AggregateReport, ReportRow, report_xml
from gatepost.authn.dmarc_uri import parse_report_uris
from gatepost.mail import Message

BEGIN, END = 1_013_662_812, 1_013_749_130
ROW = ReportRow(source_ip=ip_address("192.0.2.1"), count=1, header_from="example.com")


def report(**changes: Any) -> AggregateReport:
    fields: dict[str, Any] = {
        "receiver": "mail.receiver.example",
        "org_name": "Receiver",
        "email": "dmarc-reporting@mail.receiver.example",
        "report_id": "2002.02.15.1",
        "begin": BEGIN,
        "end": END,
        "domain": "example.com",
        "record": DmarcRecord(policy="reject"),
        "rows": [ROW],
    }
    return AggregateReport(**(fields | changes))


def build(found: AggregateReport, **changes: Any) -> bytes:
    options: dict[str, Any] = {"date": END, "message_id": "1@mail.receiver.example"}
    return build_report_mail(found, ["dmarc-feedback@example.com"], **(options | changes))


def parse(letter: bytes) -> EmailMessage:
    message = message_from_bytes(letter, policy=policy.default)
    assert isinstance(message, EmailMessage) and not message.defects
    return message


def test_the_header_is_as_the_rfc_has_it() -> None:
    letter = build(report(), from_name="DMARC Reports")
    message = parse(letter)
    assert {name: str(value) for name, value in message.items()} == {
        "From": "DMARC Reports <dmarc-reporting@mail.receiver.example>",
        "To": "dmarc-feedback@example.com",
        "Subject": "Report Domain: example.com Submitter: mail.receiver.example "
        "Report-ID: <2002.02.15.1>",
        "Date": "Fri, 15 Feb 2002 04:58:50 +0000",
        "Message-ID": "<1@mail.receiver.example>",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/mixed; boundary="=_dmarc_aggregate_report"',
        "Auto-Submitted": "auto-generated",
    }


def test_the_report_is_attached() -> None:
    text, attachment = parse(build(report(), unique_id="abc")).iter_parts()
    assert text.get_content_type() == "text/plain"
    assert "from mail.receiver.example\r\nfor the domain example.com," in text.get_content()
    assert attachment.get_content_type() == "application/gzip"
    assert attachment.get_filename() == (
        f"mail.receiver.example!example.com!{BEGIN}!{END}!abc.xml.gz"
    )
    xml = gzip.decompress(attachment.get_content())
    assert xml == b"".join(report_xml(report()))


def test_our_own_parser_finds_it_too() -> None:
    parts = list(Message(build(report())).parts)
    assert [part.content_type.full for part in parts] == [
        "multipart/mixed",
        "text/plain",
        "application/gzip",
    ]


@pytest.mark.parametrize(
    "name, written",
    [
        ("", "dmarc-reporting@mail.receiver.example"),
        (
            'Re "ports" \\ Inc.',
            '"Re \\"ports\\" \\\\ Inc." <dmarc-reporting@mail.receiver.example>',
        ),
    ],
)
def test_the_name_of_the_sender(name: str, written: str) -> None:
    assert f"From: {written}\r\n".encode() in build(report(), from_name=name)


def test_a_name_that_is_not_ascii_is_encoded() -> None:
    letter = build(report(), from_name="Überprüfungsstelle für Berichte " * 3)
    assert letter.isascii()
    assert str(parse(letter)["From"]).startswith("Überprüfungsstelle für Berichte")


def test_several_recipients_share_a_letter() -> None:
    letter = build_report_mail(report(), ["a@x.example", "b@y.example"], date=END, message_id="1@x")
    assert str(parse(letter)["To"]) == "a@x.example, b@y.example"


def test_long_names_stay_whole() -> None:
    domain = ".".join(["d" * 60] * 4)
    letter = build(report(domain=domain, receiver=domain))
    assert str(parse(letter)["Subject"]).split()[2] == domain
    assert b"=?" not in letter
    assert max(map(len, letter.split(b"\r\n"))) < 998


def test_the_letter_is_fit_for_smtp() -> None:
    rows = [ReportRow(source_ip=ip_address(n), count=n, header_from="x") for n in range(1, 3000)]
    letter = build(report(rows=rows))
    assert letter.isascii() and b"\0" not in letter
    assert letter.count(b"\n") == letter.count(b"\r\n") == letter.count(b"\r")
    assert max(map(len, letter.split(b"\r\n"))) <= 78


def test_destinations_by_the_size_of_the_letter() -> None:
    uris = parse_report_uris(
        "mailto:a@x.example!1k,https://x.example/!9m,mailto:b@x.example,mailto:c@x.example!10m"
    ).uris
    for size, chosen in ((1024, "abc"), (1025, "bc"), (10 << 20, "bc"), (1 + (10 << 20), "b")):
        assert [uri.address[0] for uri in choose_destinations(uris, size)] == list(chosen)


@pytest.mark.parametrize("evil", ["\r\nBcc: v@x.example", "\n\nbody", "\0", "\x85X", "--=_dmarc"])
def test_nobody_can_add_a_header(evil: str) -> None:
    letter = build_report_mail(
        report(
            domain="example.com" + evil,
            receiver="r" + evil,
            email="a@b.example" + evil,
            report_id="1" + evil,
        ),
        ["x@y.example" + evil],
        date=END,
        message_id="1" + evil,
        from_name="N" + evil,
        unique_id=evil,
    )
    message = parse(letter)
    assert "Bcc" not in message and len(message.keys()) == 8
    assert len(list(message.iter_parts())) == 2


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_whatever_the_names_are_it_is_one_letter(text: str) -> None:
    letter = build(report(domain=text, receiver=text, report_id=text), from_name=text)
    message = message_from_bytes(letter, policy=policy.compat32)
    assert len(message.keys()) == 8 and len(message.get_payload()) == 2
