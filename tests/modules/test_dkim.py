# SPDX-License-Identifier: Apache-2.0
"""Which symbols a letter's signatures get, and when nobody looks at them."""

import pytest

from authn_dkim import ED25519, RSA, record_of
from gatepost.authn import Letter, SigningOptions, sign_dkim
from gatepost.config import ConfigError
from gatepost.modules.dkim import Dkim
from gatepost.testing import NOW, Bench, explain, mail, scan, zone

PUBLISHED = {
    "rsa._domainkey.a.example": record_of(RSA),
    "ed._domainkey.a.example": record_of(ED25519),
    "rsa._domainkey.b.example": record_of(RSA),
    "gone._domainkey.a.example": b"v=DKIM1; p=",
    "bad._domainkey.a.example": b"v=DKIM1; p=%%%",
    "nul._domainkey.a.example": b"v=DKIM1; p=\x00\x00",
    "test._domainkey.a.example": record_of(RSA, "t=y; "),
}
DAY = 86_400.0


def dns(fail=("TXT down._domainkey.a.example.",)):
    records = [f"{name}. TXT '{text.decode('latin-1')}'" for name, text in PUBLISHED.items()]
    return zone(*records, fail=fail)


def sign(raw: bytes, domain="a.example", selector="rsa", key=RSA, now=NOW - 60, **options) -> bytes:
    options = SigningOptions(**options)
    value = sign_dkim(Letter.from_bytes(raw), key, domain, selector, now=now, options=options)
    return f"DKIM-Signature: {value}\r\n".encode() + raw


PLAIN = mail(sender="u@a.example").raw
SIGNED = sign(PLAIN)
ALLOWED = {"R_DKIM_ALLOW": ["a.example:s=rsa"], "DKIM_TRACE": ["a.example:+"]}


def letter(raw: bytes = SIGNED, **envelope):
    return mail(raw=raw, **envelope)


@pytest.mark.parametrize(
    "raw, hits",
    [
        (SIGNED, ALLOWED),
        (PLAIN, {"R_DKIM_NA": []}),
        (b"", {"R_DKIM_NA": []}),
        (
            sign(PLAIN, selector="ed", key=ED25519),
            {"R_DKIM_ALLOW": ["a.example:s=ed"], "DKIM_TRACE": ["a.example:+"]},
        ),
        (
            sign(SIGNED, domain="b.example"),
            {
                "R_DKIM_ALLOW": ["b.example:s=rsa", "a.example:s=rsa"],
                "DKIM_TRACE": ["b.example:+", "a.example:+"],
            },
        ),
        (
            SIGNED.replace(b"Hello", b"Hallo"),
            {"R_DKIM_REJECT": ["a.example:s=rsa"], "DKIM_TRACE": ["a.example:-"]},
        ),
        (
            SIGNED.replace(b"a letter", b"another"),
            {"R_DKIM_REJECT": ["a.example:s=rsa"], "DKIM_TRACE": ["a.example:-"]},
        ),
        (
            SIGNED.replace(b"Subject:", b"Subject: more\r\nSubject:"),
            {"R_DKIM_REJECT": ["a.example:s=rsa"], "DKIM_TRACE": ["a.example:-"]},
        ),
        (
            sign(SIGNED.replace(b"Hello", b"Hallo"), domain="b.example"),
            {
                "R_DKIM_ALLOW": ["b.example:s=rsa"],
                "R_DKIM_REJECT": ["a.example:s=rsa"],
                "DKIM_TRACE": ["b.example:+", "a.example:-"],
            },
        ),
    ],
)
async def test_each_signature_gets_its_symbol(raw, hits):
    assert (await scan(Dkim, letter(raw), dns=dns())).hits == hits


@pytest.mark.parametrize(
    "raw, symbol, mark",
    [
        (sign(PLAIN, selector="down"), "R_DKIM_TEMPFAIL", "?"),
        (sign(PLAIN, selector="none"), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, selector="gone"), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, selector="bad"), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, selector="nul"), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, selector="ed", key=RSA), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, now=NOW + DAY), "R_DKIM_PERMFAIL", "~"),
        (sign(PLAIN, now=NOW - DAY, expire=3600), "R_DKIM_PERMFAIL", "~"),
        (SIGNED.replace(b"a=rsa-sha256", b"a=rsa-sha1"), "R_DKIM_REJECT", "-"),
        (SIGNED.replace(b"a=rsa-sha256", b"a=rsa-md5"), "R_DKIM_PERMFAIL", "~"),
        (SIGNED.replace(b"v=1;", b"v=2;"), "R_DKIM_PERMFAIL", "~"),
        (SIGNED.replace(b"s=rsa;", b"s=rsa; i=u@b.example;"), "R_DKIM_PERMFAIL", "~"),
        (SIGNED.replace(b"s=rsa;", b"s=rsa; " + b"z=; " * 10_000), "R_DKIM_PERMFAIL", "~"),
        (SIGNED.replace(b"s=rsa;", b""), "R_DKIM_PERMFAIL", "~"),
    ],
)
async def test_what_cannot_hold_says_why(raw, symbol, mark):
    found = (await scan(Dkim, letter(raw), dns=dns())).hits
    assert found.keys() - {"DKIM_TRACE"} == {symbol}
    assert found.get("DKIM_TRACE", [f"a.example:{mark}"]) == [f"a.example:{mark}"]


async def test_of_a_signature_without_a_legible_domain_the_reason_is_all_there_is():
    found = (await scan(Dkim, letter(b"DKIM-Signature: rubbish\r\n" + PLAIN), dns=dns())).hits
    assert found == {"R_DKIM_PERMFAIL": ["signature syntax error"]}


@pytest.mark.parametrize(
    "raw, hits",
    [
        (sign(PLAIN, selector="test"), {"R_DKIM_ALLOW": ["a.example:s=test"]}),
        (
            sign(PLAIN, selector="test").replace(b"Hello", b"Hallo"),
            {"R_DKIM_NA": ["a.example:s=test"]},
        ),
        (
            sign(sign(PLAIN, selector="test").replace(b"Hello", b"Hallo")),
            {"R_DKIM_ALLOW": ["a.example:s=rsa"]},
        ),
    ],
)
async def test_a_failure_under_a_key_in_testing_is_no_signature_at_all(raw, hits):
    found = (await scan(Dkim, letter(raw), dns=dns())).hits
    del found["DKIM_TRACE"]
    assert found == hits


@pytest.mark.parametrize("more, symbol", [(8, "R_DKIM_ALLOW"), (9, "R_DKIM_PERMFAIL")])
async def test_nine_tenths_of_the_body_have_to_be_signed(more, symbol):
    raw = sign(mail("y" * 88 + "\r\n").raw, body_length=True) + b"x" * more + b"\r\n"
    found = (await scan(Dkim, letter(raw), dns=dns())).hits
    assert found.keys() == {symbol, "DKIM_TRACE"}


@pytest.mark.parametrize(
    "raw, score",
    [
        (SIGNED, -0.2),
        (sign(SIGNED, domain="b.example"), -0.2),
        (SIGNED.replace(b"Hello", b"Hallo"), 1.0),
        (PLAIN, 0.0),
        (sign(PLAIN, selector="down"), 0.0),
        (sign(PLAIN, selector="gone"), 0.0),
    ],
)
async def test_scores(raw, score):
    assert (await scan(Dkim, letter(raw), dns=dns())).score == pytest.approx(score)


@pytest.mark.parametrize(
    "ip, user, config, skipped",
    [
        ("203.0.113.7", None, "", ""),
        ("10.1.2.3", None, "", "local"),
        ("203.0.113.7", "anna", "", "authenticated"),
        ("10.1.2.3", "anna", "", "authenticated"),
        (None, None, "", ""),
        (None, "anna", "", "authenticated"),
        ("10.1.2.3", None, "dkim { check_local = true; }", ""),
        ("203.0.113.7", "anna", "dkim { check_local = true; }", "authenticated"),
        ("203.0.113.7", "anna", "dkim { check_authed = true; }", ""),
        ("10.1.2.3", None, "dkim { check_authed = true; }", "local"),
        ("10.1.2.3", "anna", "dkim { check_authed = true; }", "local"),
        ("10.1.2.3", "anna", "dkim { check_local = true; }", "authenticated"),
        ("10.1.2.3", "anna", "dkim { check_authed = true; check_local = true; }", ""),
        ("203.0.113.7", "anna", "options { check_authed = true; }", ""),
        ("10.1.2.3", None, "options { check_local = true; }", ""),
        (
            "203.0.113.7",
            "anna",
            "options { check_authed = yes; } dkim { check_authed = no; }",
            "authenticated",
        ),
    ],
)
async def test_our_own_users_and_hosts_are_not_checked(ip, user, config, skipped):
    config += ' options { local_addrs = "10.0.0.0/8"; }'
    result = await explain(Dkim, letter(ip=ip, user=user), dns=dns(), config=config)
    assert result.skipped == skipped
    assert result.hits == ({} if skipped else ALLOWED)
    assert ("dkim" in result.task.variables) == (not skipped)


async def test_whitelisted_clients_are_not_checked():
    config = 'dkim { whitelist = "203.0.113.0/24"; }'
    resolver = dns()
    assert (await scan(Dkim, letter(), dns=resolver, config=config)).hits == {}
    assert (await scan(Dkim, letter(PLAIN), dns=resolver, config=config)).hits == {}
    assert resolver.asked == []


async def test_later_checks_find_the_verdicts_in_the_variables():
    raw = sign(SIGNED.replace(b"Hello", b"Hallo"), domain="b.example")
    task = (await scan(Dkim, letter(raw), dns=dns())).task
    assert [(v.domain, v.result) for v in task.variables["dkim"]] == [
        ("b.example", "pass"),
        ("a.example", "fail"),
    ]
    assert (await scan(Dkim, letter(PLAIN), dns=dns())).task.variables["dkim"] == []


BOTH = sign(sign(PLAIN, domain="b.example"))
BOTH_BAD = BOTH.replace(b"Hello", b"Hallo")


@pytest.mark.parametrize(
    "raw, config, hits",
    [
        (BOTH, "", {"a.example:s=rsa", "b.example:s=rsa"}),
        (BOTH, 'domains = ["b.example"];', {"a.example:s=rsa", "b.example:s=rsa"}),
        (BOTH, 'domains = ["b.example"]; trusted_only = true;', {"b.example:s=rsa"}),
        (BOTH, 'trusted_domains = ["B.example"]; trusted_only = true;', {"b.example:s=rsa"}),
        (SIGNED, 'domains = ["b.example"]; trusted_only = true;', set()),
        (BOTH, "skip_multi = true;", set()),
        (SIGNED, "skip_multi = true;", {"a.example:s=rsa"}),
        (BOTH, "max_sigs = 1;", {"a.example:s=rsa"}),
    ],
)
async def test_which_signatures_are_looked_at(raw, config, hits):
    result = await scan(Dkim, letter(raw), dns=dns(), config=f"dkim {{ {config} }}")
    assert set(result.hits.pop("R_DKIM_ALLOW", [])) == hits
    assert {hit.partition(":")[0] for hit in result.hits.get("DKIM_TRACE", [])} == {
        hit.partition(":")[0] for hit in hits
    }


@pytest.mark.parametrize("count", [5, 1000])
async def test_more_signatures_than_are_wanted_cost_nothing(count):
    many = b"".join(
        sign(PLAIN, selector=f"s{number}").removesuffix(PLAIN) for number in range(count)
    )
    resolver = dns()
    result = await scan(Dkim, letter(many + SIGNED), dns=resolver)
    assert result.hits["R_DKIM_PERMFAIL"] == [f"a.example:s=s{number}" for number in range(5)]
    assert "R_DKIM_ALLOW" not in result.hits
    assert len(resolver.asked) == len(result.task.variables["dkim"]) == 5


@pytest.mark.parametrize(
    "raw, value, score",
    [
        (SIGNED, "a.example", -0.6),  # no multipliers: strict_multiplier
        (SIGNED, "a.example 2.0:5.0", -1.0),
        (SIGNED, "a.example rubbish", -0.6),
        (SIGNED, "b.example 2.0:5.0", -0.2),
        (SIGNED.replace(b"Hello", b"Hallo"), "a.example 2.0:5.0", 2.0),
        (SIGNED.replace(b"Hello", b"Hallo"), "a.example", 3.0),
        (sign(PLAIN, selector="gone"), "a.example 2.0:5.0", 0.0),
    ],
)
async def test_a_known_domain_weighs_as_the_map_says(raw, value, score):
    config = f'dkim {{ domains = ["{value}"]; strict_multiplier = 3; }}'
    assert (await scan(Dkim, letter(raw), dns=dns(), config=config)).score == pytest.approx(score)


async def test_trust_needs_a_list():
    with pytest.raises(ConfigError, match="trusted_only: there is no list"):
        await scan(Dkim, letter(), config="dkim { trusted_only = true; }")


async def test_a_wrong_list_of_headers_is_a_mistake():
    with pytest.raises(ConfigError, match="sign_headers: from is not in the list"):
        await scan(Dkim, letter(), config='dkim { sign_headers = "to:subject"; }')


async def test_keys_are_kept_as_long_as_the_dns_says():
    resolver = dns()
    async with Bench([Dkim], dns=resolver) as bench:
        for now in (NOW, NOW + 299, NOW + 301):  # the zone's records last 300 seconds
            assert (await bench.scan(letter(), now=now)).hits == ALLOWED
    assert len(resolver.asked) == 2


async def test_keys_need_not_be_kept():
    resolver = dns()
    async with Bench([Dkim], dns=resolver, config="dkim { dkim_cache_size = 0; }") as bench:
        for _ in range(2):
            await bench.scan(letter())
    assert len(resolver.asked) == 2


@pytest.mark.parametrize("jitter, symbol", [("6h", "R_DKIM_ALLOW"), ("1min", "R_DKIM_PERMFAIL")])
@pytest.mark.parametrize("now, expire", [(NOW + 7200, None), (NOW - 7200, 60)])
async def test_clocks_may_differ_by_some_time(jitter, symbol, now, expire):
    raw = sign(PLAIN, now=now, expire=expire)
    found = await scan(Dkim, letter(raw), dns=dns(), config=f"dkim {{ time_jitter = {jitter}; }}")
    assert symbol in found.hits


async def test_symbols_can_be_renamed():
    config = 'dkim { symbol_allow = "MY_ALLOW"; symbol_na = "MY_NA"; }'
    assert (await scan(Dkim, letter(), dns=dns(), config=config)).scores["MY_ALLOW"] == -0.2
    assert "MY_NA" in (await scan(Dkim, letter(PLAIN), dns=dns(), config=config)).hits


@pytest.mark.parametrize(
    "switch, runs",
    [
        ('groups_disabled = ["dkim"]', False),
        ('groups_disabled = ["policies"]', False),
        ('groups_enabled = ["dkim", "ratelimit", "fuzzy", "neural"]', True),
        ('groups_enabled = ["fuzzy"]', False),
        ('symbols_enabled = ["DKIM_CHECK"]', True),
        ('symbols_disabled = ["DKIM_CHECK"]', False),
    ],
)
async def test_settings_switch_the_check(switch, runs):
    config = f"""settings {{ one {{ priority = high; ip = "203.0.113.7";
        apply {{ {switch}; }} }} }}"""
    found = (await scan(Dkim, letter(), dns=dns(), config=config)).hits
    assert found == (ALLOWED if runs else {})


async def test_a_shared_rspamd_section_is_taken_as_it_stands():
    config = """dkim {
        dkim_cache_size = 2k; dkim_cache_expire = 1d; time_jitter = 6h;
        trusted_only = false; skip_multi = false;
        trusted_domains = "/nowhere/dkim_whitelist.inc";
    }"""
    assert (await scan(Dkim, letter(), dns=dns(), config=config)).hits == ALLOWED
