# SPDX-License-Identifier: Apache-2.0
"""Which symbol a letter gets, what is done to it, and who is not looked at."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authn_dkim import ED25519, record_of
from gatepost.authn import Letter, sign_dkim
from gatepost.config import ConfigError
from gatepost.modules.dkim import Dkim
from gatepost.modules.dmarc import Dmarc
from gatepost.modules.spf import Spf
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.testing import NOW, Bench, build_app, mail, scan, zone

ALL = [Spf, Dkim, Dmarc]
OURS, STRANGER, LOCAL = "192.0.2.1", "203.0.113.7", "127.0.0.1"
FAILED = "No valid SPF, No valid DKIM"

DOMAINS = {
    "reject.example": "v=DMARC1; p=reject",
    "quarantine.example": "v=DMARC1; p=quarantine",
    "none.example": "v=DMARC1; p=none",
    "sub.example": "v=DMARC1; p=reject; sp=quarantine",
    "strict.example": "v=DMARC1; p=reject; aspf=s; adkim=s",
    "spared.example": "v=DMARC1; p=reject; pct=0",
    "quietly.example": "v=DMARC1; p=quarantine; pct=0",
    "bad.example": "v=DMARC1; p=maybe",
    "plain.example": "hello",
}


def dns():
    records = [f"_dmarc.{name}. TXT '{text}'" for name, text in DOMAINS.items()]
    records += [f"{name}. TXT 'v=spf1 ip4:{OURS} -all'" for name in DOMAINS]
    records += [f"k._domainkey.{name}. TXT '{record_of(ED25519).decode()}'" for name in DOMAINS]
    records += [
        "m.strict.example. TXT 'v=spf1 ip4:192.0.2.1 -all'",
        "two.example. TXT 'v=spf1 -all'",
        "_dmarc.two.example. TXT 'v=DMARC1; p=reject'",
        "_dmarc.two.example. TXT 'v=DMARC1; p=none'",
    ]
    failing = ["TXT _dmarc.down.example. servfail", "TXT slow.reject.example. timeout"]
    return zone(*records, fail=failing)


def letter(author, *, ip=STRANGER, sender=None, signed="", **envelope):
    """From ``author``; ``signed`` is the domain of a good signature."""
    authors = {"From": author} if isinstance(author, str) else {"From": list(author)}
    made = mail(ip=ip, sender=sender, headers=authors, **envelope)
    if not signed:
        return made
    value = sign_dkim(Letter.from_bytes(made.raw), ED25519, signed, "k", now=NOW - 60)
    raw = f"DKIM-Signature: {value}\r\n".encode() + made.raw
    return mail(ip=ip, sender=sender, raw=raw, **envelope)


async def hits(given, *, config="", modules=ALL):
    found = (await scan(modules, given, dns=dns(), config=config)).hits
    return {name: options for name, options in found.items() if name.startswith("DMARC")}


@pytest.mark.parametrize(
    "letter, expected",
    [
        (
            letter("a@reject.example", ip=OURS, sender="u@reject.example"),
            {"DMARC_POLICY_ALLOW": ["reject.example", "reject"]},
        ),
        (
            letter("a@reject.example", signed="reject.example"),
            {"DMARC_POLICY_ALLOW": ["reject.example", "reject"]},
        ),
        (
            letter("A <a@News.Reject.Example>", ip=OURS, sender="u@reject.example"),
            {"DMARC_POLICY_ALLOW": ["reject.example", "reject"]},
        ),
        (
            letter("a@reject.example", sender="u@reject.example"),
            {"DMARC_POLICY_REJECT": [f"reject.example : {FAILED}", "reject"]},
        ),
        (
            letter("a@reject.example", ip=OURS, sender="u@none.example", signed="none.example"),
            {
                "DMARC_POLICY_REJECT": [
                    "reject.example : SPF not aligned (relaxed), DKIM not aligned (relaxed)",
                    "reject",
                ]
            },
        ),
        (
            letter("a@strict.example", ip=OURS, sender="u@m.strict.example"),
            {
                "DMARC_POLICY_REJECT": [
                    "strict.example : SPF not aligned (strict), No valid DKIM",
                    "reject",
                ]
            },
        ),
        (
            letter("a@quarantine.example"),
            {"DMARC_POLICY_QUARANTINE": [f"quarantine.example : {FAILED}", "quarantine"]},
        ),
        (
            letter("a@x.sub.example"),
            {"DMARC_POLICY_QUARANTINE": [f"sub.example : {FAILED}", "quarantine"]},
        ),
        (
            letter("a@none.example"),
            {"DMARC_POLICY_SOFTFAIL": [f"none.example : {FAILED}", "none"]},
        ),
        (
            letter("a@spared.example"),
            {"DMARC_POLICY_QUARANTINE": [f"spared.example : {FAILED}", "reject", "sampled_out"]},
        ),
        (
            letter("a@quietly.example"),
            {"DMARC_POLICY_SOFTFAIL": [f"quietly.example : {FAILED}", "quarantine", "sampled_out"]},
        ),
        (
            letter("a@reject.example", sender="u@slow.reject.example"),
            {"DMARC_DNSFAIL": ["reject.example : SPF/DKIM temp error", "reject"]},
        ),
        (letter("a@down.example"), {"DMARC_DNSFAIL": ["down.example : DNS: servfail"]}),
        (letter("a@two.example"), {"DMARC_BAD_POLICY": ["two.example : 2 DMARC records"]}),
        (
            letter("a@bad.example"),
            {
                "DMARC_BAD_POLICY": [
                    "bad.example : p is 'maybe', not none, quarantine or reject",
                ]
            },
        ),
        (letter("a@gone.example"), {"DMARC_NA": ["gone.example"]}),
        (letter("a@plain.example"), {"DMARC_NA": ["plain.example: no valid DMARC record"]}),
        (letter(""), {"DMARC_NA": ["No From header"]}),
        (letter("Anna"), {"DMARC_NA": ["No domain in From header"]}),
        (letter("a@[192.0.2.1]"), {"DMARC_NA": ["[192.0.2.1]"]}),
        (letter("a@reject.example, b@none.example"), {"DMARC_NA": ["Duplicate From header"]}),
        (letter(["a@reject.example", "b@reject.example"]), {"DMARC_NA": ["Duplicate From header"]}),
    ],
)
async def test_one_symbol_names_the_verdict(letter, expected):
    assert await hits(letter) == expected


async def test_the_shipped_scores_count():
    found = await scan(ALL, letter("a@reject.example"), dns=dns())
    assert found.scores["DMARC_POLICY_REJECT"] == 2.0
    passed = letter("a@none.example", signed="none.example")
    assert (await scan(ALL, passed, dns=dns())).scores["DMARC_POLICY_ALLOW"] == -0.5


@pytest.mark.parametrize(
    "author, word",
    [
        ("a@reject.example", "fail_reject"),
        ("a@spared.example", "fail_reject"),  # the policy as published
        ("a@none.example", "fail_none"),
        ("a@gone.example", "no_record"),
        ("a@two.example", "permerror"),
        ("a@down.example", "temperror"),
    ],
)
async def test_other_checks_are_told_the_result_in_rspamds_words(author, word):
    task = (await scan(ALL, letter(author), dns=dns())).task
    assert task.variables["dmarc_result"] == word
    assert task.variables["dmarc"].domain == author.partition("@")[2]


async def test_a_letter_without_a_body_is_checked():
    given = mail(raw=b"From: a@reject.example\r\n\r\n", ip=STRANGER)
    assert "DMARC_POLICY_REJECT" in await hits(given)


@given(st.lists(st.binary(max_size=60), min_size=10, max_size=30), st.data())
@settings(max_examples=10, deadline=None)
def test_whatever_a_stranger_writes_gets_one_symbol(authors, data):
    record = "v=DMARC1;" + data.draw(st.text("p=noneru;a,:@x! mailto", max_size=90))
    records = [f"_dmarc.reject.example. TXT '{record}'"]
    options = 'reporting { enabled = true; email = "d@x.example"; domain = "x.example"; }'

    async def scan_all():
        async with Bench(ALL, dns=zone(*records), config=f"dmarc {{ {options} }}") as bench:
            for author in [*authors, *(one + b"@reject.example" for one in authors)]:
                raw = b"From: " + author + b"\r\nTo: b@b.example\r\n\r\nhello\r\n"
                result = await bench.scan(mail(raw=raw, sender="u@reject.example"))
                assert result.outcomes["DMARC_CHECK"].outcome == "ran"
                assert sum(name.startswith("DMARC") for name in result.hits) == 1

    asyncio.run(scan_all())


# Directions. Rows by DESIGN §4 (disabled when outbound), the two conditions being independent.

FAKE = "a@reject.example"
INBOUND = letter(FAKE)
BY_LOCAL = letter(FAKE, ip=LOCAL)
BY_USER = letter(FAKE, user="anna")
BY_BOTH = letter(FAKE, ip=LOCAL, user="anna")
NO_IP = letter(FAKE, ip=None)
USER_NO_IP = letter(FAKE, ip=None, user="anna")


@pytest.mark.parametrize(
    "config, checked",
    [
        ("", {"inbound", "no ip"}),
        ("dmarc { check_local = true; }", {"inbound", "no ip", "local"}),
        ("dmarc { check_authed = true; }", {"inbound", "no ip", "authenticated", "user, no ip"}),
        (
            "dmarc { check_local = true; check_authed = true; }",
            {"inbound", "no ip", "local", "authenticated", "both", "user, no ip"},
        ),
        ("options { check_local = true; }", {"inbound", "no ip", "local"}),
        (
            "options { check_local = true; check_authed = true; }",
            {"inbound", "no ip", "local", "authenticated", "both", "user, no ip"},
        ),
        (
            "options { check_local = true; } dmarc { check_local = false; }",
            {"inbound", "no ip"},
        ),
        ("spf { check_authed = true; } dkim { check_authed = true; }", {"inbound", "no ip"}),
    ],
)
async def test_outbound_mail_is_checked_where_dmarc_alone_is_told_to(config, checked):
    letters = {
        "inbound": INBOUND,
        "local": BY_LOCAL,
        "authenticated": BY_USER,
        "both": BY_BOTH,
        "no ip": NO_IP,
        "user, no ip": USER_NO_IP,
    }
    found = {name for name, given in letters.items() if await hits(given, config=config)}
    assert found == checked


@pytest.mark.parametrize(
    "letter, reason, option",
    [
        (BY_LOCAL, "local", "dmarc.check_local"),
        (BY_USER, "authenticated", "dmarc.check_authed"),
        (BY_BOTH, "authenticated", "dmarc.check_authed"),
    ],
)
async def test_explain_says_why_outbound_mail_is_not_checked(letter, reason, option):
    result = await scan(Dmarc, letter, dns=dns())
    assert (result.skipped, result.outcomes["DMARC_CHECK"].option) == (reason, option)


@pytest.mark.parametrize(
    "letter, expected",
    [
        (letter(FAKE, user="anna"), "DMARC_POLICY_REJECT"),
        (letter(FAKE, user="anna", ip=OURS, sender="u@reject.example"), "DMARC_POLICY_ALLOW"),
        (letter(FAKE, user="anna", signed="reject.example"), "DMARC_POLICY_ALLOW"),
        (letter(FAKE, user="anna", ip=None, signed="reject.example"), "DMARC_POLICY_ALLOW"),
        (
            letter(FAKE, user="anna", sender="", helo="reject.example", ip=OURS),
            "DMARC_POLICY_ALLOW",
        ),
        (letter(FAKE, user="anna", sender="nobody", ip=OURS), "DMARC_POLICY_REJECT"),
    ],
)
async def test_spf_and_dkim_are_evaluated_for_it_without_symbols_of_theirs(letter, expected):
    result = await scan(ALL, letter, dns=dns(), config="dmarc { check_authed = true; }")
    assert result.hits.keys() == {expected}


async def test_nothing_is_asked_for_when_it_does_not_look():
    resolver = dns()
    await scan(ALL, BY_USER, dns=resolver)
    assert resolver.asked == []


@pytest.mark.parametrize(
    "modules, config",
    [
        ([Dkim, Dmarc], ""),
        ([Spf, Dmarc], ""),
        (ALL, "spf { whitelist = [203.0.113.7]; }"),
        (ALL, "spf { enabled = false; }"),
    ],
)
async def test_without_spf_or_dkim_inbound_mail_is_not_judged(modules, config):
    assert await hits(INBOUND, modules=modules, config=config) == {}
    assert await hits(letter(""), modules=modules, config=config) == {}


@pytest.mark.parametrize("name", ["DMARC_CHECK", "DMARC_POLICY_REJECT"])
async def test_settings_can_switch_it_off(name):
    config = f"""
    settings {{ quiet {{ priority = high; ip = "{STRANGER}";
        apply {{ symbols_disabled = ["{name}"]; }} }} }}
    """
    assert await hits(INBOUND, config=config) == {}


@pytest.mark.parametrize("name", ["DMARC_CHECK", "DMARC_CALLBACK", "DMARC_NA"])
async def test_a_request_can_switch_it_off_by_any_of_its_names(name):
    asked = {"Settings": f'{{"symbols_disabled": ["{name}"]}}'}
    switched = mail(raw=INBOUND.raw, request=asked)
    assert await hits(mail(raw=INBOUND.raw)) != {}
    assert await hits(switched) == {}


class Waits(Module):
    """Waits for DMARC by its old name, and tells what it then knows."""

    name = "waits"
    group = "waits"
    outbound = RunAlways()
    KNOWS = Symbol("KNOWS")

    @runs(Stage.FILTER, callback="WAITS", after=("DMARC_CALLBACK",))
    def check(self, task) -> PlainHits:
        yield self.KNOWS(task.variables["dmarc_result"])


async def test_other_checks_can_wait_for_it_by_its_old_name():
    result = await scan([Waits, *ALL], INBOUND, dns=dns())
    assert result.hits["KNOWS"] == ["fail_reject"]


# What is forced


class Scores(Module):
    """Gives the score that the request asks for."""

    name = "scores"
    group = "scores"
    outbound = RunAlways()
    POINTS = Symbol("POINTS", 1.0)

    @runs(Stage.FILTER, callback="SCORES")
    def check(self, task) -> PlainHits:
        yield self.POINTS(weight=float(task.envelope.header("Points") or 0))


ACTIONS = """
actions { reject = 15; add_header = 6; }
dmarc { actions {
    reject = "reject"; quarantine = "add header"; softfail = "greylist"; na = "soft reject";
} }
"""


@pytest.mark.parametrize(
    "author, points, action",
    [
        ("a@reject.example", 0, "reject"),
        ("a@quarantine.example", 0, "add header"),
        ("a@quarantine.example", 30, "reject"),  # the least, not the most
        ("a@spared.example", 0, "add header"),
        ("a@quietly.example", 0, "greylist"),
        ("a@none.example", 0, "no action"),  # asks for nothing
        ("a@gone.example", 0, "no action"),
        ("a@two.example", 0, "no action"),
        ("a@down.example", 0, "no action"),
        ("", 0, "soft reject"),
        ("a@reject.example, b@reject.example", 0, "soft reject"),
    ],
)
async def test_an_action_is_the_least_that_happens(author, points, action):
    given = letter(author, request={"Points": str(points)})
    result = await scan([*ALL, Scores], given, dns=dns(), config=ACTIONS)
    assert result.action == action
    assert "POINTS" in result.hits, "the other checks go on"


async def test_the_sender_is_told_who_decided():
    result = await scan(ALL, INBOUND, dns=dns(), config=ACTIONS)
    assert result.task.result.messages == {"smtp_message": "Action set by DMARC"}
    assert result.verdict.forced_by.module == "dmarc"


async def test_nothing_is_forced_by_default():
    assert (await scan(ALL, INBOUND, dns=dns())).action == "no action"


async def test_an_action_that_there_is_not_is_a_mistake():
    with pytest.raises(ConfigError, match=r"dmarc.actions: expected an action, found `rejekt`"):
        build_app([Dmarc], config='dmarc { actions { reject = "rejekt"; } }')


# Sampling


async def test_pct_spares_a_share_of_the_letters():
    resolver = zone("_dmarc.half.example. TXT 'v=DMARC1; p=reject; pct=40'")
    given = letter("a@half.example")
    async with Bench(ALL, dns=resolver) as bench:
        found = [(await bench.scan(given)).hits for _ in range(400)]
    rejected = sum("DMARC_POLICY_REJECT" in one for one in found)
    # 40 % of 400; 70 are seven standard deviations
    assert 90 < rejected < 230
    assert sum("DMARC_POLICY_QUARANTINE" in one for one in found) == 400 - rejected


async def test_pct_does_not_count_for_domains_that_are_listed():
    config = 'dmarc { no_sampling_domains = ["spared.example"]; }'
    assert await hits(letter("a@x.spared.example"), config=config) == {
        "DMARC_POLICY_REJECT": [f"spared.example : {FAILED}", "reject", "local_policy"]
    }
    assert "DMARC_POLICY_SOFTFAIL" in await hits(letter("a@quietly.example"), config=config)


# Configuration


async def test_symbols_can_be_renamed():
    config = 'dmarc { symbols { reject = "MY_REJECT"; na = "MY_NA"; spf_allow_symbol = "X"; } }'
    found = await scan(ALL, INBOUND, dns=dns(), config=config)
    assert found.scores["MY_REJECT"] == 2.0
    assert "MY_NA" in (await scan(ALL, letter("a@gone.example"), dns=dns(), config=config)).hits


async def test_a_shared_rspamd_section_is_taken_as_it_stands(tmp_path):
    (tmp_path / "list").write_text("none.example\n")
    config = """
    dmarc {
        no_sampling_domains = "FOLDER/list";
        actions = { quarantine = "add_header"; reject = "reject"; }
        reporting {
            enabled = true; email = 'd@example.org'; domain = 'example.org';
            org_name = 'Example'; bcc_addrs = ["postmaster@example.org"]; max_entries = 1k;
            smtp = '127.0.0.1'; smtp_port = 25; from_name = "Example"; msgid_from = "example.org";
            keys_expire = 2d; exclude_domains = ["none.example"];
        }
    }
    """
    app = build_app(ALL, config=config.replace("FOLDER", str(tmp_path)))
    assert [problem for problem in app.problems.all if "dmarc" in str(problem)] == []
    assert (await scan(ALL, INBOUND, dns=dns(), config=config)).action == "reject"


async def test_reporting_is_a_section():
    with pytest.raises(ConfigError, match=r"dmarc.reporting: expected a section"):
        build_app([Dmarc], config="dmarc { reporting = true; }")


async def test_reports_without_a_sender_are_warned_of():
    app = build_app([Dmarc], config="dmarc { reporting { enabled = true; } }")
    assert ["without `email` and `domain`" in str(one) for one in app.problems.warnings] == [True]


# Options of DKIM that leave signatures out


@pytest.mark.parametrize(
    "option", ["skip_multi = true;", 'trusted_only = true; domains = ["other.example"];']
)
async def test_a_signature_that_is_not_looked_at_for_dkim_still_counts(option):
    raw = mail(sender="u@author.example").raw
    for domain in ("author.example", "list.example"):
        value = sign_dkim(Letter.from_bytes(raw), ED25519, domain, "s", now=NOW)
        raw = f"DKIM-Signature: {value}\r\n".encode() + raw
    records = [
        f"s._domainkey.{domain}. TXT '{record_of(ED25519).decode()}'"
        for domain in ("author.example", "list.example")
    ]
    resolver = zone(*records, "_dmarc.author.example. TXT 'v=DMARC1; p=reject'")
    config = f"dkim {{ {option} }}"
    found = await scan(ALL, mail(raw=raw, sender="u@x.example"), dns=resolver, config=config)
    assert "R_DKIM_ALLOW" not in found.hits
    assert found.hits["DMARC_POLICY_ALLOW"] == ["author.example", "reject"]
    forged = raw.replace(b"Hello", b"Hallo")
    found = await scan(ALL, mail(raw=forged, sender="u@x.example"), dns=resolver, config=config)
    assert "DMARC_POLICY_REJECT" in found.hits
