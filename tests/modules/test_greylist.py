# SPDX-License-Identifier: Apache-2.0
"""Which letters have to wait, for how long, what they are told, and who need not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gatepost.modules.aliases import Aliases
from gatepost.modules.greylist import Greylist
from gatepost.store import Store, StoreSettings
from gatepost.store.redis import RedisStore
from gatepost.store.sqlite import SqliteStore
from gatepost.testing import NOW, Bench, explain, mail
from greylist_kit import (
    CORE,
    EARLY,
    LOCAL,
    MINUTE,
    NEW,
    SHIPPED,
    Scores,
    bench,
    first_and_second,
    hits,
    letter,
)
from servers_redis import start_redis

# --- waiting ------------------------------------------------------------------------------


async def test_a_first_contact_waits_and_passes_when_it_comes_back_in_time(store: Store) -> None:
    async with bench(store=store) as one:
        first = await one.scan(letter())
        assert (first.action, hits(first)) == ("soft reject", NEW)
        assert first.task.result.messages == {"smtp_message": "Try again later"}
        assert "greylisted" in first.task.flags
        early = await one.scan(letter(), now=NOW + 5 * MINUTE - 1)
        assert (early.action, early.hits) == ("soft reject", EARLY)
        assert early.outcomes["SCORES"].reason == "pre-result", "it is not scanned"
        again = await one.scan(letter(), now=NOW + 5 * MINUTE)
        assert (again.action, hits(again)) == ("no action", {"GREYLIST": ["pass", "body"]})
        assert again.score == 5.0
        assert "greylisted" not in again.task.flags


@pytest.mark.parametrize(
    "score, action, found",
    [
        (3.9, "no action", {}),
        (4.0, "soft reject", NEW),
        (6.0, "soft reject", NEW),
        (14.9, "soft reject", NEW),
        (15.0, "reject", {}),
    ],
)
async def test_the_score_decides_who_waits(score, action, found) -> None:
    async with bench() as one:
        result = await one.scan(letter(score))
    assert (result.action, hits(result)) == (action, found)


@pytest.mark.parametrize(
    "score, action", [(5.0, "no action"), (7.0, "add header"), (14.0, "add header")]
)
async def test_who_has_waited_gets_what_the_score_says_apart_from_greylisting(
    score, action
) -> None:
    _, second = await first_and_second(letter(score), letter(score))
    assert (second.action, hits(second)) == (action, {"GREYLIST": ["pass", "body"]})


@pytest.mark.parametrize(
    "options, core, score, action",
    [
        ("greylist_min_score = 8;", SHIPPED, 5.0, "no action"),
        ("greylist_min_score = 8;", SHIPPED, 7.0, "add header"),
        ("greylist_min_score = 8;", SHIPPED, 9.0, "soft reject"),
        ("", CORE + "greylist = null; }", 5.0, "no action"),
        ("", CORE + "greylist = null; }", 7.0, "soft reject"),
        ("", CORE + "greylist = 8; }", 7.0, "add header"),
        ("", CORE + "greylist = 2; }", 3.0, "soft reject"),
    ],
)
async def test_the_least_score_is_an_option_or_the_threshold(options, core, score, action) -> None:
    async with bench(options, core=core) as one:
        assert (await one.scan(letter(score))).action == action


@pytest.mark.parametrize(
    "actions, score, action",
    [
        ("greylist = 2;", 3.0, "soft reject"),
        ("greylist = 8;", 7.0, "add header"),
        ("greylist = null;", 5.0, "no action"),
    ],
)
async def test_settings_may_change_the_threshold(actions, score, action) -> None:
    rule = f'some {{ priority = high; ip = "203.0.113.7"; apply {{ actions {{ {actions} }} }} }}'
    async with bench(core=f"{SHIPPED} settings {{ {rule} }}") as one:
        assert (await one.scan(letter(score))).action == action


async def test_what_a_check_asks_to_wait_waits_at_the_threshold_and_not_below_it() -> None:
    async with bench("greylist_min_score = 1;") as one:
        assert (await one.scan(letter(0.5, wish="wait"))).action == "no action"
        assert (await one.scan(letter(1.5, wish=""))).action == "no action"
        wished = await one.scan(letter(1.5, wish="wait"))
    assert (wished.action, hits(wished)) == ("soft reject", NEW)


async def test_what_another_module_decided_stays() -> None:
    async with bench() as one:
        result = await one.scan(letter(5.0, wish="quarantine"))
    assert (result.action, hits(result)) == ("quarantine", {})


# --- who came back ------------------------------------------------------------------------

OTHER = {"body": "Something else\r\n"}


@pytest.mark.parametrize(
    "changed, passes",
    [
        ({}, ["pass", "body"]),
        (OTHER, ["pass", "meta"]),
        ({"subject": "another"}, ["pass", "meta"]),
        ({"ip": "203.0.99.1"}, ["pass", "body"]),  # the same /19
        ({"ip": "198.51.100.1"}, ["pass", "body"]),  # another network of the same farm
        ({**OTHER, "ip": "203.0.99.1"}, ["pass", "meta"]),
        ({**OTHER, "ip": "203.0.95.1"}, None),
        ({**OTHER, "sender": "eve@example.org"}, None),
        ({**OTHER, "sender": "Alice@example.org"}, None),
        ({"rcpt": "eve@example.net"}, None),
        ({"rcpt": ["bob@example.net", "eve@example.net"]}, None),
    ],
)
async def test_letter_or_sender_recipients_and_network_are_known_again(changed, passes) -> None:
    _, second = await first_and_second(letter(), letter(**changed))
    found = hits(second)["GREYLIST"]
    assert found == passes if passes else found[0] == "greylisted"


@pytest.mark.parametrize(
    "changed, passes",
    [
        ({"sender": "bounce+0815@example.org"}, "meta"),
        ({"rcpt": "bob+x@example.net"}, "body"),
        ({"rcpt": "desk@example.net"}, "body"),
        ({"sender": "other@example.org"}, None),
    ],
)
async def test_mailboxes_count_and_not_tags_or_aliases(changed, passes) -> None:
    """A list that writes another tag into each envelope sender would wait for ever."""
    usual = {"sender": "bounce+4711@example.org"}
    desk = 'aliases { rspamd_aliases { "desk@example.net" = "bob@example.net"; } }'
    config = f"{SHIPPED} {desk} greylist {{ }}"
    async with Bench([Aliases, Greylist, Scores], config=config) as one:
        await one.scan(letter(**usual))
        body = {} if passes == "body" else {"subject": "another"}
        second = await one.scan(letter(**usual | changed | body), now=NOW + 10 * MINUTE)
    assert (second.hits["GREYLIST"] == ["pass", str(passes)]) is (passes is not None)


@pytest.mark.parametrize(
    "first, second, same",
    [("2001:db8::1", "2001:db8::ffff:1", True), ("2001:db8::1", "2001:db8:0:1::1", False)],
)
async def test_of_an_ipv6_address_64_bits_count(first, second, same) -> None:
    _, found = await first_and_second(letter(ip=first), letter(ip=second, **OTHER))
    assert (hits(found)["GREYLIST"] == ["pass", "meta"]) == same


@pytest.mark.parametrize(
    "options, ip, same",
    [
        ("ipv4_mask = 32;", "203.0.113.8", False),
        ("ipv4_mask = 24;", "203.0.113.8", True),
        ("ipv4_mask = 0;", "192.0.2.1", True),
    ],
)
async def test_how_many_bits_count_is_configured(options, ip, same) -> None:
    _, found = await first_and_second(letter(), letter(ip=ip, **OTHER), options)
    assert (hits(found)["GREYLIST"] == ["pass", "meta"]) == same


async def test_the_order_of_recipients_does_not_matter() -> None:
    one, other = ["a@example.net", "b@example.net"], ["b@example.net", "a@example.net"]
    _, second = await first_and_second(letter(rcpt=one), letter(rcpt=other, **OTHER))
    assert hits(second) == {"GREYLIST": ["pass", "meta"]}


@pytest.mark.parametrize("length, same", [(10, True), (40, False)])
async def test_the_beginning_of_the_body_counts(length, same) -> None:
    one, other = letter(body="x" * 20), letter(body="x" * 19 + "y", ip="198.51.100.1")
    _, second = await first_and_second(one, other, f"max_data_len = {length};")
    assert (hits(second)["GREYLIST"] == ["pass", "body"]) == same


async def test_a_young_letter_of_a_known_sender_waits_for_the_rest_of_its_time() -> None:
    moved = letter(ip="198.51.100.1", **OTHER)
    async with bench() as one:
        await one.scan(letter())
        await one.scan(moved, now=NOW + 2 * MINUTE)  # known by neither record
        here = await one.scan(letter(**OTHER), now=NOW + 6 * MINUTE)
        assert hits(here) == {
            "GREYLIST": ["greylisted", "Thu, 01 Jan 2026 00:07:00 GMT", "too early"]
        }
        assert hits(await one.scan(letter(**OTHER), now=NOW + 7 * MINUTE)) == {
            "GREYLIST": ["pass", "body"]
        }


async def test_when_both_records_are_young_the_earlier_end_counts() -> None:
    async with bench() as one:
        await one.scan(letter(ip="198.51.100.1", **OTHER))
        await one.scan(letter(), now=NOW + MINUTE)
        both = await one.scan(letter(**OTHER), now=NOW + 2 * MINUTE)
    assert hits(both) == EARLY


@pytest.mark.parametrize(
    "sender, ip, rcpt, key",
    [
        # written by Debian's rspamd 3.4
        ("Alice@Example.org", "203.0.113.77", ["b@x.net", "A@x.net"], "rgm5hpco9acx56amidksoog"),
        ("", "2001:db8:1:2:3:4:5:6", ["b@x.net"], "rgmuzwgkha4mke7hj9sqtyh"),
        (None, "203.0.113.77", ["b@x.net"], "rgmcy8awyn3ngdo85nzbiik"),
    ],
)
async def test_the_keys_are_those_of_rspamd(store: Store, sender, ip, rcpt, key) -> None:
    async with bench(store=store) as one:
        await one.scan(letter(sender=sender, ip=ip, rcpt=rcpt))
        assert await store.get(key) == b"%d" % int(NOW)


@pytest.mark.parametrize("value", [b"soon", b"nan", b"inf", b"-5", b"1e300", b""])
async def test_a_record_that_says_no_time_is_written_anew(store: Store, value) -> None:
    async with bench(store=store) as one:
        await store.set("rgmcy8awyn3ngdo85nzbiik", value)
        found = await one.scan(letter(sender=None, ip="203.0.113.77", rcpt="b@x.net"))
    assert hits(found) == NEW
    assert await store.get("rgmcy8awyn3ngdo85nzbiik") == b"%d" % int(NOW)


async def test_records_end_and_begin_anew_when_somebody_passes(tmp_path: Path) -> None:
    clock = [NOW]
    store = SqliteStore(tmp_path / "state.sqlite", clock=lambda: clock[0])

    async def at(hours: float) -> list[str]:
        clock[0] = NOW + 3600 * hours
        return hits(await one.scan(letter(), now=clock[0]))["GREYLIST"][:2]

    async with bench("expire = 1d;", store=store) as one:
        assert (await at(0))[0] == "greylisted"
        assert await at(20) == ["pass", "body"]
        assert await at(40) == ["pass", "body"]
        assert (await at(64.1))[0] == "greylisted"
    await store.close()


# --- directions ---------------------------------------------------------------------------

PUBLIC = "203.0.113.7"
BOTH_ON = "check_local = true; check_authed = true;"


@pytest.mark.parametrize(
    "ip, user, options, skipped",
    [
        (PUBLIC, None, "", ""),
        (LOCAL, None, "", "local"),
        (PUBLIC, "anna", "", "authenticated"),
        (LOCAL, "anna", "", "authenticated"),
        (None, None, "", ""),
        (None, "anna", "", "authenticated"),
        (LOCAL, None, "check_local = true;", ""),
        (PUBLIC, "anna", "check_local = true;", "authenticated"),
        (LOCAL, "anna", "check_local = true;", "authenticated"),
        (LOCAL, None, "check_authed = true;", "local"),
        (PUBLIC, "anna", "check_authed = true;", ""),
        (LOCAL, "anna", "check_authed = true;", "local"),
        (LOCAL, "anna", BOTH_ON, ""),
        (None, "anna", "check_authed = true;", ""),
    ],
)
async def test_our_own_letters_neither_wait_nor_keep_the_action(ip, user, options, skipped) -> None:
    async with bench(options) as one:
        result = await one.scan(letter(ip=ip, user=user))
        marked = await one.scan(letter(7.0, ip=ip, user=user, **OTHER))
    assert result.skipped == skipped
    assert (result.action, hits(result)) == (("no action", {}) if skipped else ("soft reject", NEW))
    assert marked.action == ("add header" if skipped else "soft reject")


async def test_the_option_of_all_modules_counts_where_ours_is_unset() -> None:
    async with bench(core=SHIPPED + "options { check_authed = true; }") as one:
        assert (await one.scan(letter(user="anna"))).action == "soft reject"
    config = "greylist { check_authed = false; } options { check_authed = true; }"
    result = await explain(Greylist, mail(user="anna"), config=config)
    assert result.skipped == "authenticated"


# --- scans by hand ------------------------------------------------------------------------

RSPAMC = {"request": {"User-Agent": "rspamc"}}


async def test_a_scan_by_hand_shows_what_would_be_and_changes_nothing(store: Store) -> None:
    async with bench(store=store) as one:
        by_hand = await one.scan(letter(**RSPAMC))
        assert (by_hand.action, hits(by_hand)) == ("greylist", NEW)
        assert "greylisted" not in by_hand.task.flags
        assert hits(await one.scan(letter(), now=NOW + MINUTE))["GREYLIST"][2] == "new record"
        waiting = await one.scan(letter(**RSPAMC), now=NOW + 2 * MINUTE)
        end = "Thu, 01 Jan 2026 00:06:00 GMT"
        assert waiting.action == "greylist"
        assert hits(waiting) == {"GREYLIST": ["greylisted", end, "too early", "body"]}
        passing = await one.scan(letter(**RSPAMC), now=NOW + 6 * MINUTE)
        assert (passing.action, hits(passing)) == ("no action", {"GREYLIST": ["pass", "body"]})


@pytest.mark.parametrize("request_", [{"User-Agent": "rspamc"}, {"Password": "q1"}])
async def test_with_check_local_a_scan_by_hand_is_as_any(request_) -> None:
    async with bench("check_local = true;") as one:
        result = await one.scan(letter(request=request_))
        assert (result.action, hits(result)) == ("soft reject", NEW)
        again = await one.scan(letter(request=request_), now=NOW + MINUTE)
        assert again.outcomes["SCORES"].reason == "pre-result"


# --- trouble ------------------------------------------------------------------------------


async def test_without_a_store_nobody_waits(broken_store: Store, caplog) -> None:
    async with bench(store=broken_store) as one:
        with caplog.at_level(logging.ERROR, "gatepost.task"):
            result = await one.scan(letter())
            wished = await one.scan(letter(wish="wait"))
    assert (result.action, hits(result)) == ("greylist", {})  # which an MTA accepts
    assert (wished.action, hits(wished)) == ("greylist", {})
    assert "greylist: the records cannot be read" in caplog.text
    assert "greylist: the letter cannot be remembered" in caplog.text


@pytest.mark.server
async def test_while_redis_is_away_nobody_waits_and_then_all_goes_on(tmp_path: Path) -> None:
    clock = [0.0]
    server = start_redis(tmp_path)
    settings = StoreSettings(servers=[server.address], timeout=1.0)
    store = RedisStore(settings, monotonic=lambda: clock[0])
    async with bench(store=store) as one:
        assert (await one.scan(letter())).action == "soft reject"
        server.stop()
        away = await one.scan(letter(), now=NOW + MINUTE)
        assert (away.action, hits(away)) == ("greylist", {})
        server = start_redis(tmp_path, port=server.port)
        clock[0] += 3600
        assert hits(await one.scan(letter())) == NEW
        assert hits(await one.scan(letter(), now=NOW + 2 * MINUTE)) == EARLY
    await store.close()
    server.stop()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"Subject: only a header",
        b"Subject: =?utf-7?q?+2AA-?=\xff\r\nFrom: \xff@\xfe\r\nX-Score: 5\r\n\r\n\xff",
        b"From: a@b\0c, =?x?=\r\nX-Score: 5\r\n\r\n",
    ],
)
async def test_any_letter_can_wait(store: Store, raw) -> None:
    async with bench(store=store) as one:
        result = await one.scan(mail(raw=raw, sender="caf\udce9@example.org"))
        assert all(one.outcome != "failed" for one in result.outcomes.values())
        assert result.action == ("soft reject" if b"X-Score" in raw else "no action")
