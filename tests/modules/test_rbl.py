# SPDX-License-Identifier: Apache-2.0
"""Whom do lists know, whose mail are they asked about, and who is spared the question?"""

from __future__ import annotations

from hashlib import md5, sha1
from pathlib import Path

import pytest

from gatepost.app import build
from gatepost.modules.dkim import Dkim
from gatepost.modules.rbl import Rbl
from gatepost.net import DnsResolver, ResolverSettings
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.task import Task
from gatepost.testing import Bench, Letter, build_app, mail, scan, zone
from rbl_kit import CLIENT, CORE, HOME, HOP, RELAYED, ask, default_app, one
from servers_unbound import needs_unbound, start_unbound

# --- what is asked for --------------------------------------------------------------------

EVERYTHING = mail(
    "Look: http://www.evil.org/a http://evil.org/b http://192.0.2.44/ and u.ser+x@gmail.com",
    helo="helo.evil.net",
    hostname="ptr.evil.net",
    headers={"Received": [RELAYED, HOME], "Reply-To": "Me <Who.Ever+a@Reply.evil.net>"},
)


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("from = true", "7.113.0.203"),
        ("from = true; ipv4 = false", ""),
        ("received = true", "9.100.51.198"),
        ("received = true; exclude_local = false", "9.100.51.198 9.9.9.10"),
        ("received = true; received_max_pos = 1", "9.100.51.198"),
        ("received = true; received_min_pos = 2", ""),
        ("received = true; received_flags = [esmtp]", ""),
        ("received = true; received_nflags = [esmtp]", "9.100.51.198"),
        ("received = true; local_exclude_ip_map = 198.51.100.0/24", ""),
        ("from = true; local_exclude_ip_map = 203.0.113.0/24", ""),
        ("helo = true", "helo.evil.net"),
        ("rdns = true", "ptr.evil.net"),
        ("urls = true", "evil.org 44.2.0.192"),
        ("urls = true; url_full_hostname = true; no_ip = true", "www.evil.org"),
        ("urls = true; no_ip = true; url_compose_map = [evil.org]", "www.evil.org evil.org"),
        ("numeric_urls = true", "44.2.0.192"),
        ("emails = true", "user.gmail.com"),
        ("emails = true; emails_domainonly = true", "gmail.com"),
        ('emails = true; emails_delimiter = "@"', "user@gmail.com"),
        ("replyto = true", "who.ever.reply.evil.net"),
        ("replyto = true; emails_domainonly = true", "evil.net"),
        ('selector = "from:domain"', "example.org"),
        ('selector = "helo;from:domain"', "helo.evil.net example.org"),
        ('selector = "helo;from:domain"; selector_flatten = false', "helo.evil.netexample.org"),
        ('selector { a = "helo"; b = "from:domain" }', "helo.evil.net example.org"),
        ("checks = [urls, helo]; exclude_checks = [helo]; no_ip = true", "evil.org"),
    ],
)
async def test_each_kind_of_check_asks_for_its_values(rule: str, asked: str) -> None:
    dns = zone()
    await ask(one(rule), EVERYTHING, dns)
    found = [name.removesuffix(".bl.test") for name, _ in dns.asked]
    assert sorted(found) == sorted(asked.split())


async def test_the_client_is_left_to_from_where_both_are_asked() -> None:
    letter = mail(ip="198.51.100.9", headers={"Received": RELAYED})
    dns = zone("9.100.51.198.bl.test. A 127.0.0.2")
    both = one("checks = [from, received]; symbols_prefixes { from = F; received = R }")
    assert (await ask(both, letter, dns)).hits == {"F_LIST": ["198.51.100.9:from"]}
    received = one("checks = [received]; symbols_prefixes { from = F; received = R }")
    assert (await ask(received, letter, dns)).hits == {"R_LIST": ["198.51.100.9:received"]}


@pytest.mark.parametrize(
    ("letter", "rule"),
    [
        (mail(ip=None), "from = true"),
        (mail(helo=None), "helo = true"),
        (mail(helo="[192.0.2.1]"), "helo = true"),
        (mail(hostname="unknown"), "rdns = true"),
        (mail(headers={"Reply-To": "undisclosed:;"}), "replyto = true"),
        (mail("nothing"), "checks = [urls, emails, dkim]"),
        (mail("tel:+123456 http://localhost/"), "urls = true"),
    ],
)
async def test_what_is_not_there_is_not_asked_for(letter: Letter, rule: str) -> None:
    dns = zone()
    assert (await ask(one(rule), letter, dns)).hits == {}
    assert dns.asked == []


class Signed(Module):
    """Says who signed, as DKIM checking would."""

    name = "signed"
    group = "signed"
    outbound = RunAlways()

    TRACE = Symbol("DKIM_TRACE")

    @runs(Stage.FILTER, callback="DKIM_CHECK")
    def check(self, task: Task) -> PlainHits:
        """Two good signatures, one bad."""
        for option in ("mail.evil.org:+", "example.org:+", "bad.org:-"):
            yield self.TRACE(option)


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("dkim = true", "evil.org example.org"),
        ("dkim = true; dkim_domainonly = false", "mail.evil.org example.org"),
        ("dkim = true; dkim_match_from = true", "example.org"),
        ("dkim = true; dkim_match_from = true; url_full_hostname = true", ""),
    ],
)
async def test_signing_domains(rule: str, asked: str) -> None:
    dns = zone()
    letter = mail(headers={"From": "a@mail.example.org" if not asked else "a@example.org"})
    await scan([Rbl, Signed], letter, config=f"rbl {{ {one(rule)} }}", dns=dns)
    found = [name.removesuffix(".bl.test") for name, _ in dns.asked]
    assert sorted(found) == sorted(asked.split())


async def test_a_client_that_a_letter_only_claims_is_not_asked_about_where_it_is_ours() -> None:
    """Nobody told us the address; the letter says 10.9.9.9, which does not make it local."""
    dns = zone()
    letter = mail("http://evil.org/", ip=None, headers={"Received": HOME})
    found = await ask(one("checks = [from, urls]"), letter, dns)
    assert found.outcomes["LIST"].outcome == "ran"
    assert dns.asked == []
    await ask(one("checks = [from, urls]; exclude_local = false"), letter, dns)
    assert sorted(dns.asked) == [("9.9.9.10.bl.test", "A"), ("evil.org.bl.test", "A")]


# --- as shipped ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "symbol", "option"),
    [
        ("7.113.0.203.zen.spamhaus.org. A 127.0.0.2", "RBL_SPAMHAUS_SBL", f"{CLIENT}:from"),
        ("7.113.0.203.zen.spamhaus.org. A 127.0.0.77", "RBL_SPAMHAUS", f"{CLIENT}:from:127.0.0.77"),
        ("9.100.51.198.zen.spamhaus.org. A 127.0.0.6", "RECEIVED_SPAMHAUS_XBL", f"{HOP}:received"),
        ("7.113.0.203.rep.mailspike.net. A 127.0.0.19", "RWL_MAILSPIKE_VERYGOOD", f"{CLIENT}:from"),
        ("7.113.0.203.list.dnswl.org. A 127.0.15.3", "RCVD_IN_DNSWL_HI", f"{CLIENT}:from"),
        ("7.113.0.203.list.dnswl.org. A 127.0.5.0", "RCVD_IN_DNSWL_NONE", f"{CLIENT}:from"),
        ("7.113.0.203.list.dnswl.org. A 127.0.10.3", "DNSWL_BLOCKED", f"{CLIENT}:from"),
        ("7.113.0.203.bl.blocklist.de. A 127.0.0.9", "RBL_BLOCKLISTDE", f"{CLIENT}:from"),
        ("www.evil.org.multi.surbl.org. A 127.0.0.8", "PH_SURBL_MULTI", "www.evil.org:url"),
        ("example.org.multi.uribl.com. A 127.0.0.2", "URIBL_BLACK", "example.org:from_smtp"),
        ("evil.org.dbl.spamhaus.org. A 127.0.1.4", "DBL_PHISH", "evil.org:url"),
        ("letter.net.dbl.spamhaus.org. A 127.0.1.2", "DBL_SPAM", "letter.net:mid"),
        ("helo.evil.net.dbl.spamhaus.org. A 127.0.1.5", "DBL_MALWARE", "helo.evil.net:helo"),
        ("evil.org.uribl.spameatingmonkey.net. A 127.0.0.2", "SEM_URIBL", "evil.org:url"),
    ],
)  # fmt: skip
async def test_shipped_lists_say_what_they_mean(
    tmp_path: Path, record: str, symbol: str, option: str
) -> None:
    opened = default_app(tmp_path).open(resolver=zone(record))
    letter = mail(
        "http://www.evil.org/",
        helo="helo.evil.net",
        headers={"Received": RELAYED, "Message-ID": "<x@mail.letter.net>"},
    )
    task = await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    found = {found.name: found.options for found in task.result.visible()}
    assert option in found[symbol]


JOE, AL = sha1(b"joe@gmail.com").hexdigest(), sha1(b"al@example.com").hexdigest()
# Vectors of Rspamd's test suite (reference §0.4).
EXAMPLE_COM = "rciuosbadgpq6b5wt436nhgnwzmfh9w9"
EMAILBL_COM = "4eikheqjb4rb3y4oxgnfxek9wrwnyii4"


@pytest.mark.parametrize(
    ("record", "symbol", "option"),
    [
        (f"{JOE}.ebl.msbl.org.", "MSBL_EBL", "joe@gmail.com:email"),
        (f"{AL}.ebl.msbl.org.", "MSBL_EBL", "al@example.com:from_smtp"),
        (f"{EXAMPLE_COM}.uribl.rspamd.com.", "RSPAMD_URIBL", "example.com:from_smtp"),
        (f"{EMAILBL_COM}.uribl.rspamd.com.", "RSPAMD_URIBL", "emailbl.com:url"),
    ],
)
async def test_names_are_hashed_as_the_lists_want_them(
    tmp_path: Path, record: str, symbol: str, option: str
) -> None:
    opened = default_app(tmp_path).open(resolver=zone(f"{record} A 127.0.0.2"))
    letter = mail("J.oe+x@googlemail.com http://emailbl.com/", sender="al@example.com")
    task = await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    found = task.symbol(symbol)
    assert found is not None and option in found.options


async def test_symbols_of_names_are_capped_and_count_once(tmp_path: Path) -> None:
    hosts = [f"evil{number}.org" for number in range(4)]
    dns = zone(
        *(f"{host}.dbl.spamhaus.org. A 127.0.1.2" for host in hosts),
        *(f"{host}.multi.uribl.com. A 127.0.0.2" for host in hosts),
    )
    opened = default_app(tmp_path).open(resolver=dns)
    letter = mail(" ".join(f"http://{host}/" for host in hosts), user="alice@example.org")
    task = await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    spam = task.symbol("DBL_SPAM")
    assert spam is not None and len(spam.options) == 4  # all are named, one counts
    assert task.result.verdict().score == 12.5  # not 6.5 and 7.5


async def test_domains_of_the_whitelist_are_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "maps.d").mkdir()
    (tmp_path / "maps.d" / "surbl-whitelist.inc.local").write_text("mine.org\n")
    dns = zone()
    opened = default_app(tmp_path).open(resolver=dns)
    letter = mail("http://google.com/ http://mine.org/ http://evil.org/", user="alice@example.org")
    await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    names = {name for name, _ in dns.asked}
    assert "evil.org.multi.uribl.com" in names
    assert not any(name.startswith(("google.com.", "mine.org.")) for name in names)


async def test_a_shipped_rule_is_switched_off_by_its_name(tmp_path: Path) -> None:
    app = default_app(tmp_path, 'rbls { spamhaus { enabled = false } DBL { symbol = "MY_DBL" } }')
    checks = {check.callback for check in app.planner.checks}
    assert "SPAMHAUS_CHECK" not in checks and "DBL" not in checks
    assert {"MY_DBL", "SURBL_MULTI"} <= checks


# --- who is not asked about ---------------------------------------------------------------

WHITE = """WHITE { rbl = "wl.test"; checks = [from, received]; is_whitelist = true;
    returncodes { GOOD = 127.0.0.3; SOSO = 127.0.0.1 } whitelist_exception = SOSO }"""
BLACK = 'BLACK { rbl = "bl.test"; checks = [from, received]; %s }'


@pytest.mark.parametrize(
    ("white", "rule", "hits"),
    [
        ("7.113.0.203.wl.test. A 127.0.0.3", "", "GOOD"),
        ("7.113.0.203.wl.test. A 127.0.0.1", "", "SOSO BLACK"),
        ("7.113.0.203.wl.test. A 127.0.0.3", "ignore_whitelist = true", "GOOD BLACK"),
        ("9.100.51.198.wl.test. A 127.0.0.3", "", "GOOD BLACK"),
    ],
)
async def test_whom_a_good_list_vouches_for_is_not_asked_about(
    white: str, rule: str, hits: str
) -> None:
    dns = zone(white, "7.113.0.203.bl.test. A 127.0.0.2")
    letter = mail(headers={"Received": RELAYED})
    found = await ask(f"rbls {{ {BLACK % rule} {WHITE} }}", letter, dns)
    assert set(found.hits) == set(hits.split())
    assert (("7.113.0.203.bl.test", "A") in dns.asked) == ("BLACK" in hits)


async def test_a_good_list_vouches_for_ipv6_too() -> None:
    nibbles = "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
    dns = zone(f"{nibbles}.wl.test. A 127.0.0.3", f"{nibbles}.bl.test. A 127.0.0.2")
    found = await ask(f"rbls {{ {BLACK % ''} {WHITE} }}", mail(ip="2001:db8::1"), dns)
    assert found.hits == {"GOOD": ["2001:db8::1:from"]}


async def test_a_good_list_vouches_for_what_it_was_asked_for_and_nothing_else() -> None:
    """The client's address is not the same thing as an address of an earlier hop."""
    dns = zone("7.113.0.203.wl.test. A 127.0.0.3", "7.113.0.203.bl.test. A 127.0.0.2")
    rules = f"rbls {{ {BLACK % ''} {WHITE.replace('from, received', 'received')} }}"
    hop = RELAYED.replace("198.51.100.9", CLIENT)
    found = await ask(rules, mail(headers={"Received": hop}), dns)
    assert set(found.hits) == {"GOOD", "BLACK"}
    assert found.hits["BLACK"] == [f"{CLIENT}:from"]


async def test_a_symbol_that_settings_switch_off_vouches_for_nobody() -> None:
    dns = zone("7.113.0.203.wl.test. A 127.0.0.3", "7.113.0.203.bl.test. A 127.0.0.2")
    off = 'settings { x { id = "x"; apply { symbols_disabled = ["GOOD"]; } } }'
    letter = mail(request={"Settings-ID": "x"})
    found = await ask(f"rbls {{ {BLACK % ''} {WHITE} }}", letter, dns, core=CORE + off)
    assert set(found.hits) == {"BLACK"}


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("from = true; whitelist = 203.0.113.0/24", ""),
        ("from = true; whitelist = 192.0.2.0/24", "7.113.0.203"),
        ("urls = true; whitelist = [evil.org]; no_ip = true", ""),
        ("urls = true; no_ip = true; url_whitelist = [evil.org]", ""),
        ("urls = 1; no_ip = 1; url_whitelist = [evil.org]; ignore_url_whitelist = 1", "evil.org"),
        ("urls = true; no_ip = true; whitelist = [evil.org]; ignore_whitelist = true", "evil.org"),
        ("emails = true; whitelist = [gmail.com]", ""),
        ("emails = true; whitelist = [user.gmail.com]", ""),
        ("emails = true; whitelist = [other.gmail.com]", "user.gmail.com"),
    ],
)  # fmt: skip
async def test_maps_of_what_is_not_asked_for(rule: str, asked: str) -> None:
    dns = zone()
    await ask(one(rule), EVERYTHING, dns)
    assert [name.removesuffix(".bl.test") for name, _ in dns.asked] == asked.split()


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("urls = true; no_ip = true", ""),
        ("urls = true; no_ip = true; ignore_url_whitelist = true", "evil.org"),
        ("urls = true; no_ip = true; whitelist = [other.org]", "evil.org"),
        ("helo = true", "helo.evil.net"),
        ("checks = [urls, from]; no_ip = true", "evil.org 7.113.0.203"),
    ],
)
async def test_the_common_whitelist_is_for_rules_of_names_only(rule: str, asked: str) -> None:
    dns = zone()
    await ask("url_whitelist = [evil.org, helo.evil.net];" + one(rule), EVERYTHING, dns)
    assert sorted(name.removesuffix(".bl.test") for name, _ in dns.asked) == sorted(asked.split())


async def test_a_list_may_be_switched_off_by_a_map() -> None:
    dns = zone("7.113.0.203.bl.test. A 127.0.0.2")
    rules = "disabled_rbl_suffixes_map = [bl.test];" + one("from = true")
    assert (await ask(rules, mail(), dns)).hits == {}
    assert dns.asked == []


async def test_a_list_that_is_ill_is_not_asked() -> None:
    dns = zone("7.113.0.203.bl.test. A 127.0.0.2", "1.0.0.127.bl.test. A 127.0.0.2")
    async with Bench([Rbl], config=f"rbl {{ {one('from = true')} }}", dns=dns) as bench:
        module = bench.app.modules[0].module
        assert isinstance(module, Rbl)
        assert (await bench.scan(mail())).hits == {"LIST": [f"{CLIENT}:from"]}
        await module.zones[0].probe(dns)
        await module.zones[0].probe(dns)
        assert (await bench.scan(mail())).hits == {}


def test_only_a_module_with_lists_to_watch_has_a_duty() -> None:
    for rule, count in (("from = true", 1), ("from = true; disable_monitoring = true", 0)):
        module = build_app([Rbl], config=f"rbl {{ {one(rule)} }}").modules[0].module
        duties = list(module.duties(zone(), None))  # type: ignore[arg-type]
        assert len(duties) == count
        for duty in duties:
            duty.close()


# --- around the rules ---------------------------------------------------------------------


@pytest.mark.parametrize(("wish", "asked"), [("", 0), ("DKIM_TRACE", 1), ("DKIM_TRACE NONE", 0)])
async def test_required_symbols(wish: str, asked: int) -> None:
    dns = zone()
    required = " ".join(wish.split()) or "NONE"
    rule = one(f'from = true; require_symbols = "{required}"')
    await scan([Rbl, Signed], mail(), config=f"rbl {{ {rule} }}", dns=dns)
    assert len(dns.asked) == asked


SCRIPT = """
def name(value, zone, task, resolve_ip):
    if value == "boom":
        raise ValueError(value)
    return f"{value}.key.{zone}" if value != "7.113.0.203" else None
"""


async def test_a_script_says_what_to_look_up(tmp_path: Path) -> None:
    (tmp_path / "names.py").write_text(SCRIPT)
    dns = zone("Helo.test.key.bl.test. A 127.0.0.2")
    rule = one('checks = [from, helo]; process_script = "names.py:name"')
    async with Bench([Rbl], config=f"rbl {{ {rule} }}", dns=dns, folder=tmp_path) as bench:
        assert (await bench.scan(mail(helo="helo.test"))).hits == {"LIST": ["helo.test:helo"]}
        assert (await bench.scan(mail(helo="boom"))).hits == {}
    assert dns.asked == [("helo.test.key.bl.test", "A")]


async def test_a_selector_may_name_an_attached_map() -> None:
    dns = zone()
    selector = (
        "specific_urls_filter_map('hosts', {limit = 10}).apply_methods('get_host', 'get_path')"
    )
    rules = f"""attached_maps = [{{ selector_alias = "hosts"; type = set; data = ["evil.org"]; }}];
        rbls {{ HASHED {{ rbl = "bl.test"; hash = md5;
          selector = "{selector}.join_tables('/')" }} }}"""
    await ask(rules, mail("http://evil.org/login http://other.org/x"), dns)
    assert dns.asked == [(f"{md5(b'evil.org/login').hexdigest()}.bl.test", "A")]


@pytest.mark.parametrize(
    ("apply", "hits"),
    [
        ("symbols_disabled = [LIST]", "OTHER"),
        ("symbols_enabled = [LIST]", "LIST"),
        ("groups_disabled = [rbl]", ""),
        ("groups_enabled = [rbl]", "LIST OTHER"),
    ],
)
async def test_settings_switch_rules_by_name_and_group(apply: str, hits: str) -> None:
    dns = zone("7.113.0.203.bl.test. A 127.0.0.2", "7.113.0.203.other.test. A 127.0.0.2")
    rules = one("from = true") + 'rules { OTHER { rbl = "other.test"; from = true } }'
    core = f'settings {{ x {{ id = "x"; apply {{ {apply} }} }} }}'
    found = await ask(rules, mail(request={"Settings-ID": "x"}), dns, core=core)
    assert set(found.hits) == set(hits.split())


async def test_two_rules_may_share_a_symbol() -> None:
    dns = zone("7.113.0.203.bl.test. A 127.0.0.2", "7.113.0.203.other.test. A 127.0.0.2")
    codes = "from = true; returncodes { BAD = 127.0.0.2 }"
    rules = one(codes) + f'rules {{ OTHER {{ rbl = "other.test"; {codes} }} }}'
    assert (await ask(rules, mail(), dns)).hits == {"BAD": [f"{CLIENT}:from"]}


async def test_an_empty_letter_is_asked_about_by_address_only() -> None:
    dns = zone()
    rules = (
        one("checks = [from, helo]") + 'rules { NAMES { rbl = "n.test"; checks = [urls, helo] } }'
    )
    await ask(rules, mail(raw=b""), dns)
    assert {name.partition("bl.test")[1] for name, _ in dns.asked} == {"bl.test"}


async def test_rules_of_the_older_sections_run(tmp_path: Path) -> None:
    file = tmp_path / "gatepost.conf"
    file.write_text('surbl { rules { OLD { suffix = "uri.test"; bits { JP = 64; } } } }')
    app = build(str(file), environment={"GATEPOST_STATE": str(tmp_path)}, modules=[Rbl])
    opened = app.open(resolver=zone("evil.org.uri.test. A 127.0.0.64"))
    letter = mail("http://www.evil.org/", user="alice@example.org")
    task = await opened.scanner.scan(letter.raw, parse_envelope(letter.headers))
    await opened.close()
    assert [found.name for found in task.result.visible()] == ["JP"]


def test_without_rules_the_module_is_off() -> None:
    assert [loaded.enabled for loaded in build_app([Rbl], config="rbl {}").modules] == [False]


def test_rules_wait_for_what_they_need() -> None:
    rules = f"rbls {{ {BLACK % ''} {WHITE} SIGNED {{ rbl = d.test; dkim = true }} }}"
    app = build_app([Rbl, Dkim], config=f"rbl {{ {rules} }}")
    after = {check.callback: check.after for check in app.planner.checks}
    assert after["RBL_CALLBACK_WHITE"] == ("WHITE",)
    assert after["BLACK"] == ("RBL_CALLBACK_WHITE",)
    assert after["SIGNED"] == ("DKIM_CHECK", "RBL_CALLBACK_WHITE")
    assert after["RBL_CALLBACK"] == ("BLACK", "SIGNED")


# --- the real thing -----------------------------------------------------------------------


@needs_unbound[0]
@needs_unbound[1]
@pytest.mark.slow
async def test_a_thousand_questions_to_unbound(tmp_path: Path) -> None:
    listed = [f"evil{number}.org.list{number}.test. A 127.0.0.2" for number in range(0, 30, 3)]
    server = start_unbound(tmp_path, listed)
    resolver = DnsResolver(ResolverSettings(nameserver=(server.address,)))
    rules = " ".join(f'L{n} {{ rbl = "list{n}.test"; urls = true }}' for n in range(40))
    letter = mail(" ".join(f"http://www.evil{number}.org/" for number in range(30)))
    core = "options { dns_max_requests = 10000; }"
    try:
        async with Bench(
            [Rbl], config=f"{core} rbl {{ rbls {{ {rules} }} }}", dns=resolver
        ) as bench:
            for _ in range(2):  # the second time out of the cache
                found = await bench.scan(letter)
                assert found.task.resolver.requests == 1200
                assert found.hits == {
                    f"L{number}": [f"evil{number}.org:url"] for number in range(0, 30, 3)
                }
        assert resolver.statistics["A"].sent == 1200
    finally:
        await resolver.close()
        server.stop()
