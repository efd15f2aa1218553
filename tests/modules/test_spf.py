# SPDX-License-Identifier: Apache-2.0
"""Which symbol a letter gets, with which option, and when it gets none."""

import pytest

from gatepost.modules.spf import Spf
from gatepost.testing import Bench, explain, mail, scan, zone

RECORDS = (
    "a.example. TXT 'v=spf1 ip4:192.0.2.0/28 mx include:more.example ~ip4:192.0.2.64/26 -all'",
    "a.example. MX 10 mail.a.example.",
    "mail.a.example. A 192.0.2.60",
    "mail.a.example. AAAA 2001:db8::60",
    "more.example. TXT 'v=spf1 ip4:198.51.100.0/24 ?ip4:203.0.113.0/25 ~all'",
    "quiet.example. TXT 'v=spf1 ip4:192.0.2.1'",
    "asked.example. TXT 'v=spf1 ?include:more.example -all'",
    "open.example. TXT 'v=spf1 ip4:192.0.2.1 +all'",
    "wrong.example. TXT 'v=spf1 moo -all'",
    "two.example. TXT 'v=spf1 -all'",
    "two.example. TXT 'v=spf1 ~all'",
    "empty.example. TXT 'v=spf1'",
    "users.example. TXT 'v=spf1 exists:%{l}.users.example -all'",
    "anna.users.example. A 127.0.0.2",
    "plain.example. TXT 'hello'",
)
FAILING = ("TXT down.example.", "TXT slow.example. timeout")


def dns():
    return zone(*RECORDS, fail=FAILING)


@pytest.mark.parametrize(
    "sender, ip, hits",
    [
        ("u@a.example", "192.0.2.1", {"R_SPF_ALLOW": ["+ip4:192.0.2.0/28"]}),
        ("u@a.example", "192.0.2.60", {"R_SPF_ALLOW": ["+mx"]}),
        ("u@a.example", "2001:db8::60", {"R_SPF_ALLOW": ["+mx"]}),
        ("u@a.example", "198.51.100.9", {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}),
        ("u@a.example", "192.0.2.99", {"R_SPF_SOFTFAIL": ["~ip4:192.0.2.64/26"]}),
        ("u@a.example", "203.0.113.1", {"R_SPF_FAIL": ["-all"]}),
        ("u@more.example", "203.0.113.1", {"R_SPF_NEUTRAL": ["?ip4:203.0.113.0/25"]}),
        ("u@asked.example", "198.51.100.9", {"R_SPF_NEUTRAL": ["?ip4:198.51.100.0/24"]}),
        ("u@quiet.example", "203.0.113.1", {"R_SPF_NEUTRAL": ["?all"]}),
        ("u@empty.example", "203.0.113.1", {"R_SPF_NEUTRAL": ["?all"]}),
        ("u@open.example", "192.0.2.1", {"R_SPF_ALLOW": ["+ip4:192.0.2.1"]}),
        ("u@open.example", "203.0.113.1", {"R_SPF_PLUSALL": ["+any"]}),
        ("u@wrong.example", "192.0.2.1", {"R_SPF_PERMFAIL": None}),
        ("u@two.example", "192.0.2.1", {"R_SPF_PERMFAIL": ["two.example: 2 SPF records"]}),
        ("u@down.example", "192.0.2.1", {"R_SPF_DNSFAIL": ["TXT down.example: servfail"]}),
        ("u@slow.example", "192.0.2.1", {"R_SPF_DNSFAIL": ["TXT slow.example: timeout"]}),
        ("u@plain.example", "192.0.2.1", {"R_SPF_NA": ["no SPF record"]}),
        ("u@gone.example", "192.0.2.1", {"R_SPF_NA": ["no SPF record"]}),
        ("u@[192.0.2.1]", "192.0.2.1", {"R_SPF_NA": ["No domain"]}),
        ("more.example", "198.51.100.9", {"R_SPF_NA": ["No domain"]}),
    ],
)
async def test_one_symbol_names_the_verdict(sender, ip, hits):
    found = (await scan(Spf, mail(sender=sender, ip=ip), dns=dns())).hits
    assert found.keys() == hits.keys()
    assert all(options is None or found[name] == options for name, options in hits.items())


@pytest.mark.parametrize(
    "sender, helo, hits",
    [
        ("", "more.example", {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}),
        (None, "more.example", {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}),
        ("", "[198.51.100.9]", {"R_SPF_NA": ["No domain"]}),
        ("", None, {"R_SPF_NA": ["No domain"]}),
    ],
)
async def test_a_bounce_is_from_the_name_in_helo(sender, helo, hits):
    letter = mail(sender=sender, helo=helo, ip="198.51.100.9")
    assert (await scan(Spf, letter, dns=dns())).hits == hits


@pytest.mark.parametrize(
    "sender, score",
    [
        ("u@more.example", -0.2),
        ("u@users.example", 1.0),
        ("u@open.example", 4.0),
        ("u@two.example", 0.0),
        ("u@gone.example", 0.0),
    ],
)
async def test_scores(sender, score):
    result = await scan(Spf, mail(sender=sender, ip="198.51.100.9"), dns=dns())
    assert result.score == pytest.approx(score)


@pytest.mark.parametrize(
    "ip, user, config, skipped",
    [
        ("192.0.2.1", None, "", ""),
        ("192.0.2.1", "anna", "", "authenticated"),
        ("10.1.2.3", None, "", "local"),
        ("10.1.2.3", "anna", "", "authenticated"),
        ("192.0.2.1", "anna", "spf { check_authed = true; }", ""),
        ("10.1.2.3", "anna", "spf { check_authed = true; }", "local"),
        ("10.1.2.3", "anna", "spf { check_authed = true; check_local = true; }", ""),
        ("10.1.2.3", None, "options { check_local = true; }", ""),
    ],
)
async def test_our_own_users_and_hosts_are_not_asked(ip, user, config, skipped):
    config += 'options { local_addrs = "10.0.0.0/8"; }'
    result = await explain(
        Spf, mail(ip=ip, user=user, sender="u@a.example"), dns=dns(), config=config
    )
    assert result.skipped == skipped
    assert bool(result.hits) == (not skipped)


async def test_without_an_address_there_is_nothing_to_check():
    result = await scan(Spf, mail(ip=None, sender="u@a.example"), dns=dns())
    assert result.hits == {}
    assert "spf_result" not in result.task.variables


async def test_whitelisted_clients_are_not_checked():
    config = 'spf { whitelist = "203.0.113.0/24"; }'
    resolver = dns()
    assert (await scan(Spf, mail(sender="u@a.example"), dns=resolver, config=config)).hits == {}
    assert resolver.asked == []


async def test_later_checks_find_the_verdict_in_the_variables():
    letter = mail(sender="u@open.example", ip="203.0.113.1")
    variables = (await scan(Spf, letter, dns=dns())).task.variables
    assert variables["spf_result"] == "pass"
    assert variables["spf_record"] == "v=spf1 ip4:192.0.2.1 +all"
    assert variables["spf_domain"] == "open.example"
    assert variables["spf"].plus_all


@pytest.mark.parametrize(
    "received, ip, hits",
    [
        ((), "198.51.100.9", {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}),
        (("198.51.100.9",), "192.0.2.200", {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}),
        (("192.0.2.200", "198.51.100.9"), "192.0.2.200", {"R_SPF_ALLOW": None}),
        (("192.0.2.201", "203.0.113.200"), "192.0.2.200", {"R_SPF_SOFTFAIL": ["~all"]}),
        (("10.1.2.3",), "192.0.2.200", {}),  # the hop behind the relay is ours
        ((), "192.0.2.200", {"R_SPF_SOFTFAIL": ["~all"]}),  # nothing to see behind it
        (("no address", "198.51.100.9"), "192.0.2.200", {"R_SPF_SOFTFAIL": ["~all"]}),
        (("198.51.100.9",), "10.9.9.9", {"R_SPF_ALLOW": None}),  # a relay in our own network
    ],
)
async def test_behind_an_external_relay_the_hop_before_it_counts(received, ip, hits):
    config = """
    spf { external_relay = ["192.0.2.200", "192.0.2.201", "10.9.9.9"]; }
    options { local_addrs = "10.0.0.0/8"; }
    """
    hops = [
        f"from h.example (h.example [{address}]) by r.example; Thu, 1 Jan 2026 00:00:00 +0000"
        for address in received
    ]
    letter = mail(sender="u@more.example", ip=ip, headers={"Received": hops})
    found = (await scan(Spf, letter, dns=dns(), config=config)).hits
    assert found.keys() == hits.keys()
    assert all(options is None or found[name] == options for name, options in hits.items())


async def test_behind_a_relay_users_are_still_not_asked():
    config = 'spf { external_relay = "192.0.2.200"; }'
    letter = mail(sender="u@more.example", ip="192.0.2.200", user="anna")
    assert (await scan(Spf, letter, dns=dns(), config=config)).hits == {}


async def test_a_verdict_is_kept_at_least_as_long_as_configured():
    resolver = dns()
    letter = mail(sender="u@more.example", ip="198.51.100.9")
    other = mail(sender="u@more.example", ip="198.51.100.10")
    async with Bench([Spf], dns=resolver, config="spf { min_cache_ttl = 10min; }") as bench:
        first = await bench.scan(letter, now=1000.0)
        again = await bench.scan(letter, now=1599.0)
        assert first.hits == {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24"]}
        assert again.hits == {"R_SPF_ALLOW": ["+ip4:198.51.100.0/24:c"]}
        assert again.task.variables["spf_result"] == "pass"
        assert len(resolver.asked) == 1
        assert (await bench.scan(other, now=1599.0)).hits == first.hits
        assert (await bench.scan(letter, now=1601.0)).hits == first.hits
        assert len(resolver.asked) == 3


@pytest.mark.parametrize(
    "sender, config",
    [
        ("eve@users.example", ""),  # who writes as another may have another verdict
        ("u@down.example", ""),
        ("u@gone.example", ""),
        ("u@more.example", "spf { spf_cache_size = 0; }"),
    ],
)
async def test_what_may_change_is_not_kept(sender, config):
    resolver = dns()
    async with Bench([Spf], dns=resolver, config=config) as bench:
        first = await bench.scan(mail(sender=sender))
        asked = len(resolver.asked)
        assert (await bench.scan(mail(sender=sender))).hits == first.hits
        assert len(resolver.asked) == 2 * asked
    assert (await scan(Spf, mail(sender="anna@users.example"), dns=dns())).hits.keys() == {
        "R_SPF_ALLOW"
    }


async def test_no_more_verdicts_are_kept_than_configured():
    resolver = dns()
    async with Bench([Spf], dns=resolver, config="spf { spf_cache_size = 2; }") as bench:
        for number in (1, 2, 3):
            await bench.scan(mail(sender="u@more.example", ip=f"198.51.100.{number}"))
        await bench.scan(mail(sender="u@more.example", ip="198.51.100.3"))
        assert len(resolver.asked) == 3
        await bench.scan(mail(sender="u@more.example", ip="198.51.100.1"))
        assert len(resolver.asked) == 4


async def test_without_ipv6_no_aaaa_record_is_asked_for():
    resolver = dns()
    letter = mail(sender="u@a.example", ip="2001:db8::60")
    result = await scan(Spf, letter, dns=resolver, config="spf { disable_ipv6 = true; }")
    assert result.hits == {"R_SPF_FAIL": ["-all"]}
    assert all(kind != "AAAA" for _, kind in resolver.asked)


@pytest.mark.parametrize(
    "requests, name",
    [(0, "R_SPF_FAIL"), (30, "R_SPF_FAIL"), (2, "R_SPF_FAIL"), (1, "R_SPF_PERMFAIL")],
)
async def test_the_limit_of_look_ups_can_be_lowered(requests, name):
    config = f"spf {{ max_dns_requests = {requests}; }}"
    letter = mail(sender="u@a.example", ip="203.0.113.200")
    assert (await scan(Spf, letter, dns=dns(), config=config)).hits.keys() == {name}


async def test_the_limit_of_look_ups_cannot_be_raised():
    records = [
        f"d{number}.example. TXT 'v=spf1 include:d{number + 1}.example'" for number in range(12)
    ]
    result = await scan(
        Spf,
        mail(sender="u@d0.example"),
        dns=zone(*records),
        config="spf { max_dns_requests = 30; max_dns_nesting = 20; }",
    )
    assert result.hits == {"R_SPF_PERMFAIL": ["more than 10 look-ups"]}


async def test_symbols_can_be_renamed():
    config = 'spf { symbols { allow = "MY_ALLOW"; fail = "MY_FAIL"; } }'
    allowed = mail(sender="u@more.example", ip="198.51.100.9")
    assert (await scan(Spf, allowed, dns=dns(), config=config)).scores == {"MY_ALLOW": -0.2}
    denied = mail(sender="u@a.example", ip="203.0.113.1")
    assert (await scan(Spf, denied, dns=dns(), config=config)).scores == {"MY_FAIL": 1.0}


@pytest.mark.parametrize("group", ["spf", "policies"])
async def test_settings_can_switch_the_group_off(group):
    config = f"""
    settings {{ quiet {{ priority = high; ip = "203.0.113.7";
        apply {{ groups_disabled = ["{group}"]; }} }} }}
    """
    assert (await scan(Spf, mail(sender="u@a.example"), dns=dns(), config=config)).hits == {}


async def test_a_shared_rspamd_section_is_taken_as_it_stands():
    config = """
    spf {
        spf_cache_size = 2k;
        spf_cache_expire = 1d;
        max_dns_nesting = 10;
        max_dns_requests = 30;
        min_cache_ttl = 5m;
        disable_ipv6 = false;
    }
    """
    letter = mail(sender="u@a.example", ip="192.0.2.1")
    assert (await scan(Spf, letter, dns=dns(), config=config)).hits.keys() == {"R_SPF_ALLOW"}
