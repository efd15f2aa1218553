# SPDX-License-Identifier: Apache-2.0
"""Who is praised, who is blamed, and how much, by what SPF, DKIM and DMARC prove."""

import pytest

from authn_dkim import ED25519, RSA, record_of
from gatepost.app import build
from gatepost.authn import Letter, sign_dkim
from gatepost.config import ConfigError
from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.spf import Spf
from gatepost.modules.whitelist import Whitelist
from gatepost.modules.whitelist.rules import SHIPPED_SCORES
from gatepost.testing import NOW, explain, mail, scan, zone

GOOD, BAD = "192.0.2.1", "203.0.113.7"
MODULES = [Spf, Dkim, Dmarc, Whitelist]


def dns(fail=()):
    return zone(
        "aa.org. TXT 'v=spf1 ip4:192.0.2.1 -all'",
        "_dmarc.aa.org. TXT 'v=DMARC1; p=none'",
        f"s._domainkey.aa.org. TXT '{record_of(RSA).decode()}'",
        f"s._domainkey.bb.org. TXT '{record_of(ED25519).decode()}'",
        fail=fail,
    )


def letter(ip=GOOD, sender="u@aa.org", author=None, signed="", broken="", **envelope):
    """``signed``: who has signed it; ``broken``: whose signature is over another letter."""
    headers = {"From": author or sender or "u@aa.org"}
    raw = mail("Hello\r\n", sender=sender, headers=headers).raw
    for domain, body in [(d, b"Hallo") for d in broken.split()] + [
        (d, b"Hello") for d in signed.split()
    ]:
        key = RSA if domain.endswith("aa.org") else ED25519
        other = Letter.from_bytes(raw.replace(b"Hello", body))
        value = sign_dkim(other, key, domain, "s", now=NOW)
        raw = f"DKIM-Signature: {value}\r\n".encode() + raw
    return mail(raw=raw, sender=sender, ip=ip, **envelope)


def rule(needs, domains='["aa.org"]', more='inverse_symbol = "BLAME";'):
    switches = " ".join(f"valid_{one} = true;" for one in needs.split())
    return f"whitelist {{ rules {{ PRAISE {{ {switches} domains = {domains}; {more} }} }} }}"


async def verdict(config, the_letter, resolver=None, modules=MODULES):
    """The symbols of the rules, with options and scores."""
    found = await scan(modules, the_letter, dns=resolver or dns(), config=config)
    assert all(outcome.outcome != "failed" for outcome in found.outcomes.values())
    return {name: found.hits[name] for name in ("PRAISE", "BLAME") if name in found.hits}


BOTH = '["aa.org both"]'
BL = '["aa.org bl"]'


@pytest.mark.parametrize(
    "needs, domains, the_letter, expected",
    [
        ("spf", '["aa.org"]', letter(), {"PRAISE": ["aa.org:s:+"]}),
        ("spf", '["aa.org"]', letter(BAD), {}),
        ("spf", '["bb.org"]', letter(), {}),
        ("spf", BOTH, letter(), {"PRAISE": ["aa.org:s:+"]}),
        ("spf", BOTH, letter(BAD), {"BLAME": ["aa.org:s:-"]}),
        ("spf", BL, letter(), {}),
        ("spf", BL, letter(BAD), {"BLAME": ["aa.org:s:-"]}),
        ("spf", BOTH, letter(BAD, sender="u@bb.org"), {}),
        ("spf", BOTH, letter(BAD, sender="u@bb.org", author="u@aa.org"), {}),
        ("spf", BOTH, letter(sender="", helo="aa.org"), {"PRAISE": ["aa.org:s:+"]}),
        (
            "spf",
            BOTH,
            letter(BAD, sender="", helo="aa.org"),
            {"BLAME": ["aa.org:s:-"]},
        ),
        ("spf", BOTH, letter(BAD, sender="u@sub.aa.org"), {"BLAME": ["aa.org:s:-"]}),
        (
            "dkim",
            '["aa.org"]',
            letter(BAD, signed="aa.org"),
            {"PRAISE": ["aa.org:d:+"]},
        ),
        ("dkim", '["aa.org"]', letter(BAD, broken="aa.org"), {}),
        ("dkim", BOTH, letter(BAD), {}),
        ("dkim", BOTH, letter(BAD, broken="aa.org"), {"BLAME": ["aa.org:d:-"]}),
        ("dkim", BL, letter(BAD, signed="aa.org"), {}),
        (
            "dkim",
            BOTH,
            letter(BAD, signed="aa.org", broken="aa.org"),
            {"BLAME": ["aa.org:d:+", "aa.org:d:-"]},
        ),
        ("dkim", BOTH, letter(BAD, signed="bb.org", broken="bb.org"), {}),
        (
            "spf dkim",
            '["aa.org"]',
            letter(signed="aa.org"),
            {"PRAISE": ["aa.org:d:+", "aa.org:s:+"]},
        ),
        ("spf dkim", '["aa.org"]', letter(), {}),
        ("spf dkim", '["aa.org"]', letter(BAD, signed="aa.org"), {}),
        ("spf dkim", BOTH, letter(), {"BLAME": ["aa.org:s:-"]}),
        (
            "spf dkim",
            BOTH,
            letter(BAD, signed="aa.org"),
            {"BLAME": ["aa.org:d:+", "aa.org:s:-"]},
        ),
        (
            "spf dkim",
            BOTH,
            letter(broken="aa.org"),
            {"BLAME": ["aa.org:d:-", "aa.org:s:-"]},
        ),
        ("dmarc", '["aa.org"]', letter(), {"PRAISE": ["aa.org:D:+"]}),
        ("dmarc", '["aa.org"]', letter(BAD), {}),
        ("dmarc", BOTH, letter(BAD), {"BLAME": ["aa.org:D:-"]}),
        ("dmarc", BOTH, letter(BAD, signed="aa.org"), {"PRAISE": ["aa.org:D:+"]}),
        (
            "dmarc",
            BOTH,
            letter(sender="u@bb.org", author="u@aa.org"),
            {"BLAME": None},
        ),
        ("dmarc", BOTH, letter(author="u@x.aa.org"), {"PRAISE": ["aa.org:D:+"]}),
        ("dmarc", '["x.aa.org"]', letter(author="u@x.aa.org"), {"PRAISE": None}),
        ("dmarc", '["x.aa.org"]', letter(), {}),
    ],
)
async def test_what_a_rule_asks_for_has_to_hold(needs, domains, the_letter, expected):
    found = await verdict(rule(needs, domains), the_letter)
    assert found.keys() == expected.keys()
    assert all(options in (None, found[name]) for name, options in expected.items())


@pytest.mark.parametrize(
    "needs, the_letter, fail",
    [
        ("spf", letter(BAD), ["TXT aa.org."]),
        ("dkim", letter(BAD, signed="aa.org"), ["TXT s._domainkey.aa.org."]),
        ("spf dkim", letter(signed="aa.org"), ["TXT s._domainkey.aa.org."]),
        ("dmarc", letter(BAD), ["TXT _dmarc.aa.org."]),
    ],
)
async def test_nobody_is_blamed_for_the_dns(needs, the_letter, fail):
    assert await verdict(rule(needs, BOTH), the_letter, dns(fail)) == {}


@pytest.mark.parametrize("needs", ["spf", "dkim", "spf dkim", "dmarc"])
async def test_nobody_is_blamed_by_a_check_that_did_not_run(needs):
    assert await verdict(rule(needs, BOTH), letter(BAD), modules=[Whitelist]) == {}


async def test_without_an_address_spf_says_nothing():
    assert await verdict(rule("spf", BOTH), letter(None)) == {}
    assert await verdict(rule("spf dkim", BOTH), letter(None, signed="aa.org")) == {}
    assert await verdict(rule("spf dkim", BOTH), letter(None)) == {"BLAME": ["aa.org:s:-"]}


@pytest.mark.parametrize(
    "more, domains, the_letter, symbol, score",
    [
        ("score = -4;", '["aa.org"]', letter(), "PRAISE", -4.0),
        ("score = -4;", '["aa.org 2.5"]', letter(), "PRAISE", -10.0),
        ("score = -4;", '[["aa.org", 0.5]]', letter(), "PRAISE", -2.0),
        ("score = -4;", '["aa.org wl:3"]', letter(), "PRAISE", -12.0),
        ("score = -4; strict = true;", '["aa.org"]', letter(BAD), "PRAISE", 4.0),
        ("score = -4; strict = true;", '["aa.org wl:3"]', letter(BAD), "PRAISE", None),
        (
            "score = -4; strict = true; inverse_multiplier = 3;",
            '["aa.org 0.5"]',
            letter(BAD),
            "PRAISE",
            6.0,
        ),
        ("score = 4; blacklist = true;", '["aa.org"]', letter(BAD), "PRAISE", 4.0),
        ("score = 4; blacklist = true;", '["aa.org"]', letter(), "PRAISE", None),
        (
            'strict = true; inverse_symbol = "BLAME"; inverse_multiplier = 2;',
            '["aa.org 1.5"]',
            letter(BAD),
            "BLAME",
            6.0,
        ),
    ],
)
async def test_how_much_it_weighs(more, domains, the_letter, symbol, score):
    config = rule("spf", domains, more) + ' group "mine" { symbols { BLAME { score = 2.0; } } }'
    found = await scan(MODULES, the_letter, dns=dns(), config=config)
    assert found.scores.get(symbol) == score


@pytest.mark.parametrize("name, score", [("BLAME", 4.0), ("BLACKLIST_SPF", 1.0)])
async def test_an_inverse_symbol_weighs_as_much_the_other_way(name, score):
    config = rule("spf", BOTH, f'score = -4; inverse_symbol = "{name}";')
    found = await scan(MODULES, letter(BAD), dns=dns(), config=config)
    assert found.scores[name] == score


async def test_lists_may_be_files(tmp_path):
    path = tmp_path / "domains.inc"
    path.write_text("# ours\naa.org both:2.0\nbb.org\n")
    assert await verdict(rule("spf", f'"{path}"'), letter(BAD)) == {"BLAME": ["aa.org:s:-"]}
    assert await verdict(rule("spf", f'["{path}", "/nowhere/x.inc"]'), letter()) == {
        "PRAISE": ["aa.org:s:+"]
    }


@pytest.mark.parametrize(
    "ip, user, config, skipped",
    [
        (GOOD, None, "", ""),
        ("10.1.2.3", None, "", "local"),
        (GOOD, "anna", "", "authenticated"),
        ("10.1.2.3", "anna", "", "authenticated"),
        (None, None, "", ""),
        (None, "anna", "", "authenticated"),
        ("10.1.2.3", None, "whitelist { check_local = true; }", ""),
        (GOOD, "anna", "whitelist { check_local = true; }", "authenticated"),
        (GOOD, "anna", "whitelist { check_authed = true; }", ""),
        ("10.1.2.3", "anna", "whitelist { check_authed = true; }", "local"),
        ("10.1.2.3", "anna", "whitelist { check_authed = true; check_local = true; }", ""),
        (GOOD, "anna", "options { check_authed = true; }", ""),
        ("10.1.2.3", None, "options { check_local = true; }", ""),
    ],
)
async def test_our_own_users_and_hosts_need_no_praise(ip, user, config, skipped):
    # `dkim` looks at everything here: only the whitelist's own ruling decides.
    config += " dkim { check_local = true; check_authed = true; }"
    config += ' options { local_addrs = "10.0.0.0/8"; } ' + rule("dkim")
    result = await explain(
        [Whitelist, Dkim], letter(ip, signed="aa.org", user=user), dns=dns(), config=config
    )
    assert result.skipped == skipped
    assert ("PRAISE" in result.hits) == (not skipped)


async def test_with_nothing_to_go_by_an_overridden_rule_is_silent():
    config = "whitelist { check_authed = true; } " + rule("spf dkim", BOTH)
    assert await verdict(config, letter(BAD, user="anna")) == {}


async def test_several_rules_may_share_a_symbol_of_blame():
    config = """whitelist { rules {
        ONE { valid_spf = true; strict = true; domains = ["aa.org"]; inverse_symbol = BLAME; }
        TWO { valid_dmarc = true; strict = true; domains = ["aa.org"]; inverse_symbol = BLAME; }
        THREE { valid_spf = true; strict = true; domains = ["aa.org"]; inverse_symbol = ONE; }
    } }"""
    found = await scan(MODULES, letter(BAD), dns=dns(), config=config)
    assert found.hits["BLAME"] == ["aa.org:s:-", "aa.org:D:-"]
    assert found.hits["ONE"] == ["aa.org:s:-"]


@pytest.mark.parametrize(
    "body, message",
    [
        ("X { valid_spf = true; }", "X: there is no list of `domains`"),
        ("X { domains = [a]; valid_spv = true; }", "valid_spv"),
        ("X { domains = 5.5.5; strict = perhaps; }", "strict"),
    ],
)
async def test_mistakes_are_named(body, message):
    with pytest.raises(ConfigError, match=message):
        await scan(Whitelist, letter(), config=f"whitelist {{ rules {{ {body} }} }}")


async def test_a_rule_that_asks_for_nothing_never_says_anything():
    assert await verdict(rule("", BOTH), letter()) == {}


def test_the_shipped_rules_read_lists_of_the_configuration_folder(tmp_path):
    lists = tmp_path / "local.d" / "maps.d"
    lists.mkdir(parents=True)
    (lists / "dmarc_whitelist.inc.local").write_text("aa.org both:2\n")
    (tmp_path / "local.d" / "spf_whitelist.inc.local").write_text("bb.org\n")
    state = {"GATEPOST_STATE": str(tmp_path)}
    app = build(str(tmp_path), environment=state, modules=[Whitelist])
    [whitelist] = [one.module for one in app.modules if one.enabled]
    rules = {rule.symbol.name: rule for rule in whitelist.rules}
    assert rules["WHITELIST_DMARC"].find("aa.org").mode == "both"
    assert rules["WHITELIST_SPF"].find("bb.org").mode == "wl"
    assert rules["WHITELIST_DKIM"].find("aa.org") is None
    scores = {s.name: s.score for check in whitelist.checks() for s in check.symbols}
    assert scores == SHIPPED_SCORES
