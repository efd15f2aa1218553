# SPDX-License-Identifier: Apache-2.0
"""Reports go only to those who want them (RFC 7489 7.1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmarc_zone import Zone
from gatepost.authn.dmarc_destinations import Destinations, verify_destinations
from gatepost.authn.dmarc_uri import MAX_URIS, parse_report_uris

NAME = "blue.example.com._report._dmarc.red.example.net"
RED = "mailto:reports@red.example.net"


async def verify(zone: Zone, rua: str, domain: str = "blue.example.com") -> Destinations:
    return await verify_destinations(zone, domain, parse_report_uris(rua).uris)


def addresses(found: Destinations) -> list[str]:
    return [uri.address for uri in found.accepted]


@pytest.mark.parametrize(
    "rua",
    [
        "mailto:d@blue.example.com",
        "mailto:d@example.com",
        "mailto:d@a.b.example.com",
        "mailto:d@EXAMPLE.com",
    ],
)
async def test_a_domain_may_report_to_itself_without_a_query(rua: str) -> None:
    zone = Zone()
    assert len((await verify(zone, rua)).accepted) == 1
    assert zone.asked == []


@pytest.mark.parametrize("record", ["v=DMARC1", "v=DMARC1;", ["junk", "v=DMARC1; p=none"]])
async def test_another_domain_has_to_agree(record: str | list[str]) -> None:
    zone = Zone({NAME: record})
    found = await verify(zone, RED + "!10m")
    assert addresses(found) == ["reports@red.example.net"]
    assert found.accepted[0].max_size == 10 << 20
    assert zone.asked == [NAME]


@pytest.mark.parametrize(
    "record", [None, "v=spf1 -all", "v=DMARC2", "p=none; v=DMARC1", "yes please", ""]
)
async def test_without_its_word_it_gets_nothing(record: str | None) -> None:
    found = await verify(Zone({NAME: record} if record is not None else {}), RED)
    assert found.accepted == ()
    assert [reason for _, reason in found.refused] == ["the host does not ask for these reports"]


async def test_two_domains_below_one_public_suffix_are_strangers() -> None:
    found = await verify(Zone(), "mailto:d@b.co.uk", "a.co.uk")
    assert found.accepted == ()


async def test_the_host_may_name_another_mailbox_of_its_own() -> None:
    zone = Zone({NAME: "v=DMARC1; rua=mailto:in@red.example.net!1m,mailto:two@red.example.net"})
    found = await verify(zone, RED)
    assert addresses(found) == ["in@red.example.net", "two@red.example.net"]
    assert found.accepted[0].max_size == 1 << 20


@pytest.mark.parametrize(
    "rua", ["mailto:v@victim.example", "mailto:in@red.example.net,mailto:v@sub.red.example.net"]
)
async def test_it_may_not_pass_them_on_to_another_host(rua: str) -> None:
    found = await verify(Zone({NAME: f"v=DMARC1; rua={rua}"}), RED)
    assert found.accepted == ()
    assert [reason for _, reason in found.refused] == ["the host names another host"]


async def test_no_answer_is_asked_again_later() -> None:
    found = await verify(Zone(codes={NAME: "timeout"}), RED + ",mailto:d@example.com")
    assert [uri.address for uri in found.undecided] == ["reports@red.example.net"]
    assert addresses(found) == ["d@example.com"]


async def test_only_mailboxes_are_accepted() -> None:
    zone = Zone({NAME: "v=DMARC1; rua=https://red.example.net/in"})
    found = await verify(zone, "https://blue.example.com/in," + RED)
    assert found.accepted == ()
    assert [reason for _, reason in found.refused] == ["no mailbox", "no mailbox"]


async def test_an_overlong_name_cannot_be_asked_and_gets_nothing() -> None:
    host = ".".join(["a" * 60] * 3) + ".example.net"
    zone = Zone(codes={f"blue.example.com._report._dmarc.{host}": "badname"})
    assert (await verify(zone, f"mailto:x@{host}")).accepted == ()


async def test_a_host_cannot_multiply_the_reports() -> None:
    many = ",".join(f"mailto:a{n}@red.example.net" for n in range(MAX_URIS))
    more = many.replace("mailto:a", "mailto:b")
    zone = Zone({NAME: [f"v=DMARC1; rua={many}", f"v=DMARC1; rua={more}"]})
    found = await verify(zone, f"{RED},{RED}!1k,{RED}!2k")
    assert len(found.accepted) == MAX_URIS


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=60) | st.just(b"v=DMARC1;rua=mailto:a@red.example.net"), max_size=4)
)
async def test_whatever_the_host_says_no_other_host_gets_a_report(texts: list[bytes]) -> None:
    found = await verify(Zone({NAME: texts}), RED)
    assert all(uri.host == "red.example.net" for uri in found.accepted)
