# SPDX-License-Identifier: Apache-2.0
"""Aggregate reports, held against the schema of RFC 7489 appendix C."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from dmarc_zone import Zone
from gatepost.authn.dmarc import DkimIdentity, SpfIdentity, check_dmarc
from gatepost.authn.dmarc_record import parse_dmarc_record
from gatepost.authn.dmarc_report import (
    AggregateReport,
    Override,
    ReportRow,
    build_row,
    compress_report,
    report_file_name,
    report_xml,
)

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "data" / "dmarc-rfc7489.xsd"))
NO_ENTITIES = etree.XMLParser(resolve_entities=False, no_network=True)
DAY = 1_700_006_400

GOOD = ReportRow(
    source_ip=ip_address("192.0.2.1"),
    count=3,
    header_from="example.com",
    envelope_from="bounces.example.com",
    envelope_to="receiver.example",
    spf_aligned=True,
    dkim_aligned=True,
    spf=(SpfIdentity("bounces.example.com", "pass"),),
    dkim=(DkimIdentity("example.com", "pass", "s1"), DkimIdentity("x.example", "fail")),
)
BAD = ReportRow(
    source_ip=ip_address("2001:db8::1"),
    count=1,
    header_from="a.example.com",
    disposition="quarantine",
    overrides=(Override("sampled_out"), Override("other", "<b>&")),
)


def report(rows: Iterable[ReportRow] = (GOOD, BAD), **changes: Any) -> AggregateReport:
    record = parse_dmarc_record(changes.pop("record", b"v=DMARC1; p=reject; pct=50; adkim=s"))
    assert record is not None
    fields: dict[str, Any] = {
        "receiver": "mail.receiver.example",
        "org_name": "Receiver",
        "email": "dmarc@receiver.example",
        "report_id": "2002.02.15.1",
        "begin": DAY,
        "end": DAY + 86_400,
        "domain": "example.com",
        "record": record,
        "rows": rows,
    }
    return AggregateReport(**(fields | changes))


def read(found: AggregateReport) -> etree._Element:
    """The report's XML, after the schema has accepted it."""
    root = etree.fromstring(b"".join(report_xml(found)), NO_ENTITIES)
    SCHEMA.assertValid(root)
    return root


def texts(root: etree._Element, path: str) -> list[str]:
    return [element.text or "" for element in root.findall(path)]


def test_the_head_says_who_reports_about_what() -> None:
    root = read(report(extra_contact_info="https://receiver.example/dmarc", errors=("one", "two")))
    assert {e.tag: e.text for e in root.find("report_metadata") if len(e) == 0} == {
        "org_name": "Receiver",
        "email": "dmarc@receiver.example",
        "extra_contact_info": "https://receiver.example/dmarc",
        "report_id": "2002.02.15.1",
        "error": "two",
    }
    assert texts(root, "report_metadata/date_range/begin") == [str(DAY)]
    assert texts(root, "report_metadata/error") == ["one", "two"]
    assert texts(root, "version") == ["1.0"]


@pytest.mark.parametrize(
    "record, policy",
    [
        (b"v=DMARC1; p=none", ["example.com", "r", "r", "none", "none", "100", "0"]),
        (
            b"v=DMARC1; p=reject; sp=quarantine; pct=5; adkim=s; aspf=s; ruf=mailto:a@b.example; "
            b"fo=d:1",
            ["example.com", "s", "s", "reject", "quarantine", "5", "1:d"],
        ),
    ],
)
def test_the_published_policy(record: bytes, policy: list[str]) -> None:
    assert texts(read(report(record=record)), "policy_published/*") == policy


def test_rows_say_what_was_seen() -> None:
    root = read(report())
    assert texts(root, "record/row/count") == ["3", "1"]
    assert texts(root, "record/row/policy_evaluated/disposition") == ["none", "quarantine"]
    assert texts(root, "record/row/policy_evaluated/dkim") == ["pass", "fail"]
    assert texts(root, "record/row/policy_evaluated/spf") == ["pass", "fail"]
    assert texts(root, "record/row/policy_evaluated/reason/type") == ["sampled_out", "other"]
    assert texts(root, "record/row/policy_evaluated/reason/comment") == ["<b>&"]
    assert texts(root, "record/identifiers/envelope_to") == ["receiver.example"]
    assert texts(root, "record/identifiers/envelope_from") == ["bounces.example.com", ""]
    assert texts(root, "record/identifiers/header_from") == ["example.com", "a.example.com"]
    assert texts(root, "record/auth_results/dkim/result") == ["pass", "fail"]
    assert texts(root, "record/auth_results/dkim/selector") == ["s1"]
    assert texts(root, "record/auth_results/spf/result") == ["pass", "none"]


@pytest.mark.parametrize(
    "address, written",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("255.255.255.255", "255.255.255.255"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:db8::ff", "2001:db8:0:0:0:0:0:ff"),
        ("fe80::1%eth0", "fe80:0:0:0:0:0:0:1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_addresses_as_the_schema_wants_them(address: str, written: str) -> None:
    row = ReportRow(source_ip=ip_address(address), count=1, header_from="x")
    assert texts(read(report([row])), "record/row/source_ip") == [written]


@pytest.mark.parametrize("result", ["pass", "fail", "softfail", "policy", "bogus", ""])
def test_results_that_a_mechanism_does_not_have_are_none(result: str) -> None:
    row = ReportRow(
        source_ip=ip_address("192.0.2.1"),
        count=1,
        header_from="x",
        spf=(SpfIdentity("x", result, "helo"),),
        dkim=(DkimIdentity("x", result),),
    )
    root = read(report([row]))
    spf = result if result in ("pass", "fail", "softfail") else "none"
    dkim = result if result in ("pass", "fail", "policy") else "none"
    assert texts(root, "record/auth_results/spf/result") == [spf]
    assert texts(root, "record/auth_results/dkim/result") == [dkim]
    assert texts(root, "record/auth_results/spf/scope") == ["helo"]


async def test_a_row_from_a_verdict() -> None:
    zone = Zone({"_dmarc.example.com": "v=DMARC1; p=reject; pct=10"})
    spf, dkim = SpfIdentity("x.example", "pass"), [DkimIdentity("example.com", "fail", "s")]
    verdict = await check_dmarc(zone, "example.com", spf, dkim, 50)
    row = build_row(verdict, ip_address("192.0.2.1"), envelope_from="x.example", spf=spf, dkim=dkim)
    root = read(report([row]))
    assert texts(root, "record/row/policy_evaluated/*") == ["quarantine", "fail", "fail", "\n"]
    assert texts(root, "record/row/policy_evaluated/reason/type") == ["sampled_out"]
    assert texts(root, "record/auth_results/spf/domain") == ["x.example"]
    full = await check_dmarc(zone, "example.com", spf, dkim, 50, honour_percent=False)
    root = read(report([build_row(full, ip_address("192.0.2.1"))]))
    assert texts(root, "record/row/policy_evaluated/disposition") == ["reject"]
    assert texts(root, "record/row/policy_evaluated/reason/type") == ["local_policy"]


def test_rows_are_streamed() -> None:
    taken = 0

    def rows() -> Iterator[ReportRow]:
        nonlocal taken
        while True:
            taken += 1
            yield GOOD

    pieces = list(islice(report_xml(report(rows())), 11))
    assert taken == 10 and pieces[10].startswith(b"<record>")


def test_compressed_it_is_the_same_and_reproducible() -> None:
    packed = compress_report(report([GOOD] * 500))
    assert gzip.decompress(packed) == b"".join(report_xml(report([GOOD] * 500)))
    assert packed == compress_report(report([GOOD] * 500))
    assert len(packed) < 5000


@pytest.mark.parametrize(
    "changes, unique_id, name",
    [
        ({}, "", f"mail.receiver.example!example.com!{DAY}!{DAY + 86_400}.xml.gz"),
        ({}, "7f3", f"mail.receiver.example!example.com!{DAY}!{DAY + 86_400}!7f3.xml.gz"),
        ({}, "../a-b!", f"mail.receiver.example!example.com!{DAY}!{DAY + 86_400}!ab.xml.gz"),
        (
            {"domain": '../../etc/x"\r\ny!z', "receiver": "a b"},
            "",
            f"a-b!..-..-etc-x-y-z!{DAY}!{DAY + 86_400}.xml.gz",
        ),
    ],
)
def test_the_file_name(changes: dict[str, str], unique_id: str, name: str) -> None:
    assert report_file_name(report(**changes), unique_id) == name


@pytest.mark.parametrize(
    "evil, read_as",
    [
        ("</domain><x/>", "</domain><x/>"),
        ("&xxe;]]>", "&xxe;]]>"),
        ("a\0b\x1b", "a\ufffdb\ufffd"),
        ("\ud800", "\ufffd"),
        ("\uffff\ufffe", "\ufffd\ufffd"),
        ("ü😀", "ü😀"),
        ("x" * 100_000, "x" * 1000),
    ],
)
def test_whatever_strangers_write_the_report_is_valid(evil: str, read_as: str) -> None:
    row = ReportRow(
        source_ip=ip_address("192.0.2.1"),
        count=1,
        header_from=evil,
        envelope_from=evil,
        envelope_to=evil,
        overrides=(Override("other", evil),),
        spf=(SpfIdentity(evil, evil),),
        dkim=(DkimIdentity(evil, evil, evil),),
    )
    root = read(report([row], org_name=evil, report_id=evil, domain=evil, errors=(evil,)))
    for path in (
        "report_metadata/org_name",
        "policy_published/domain",
        "record/identifiers/header_from",
        "record/auth_results/dkim/selector",
    ):
        assert texts(root, path) == [read_as]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=50), st.text(max_size=20), st.ip_addresses(), st.integers(0, 2**64))
def test_every_report_is_valid(text: str, result: str, ip: Any, count: int) -> None:
    row = ReportRow(
        source_ip=ip,
        count=count,
        header_from=text,
        overrides=(Override("other", text),),
        spf=(SpfIdentity(text, result),),
        dkim=(DkimIdentity(text, result, text),) * 2,
    )
    read(report([row, GOOD], email=text, extra_contact_info=text))
