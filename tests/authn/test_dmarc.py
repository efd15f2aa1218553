# SPDX-License-Identifier: Apache-2.0
"""The DMARC verdict: every way in which identifiers, results and policies meet, written by hand.

The tables say what RFC 7489 3.1 (alignment), 6.6.2 (verdict) and 6.6.4 (sampling) want; nothing
in them comes from the code.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmarc_zone import Zone
from gatepost.authn.authres_format import format_authentication_results
from gatepost.authn.dmarc import (
    DkimIdentity,
    DmarcVerdict,
    SpfIdentity,
    check_dmarc,
    evaluate_dmarc,
    is_aligned,
    to_method_result,
)
from gatepost.authn.dmarc_record import Discovery, parse_dmarc_record


def discovery(author: str, tags: str, *, at: str = "") -> Discovery:
    """A record that was found at the author domain itself or ``at`` another one."""
    record = parse_dmarc_record(f"v=DMARC1; {tags}".encode())
    assert record is not None and not record.error
    return Discovery(
        domain=author,
        organizational_domain=at or author,
        policy_domain=at or author,
        record=record,
    )


def verdict(
    tags: str, spf: str = "", dkim: str = "", *, author: str = "example.org", sample: int = 99
) -> DmarcVerdict:
    """``spf`` and ``dkim`` as ``result:domain``; several signatures with blanks between them."""
    result, _, domain = spf.partition(":")
    return evaluate_dmarc(
        discovery(author, tags),
        SpfIdentity(domain, result) if spf else None,
        [
            DkimIdentity(domain, result)
            for result, _, domain in (one.partition(":") for one in dkim.split())
        ],
        sample,
    )


# author · identifier · aligned when relaxed · when strict
ALIGNMENT = """
example.org         example.org         yes yes
example.org         EXAMPLE.Org         yes yes
Example.ORG         example.org         yes yes
example.org         example.org.        yes yes
example.org         mail.example.org    yes no
example.org         a.b.c.example.org   yes no
mail.example.org    example.org         yes no
mail.example.org    mail.example.org    yes yes
mail.example.org    news.example.org    yes no
a.mail.example.org  b.news.example.org  yes no
example.org         example.net         no  no
example.org         org                 no  no
org                 example.org         no  no
example.org         notexample.org      no  no
example.org         example.org.evil.tk no  no
example.org         evil-example.org    no  no
shop.co.uk          shop.co.uk          yes yes
shop.co.uk          www.shop.co.uk      yes no
shop.co.uk          other.co.uk         no  no
shop.co.uk          co.uk               no  no
a.github.io         b.github.io         no  no
a.github.io         x.a.github.io       yes no
host.corp.lan       corp.lan            yes no
host.corp.lan       other.corp.lan      yes no
host.corp.lan       host.other.lan      no  no
bücher.example      xn--bcher-kva.example     yes yes
bücher.example      www.xn--bcher-kva.example yes no
example.org         example..org        no  no
example.org         .                   no  no
example.org         192.0.2.1           no  no
"""


@pytest.mark.parametrize("mechanism", ["spf", "dkim"])
@pytest.mark.parametrize("row", ALIGNMENT.strip().splitlines(), ids=str.split)
def test_alignment(row: str, mechanism: str) -> None:
    author, identifier, relaxed, strict = row.split()
    passed = f"pass:{identifier}"
    for mode, expected in (("r", relaxed), ("s", strict)):
        found = verdict(
            f"p=reject; aspf={mode}; adkim={mode}", author=author, **{mechanism: passed}
        )
        assert found.result == ("pass" if expected == "yes" else "fail"), mode
        assert found.spf_aligned == (expected == "yes" and mechanism == "spf")
        assert found.dkim_aligned == (expected == "yes" and mechanism == "dkim")
        # The other mechanism's mode is not asked.
        other = {"spf": f"aspf={mode}; adkim=", "dkim": f"adkim={mode}; aspf="}[mechanism]
        swapped = "s" if mode == "r" else "r"
        again = verdict(f"p=reject; {other}{swapped}", author=author, **{mechanism: passed})
        assert again.result == found.result


def test_an_empty_identifier_aligns_with_nothing() -> None:
    assert not is_aligned("", "example.org", "r")
    assert not is_aligned("", "", "r")


# What one mechanism brings, for the author domain example.org:
KINDS = {
    "A": "pass:mail.example.org",  # aligned when relaxed
    "S": "pass:example.org",  # aligned in either mode
    "U": "pass:example.net",
    "t": "temperror:example.net",
    "T": "temperror:example.org",
    "f": "fail:example.org",
    "p": "permerror:example.org",
    "n": "none:example.org",
    "-": "",
}
# Columns: DKIM; rows: SPF. P pass, F fail, ? temperror.
RELAXED = """
    A S U t T f p n -
A   P P P P P P P P P
S   P P P P P P P P P
U   P P F F ? F F F F
t   P P F F ? F F F F
T   P P ? ? ? ? ? ? ?
f   P P F F ? F F F F
p   P P F F ? F F F F
n   P P F F ? F F F F
-   P P F F ? F F F F
"""
STRICT = """
    A S U t T f p n -
A   F P F F ? F F F F
S   P P P P P P P P P
U   F P F F ? F F F F
t   F P F F ? F F F F
T   ? P ? ? ? ? ? ? ?
f   F P F F ? F F F F
p   F P F F ? F F F F
n   F P F F ? F F F F
-   F P F F ? F F F F
"""
RESULTS = {"P": "pass", "F": "fail", "?": "temperror"}


def cells(table: str) -> list[tuple[str, str, str]]:
    head, *rows = table.strip("\n").splitlines()
    columns = head.split()
    return [
        (row.split()[0], column, mark)
        for row in rows
        for column, mark in zip(columns, row.split()[1:], strict=True)
    ]


@pytest.mark.parametrize(
    "mode, spf, dkim, mark",
    [("r", *cell) for cell in cells(RELAXED)] + [("s", *cell) for cell in cells(STRICT)],
)
def test_how_the_two_mechanisms_combine(mode: str, spf: str, dkim: str, mark: str) -> None:
    found = verdict(f"p=reject; aspf={mode}; adkim={mode}", KINDS[spf], KINDS[dkim])
    assert found.result == RESULTS[mark]
    assert found.disposition == ("reject" if mark == "F" else "none")
    assert (found.reasons == ()) == (mark == "P")


# p · sp · where the record is · pct · sample → disposition, sampled out?
POLICIES = """
none       -          own    -    0   none       no
none       -          own    0    0   none       no
none       -          own    0    99  none       no
none       reject     own    -    0   none       no
none       reject     parent -    0   reject     no
none       quarantine parent -    0   quarantine no
quarantine -          own    -    99  quarantine no
quarantine -          parent -    99  quarantine no
quarantine none       own    -    0   quarantine no
quarantine none       parent -    0   none       no
quarantine reject     parent -    0   reject     no
quarantine -          own    0    0   none       yes
quarantine -          own    50   0   quarantine no
quarantine -          own    50   49  quarantine no
quarantine -          own    50   50  none       yes
quarantine -          own    50   99  none       yes
quarantine -          own    100  99  quarantine no
reject     -          own    -    0   reject     no
reject     -          own    -    99  reject     no
reject     -          parent -    99  reject     no
reject     none       own    -    0   reject     no
reject     none       parent -    0   none       no
reject     none       parent 0    0   none       no
reject     quarantine parent -    0   quarantine no
reject     quarantine parent 10   9   quarantine no
reject     quarantine parent 10   10  none       yes
reject     quarantine own    10   10  quarantine yes
reject     -          own    0    0   quarantine yes
reject     -          own    1    0   reject     no
reject     -          own    1    1   quarantine yes
reject     -          parent 1    1   quarantine yes
reject     -          own    25   24  reject     no
reject     -          own    25   25  quarantine yes
reject     -          own    25   124 reject     no
reject     -          own    25   125 quarantine yes
reject     -          own    99   98  reject     no
reject     -          own    99   99  quarantine yes
reject     -          own    100  99  reject     no
"""


@pytest.mark.parametrize("row", POLICIES.strip().splitlines())
def test_which_policy_applies(row: str) -> None:
    policy, subdomain_policy, where, percent, sample, disposition, sampled_out = row.split()
    tags = f"p={policy}"
    tags += f"; sp={subdomain_policy}" if subdomain_policy != "-" else ""
    tags += f"; pct={percent}" if percent != "-" else ""
    own = where == "own"
    found = discovery("a.example.org", tags, at="" if own else "example.org")
    failed = evaluate_dmarc(found, None, [], int(sample))
    assert (failed.result, failed.disposition) == ("fail", disposition)
    assert failed.sampled_out == (sampled_out == "yes")
    asked = policy if own or subdomain_policy == "-" else subdomain_policy
    assert failed.published == asked
    # Without sampling the policy is applied in full, and it is told that this made a difference.
    full = evaluate_dmarc(found, None, [], int(sample), honour_percent=False)
    assert (full.disposition, full.sampled_out) == (asked, False)
    assert full.sampling_overridden == (sampled_out == "yes")
    # What passes is subject to no policy.
    passed = evaluate_dmarc(found, SpfIdentity("a.example.org", "pass"), [], int(sample))
    assert (passed.result, passed.disposition, passed.sampled_out) == ("pass", "none", False)


@pytest.mark.parametrize(
    "tags, spf, dkim, reason",
    [
        ("", "", "", "No valid SPF, No valid DKIM"),
        ("", "fail:example.org", "fail:example.org", "No valid SPF, No valid DKIM"),
        ("", "pass:x.net", "", "SPF not aligned (relaxed), No valid DKIM"),
        ("aspf=s", "pass:a.example.org", "", "SPF not aligned (strict), No valid DKIM"),
        ("adkim=s", "", "pass:a.example.org", "No valid SPF, DKIM not aligned (strict)"),
        ("", "softfail:x.net", "pass:x.net fail:y.net", "No valid SPF, DKIM not aligned (relaxed)"),
        ("", "temperror:example.org", "", "SPF/DKIM temp error"),
        ("", "", "fail:example.org temperror:example.org", "SPF/DKIM temp error"),
    ],
)
def test_the_reason_is_worded_as_rspamd_does(tags: str, spf: str, dkim: str, reason: str) -> None:
    assert verdict(f"p=reject; {tags}", spf, dkim).reason == reason


def test_one_good_signature_among_many_is_enough() -> None:
    found = verdict(
        "p=reject", "", "fail:example.org pass:x.net temperror:example.org pass:a.example.org"
    )
    assert (found.result, found.dkim_aligned) == ("pass", True)


@pytest.mark.parametrize(
    "zone, result, reason",
    [
        (Zone(), "none", "no record"),
        (Zone({"_dmarc.example.org": "v=spf1 -all"}), "none", "no DMARC record"),
        (Zone({"_dmarc.example.org": ["v=DMARC1; p=none"] * 2}), "permerror", "2 DMARC records"),
        (Zone({"_dmarc.example.org": "v=DMARC1; pct=5"}), "permerror", "there is no p"),
        (Zone(codes={"_dmarc.example.org": "servfail"}), "temperror", "DNS: servfail"),
    ],
)
async def test_without_a_policy_nothing_applies(zone: Zone, result: str, reason: str) -> None:
    found = await check_dmarc(zone, "example.org", SpfIdentity("example.org", "pass"), [], 0)
    assert (found.result, found.reason) == (result, reason)
    assert (found.published, found.disposition) == (None, "none")


async def test_the_whole_way_from_the_dns_to_the_verdict() -> None:
    zone = Zone({"_dmarc.example.org": "v=DMARC1; p=none; sp=reject; adkim=s"})
    found = await check_dmarc(
        zone,
        "News.Example.org",
        SpfIdentity("bounces.mailer.example", "pass"),
        [DkimIdentity("example.org", "pass", "s1")],
        7,
    )
    assert (found.result, found.disposition, found.domain) == ("fail", "reject", "news.example.org")
    assert found.reason == "SPF not aligned (relaxed), DKIM not aligned (strict)"


@pytest.mark.parametrize(
    "spf, written",
    [
        ("pass:example.org", "dmarc=pass (policy=reject) header.from=example.org"),
        (
            "",
            'dmarc=fail reason="No valid SPF, No valid DKIM" header.from=example.org'
            " (policy=quarantine)",
        ),
        ("temperror:example.org", "dmarc=temperror (policy=reject) header.from=example.org"),
    ],
)
def test_as_authentication_results(spf: str, written: str) -> None:
    found = to_method_result(verdict("p=reject; pct=50", spf))
    text = format_authentication_results("mx.example", [found])
    assert text.replace("\r\n\t", " ") == f"mx.example; {written}"


async def test_a_missing_record_as_authentication_results() -> None:
    found = to_method_result(await check_dmarc(Zone(), "example.org", None, [], 0))
    text = format_authentication_results("mx.example", [found])
    assert text.endswith("dmarc=none (no record) header.from=example.org")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=40), st.integers())
async def test_whatever_strangers_write_there_is_a_verdict(
    domain: str, result: str, author: str, sample: int
) -> None:
    zone = Zone({"_dmarc.example.org": "v=DMARC1; p=reject; pct=50"})
    for name in (author, "example.org"):
        found = await check_dmarc(
            zone, name, SpfIdentity(domain, result), [DkimIdentity(domain, result)], sample
        )
        assert found.result in ("pass", "fail", "none", "temperror")
        assert found.result != "pass" or result == "pass"
        format_authentication_results("mx.example", [to_method_result(found)])
