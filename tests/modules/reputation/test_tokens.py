# SPDX-License-Identifier: Apache-2.0
"""What in a letter has a reputation, and the names it is kept under."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatepost.authn import DkimVerdict, SpfResult
from gatepost.modules.reputation.options import IpOptions
from gatepost.modules.reputation.tokens import (
    MAX_TOKENS,
    Token,
    masked,
    selector_tokens,
    sender_tokens,
    signer_tokens,
    signers,
    spf_token,
    url_domains,
    url_tokens,
)
from gatepost.scan.module import Module, RunAlways
from gatepost.scan.selectors import parse_selector
from gatepost.scan.task import Task
from gatepost.testing import Letter, mail, scan


class Nothing(Module):
    """Checks nothing: the test only needs a task."""

    name = "nothing"
    group = "nothing"
    outbound = RunAlways()


async def task_of(letter: Letter | None = None, **variables: object) -> Task:
    task = (await scan(Nothing, letter or mail())).task
    task.variables.update(variables)
    return task


def names(tokens: list[Token]) -> list[str]:
    return [token.prefix + token.name for token in tokens]


@pytest.mark.parametrize(
    "ip, variables, expected",
    [
        ("203.0.113.7", {}, ["i:203.0.113.7"]),
        ("203.0.113.7", {"asn": "64496", "country": "XX"}, ["a:64496", "c:XX", "i:203.0.113.7"]),
        ("203.0.113.7", {"asn": 64496, "country": ""}, ["a:64496", "i:203.0.113.7"]),
        ("2001:DB8::0:7", {}, ["i:2001:db8::"]),
        (None, {"asn": "64496"}, []),
    ],
)
async def test_a_sender_is_where_he_is(ip, variables, expected) -> None:
    task = await task_of(mail(ip=ip), **variables)
    assert names(sender_tokens(task, IpOptions())) == expected


@pytest.mark.parametrize(
    "ip, v4, v6, network",
    [
        ("203.0.113.7", 32, 64, "203.0.113.7"),
        ("203.0.113.7", 24, 64, "203.0.113.0"),
        ("203.0.113.7", 30, 64, "203.0.113.4"),
        ("203.0.113.7", 0, 64, "0.0.0.0"),
        ("2001:db8:1:2:3::7", 32, 64, "2001:db8:1:2::"),
        ("2001:db8:1:2:3::7", 32, 128, "2001:db8:1:2:3::7"),
        ("2001:db8:1:2:3::7", 32, 0, "::"),
    ],
)
def test_neighbours_share_a_network(ip: str, v4: int, v6: int, network: str) -> None:
    options = IpOptions(ipv4_mask=v4, ipv6_mask=v6)
    assert masked(ip_address(ip), options) == ip_address(network)


SPF = SpfResult("pass", "Good.example", "mailfrom", record="v=spf1 mx -all")


@pytest.mark.parametrize(
    "found, has_one",
    [
        (SPF, True),
        (SpfResult("fail", "good.example", "mailfrom", record="v=spf1 mx -all"), False),
        (SpfResult("pass", "x.example", "mailfrom", record="v=spf1 +all", plus_all=True), False),
        (SpfResult("pass", "x.example", "mailfrom"), False),
        (None, False),
        ("pass", False),  # a settings' variable of that name
    ],
)
async def test_only_a_pass_of_an_spf_record_is_one(found: object, has_one: bool) -> None:
    assert (spf_token(await task_of(spf=found)) is not None) is has_one


async def test_an_spf_record_is_known_by_its_hash() -> None:
    record = "example.com"  # the vector of the reference, §0.4
    found = SpfResult("pass", "Good.example", "mailfrom", record=record)
    token = spf_token(await task_of(spf=found))
    assert token == Token("rciuosbadgpq6b5wt436nhgnwzmfh9w9", label="good.example")


def verdicts(text: str) -> list[DkimVerdict]:
    pairs = (one.partition("=") for one in text.split())
    return [DkimVerdict(result, domain=domain) for domain, _, result in pairs]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "signed, expected",
    [
        ("", {}),
        ("mail.example.org=pass", {"example.org": "a"}),
        ("Mail.Example.ORG=fail", {"example.org": "r"}),
        ("a.example.co.uk=neutral", {"example.co.uk": "u"}),
        # the best of several signatures of a domain
        ("example.org=fail a.example.org=pass b.example.org=fail", {"example.org": "a"}),
        ("example.org=permerror example.org=fail", {"example.org": "r"}),
        ("example.org=fail example.org=temperror", {"example.org": "r"}),
        ("example.org=pass example.net=permerror", {"example.org": "a", "example.net": "u"}),
        ("=permerror", {}),  # a signature that cannot be read
    ],
)
async def test_signers_are_domains(signed: str, expected: dict[str, str]) -> None:
    task = await task_of(dkim=verdicts(signed))
    assert signers(task) == expected
    assert names(signer_tokens(task)) == [f"{k}.{v}" for k, v in expected.items()]


async def test_without_the_dkim_module_nobody_signed() -> None:
    assert signer_tokens(await task_of()) == []


HTML = """<html><body><a href="http://evil.example.com/x">http://bank.example.org/</a>
<img src="http://pixel.example.net/1.gif"> <a href="mailto:me@example.co.uk">me</a>
<a href="http://other.example.com/">other</a></body></html>"""


async def test_domains_of_links_are_those_a_reader_could_follow() -> None:
    letter = mail(HTML, headers={"Content-Type": "text/html"})
    assert url_domains(await task_of(letter)) == {"example.com": 2, "example.co.uk": 1}


async def test_the_domains_with_most_links_come_first() -> None:
    body = "http://example.net/ http://example.org/1 http://www.example.org/2 http://192.0.2.1/"
    task = await task_of(mail(body))
    assert [(t.name, t.share) for t in url_tokens(task, 2)] == [
        ("example.org", 2),
        ("example.net", 1),
    ]
    assert len(url_tokens(task, 10)) == 3
    assert url_tokens(await task_of(), 10) == []


async def test_values_of_a_selector_count_once_and_are_bounded() -> None:
    rcpts = [f"r{number}@example.net" for number in range(200)]
    task = await task_of(mail(rcpt=["b@example.net", "b@example.net", "a@example.net"]))
    assert names(selector_tokens(task, parse_selector("rcpts"))) == [
        "b@example.net",
        "a@example.net",
    ]
    assert selector_tokens(task, parse_selector("user")) == []
    assert selector_tokens(task, parse_selector("id('')")) == []
    many = selector_tokens(await task_of(mail(rcpt=rcpts)), parse_selector("rcpts"))
    assert len(many) == MAX_TOKENS
