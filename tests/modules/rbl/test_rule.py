# SPDX-License-Identifier: Apache-2.0
"""One rule at work: one question a name, answers as they come, and what each of them means."""

from __future__ import annotations

import asyncio

import pytest

from gatepost.modules.rbl import Rbl
from gatepost.modules.rbl.rule import as_they_end
from gatepost.net import Answer, RecordType
from gatepost.testing import Letter, Scanned, Zone, mail, scan, zone


class Later(Zone):
    """A zone whose answers come a turn of the loop later, or never."""

    def begin(self, name: str, type: RecordType) -> Answer | asyncio.Future[Answer]:  # type: ignore[override]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        answer = super().begin(name, type)
        if answer.rcode != "timeout":
            loop.call_soon(future.set_result, answer)
        return future


async def ask(rule: str, letter: Letter, dns: Zone, *, more: str = "") -> Scanned:
    """With one rule, called LIST, of the zone bl.test."""
    config = f'{more} rbl {{ rbls {{ LIST {{ rbl = "bl.test"; {rule} }} }} }}'
    return await scan(Rbl, letter, config=config, dns=dns)


LISTED = ("evil.org.bl.test. A 127.0.0.2", "evil.org.bl.test. A 127.0.0.4")
LINK = mail("http://www.evil.org/ and http://good.org/")
CODES = "returncodes { TWO = 127.0.0.2; FOUR = 127.0.0.4; }"


@pytest.mark.parametrize("kind", [Zone, Later])
@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        ("urls = true", {"LIST": ["evil.org:url"]}),
        (f"urls = true; {CODES}", {"TWO": ["evil.org:url"], "FOUR": ["evil.org:url"]}),
        (
            "urls = true; unknown = true; returncodes { TWO = 127.0.0.2 }",
            {"TWO": ["evil.org:url"], "LIST": ["evil.org:url:127.0.0.4"]},
        ),
        ("urls = true; returncodes { TWO = 127.0.0.2 }", {"TWO": ["evil.org:url"]}),
        (
            "urls = true; returnbits { A = 2; B = 4; C = 1 }",
            {"A": ["evil.org:url"], "B": ["evil.org:url"]},
        ),
        ("urls = true; symbols_prefixes { url = U }", {"U_LIST": ["evil.org:url"]}),
        (
            f"urls = true; {CODES} symbols_prefixes {{ url = U }}",
            {"U_TWO": ["evil.org:url"], "U_FOUR": ["evil.org:url"]},
        ),
        ('urls = true; symbol = "OTHER"', {"OTHER": ["evil.org:url"]}),
    ],
)
async def test_what_answers_mean(kind: type[Zone], rule: str, hits: dict[str, list[str]]) -> None:
    assert (await ask(rule, LINK, kind(LISTED))).hits == hits


@pytest.mark.parametrize("kind", [Zone, Later])
@pytest.mark.parametrize(
    ("code", "said"),
    [("servfail", "server fail"), ("refused", "query refused"), ("notimp", "not implemented")],
)
async def test_a_list_that_fails_is_named(kind: type[Zone], code: str, said: str) -> None:
    dns = kind((), [f"A evil.org.bl.test {code}"])
    assert (await ask("urls = true", LINK, dns)).hits == {"LIST_FAIL": [f"evil.org:{said}"]}


@pytest.mark.parametrize("kind", [Zone, Later])
async def test_one_name_is_asked_once_and_said_under_all_its_labels(kind: type[Zone]) -> None:
    letter = mail(
        "http://evil.org/ mailto:a@evil.org",
        helo="EVIL.org",
        headers={"Reply-To": "b@evil.org"},
    )
    dns = kind(LISTED)
    found = await ask(
        "checks = [urls, emails, helo, replyto]; emails_domainonly = true", letter, dns
    )
    assert dns.asked == [("evil.org.bl.test", "A")]
    assert [sorted(option.rpartition(":")[2] for option in found.hits["LIST"])] == [
        ["email", "helo", "replyto", "url"]
    ]


async def test_answers_that_came_before_the_deadline_count() -> None:
    dns = Later(LISTED, ["A good.org.bl.test timeout"])
    found = await ask("urls = true", LINK, dns, more="options { task_timeout = 0.05; }")
    assert found.hits == {"LIST": ["evil.org:url"]}
    assert found.outcomes["LIST"].outcome == "timeout"


@pytest.mark.parametrize("kind", [Zone, Later])
async def test_names_are_resolved_and_their_addresses_asked_for(kind: type[Zone]) -> None:
    dns = kind(
        [
            "evil.org. A 192.0.2.1",
            "evil.org. A 192.0.2.2",
            "evil.org. AAAA 2001:db8::1",
            "1.2.0.192.bl.test. A 127.0.0.2",
        ]
    )
    found = await ask("urls = true; resolve_ip = true", mail("http://evil.org/"), dns)
    assert found.hits == {"LIST": ["192.0.2.1:evil.org:url"]}
    nibbles = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
    assert sorted(dns.asked) == sorted(
        [
            ("evil.org", "A"),
            ("evil.org", "AAAA"),
            ("1.2.0.192.bl.test", "A"),
            ("2.2.0.192.bl.test", "A"),
            (f"{nibbles}.bl.test", "A"),
        ]
    )


async def test_hashes_are_asked_for_and_values_shown() -> None:
    dns = zone("rciuosbadgpq6b5wt436nhgnwzmfh9w9.bl.test. A 127.0.0.2")
    rule = "urls = true; hash = blake2; hash_format = base32; hash_len = 32"
    found = await ask(rule, mail("http://example.com/"), dns)
    assert found.hits == {"LIST": ["example.com:url"]}


async def test_a_hash_that_is_no_label_is_not_asked_for() -> None:
    dns = zone()
    await ask("urls = true; hash = sha512", LINK, dns)
    assert dns.asked == []


async def test_only_questions_that_must_be_go_beyond_the_limit() -> None:
    letter = mail("http://a.org/ http://b.org/ http://c.org/", helo="h.example")
    dns = zone()
    more = "options { dns_max_requests = 2; }"
    found = await ask("checks = [urls, helo]; requests_limit = 9", letter, dns, more=more)
    asked = [name for name, _ in dns.asked]
    assert len(asked) == 2 and "h.example.bl.test" in asked
    assert found.hits == {}
    dns = zone()
    rules = "urls = true } B { rbl = other.test; helo = true; ignore_whitelist = true"
    await ask(rules, letter, dns, more=more)
    assert "h.example.other.test" in [name for name, _ in dns.asked]


async def test_futures_are_given_as_they_end_and_left_alone_by_who_leaves() -> None:
    loop = asyncio.get_running_loop()
    first, second, third = (loop.create_future() for _ in range(3))
    second.set_result(Answer("nxdomain"))
    seen: list[asyncio.Future[Answer]] = []

    async def watch() -> None:
        async for future in as_they_end([first, second, third]):
            seen.append(future)
            if future is second:
                third.set_result(Answer("nxdomain"))

    watching = asyncio.ensure_future(watch())
    while len(seen) < 2:
        await asyncio.sleep(0)
    assert seen == [second, third]
    watching.cancel()
    await asyncio.wait([watching])
    assert not first.done()
