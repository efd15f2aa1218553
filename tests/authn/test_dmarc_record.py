# SPDX-License-Identifier: Apache-2.0
"""DMARC records: syntax, defaults, discovery through the organisational domain, hostile texts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmarc_zone import Zone
from gatepost.authn.dmarc_record import (
    MAX_RECORD,
    MAX_TAGS,
    DmarcRecord,
    discover_policy,
    is_dmarc_record,
    organizational_domain,
    parse_dmarc_record,
)

RUA = "rua=mailto:d@example.org"


def parse(text: str) -> DmarcRecord:
    record = parse_dmarc_record(text.encode())
    assert record is not None
    return record


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1;p=none",
        "v=DMARC1; p=none;",
        "v = DMARC1 ; p = none ;",
        " \tv=DMARC1;p=none",
        "V=DMARC1;p=none",
        "v=DMARC1",
        "v=DMARC1;",
    ],
)
def test_what_is_a_dmarc_record(text: str) -> None:
    assert is_dmarc_record(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=DMARC",
        "v=dmarc1; p=none",
        "v=DMARC12; p=none",
        "v=DMARC1 p=none",
        "v=DMARC1, p=none",
        '"v=DMARC1; p=none"',
        "p=none; v=DMARC1",
        "v=spf1 -all",
        "v=DKIM1; p=abc",
        "\0v=DMARC1; p=none",
        "v=DMARC1\0; p=none",
        "\u00a0v=DMARC1; p=none",
    ],
)
def test_what_is_none(text: str) -> None:
    assert parse_dmarc_record(text.encode()) is None


def test_the_defaults() -> None:
    assert parse("v=DMARC1; p=reject") == DmarcRecord(
        policy="reject",
        subdomain_policy=None,
        percent=100,
        dkim_alignment="r",
        spf_alignment="r",
        rua=(),
        ruf=(),
        failure_options=("0",),
        failure_formats=("afrf",),
        interval=86_400,
    )


def test_the_example_of_the_rfc() -> None:
    record = parse(
        "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,"
        "mailto:tld-test@thirdparty.example.net!10m; pct=25"
    )
    assert (record.policy, record.percent, record.faults) == ("quarantine", 25, ())
    assert [(uri.address, uri.max_size) for uri in record.rua] == [
        ("dmarc-feedback@example.com", None),
        ("tld-test@thirdparty.example.net", 10 << 20),
    ]


@pytest.mark.parametrize(
    "tags, changed",
    [
        ("p=NONE", {"policy": "none"}),
        ("P=Reject", {"policy": "reject"}),
        ("rua=mailto:d@example.org; p=reject", {"policy": "reject"}),
        ("p=none; sp=quarantine", {"subdomain_policy": "quarantine"}),
        ("p=none; pct=0", {"percent": 0}),
        ("p=none; pct=007", {"percent": 7}),
        ("p=none; adkim=s; aspf=S", {"dkim_alignment": "s", "spf_alignment": "s"}),
        ("p=none; ri=3600", {"interval": 3600}),
        ("p=none; ri=4294967295", {"interval": 4294967295}),
        ("p=none; fo=1:d:s", {"failure_options": ("0",)}),  # without ruf it has no meaning
        ("p=none; ruf=mailto:f@x.example; fo=s : 1", {"failure_options": ("1", "s")}),
        ("p=none; rf=afrf", {"failure_formats": ("afrf",)}),
        ("p=none; np=reject; t=y; future=1", {"policy": "none"}),
    ],
)
def test_tags_that_are_understood(tags: str, changed: dict[str, Any]) -> None:
    record = parse(f"v=DMARC1; {tags}")
    assert {name: getattr(record, name) for name in changed} == changed
    assert (record.faults, record.error) == ((), "")


@pytest.mark.parametrize(
    "tag, field, default",
    [
        ("pct=101", "percent", 100),
        ("pct=-1", "percent", 100),
        ("pct=", "percent", 100),
        ("pct=50%", "percent", 100),
        ("pct=٥٠", "percent", 100),
        ("adkim=strict", "dkim_alignment", "r"),
        ("aspf=", "spf_alignment", "r"),
        ("ri=4294967296", "interval", 86_400),
        ("ri=1h", "interval", 86_400),
        ("rf=iodef", "failure_formats", ("afrf",)),
        ("ruf=mailto:f@x.example; fo=9", "failure_options", ("0",)),
        ("rua=d@example.org", "rua", ()),
        ("nonsense", "policy", "reject"),
        ("=x", "policy", "reject"),
        ("sp=reject; sp=REJECT", "subdomain_policy", "reject"),
        ("pct=10; pct=20", "percent", 10),
    ],
)
def test_a_tag_that_is_wrong_has_its_default(tag: str, field: str, default: object) -> None:
    record = parse(f"v=DMARC1; p=reject; {tag}")
    assert getattr(record, field) == default
    assert len(record.faults) == 1 and record.error == ""


@pytest.mark.parametrize(
    "tags",
    ["p=block", "p=", "", "sp=reject", "p=reject; sp=block", "p=reject; sp=", "p=none; p=reject"],
)
def test_without_a_valid_policy_only_reports_are_left(tags: str) -> None:
    asked = parse(f"v=DMARC1; {tags}; {RUA}")
    assert (asked.error, asked.policy, asked.subdomain_policy) == ("", "none", None)
    assert asked.rua[0].address == "d@example.org"
    assert parse(f"v=DMARC1; {tags}").error
    assert parse(f"v=DMARC1; {tags}; rua=nobody").error


@pytest.mark.parametrize(
    "tags, error",
    [
        ("p=block", "p is 'block', not none, quarantine or reject"),
        ("p=none; sp=no", "sp is 'no', not none, quarantine or reject"),
        ("adkim=x", "there is no p"),
    ],
)
def test_the_error_says_what_is_wrong(tags: str, error: str) -> None:
    assert parse(f"v=DMARC1; {tags}").error == error


@pytest.mark.parametrize(
    "domain, organizational",
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("A.Example.CO.UK.", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("com", "com"),
        ("deep.user.github.io", "user.github.io"),
        ("w.x.y.ck", "x.y.ck"),
        ("mail.corp.lan", "corp.lan"),
        ("a.b.corp.lan", "corp.lan"),
        ("corp.lan", "corp.lan"),
        ("lan", "lan"),
        ("192.0.2.1", "192.0.2.1"),
        ("www.xn--85x722f.xn--fiqs8s", "xn--85x722f.xn--fiqs8s"),
        ("", ""),
    ],
)
def test_organizational_domain(domain: str, organizational: str) -> None:
    assert organizational_domain(domain) == organizational


class TestDiscovery:
    async def test_the_author_domain_comes_first(self) -> None:
        zone = Zone({"_dmarc.a.example.org": "v=DMARC1; p=none; sp=reject"})
        found = await discover_policy(zone, "A.Example.org")
        assert (found.policy_domain, found.policy) == ("a.example.org", "none")
        assert zone.asked == ["_dmarc.a.example.org"]

    async def test_then_the_organizational_domain_and_its_sp(self) -> None:
        zone = Zone({"_dmarc.example.org": "v=DMARC1; p=none; sp=reject"})
        found = await discover_policy(zone, "a.b.example.org")
        assert (found.policy_domain, found.policy) == ("example.org", "reject")
        assert found.organizational_domain == "example.org"
        assert zone.asked == ["_dmarc.a.b.example.org", "_dmarc.example.org"]

    async def test_without_sp_p_is_for_subdomains_too(self) -> None:
        zone = Zone({"_dmarc.example.org": "v=DMARC1; p=quarantine"})
        assert (await discover_policy(zone, "a.example.org")).policy == "quarantine"

    async def test_sp_is_not_for_the_domain_itself(self) -> None:
        zone = Zone({"_dmarc.example.org": "v=DMARC1; p=quarantine; sp=none"})
        assert (await discover_policy(zone, "example.org")).policy == "quarantine"

    async def test_nothing_between_the_two_is_asked(self) -> None:
        zone = Zone({"_dmarc.b.example.org": "v=DMARC1; p=reject"})
        found = await discover_policy(zone, "a.b.example.org")
        assert (found.record, found.error, found.policy) == (None, "", None)

    async def test_other_texts_beside_the_record_do_no_harm(self) -> None:
        zone = Zone({"_dmarc.example.org": ["v=spf1 -all", "junk", "v=DMARC1; p=reject", ""]})
        assert (await discover_policy(zone, "example.org")).policy == "reject"

    async def test_other_texts_alone_are_no_record(self) -> None:
        zone = Zone(
            {"_dmarc.a.example.org": ["v=spf1 -all"], "_dmarc.example.org": "v=DMARC1; p=reject"}
        )
        assert (await discover_policy(zone, "a.example.org")).policy_domain == "example.org"

    async def test_two_records_are_none(self) -> None:
        zone = Zone(
            {
                "_dmarc.a.example.org": ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
                "_dmarc.example.org": "v=DMARC1; p=reject",
            }
        )
        found = await discover_policy(zone, "a.example.org")
        assert (found.record, found.error, found.reason) == (None, "permerror", "2 DMARC records")

    async def test_a_broken_record_is_not_replaced_by_the_parents(self) -> None:
        zone = Zone(
            {
                "_dmarc.a.example.org": "v=DMARC1; p=no",
                "_dmarc.example.org": "v=DMARC1; p=reject",
            }
        )
        found = await discover_policy(zone, "a.example.org")
        assert (found.error, found.policy_domain) == ("permerror", "a.example.org")

    @pytest.mark.parametrize("code", ["servfail", "timeout", "refused", "limit"])
    @pytest.mark.parametrize("name", ["_dmarc.a.example.org", "_dmarc.example.org"])
    async def test_no_answer_is_no_evidence(self, name: str, code: Any) -> None:
        found = await discover_policy(Zone(codes={name: code}), "a.example.org")
        assert (found.error, found.reason) == ("temperror", f"DNS: {code}")

    async def test_internationalised_domains_are_asked_as_a_labels(self) -> None:
        zone = Zone({"_dmarc.xn--bcher-kva.example": "v=DMARC1; p=reject"})
        found = await discover_policy(zone, "Bücher.example")
        assert (found.domain, found.policy) == ("xn--bcher-kva.example", "reject")

    @pytest.mark.parametrize("domain", ["", "a..b", "a b.example", "x" * 64 + ".org", "\ud800.org"])
    async def test_what_is_no_domain_is_not_asked(self, domain: str) -> None:
        zone = Zone()
        found = await discover_policy(zone, domain)
        assert (found.record, found.error, zone.asked) == (None, "", [])
        assert found.reason == "not a domain name"


class TestHostileTexts:
    def test_ten_thousand_tags(self) -> None:
        assert (
            parse("v=DMARC1; p=reject" + ";a=1" * 10_000).error == f"longer than {MAX_RECORD} bytes"
        )
        assert parse("v=DMARC1; p=reject" + ";a=1" * MAX_TAGS).error == f"more than {MAX_TAGS} tags"
        assert parse("v=DMARC1; p=reject" + ";a=1" * (MAX_TAGS - 1)).policy == "reject"

    @pytest.mark.parametrize("unit", ["\0", "=", " ", "; ", ";p=", ";rua=mailto:", ",", "é", "p"])
    def test_64_kilobytes_cost_nothing(self, unit: str) -> None:
        start = time.process_time()
        for text in (f"v=DMARC1;{unit * 65_536}", unit * 65_536, f"v=DMARC1;p={unit * 8_000}"):
            record = parse_dmarc_record(text.encode()[:65_536])
            assert record is None or record.error
        assert time.process_time() - start < 0.1

    def test_nul_bytes_are_no_letters(self) -> None:
        assert (
            parse("v=DMARC1; p=re\0ject").error
            == "p is 're\\x00ject', not none, quarantine or reject"
        )
        assert parse("v=DMARC1; p=reject\0; rua=\0").error

    async def test_a_thousand_records_in_one_answer(self) -> None:
        zone = Zone({"_dmarc.example.org": ["v=DMARC1; p=reject"] * 1000})
        assert (await discover_policy(zone, "example.org")).error == "permerror"

    @settings(max_examples=200, deadline=None)
    @given(
        st.binary(max_size=200)
        | st.lists(
            st.sampled_from(
                [*"=;:,! \t\0é", "p", "sp", "none", "reject", "rua", "mailto:a@b.c", "1"]
            )
        ).map(lambda parts: ("v=DMARC1;" + "".join(parts)).encode())
    )
    def test_never_raises(self, text: bytes) -> None:
        record = parse_dmarc_record(text)
        assert (record is not None) == is_dmarc_record(text)
        if record is not None and not record.error:
            assert record.policy_for(subdomain=True) in ("none", "quarantine", "reject")
            assert 0 <= record.percent <= 100 and record.failure_options
