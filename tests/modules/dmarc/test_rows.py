# SPDX-License-Identifier: Apache-2.0
"""A message as a line in the store, and the line as a row of the report."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmarc_zone import Zone
from gatepost.authn import DkimIdentity, Override, ReportRow, SpfIdentity, discover_policy
from gatepost.authn.dmarc import evaluate_dmarc
from gatepost.modules.dmarc.rows import read_row, write_row

IP = ip_address("192.0.2.1")


async def judge(spf, dkim, *, record="v=DMARC1; p=reject", sample=0, honour=True):
    discovery = await discover_policy(Zone({"_dmarc.a.example": record}), "a.example")
    return evaluate_dmarc(discovery, spf, dkim, sample, honour_percent=honour)


async def test_the_first_twelve_fields_are_rspamds():
    spf = SpfIdentity("a.example", "pass")
    dkim = [
        DkimIdentity("a.example", "pass", "s1"),
        DkimIdentity("b.example", "pass", "s2"),
        DkimIdentity("c.example", "fail", "s3"),
        DkimIdentity("d.example", "temperror", "s4"),
        DkimIdentity("e.example", "permerror", "s5"),
    ]
    line = write_row(await judge(spf, dkim), IP, spf, dkim)
    assert line.split(",")[:12] == [
        "192.0.2.1",
        "pass",
        "pass",
        "none",
        "",
        "a.example",
        "a.example|b.example",
        "c.example",
        "d.example",
        "e.example",
        "a.example",
        "pass",
    ]


async def test_what_is_written_is_read():
    spf = SpfIdentity("mx.b.example", "softfail", "helo")
    dkim = (
        DkimIdentity("a.example", "neutral", "s1"),
        DkimIdentity("b.example", "pass", "s2"),
        DkimIdentity("c.example", "policy", ""),
    )
    row = read_row(write_row(await judge(spf, dkim), IP, spf, dkim), 7)
    assert row == ReportRow(
        source_ip=IP,
        count=7,
        header_from="a.example",
        envelope_from="",  # a bounce: SPF is about HELO
        disposition="reject",
        spf=(spf,),
        dkim=(dkim[1], dkim[0], dkim[2]),  # in Rspamd's order, by result
    )


async def test_a_line_of_rspamds_is_read():
    line = "2001:db8::1,fail,pass,quarantine,sampled_out,a.example,"
    line += "a.example|b.example,,,,e.example,fail"
    assert read_row(line, 3) == ReportRow(
        source_ip=ip_address("2001:db8::1"),
        count=3,
        header_from="a.example",
        envelope_from="e.example",
        disposition="quarantine",
        dkim_aligned=True,
        overrides=(Override("sampled_out"),),
        spf=(SpfIdentity("e.example", "fail"),),
        dkim=(DkimIdentity("a.example", "pass"), DkimIdentity("b.example", "pass")),
    )


@pytest.mark.parametrize(
    "honour, disposition, override",
    [(True, "quarantine", "sampled_out"), (False, "reject", "local_policy")],
)
async def test_the_reason_for_another_disposition_is_kept(honour, disposition, override):
    verdict = await judge(None, [], record="v=DMARC1; p=reject; pct=10", sample=50, honour=honour)
    row = read_row(write_row(verdict, IP, None, ()), 1)
    assert row.disposition == disposition
    assert [one.type for one in row.overrides] == [override]
    assert row.spf == ()


async def test_an_address_in_disguise_is_written_plainly():
    verdict = await judge(None, [])
    assert write_row(verdict, ip_address("::ffff:192.0.2.1"), None, ()).startswith("192.0.2.1,")
    assert write_row(verdict, ip_address("fe80::1%eth0"), None, ()).startswith("fe80::1,")


async def test_a_letter_with_many_signatures_makes_no_endless_row():
    dkim = [DkimIdentity(f"{'x' * 300}{n}.example", "fail", "s" * 5000) for n in range(1000)]
    line = write_row(await judge(None, dkim), IP, None, dkim)
    assert len(line) < 20 * 600
    assert len(read_row(line, 1).dkim) == 20


@pytest.mark.parametrize(
    "line", ["", ",,,,,,,,,,,", "nonsense", "192.0.2.1,pass,pass,none", "a,b,c,d,e,f,g,h,i,j,k,l"]
)
async def test_what_is_no_row_is_none(line):
    assert read_row(line, 1) is None


@given(st.lists(st.text(max_size=20), min_size=10, max_size=16))
@settings(max_examples=100, deadline=None)
def test_any_line_is_a_row_or_none(fields):
    row = read_row(",".join(["192.0.2.1", "pass", *fields]), 1)
    assert row is None or row.disposition in ("none", "quarantine", "reject")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_strangers_cannot_write_into_other_fields(domain, selector, sender):
    import asyncio

    spf = SpfIdentity(sender, "fail")
    dkim = [DkimIdentity(domain or "-", "fail", selector), DkimIdentity("z.example", "pass", "z")]
    verdict = asyncio.run(judge(None, []))
    line = write_row(verdict, IP, spf, dkim)
    assert line.count(",") == 13
    assert line.isascii() and line.isprintable()
    row = read_row(line, 1)
    assert [one.result for one in row.dkim] == ["pass", "fail"]
    assert (row.header_from, row.spf_aligned, row.dkim_aligned) == ("a.example", False, False)
