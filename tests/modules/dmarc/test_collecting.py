# SPDX-License-Identifier: Apache-2.0
"""What is counted for reports, under which keys, and how much strangers can have us store."""

import asyncio
import json

import pytest

from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc, collecting
from gatepost.modules.dmarc.report_keys import period_of
from gatepost.modules.spf import Spf
from gatepost.store.sqlite import SqliteStore
from gatepost.testing import NOW, Bench, mail, zone

MODULES = [Spf, Dkim, Dmarc]
DAY = period_of(NOW)
RUA = "mailto:d@a.example"
KEY = f"dmarc_rpt;a.example;{RUA};{DAY}"
FAILED = "203.0.113.7,fail,fail,reject,,a.example,,,,,example.org,none,mfrom,"
ON = 'enabled = true; email = "d@example.org"; domain = "example.org";'


def dns(*more):
    return zone(
        f"_dmarc.a.example. TXT 'v=DMARC1; p=reject; rua={RUA}'",
        "_dmarc.quiet.example. TXT 'v=DMARC1; p=reject'",
        "_dmarc.web.example. TXT 'v=DMARC1; p=reject; rua=https://web.example/d'",
        "_dmarc.wrong.example. TXT 'v=DMARC1; p=none; rua=d@wrong.example'",
        "_dmarc.two.example. TXT 'v=DMARC1; p=none; rua=mailto:d@two.example,mailto:e@two.example'",
        "a.example. TXT 'v=spf1 ip4:192.0.2.1 -all'",
        *more,
    )


def letter(author="u@a.example", **envelope):
    return mail(headers={"From": author}, **envelope)


def bench(store, options="", *, more="", resolver=None):
    config = f"dmarc {{ reporting {{ {ON} {options} }} {more} }}"
    return Bench(MODULES, config=config, dns=resolver or dns(), store=store)


async def count(store, *letters, options="", more=""):
    async with bench(store, options, more=more) as one:
        for given in letters:
            await one.scan(given)


async def index(store, day=DAY):
    return await store.set_members(f"dmarc_idx;{day}")


async def test_letters_that_are_alike_are_one_row(store):
    passed = letter(sender="u@a.example", ip="192.0.2.1")
    await count(store, letter(), letter(), passed, letter(), passed)
    assert await index(store) == {KEY.encode()}
    assert await store.ranked_list(KEY) == [
        (FAILED, 3.0),
        ("192.0.2.1,pass,fail,none,,a.example,,,,,a.example,pass,mfrom,", 2.0),
    ]


async def test_the_policy_is_kept_as_it_was_found(store):
    await count(store, letter())
    (text,) = await store.hash_get(f"dmarc_rec;{DAY}", ["a.example"])
    record = json.loads(text)
    assert record["policy"] == "reject"
    assert [uri["address"] for uri in record["rua"]] == ["d@a.example"]


async def test_each_day_has_its_own_report(store):
    async with bench(store) as one:
        await one.scan(letter(), now=NOW)
        await one.scan(letter(), now=NOW + 86_400)
    tomorrow = period_of(NOW + 86_400)
    assert await index(store) == {KEY.encode()}
    assert await index(store, tomorrow) == {KEY.replace(DAY, tomorrow).encode()}


async def test_a_change_of_the_policy_during_the_day_is_noticed(store):
    resolver = dns()
    async with bench(store, resolver=resolver) as one:
        await one.scan(letter())
        key = ("_dmarc.a.example", "TXT")
        resolver.records[key] = [f"v=DMARC1; p=none; rua={RUA}".encode()]
        await one.scan(letter())
    (text,) = await store.hash_get(f"dmarc_rec;{DAY}", ["a.example"])
    assert json.loads(text)["policy"] == "none"


async def test_many_at_once_are_all_counted(store):
    async with bench(store) as one, bench(store) as other:
        await asyncio.gather(*(b.scan(letter()) for b in (one, other) for _ in range(25)))
    assert await store.ranked_list(KEY) == [(FAILED, 50.0)]


NOT_COUNTED = {
    "no rua": letter("u@quiet.example"),
    "no mailbox": letter("u@web.example"),
    "bad rua": letter("u@wrong.example"),
    "no record": letter("u@gone.example"),
    "two authors": letter("u@a.example, v@a.example"),
    "no ip": letter(ip=None),
    "user": letter(user="anna"),
    "local": letter(ip="127.0.0.1"),
    "rspamc": letter(request={"User-Agent": "rspamc"}),
    "controller": letter(request={"Password": "x"}),
}


@pytest.mark.parametrize("given", NOT_COUNTED.values(), ids=NOT_COUNTED)
async def test_what_is_not_counted(store, given):
    await count(store, given)
    assert await index(store) == frozenset()
    await count(store, letter())
    assert await index(store) == {KEY.encode()}


async def test_outbound_mail_that_is_checked_is_counted(store):
    await count(store, letter(user="anna"), more="check_authed = true;")
    assert len(await store.ranked_list(KEY)) == 1


async def test_scans_by_hand_can_be_counted(store):
    by_hand = letter(request={"User-Agent": "rspamc"})
    await count(store, by_hand, options="report_local_controller = true;")
    assert await index(store) == {KEY.encode()}


async def test_nothing_is_stored_unless_reports_are_on(store):
    async with Bench(MODULES, dns=dns(), store=store) as one:
        await one.scan(letter())
    assert await index(store) == frozenset()


@pytest.mark.parametrize(
    "options, more, counted",
    [
        ('only_domains = ["a.example"];', "", True),
        ('only_domains = ["other.example"];', "", False),
        ('exclude_domains = ["a.example"];', "", False),
        ('exclude_domains = ["other.example"];', "", True),
        ('only_domains = ["a.example"]; exclude_domains = ["a.example"];', "", False),
        ('exclude_recipients = ["bob@example.net"];', "", False),
        ('exclude_recipients = ["anna@example.net"];', "", True),
        ('exclude_rua_addresses = ["d@a.example"];', "", False),
        ('exclude_rua_addresses = ["d@other.example"];', "", True),
        ("", 'no_reporting_domains = ["a.example"];', False),
    ],
)
async def test_who_is_left_out(store, options, more, counted):
    await count(store, letter(), options=options, more=more)
    assert bool(await index(store)) == counted


async def test_domains_match_as_the_organisation_above_them_too(store):
    resolver = dns("_dmarc.x.org.example. TXT 'v=DMARC1; p=none; rua=mailto:d@org.example'")
    options = 'exclude_domains = ["org.example"];'
    async with bench(store, options, resolver=resolver) as one:
        await one.scan(letter("u@x.org.example"))
    assert await index(store) == frozenset()


async def test_one_address_of_two_that_is_left_out_does_not_stop_the_other(store):
    options = 'exclude_rua_addresses = ["e@two.example"];'
    await count(store, letter("u@two.example"), options=options)
    assert len(await index(store)) == 1


async def test_keys_are_the_configured_ones(store):
    options = 'redis_keys { index_prefix = "i"; report_prefix = "r"; join_char = "|"; }'
    await count(store, letter(), options=options)
    assert await store.set_members(f"i|{DAY}") == {f"r|a.example|{RUA}|{DAY}".encode()}


# Bounds


async def test_what_nobody_sends_is_gone_after_two_days(tmp_path):
    clock = [NOW]
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock[0])
    await count(store, letter())
    clock[0] += 172_000
    assert await index(store) == {KEY.encode()}
    clock[0] += 1000
    assert await index(store) == frozenset()
    assert await store.ranked_list(KEY) == []
    assert await store.hash_get_all(f"dmarc_rec;{DAY}") == {}
    assert await store.hash_get_all(f"dmarc_cnt;{DAY}") == {}
    await store.close()


async def test_different_rows_are_bounded(store):
    letters = [letter(ip=f"203.0.113.{n}") for n in range(40)]
    await count(store, *letters, options="max_entries = 10;")
    assert len(await store.ranked_list(KEY)) <= 11


async def test_domains_of_a_day_are_bounded(store):
    records = [f"_dmarc.d{n}.example. TXT 'v=DMARC1; p=none; rua={RUA}'" for n in range(9)]
    resolver = zone(*records)
    async with bench(store, "max_domains = 5;", resolver=resolver) as one:
        for n in [*range(9), *range(9)]:
            await one.scan(letter(f"u@d{n}.example"))
    assert len(await index(store)) == 5
    assert await store.ranked_list(KEY.replace("a.example", "d8.example")) == []


async def test_a_wildcard_record_does_not_fill_the_store(store, monkeypatch):
    monkeypatch.setattr(collecting, "MAX_PER_ORGANISATION", 3)
    records = [f"_dmarc.x{n}.evil.example. TXT 'v=DMARC1; p=none; rua={RUA}'" for n in range(9)]
    async with bench(store, resolver=dns(*records)) as one:
        for n in range(9):
            await one.scan(letter(f"u@x{n}.evil.example"))
        await one.scan(letter())
    found = await index(store)
    assert sum(b"evil.example" in key for key in found) == 3
    assert KEY.encode() in found, "others are counted all the same"


async def test_a_process_remembers_no_more_keys_than_it_may(store, monkeypatch):
    monkeypatch.setattr(collecting, "MAX_KNOWN", 2)
    records = [f"_dmarc.d{n}.example. TXT 'v=DMARC1; p=none; rua={RUA}'" for n in range(5)]
    async with bench(store, resolver=zone(*records)) as one:
        for n in range(5):
            await one.scan(letter(f"u@d{n}.example"))
        assert len(one.app.modules[2].module.collector.known) == 2
    assert len(await index(store)) == 5


async def test_a_lost_index_is_made_again_after_a_while(store):
    async with bench(store) as one:
        await one.scan(letter())
        await store.delete(f"dmarc_idx;{DAY}")
        await one.scan(letter(), now=NOW + 60)
        assert await index(store) == frozenset(), "one write a letter"
        await one.scan(letter(), now=NOW + 700)
    assert await index(store) == {KEY.encode()}
    assert await store.ranked_list(KEY) == [(FAILED, 3.0)]


async def test_a_store_that_fails_costs_the_report_and_not_the_verdict(broken_store, caplog):
    async with bench(broken_store) as one:
        result = await one.scan(letter())
    assert "DMARC_POLICY_REJECT" in result.hits
    assert result.outcomes["DMARC_CHECK"].outcome == "ran"
    assert "not counted for the DMARC report" in caplog.text
