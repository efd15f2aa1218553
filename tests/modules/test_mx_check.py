# SPDX-License-Identifier: Apache-2.0
"""Whether somebody takes mail for the domains of a letter, tried on real little servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gatepost.modules.greylist import Greylist
from gatepost.modules.mx_check import MAX_DOMAINS, MxCheck
from gatepost.store import Store
from gatepost.testing import Bench, Letter, Scanned, Zone, build_app, explain, mail, zone
from mx_servers import SILENT, MxServers, deaf_server, mx_servers

GOOD, ERROR, NOT_SMTP, MUTE, NOBODY = (f"127.0.0.{n}" for n in (2, 3, 4, 5, 6))
GREETINGS = {
    GOOD: b"220 mx\r\n",
    ERROR: b"554 not you\r\n",
    NOT_SMTP: b"HTTP/1.1 400\r\n",
    MUTE: SILENT,
}
RECORDS = (
    *(f"{name}.example. MX 10 mx.{name}.example." for name in ("good", "error", "web", "mute")),
    *(f"{name}.example. MX 10 mx.{name}.example." for name in ("dead", "bogon", "private")),
    *(f"{name}.example. MX 10 mx.{name}.example." for name in ("mixed", "gone", "unsure")),
    f"mx.good.example. A {GOOD}",
    f"mx.error.example. A {ERROR}",
    f"mx.web.example. A {NOT_SMTP}",
    f"mx.mute.example. A {MUTE}",
    f"mx.dead.example. A {NOBODY}",
    "mx.bogon.example. A 192.0.2.1",
    "mx.bogon.example. A 198.51.100.1",
    "mx.private.example. A 10.0.0.1",
    f"mx.mixed.example. A {GOOD}",
    "mx.mixed.example. A 10.0.0.1",
    "mx.mixed.example. A 192.0.2.1",
    "null.example. MX 0 .",
    "second.example. MX 10 none.example.",
    "second.example. MX 20 mx.good.example.",
    "six.example. AAAA ::1",
    f"a-good.example. A {GOOD}",
    f"a-error.example. A {ERROR}",
    f"a-web.example. A {NOT_SMTP}",
    f"a-mute.example. A {MUTE}",
    f"a-dead.example. A {NOBODY}",
)
FAIL = ("MX down.example.", "A mx.unsure.example.")
DNS = zone(*RECORDS, fail=FAIL)
ALL_SOURCES = ""
BOTH_MAPS = 'bad_mxs = ["mx.*"]; exclude_mxs = ["mx.*"];'
FROM_ONLY = "check_mime_from = no; check_reply_to = no;"


def config(servers: MxServers, more: str = FROM_ONLY) -> str:
    usual = {"test_mode": "yes", "verify_greeting": "yes", "port": servers.port}
    lines = [f"{key} = {value};" for key, value in usual.items() if key not in more]
    return f"mx_check {{ enabled = yes; read_timeout = 0.1; {' '.join(lines)} {more} }}"


@pytest.fixture
async def servers() -> AsyncIterator[MxServers]:
    async with mx_servers(GREETINGS) as running:
        yield running


async def scanned(
    servers: MxServers,
    letter: Letter | str,
    more: str = FROM_ONLY,
    *,
    dns: Zone = DNS,
    store: Store | None = None,
) -> Scanned:
    if isinstance(letter, str):
        letter = mail(sender=f"a@{letter}")
    async with Bench([MxCheck], config=config(servers, more), dns=dns, store=store) as bench:
        return await bench.scan(letter)


@pytest.mark.parametrize(
    "domain, hits",
    [
        ("good.example", {"MX_GOOD": ["mx.good.example"]}),
        ("GOOD.example", {"MX_GOOD": ["mx.good.example"]}),
        ("second.example", {"MX_GOOD": ["mx.good.example"]}),
        (
            "error.example",
            {"MX_ERROR": ["mx.error.example", "554"], "MX_GOOD": ["mx.error.example"]},
        ),
        ("web.example", {"MX_INVALID": ["mx.web.example", "greylisted"]}),
        ("mute.example", {"MX_TIMEOUT_READ": ["mx.mute.example"]}),
        ("dead.example", {"MX_REFUSED": ["mx.dead.example"]}),
        # the domain itself
        ("a-good.example", {"MX_A_GOOD": ["a-good.example"]}),
        (
            "a-error.example",
            {"MX_A_ERROR": ["a-error.example", "554"], "MX_A_GOOD": ["a-error.example"]},
        ),
        ("a-web.example", {"MX_A_INVALID": ["a-web.example", "greylisted"]}),
        ("a-mute.example", {"MX_A_TIMEOUT_READ": ["a-mute.example"]}),
        ("a-dead.example", {"MX_A_REFUSED": ["a-dead.example"]}),
        # nothing to connect to
        ("none.example", {"MX_NONE": ["none.example"]}),
        ("null.example", {"MX_NULL": ["null.example"]}),
        ("gone.example", {"MX_BROKEN": ["gone.example"]}),
        ("down.example", {"MX_DNS_FAIL": ["down.example"]}),
        ("unsure.example", {"MX_DNS_FAIL": ["unsure.example"]}),
        ("six.example", {}),  # it may well take mail over IPv6
        ("private.example", {"MX_LOCAL_ONLY": ["10.0.0.1"]}),
        ("bogon.example", {"MX_BOGON_ONLY": ["192.0.2.1", "198.51.100.1"]}),
        (
            "mixed.example",
            {
                "MX_LOCAL_MIX": ["10.0.0.1"],
                "MX_BOGON_MIX": ["192.0.2.1"],
                "MX_GOOD": ["mx.mixed.example"],
            },
        ),
    ],
)
async def test_domains(servers: MxServers, domain: str, hits: dict[str, list[str]]) -> None:
    found = await scanned(servers, domain)
    assert found.hits == hits
    assert sum(servers.connections.values()) <= 1


async def test_the_greeting_is_read_only_where_that_is_wanted(servers: MxServers) -> None:
    more = FROM_ONLY + "verify_greeting = no;"
    assert (await scanned(servers, "web.example", more)).hits == {"MX_GOOD": ["mx.web.example"]}


@pytest.mark.parametrize(
    "letter, hits",
    [
        (
            mail(
                sender="a@good.example",
                headers={"From": "a@none.example", "Reply-To": "a@null.example"},
            ),
            {
                "MX_GOOD": ["mx.good.example"],
                "MIME_FROM_MX_NONE": ["none.example"],
                "REPLYTO_MX_NULL": ["null.example"],
            },
        ),
        # one domain, the strongest source
        (mail(sender="a@none.example"), {"MX_NONE": ["none.example"]}),
        (
            mail(
                sender="a@good.example",
                headers={"From": "b@none.example", "Reply-To": "c@none.example"},
            ),
            {"MX_GOOD": ["mx.good.example"], "REPLYTO_MX_NONE": ["none.example"]},
        ),
        # a bounce: HELO
        (
            mail(sender="", helo="a-good.example", headers={"From": "m@a-good.example"}),
            {"MX_A_GOOD": ["a-good.example"]},
        ),
        (
            mail(sender="", helo="[203.0.113.7]", headers={"From": "m@null.example"}),
            {"MIME_FROM_MX_NULL": ["null.example"]},
        ),
        (
            mail(sender="", helo="203.0.113.7", headers={"From": "m@null.example"}),
            {"MIME_FROM_MX_NULL": ["null.example"]},
        ),
    ],
)
async def test_sources(servers: MxServers, letter: Letter, hits: dict[str, list[str]]) -> None:
    assert (await scanned(servers, letter, ALL_SOURCES)).hits == hits


@pytest.mark.parametrize(
    "more, names",
    [
        ("check_from = no; check_reply_to = no;", {"MIME_FROM_MX_NULL"}),
        ("check_from = no; check_mime_from = no;", {"REPLYTO_MX_NONE"}),
        ("symbol_mx_null = NOMAIL; symbol_mx_none = null;", {"MX_GOOD", "MIME_FROM_NOMAIL"}),
        (
            'symbol_prefix_from = "E_"; symbol_good_mx = OK;',
            {"E_OK", "REPLYTO_MX_NONE", "MIME_FROM_MX_NULL"},
        ),
    ],
)
async def test_options_of_sources_and_names(servers: MxServers, more: str, names: set[str]) -> None:
    headers = {"From": "a@null.example", "Reply-To": "a@none.example"}
    found = await scanned(servers, mail(sender="a@good.example", headers=headers), more)
    assert found.hits.keys() == names


@pytest.mark.parametrize(
    "more, domain, hits, score",
    [
        ('exclude_domains = ["*.example"];', "none.example", {"MX_WHITE": ["none.example"]}, -0.1),
        ('exclude_mxs = ["mx.*"];', "dead.example", {"MX_WHITE": ["mx.dead.example"]}, -0.1),
        ('bad_mxs = ["mx.*"];', "good.example", {"MX_BAD": ["mx.good.example"]}, 6.0),
        ('bad_mxs = ["mx.* 0.5"];', "good.example", {"MX_BAD": ["mx.good.example"]}, 3.0),
        ('bad_mxs = ["mx.* x"];', "good.example", {"MX_BAD": ["mx.good.example"]}, 6.0),
        (BOTH_MAPS, "good.example", {"MX_BAD": ["mx.good.example"]}, 6.0),
        ("bad_ips = [127.0.0.0/8];", "good.example", {"MX_IP_BAD": [GOOD]}, 6.0),
        ('bad_ips = ["127.0.0.0/8 2"];', "good.example", {"MX_IP_BAD": [GOOD]}, 12.0),
        ("exclude_ips = [127.0.0.0/8];", "good.example", {"MX_SKIP": [GOOD]}, 0.0),
        ("exclude_ips = [127.0.0.0/30];", "dead.example", {"MX_REFUSED": ["mx.dead.example"]}, 3.0),
    ],
)  # fmt: skip
async def test_maps(
    servers: MxServers, more: str, domain: str, hits: dict[str, list[str]], score: float
) -> None:
    found = await scanned(servers, domain, FROM_ONLY + more)
    assert found.hits == hits
    assert found.score == pytest.approx(score)
    assert not servers.connections


async def test_a_verdict_is_kept_for_all_who_share_the_store(
    servers: MxServers, store: Store
) -> None:
    for domain, word in (("good", b"gd"), ("error", b"err:554"), ("web", b"inv"), ("mute", b"tr")):
        first = await scanned(servers, f"{domain}.example", store=store)
        again = await scanned(servers, f"{domain}.example", store=store)
        assert first.hits == again.hits
        ip = {"good": GOOD, "error": ERROR, "web": NOT_SMTP, "mute": MUTE}[domain]
        assert await store.get(f"rmx:i:{ip}") == word
    assert servers.connections == {GOOD: 1, ERROR: 1, NOT_SMTP: 1, MUTE: 1}


@pytest.mark.parametrize(
    "kept, hits, connections",
    [
        (b"l", {"MX_INFLIGHT": ["mx.good.example"]}, 0),
        (b"gd", {"MX_GOOD": ["mx.good.example"]}, 0),
        (b"rf", {"MX_REFUSED": ["mx.good.example"]}, 0),
        (b"tc", {"MX_TIMEOUT_CONNECT": ["mx.good.example"]}, 0),
        (b"err:421", {"MX_ERROR": ["mx.good.example", "421"], "MX_GOOD": ["mx.good.example"]}, 0),
        (b"nonsense", {"MX_GOOD": ["mx.good.example"]}, 1),
        (b"err:999", {"MX_GOOD": ["mx.good.example"]}, 1),
    ],
)
async def test_what_is_kept_of_an_address(
    servers: MxServers, store: Store, kept: bytes, hits: dict[str, list[str]], connections: int
) -> None:
    await store.set(f"rmx:i:{GOOD}", kept)
    assert (await scanned(servers, "good.example", store=store)).hits == hits
    assert servers.connections[GOOD] == connections
    assert await store.get(f"rmx:i:{GOOD}") == (kept if not connections else b"gd")


async def test_many_letters_at_once_make_one_connection(servers: MxServers, store: Store) -> None:
    async with (
        Bench([MxCheck], config=config(servers), dns=DNS, store=store) as one,
        Bench([MxCheck], config=config(servers), dns=DNS, store=store) as other,
    ):
        letters = [bench.scan(mail(sender="a@good.example")) for bench in [one, other] * 10]
        hits = [found.hits for found in await asyncio.gather(*letters)]
    assert servers.connections == {GOOD: 1}
    assert {"MX_GOOD": ["mx.good.example"]} in hits
    assert all(found.keys() <= {"MX_GOOD", "MX_INFLIGHT"} for found in hits)


async def test_domains_of_a_letter_that_share_a_server_share_the_verdict(
    servers: MxServers,
) -> None:
    headers = {"From": "a@second.example", "Reply-To": "a@a-good.example"}
    found = await scanned(servers, mail(sender="a@good.example", headers=headers), ALL_SOURCES)
    assert found.hits.keys() == {"MX_GOOD", "MIME_FROM_MX_GOOD", "REPLYTO_MX_A_GOOD"}
    assert servers.connections == {GOOD: 1}


async def test_a_letter_with_many_domains_does_not_make_us_connect_to_all() -> None:
    hosts = [f"127.0.1.{n}" for n in range(1, 20)]
    records = [f"d{n}.example. A {ip}" for n, ip in enumerate(hosts)]
    authors = ", ".join(f"a@d{n}.example" for n in range(len(hosts)))
    async with mx_servers(dict.fromkeys(hosts, b"220 x\r\n")) as servers:
        letter = mail(sender="a@d0.example", headers={"From": authors})
        await scanned(servers, letter, ALL_SOURCES, dns=zone(*records))
        assert sum(servers.connections.values()) == MAX_DOMAINS


async def test_a_process_opens_no_more_connections_than_its_limit(
    servers: MxServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepost.modules.mx_check.MAX_CONNECTIONS", 0)
    assert (await scanned(servers, "good.example")).hits == {"MX_INFLIGHT": ["mx.good.example"]}
    assert not servers.connections


async def test_a_store_that_fails_means_no_connection(
    servers: MxServers, broken_store: Store
) -> None:
    found = await scanned(servers, "good.example", store=broken_store)
    assert found.hits == {"MX_REDIS_ERROR": ["mx.good.example"]}
    assert not servers.connections
    found = await scanned(servers, "null.example", store=broken_store)
    assert found.hits == {"MX_NULL": ["null.example"]}


async def test_without_test_mode_loopback_is_private(servers: MxServers) -> None:
    found = await scanned(servers, "good.example", FROM_ONLY + "test_mode = no;")
    assert found.hits == {"MX_LOCAL_ONLY": [GOOD]}
    assert not servers.connections


@pytest.mark.parametrize(
    "more, domain, action",
    [
        ("", "null.example", "no action"),
        ("reject_null_mx = yes;", "null.example", "reject"),
        ("reject_null_mx = yes;", "none.example", "no action"),
    ],
)
async def test_who_takes_no_mail_can_be_refused(
    servers: MxServers, more: str, domain: str, action: str
) -> None:
    found = await scanned(servers, domain, FROM_ONLY + more)
    assert found.action == action
    if action == "reject":
        assert found.task.pre_result is not None
        assert found.task.pre_result.message == "Domain published RFC 7505 Null MX"


@pytest.mark.parametrize(
    "domain, option",
    [
        ("web.example", "greylist_invalid"),
        ("a-web.example", "greylist_invalid"),
        ("none.example", "greylist_none"),
        ("gone.example", "greylist_broken"),
        ("dead.example", "greylist_refused"),
        ("null.example", "greylist_null"),
        ("mute.example", "greylist_timeout_read"),
    ],
)
async def test_what_looks_bad_asks_for_greylisting(
    servers: MxServers, domain: str, option: str
) -> None:
    advised = await scanned(servers, domain)
    silent = await scanned(servers, domain, f"{FROM_ONLY} {option} = no;")
    assert advised.task.variables.get("grey_greylisted_required") is True
    assert "grey_greylisted_required" not in silent.task.variables
    assert all("greylisted" not in options for options in silent.hits.values())


async def test_greylist_follows_the_advice(servers: MxServers) -> None:
    async with Bench([MxCheck, Greylist], config=config(servers), dns=DNS) as bench:
        assert (await bench.scan(mail(sender="a@none.example"))).action == "soft reject"
        assert (await bench.scan(mail(sender="a@good.example"))).action == "no action"


PUBLIC, LOCAL = "203.0.113.7", "127.0.0.1"


@pytest.mark.parametrize(
    "switches", ["", "check_local = yes; check_authorized = yes;", "reject_local = yes;"]
)
@pytest.mark.parametrize(
    "ip, user, why",
    [
        (PUBLIC, None, ""),
        (None, None, ""),
        (LOCAL, None, "local"),
        (PUBLIC, "al", "authenticated"),
        (LOCAL, "al", "authenticated"),
    ],
)
async def test_our_own_letters_are_never_checked(
    servers: MxServers, switches: str, ip: str | None, user: str | None, why: str
) -> None:
    core = "options { check_local = yes; check_authed = yes; }"
    letter = mail(sender="a@none.example", ip=ip, user=user)
    found = await explain(
        MxCheck, letter, config=core + config(servers, FROM_ONLY + switches), dns=DNS
    )
    assert (found.skipped, "MX_NONE" in found.hits) == (why, not why)
    assert found.outcomes["MX_CHECK"].option is None


@pytest.mark.parametrize(
    "option",
    [
        *("check_authorized", "check_local", "reject_authorized", "reject_local"),
        *("greylist_authorized", "greylist_local"),
    ],
)
def test_switches_of_rspamd_that_have_no_effect_are_named(option: str) -> None:
    app = build_app([MxCheck], config=f"mx_check {{ enabled = yes; {option} = yes; }}")
    (warning,) = app.problems.warnings
    assert f"mx_check.{option}: has no effect" in str(warning)


def test_its_own_older_names_are_not_taken_for_those_of_redis() -> None:
    config = "mx_check { enabled = yes; timeout = 3s; servers = localhost; }"
    app = build_app([MxCheck], config=config)
    assert app.modules[0].module.options.connect_timeout == 3.0  # type: ignore[attr-defined]
    (warning,) = app.problems.warnings
    assert "mx_check.servers: ignored" in str(warning)


def test_without_a_family_nothing_runs_and_a_warning_says_so() -> None:
    app = build_app([MxCheck], config="mx_check { enabled = yes; probe_ipv4 = no; }")
    assert any("nothing is checked" in str(warning) for warning in app.problems.warnings)


async def test_one_that_does_not_answer_does_not_keep_the_others_hits() -> None:
    core = "options { task_timeout = 0.2; }"
    with deaf_server(NOBODY) as port:
        letter = mail(sender="a@none.example", headers={"From": "a@dead.example"})
        section = f"mx_check {{ enabled = yes; test_mode = yes; port = {port}; }}"
        found = await explain(MxCheck, letter, config=core + section, dns=DNS)
    assert found.outcomes["MX_CHECK"].outcome == "timeout"
    assert found.hits == {"MX_NONE": ["none.example"]}
