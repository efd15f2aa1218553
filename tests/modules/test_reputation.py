# SPDX-License-Identifier: Apache-2.0
"""What each rule learns of letters, what it says of later ones, and for which mail it is."""

from __future__ import annotations

import logging
import math

import pytest

from gatepost.modules.asn import Asn
from gatepost.modules.reputation import Reputation
from gatepost.modules.spf import Spf
from gatepost.scan.zbase32 import hashed
from gatepost.store import Store
from gatepost.testing import NOW, Bench, mail, zone
from reputation_kit import (
    CORE,
    HALF,
    IP,
    LOCAL,
    PUBLIC,
    SCORES,
    USER,
    Weighs,
    bench,
    letter,
    teach,
    text,
    without,
)

# --- ip -----------------------------------------------------------------------------------


async def test_the_eleventh_letter_of_a_sender_has_a_reputation(store: Store) -> None:
    async with bench(IP % "", store=store) as one:
        tenth = await teach(one, 10, 15)
        assert without(tenth) == {}
        eleventh = await teach(one, 1, 15)
    bad = math.tanh(1.83178 - 0.5493)
    part, country = 0.4 * bad, 0.01 * bad
    option = f"asn: 64496({part:.2f}), country: XX({country:.2f}), ip: {PUBLIC}({bad:.2f})"
    assert without(eleventh) == {"IP_REP_SPAM": [option]}
    assert eleventh.scores["IP_REP_SPAM"] == pytest.approx(4 * 1.41 * bad)


async def test_a_rule_does_not_learn_what_it_said_itself(store: Store) -> None:
    async with bench(IP % "", store=store) as one:
        await teach(one, 12, 15)
    for key in ("RR:i:203.0.113.7", "RR:a:64496", "RR:c:XX"):
        fields = await store.hash_get_all(key)
        assert set(fields) == {"n", "l", "v1m"}
        assert fields["n"] == b"12"
        assert float(fields["v1m"]) == pytest.approx(15)


async def test_a_good_sender_gets_the_other_symbol_in_his_favour() -> None:
    async with bench(IP % "lower_bound = 1;") as one:
        await teach(one, 1, 0)
        found = await teach(one, 1, 0)
    assert list(without(found)) == ["IP_REP_HAM"]
    # its score and the weight are both below 0, and must not make a score above
    assert found.scores["IP_REP_HAM"] == pytest.approx(-2 * abs(1.41 * HALF))


async def test_without_a_score_of_its_own_ham_has_a_weight_below_zero() -> None:
    rule = 'X { selector "ip" { lower_bound = 1; } backend "redis" { } symbol = "X"; }'
    async with bench(rule) as one:
        await teach(one, 1, 0)
        found = await teach(one, 1, 0)
    symbol = found.task.symbol("X_HAM")
    assert symbol is not None
    assert (symbol.score, symbol.weight) == (0, pytest.approx(1.41 * HALF))


async def test_one_symbol_for_both_where_it_is_not_split() -> None:
    rule = """X { selector "ip" { lower_bound = 1; split_symbols = false; } backend "redis" { } }"""
    async with bench(rule) as one:  # whose symbol is the selector's own then
        await teach(one, 1, 0)
        found = await teach(one, 1, 0)
    assert list(without(found)) == ["SENDER_REP"]


@pytest.mark.parametrize(
    "first, second, shared",
    [
        ("198.51.100.1", "198.51.100.1", True),
        ("198.51.100.1", "198.51.100.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        (PUBLIC, "203.0.113.8", True),  # by the system alone
    ],
)
async def test_senders_share_a_reputation_by_network(first, second, shared) -> None:
    async with bench(IP % "lower_bound = 1;") as one:
        await teach(one, 1, 15, ip=first)
        found = await teach(one, 1, 15, ip=second)
    assert bool(without(found)) is shared


async def test_trial_scans_have_no_sender_and_teach_nothing(store: Store) -> None:
    by_hand = {"request": {"User-Agent": "rspamc"}}
    async with bench(IP % "lower_bound = 1;", USER % "lower_bound = 1;", store=store) as one:
        await teach(one, 1, 15)
        assert without(await teach(one, 1, 15, **by_hand)) == {}
        await teach(one, 2, 15, user="anna", **by_hand)
    assert (await store.hash_get("RR:i:203.0.113.7", ["n"])) == [b"1"]
    # the other selectors take them as any letter
    assert (await store.hash_get("RR:anna", ["n"])) == [b"2"]


@pytest.mark.parametrize("where", ["selector", "module"])
@pytest.mark.parametrize("place", ["XX", "64496", "ZZ"])
async def test_some_systems_and_countries_are_not_looked_at(where, place) -> None:
    option = f'asn_cc_whitelist = ["{place}"];'
    rule = IP % ("lower_bound = 1;" + (option if where == "selector" else ""))
    async with bench(rule, more=option if where == "module" else "") as one:
        await teach(one, 1, 15)
        found = await teach(one, 1, 15)
        kept = await one.store.hash_get("RR:i:203.0.113.7", ["n"])
    assert (bool(without(found)), kept) == ((True, [b"2"]) if place == "ZZ" else (False, [None]))


# --- the others ---------------------------------------------------------------------------


async def test_a_user_has_a_reputation_of_his_own(store: Store) -> None:
    async with bench(USER % "lower_bound = 3;", store=store) as one:
        assert without(await teach(one, 3, 15, user="Anna@example.org")) == {}
        again = await teach(one, 1, 0, user="anna@example.org")
        assert without(await teach(one, 1, 0, user="bob@example.org")) == {}
        assert without(await teach(one, 5, 0)) == {}  # nobody logged in
    bad = math.tanh(1.83178 - 0.5493)
    assert without(again) == {"USER_REP": [text(bad)]}
    assert again.scores["USER_REP"] == pytest.approx(3 * bad)
    assert await store.hash_get("RR:anna@example.org", ["n"]) == [b"4"]


async def test_each_value_of_a_selector_is_a_token() -> None:
    rule = 'RCPT { selector "generic" { selector = "rcpts"; lower_bound = 1; } backend "redis" {} }'
    async with bench(rule) as one:
        await teach(one, 1, 15, rcpt="bob@example.net")
        await teach(one, 1, 0, rcpt="eve@example.net")
        found = await teach(one, 1, 0, rcpt=["bob@example.net", "eve@example.net", "x@example.net"])
    bad = math.tanh(1.83178 - 0.5493)
    assert without(found) == {"RCPT": [text(bad), text(HALF)]}


async def test_a_signing_domain_has_a_reputation_while_its_signature_holds(store: Store) -> None:
    rule = 'D { selector "dkim" { lower_bound = 2; } backend "redis" { } }'
    async with bench(rule, store=store) as one:
        signed = "mail.good-example.org=pass sub.bad-example.org=fail odd-example.org=permerror"
        first = await teach(one, 1, 0, signed=signed)
        assert without(first) == {"DKIM_SCORE": ["0"]}  # as rspamd: also of nothing
        await teach(one, 1, 0, signed=signed)
        third = await teach(one, 1, 0, signed=signed)
        forged = await teach(one, 1, 0, signed="good-example.org=fail")
        unsigned = await teach(one, 1, 0)
    assert without(third) == {"DKIM_SCORE": [text(HALF)]}
    assert without(forged) == {"DKIM_SCORE": ["0"]}
    assert without(unsigned) == {}
    for key, letters in (
        ("good-example.org.a", b"3"),
        ("bad-example.org.r", b"3"),
        ("odd-example.org.u", b"3"),
    ):
        assert await store.hash_get(f"RR:{key}", ["n"]) == [letters]
    # R_DKIM_ALLOW says more for a letter of a good domain
    assert first.scores["R_DKIM_ALLOW"] == 0.0
    assert third.scores["R_DKIM_ALLOW"] == pytest.approx(2 * math.tanh(HALF))
    assert third.score == pytest.approx(sum(third.scores.values()))


async def test_the_sum_of_many_signers_is_kept_within_one() -> None:
    rule = (
        'D { selector "dkim" { lower_bound = 1; max_accept_adjustment = 1; } backend "redis" {} }'
    )
    signed = "a-example.org=pass b-example.org=pass c-example.org=pass"
    async with bench(rule) as one:
        await teach(one, 1, 30, signed=signed)
        found = await teach(one, 1, 0, signed=signed)
    each = math.tanh(2 * 1.83178 - 0.5493)
    assert without(found) == {"DKIM_SCORE": ["1"]}
    assert found.scores["R_DKIM_ALLOW"] == pytest.approx(math.tanh(3 * each))


async def test_the_record_that_lets_a_sender_pass_has_a_reputation(store: Store) -> None:
    rule = 'S { selector "spf" { lower_bound = 1; } backend "redis" { } }'
    good = {"sender": "x@good-example.org"}
    async with bench(rule, store=store) as one:
        await teach(one, 1, 0, **good)
        found = await teach(one, 1, 0, **good)
        assert without(await teach(one, 2, 0)) == {}  # no pass
    assert without(found) == {"SPF_REP_HAM": [text(HALF)]}
    key = "RR:" + hashed("v=spf1 mx -all", 32)
    assert len(key) == 35
    assert await store.hash_get(key, ["n"]) == [b"2"]


async def test_domains_of_links_have_a_reputation(store: Store) -> None:
    rule = 'U { selector "url" { lower_bound = 2; max_urls = 2; } backend "redis" { } }'
    body = "http://www.a-example.org/1 http://a-example.org/2 http://b-example.org/ http://c-example.org/"
    async with bench(rule, store=store) as one:
        assert without(await teach(one, 2, 15, body=body)) == {}
        found = await teach(one, 1, 15, body=body)
    bad = math.tanh(1.83178 - 0.5493)
    # by its links in this letter, over the letters of the best known domain
    assert without(found) == {"URL_SCORE": [text(bad * 2 / 2 + bad * 1 / 2)]}
    assert await store.hash_get("RR:a-example.org", ["n"]) == [b"3"]
    assert await store.hash_get("RR:b-example.org", ["n"]) == [b"3"]
    assert await store.hash_get("RR:c-example.org", ["n"]) == [None]


async def test_what_asn_and_spf_really_find_has_a_reputation(store: Store) -> None:
    dns = zone(
        '7.113.0.203.asn.rspamd.com. TXT "64496|203.0.113.0/24|DE|ripencc|"',
        'good-example.org. TXT "v=spf1 ip4:203.0.113.7 -all"',
    )
    rules = IP % "" + 'S { selector "spf" { } backend "redis" { } }'
    config = f"{CORE}reputation {{ rules {{ {rules} }} }}"
    async with Bench((Asn, Reputation, Spf), config=config, store=store, dns=dns) as one:
        found = await one.scan(mail(sender="x@good-example.org"))
    assert "R_SPF_ALLOW" in found.hits
    record = hashed("v=spf1 ip4:203.0.113.7 -all", 32)
    for key in ("a:64496", "c:DE", "i:203.0.113.7", record):
        assert await store.hash_get(f"RR:{key}", ["n"]) == [b"1"], key


# --- what is learnt -----------------------------------------------------------------------


async def test_a_decision_that_was_forced_teaches_nothing(store: Store) -> None:
    async with bench(IP % "", store=store) as one:
        assert (await teach(one, 1, "reject")).action == "reject"
    assert await store.hash_get_all("RR:i:203.0.113.7") == {}


async def test_what_was_long_ago_counts_less(store: Store) -> None:
    buckets = "buckets = [{ name = '1d'; time = 1d; }, { name = '1m'; time = 30d; mult = 0.5; }];"
    rule = f'IP_REP {{ selector "ip" {{ }} backend "redis" {{ {buckets} prefix = "Q:"; }} }}'
    async with bench(rule, store=store) as one:
        await one.scan(letter(10), now=NOW)
        await one.scan(letter(0), now=NOW + 86_400)
    found = await store.hash_get("Q:i:203.0.113.7", ["v1d", "v1m"])
    expected = [10 * math.exp(-1), 10 * 0.5 * math.exp(-1 / 30) * 0.5]
    assert [float(value or b"nan") for value in found] == pytest.approx(expected)


async def test_names_are_hashed_and_cut_where_asked(store: Store) -> None:
    backend = 'backend "redis" { hashed = true; hashlen = 20; prefix = "P"; }'
    rule = f'R {{ selector "generic" {{ selector = "user"; }} {backend} }}'
    async with bench(rule, store=store) as one:
        await teach(one, 1, 5, user="anna")
    assert await store.hash_get("P" + hashed("anna", 20), ["n", "v1m"]) == [b"1", b"5"]


async def test_two_rules_with_two_prefixes_keep_two_reputations(store: Store) -> None:
    rule = """%s { symbol = %s; selector "generic" { selector = "ip"; lower_bound = 1; %s }
              backend "redis" { prefix = "%s:"; } }"""
    rules = (
        rule % ("IN", "IN", "outbound = false;", "IN"),
        rule % ("OUT", "OUT", "inbound = false;", "OUT"),
    )
    async with bench(*rules, store=store) as one:
        await teach(one, 3, 15)
        await teach(one, 2, 0, user="anna")
        inbound, outbound = await teach(one, 1, 0), await teach(one, 1, 0, user="anna")
    assert (list(without(inbound)), list(without(outbound))) == (["IN"], ["OUT"])
    assert await store.hash_get(f"IN:{PUBLIC}", ["n"]) == [b"4"]
    assert await store.hash_get(f"OUT:{PUBLIC}", ["n"]) == [b"3"]


async def test_settings_that_enable_others_leave_learning_on(store: Store) -> None:
    config = f"""{CORE}{SCORES}settings {{ only {{ authenticated = yes;
        apply {{ symbols_enabled = ["WEIGHS"]; }} }} }}
        reputation {{ rules {{ {USER % "lower_bound = 1;"} }} }}"""
    async with Bench((Weighs, Reputation), config=config, store=store) as one:
        await teach(one, 1, 15, user="anna")
        found = await teach(one, 1, 15, user="anna")
    assert found.outcomes["USER_REP"].reason == "settings"
    assert await store.hash_get("RR:anna", ["n"]) == [b"2"]


async def test_a_store_that_fails_costs_the_reputation_alone(
    broken_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    dkim = 'D { selector "dkim" { } backend "redis" { } }'
    async with bench(IP % "", dkim, store=broken_store) as one:
        found = await teach(one, 1, 7, signed="good-example.org=pass")
    assert (without(found), found.action) == ({}, "add header")
    told = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert sum("is not known" in message for message in told) == 2
    assert sum("learns nothing" in message for message in told) == 2


# --- dns ----------------------------------------------------------------------------------


async def test_a_zone_may_have_the_reputations() -> None:
    dns = zone(
        '7.113.0.203.i:.rep.example. TXT "20;15"',
        '64496.a:.rep.example. TXT "5;15"',
        'XX.c:.rep.example. TXT "none"',
    )
    rule = 'IP_REP { selector "ip" { } backend "dns" { list = "rep.example"; } symbol = IP_REP; }'
    async with bench(rule, dns=dns) as one:
        found = await teach(one, 1, 0)
    bad = math.tanh(1.83178 - 0.5493)
    assert without(found) == {"IP_REP_SPAM": [f"asn: 64496(0.00), ip: {PUBLIC}({bad:.2f})"]}
    assert "IP_REP_IDEMPOTENT" not in found.outcomes  # who writes the zone learns
    assert {kind for _, kind in dns.asked} == {"TXT"}


async def test_a_zone_that_says_nothing_is_no_reputation() -> None:
    dns = zone(fail=["TXT anna.rep.example"])
    rule = """R { selector "generic" { selector = "user"; lower_bound = 0; }
              backend "dns" { list = ".rep.example."; } }"""
    async with bench(rule, dns=dns) as one:
        failed = await teach(one, 1, 0, user="anna")
        unknown = await teach(one, 1, 0, user="bob")
        impossible = await teach(one, 1, 0, user="x" * 300)
    assert without(failed) == without(unknown) == without(impossible) == {}


# --- whitelists ---------------------------------------------------------------------------

SIGNED = "mail.good-example.org=pass"
URL_BODY = "http://www.good-example.org/"


@pytest.mark.parametrize(
    "selector, whitelist, exempt",
    [
        ("ip", '"203.0.113.0/24"', True),
        ("ip", '"198.51.100.0/24"', False),
        ("dkim", '"good-example.org"', True),
        ("dkim", '"mail.good-example.org"', False),  # it is the eSLD that has a reputation
        ("url", '"good-example.org"', True),
        ("url", '"other-example.org"', False),
        ("spf", '"good-example.org"', True),
        ("spf", '"example"', False),
        ("generic", '"203.0.113.7"', True),
        ("generic", '"198.51.100.0/24"', False),
    ],
)
@pytest.mark.parametrize("option", ["whitelist", "exclusion_map"])
async def test_a_rule_leaves_alone_what_is_listed(selector, whitelist, exempt, option) -> None:
    if selector == "generic" and option == "exclusion_map":
        whitelist = '"anna"' if exempt else '"bob"'
    extra = 'selector = "user";' if selector == "generic" else ""
    rule = f"""R {{ selector "{selector}" {{ lower_bound = 1; outbound = true; {extra} }}
               backend "redis" {{ }} symbol = "R"; {option} = [{whitelist}]; }}"""
    more = {"sender": "x@good-example.org", "signed": SIGNED, "body": URL_BODY, "user": "anna"}
    async with bench(rule) as one:
        await teach(one, 1, 15, **more)
        found = await teach(one, 1, 15, **more)
    assert (not without(found)) is exempt


async def test_values_of_a_selector_may_be_whitelisted_with_it() -> None:
    rule = USER % 'lower_bound = 1; whitelist = ["anna"];'
    async with bench(rule) as one:
        await teach(one, 1, 15, user="anna")
        await teach(one, 1, 15, user="bob")
        anna, bob = await teach(one, 1, 15, user="anna"), await teach(one, 1, 15, user="bob")
    assert (list(without(anna)), list(without(bob))) == ([], ["USER_REP"])


async def test_a_whitelist_may_be_an_expression_of_maps() -> None:
    whitelist = """whitelist { expression = "ip & !users"; rules {
        ip { selector = "ip"; map = ["203.0.113.0/24"]; }
        users { selector = "user"; map = ["anna"]; } } }"""
    rule = f"""R {{ selector "generic" {{ selector = "ip"; lower_bound = 1; }}
               backend "redis" {{ }} {whitelist} }}"""
    async with bench(rule) as one:
        await teach(one, 2, 15, user="anna")
        anna, bob = await teach(one, 1, 15, user="anna"), await teach(one, 1, 15, user="bob")
    assert (list(without(anna)), list(without(bob))) == (["R"], [])


@pytest.mark.parametrize("address, kept", [(PUBLIC, True), (LOCAL, False)])
async def test_a_client_that_only_the_letter_names_has_one_unless_it_is_ours(
    store: Store, address: str, kept: bool
) -> None:
    hop = f"from pc ([{address}]) by x.example; Thu, 1 Jan 2026 00:00:00 +0000"
    async with bench(IP % "", store=store) as one:
        found = await one.scan(mail(ip=None, headers={"Subject": "5", "Received": hop}))
    assert found.task.direction.kind == "inbound"
    assert bool(await store.hash_get_all(f"RR:i:{address}")) is kept
