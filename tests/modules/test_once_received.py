# SPDX-License-Identifier: Apache-2.0
"""Which letters came straight from a client, and which hosts may, must not, or have no name."""

import pytest

from gatepost.modules.once_received import OnceReceived
from gatepost.testing import explain, mail, scan, zone

SHIPPED = """
    once_received {
        good_host = "mail";
        bad_host = ["static", "dynamic"];
        symbol_strict = "ONCE_RECEIVED_STRICT";
    }
"""
NAMELESS = zone("7.113.0.203.in-addr.arpa. PTR liar.example.")  # it does not lead back
HOP = "from a.example ([192.0.2.1]) by b.example; Thu, 01 Jan 2026 00:00:00 +0000"
OURS = "from a ({} [203.0.113.7]) by b.example; Thu, 01 Jan 2026 00:00:00 +0000"
NAMED = "from a ({} [192.0.2.1]) by b.example; Thu, 01 Jan 2026 00:00:00 +0000"


def letter(*received, host=None, **more):
    """A letter with these hops, from a client with this verified name."""
    headers = {"Received": received, **more.pop("headers", {})}
    return mail(hostname=host, headers=headers, **more)


@pytest.mark.parametrize(
    "host, received, hits",
    [
        # without a name
        (None, [], {"ONCE_RECEIVED": []}),
        (None, [HOP], {"ONCE_RECEIVED": []}),
        (None, [HOP, HOP], {}),
        # a good name
        ("mail.example.org", [], {}),
        ("mail.example.org", [HOP], {}),
        ("static-mail.example.org", [HOP], {}),  # good goes before bad
        # a bad one
        (
            "1-2-3.static.example.org",
            [HOP],
            {"ONCE_RECEIVED": [], "ONCE_RECEIVED_STRICT": ["static"]},
        ),
        ("dynamic.example.org", [], {"ONCE_RECEIVED": [], "ONCE_RECEIVED_STRICT": ["dynamic"]}),
        ("dynamic.static.example", [], {"ONCE_RECEIVED": [], "ONCE_RECEIVED_STRICT": ["static"]}),
        ("static.example.org", [HOP, HOP], {}),  # it relays for somebody
        # one that says nothing
        ("host.example.org", [HOP], {"ONCE_RECEIVED": []}),
        ("host.example.org", [HOP, HOP], {}),
    ],
)
async def test_one_hop_and_the_name_of_the_client(host, received, hits):
    given = letter(*received, host=host)
    assert (await scan(OnceReceived, given, config=SHIPPED, dns=NAMELESS)).hits == hits


@pytest.mark.parametrize(
    "host, received, scores",
    [
        (None, [HOP], {"ONCE_RECEIVED": 0.1}),
        ("static.example.org", [HOP], {"ONCE_RECEIVED": 0.1, "ONCE_RECEIVED_STRICT": 4.0}),
        ("host.example.org", [], {"ONCE_RECEIVED": 0.1}),
        # as Rspamd: once more when the last hop's own host has no good name either
        ("host.example.org", [HOP], {"ONCE_RECEIVED": 0.2}),
        ("host.example.org", [OURS.format("host.example.org")], {"ONCE_RECEIVED": 0.2}),
        ("host.example.org", [OURS.format("MAIL.example.org")], {"ONCE_RECEIVED": 0.1}),
        # what a client writes on top is not the last hop: that is the client
        ("host.example.org", [NAMED.format("MAIL.example.org")], {"ONCE_RECEIVED": 0.2}),
    ],
)
async def test_scores(host, received, scores):
    given = letter(*received, host=host)
    found = await scan(OnceReceived, given, config=SHIPPED, dns=NAMELESS)
    assert found.scores == pytest.approx(scores)


@pytest.mark.parametrize(
    "host, headers, option",
    [
        (None, {"User-Agent": "Thunder 1"}, "Thunder 1"),
        (None, {"X-Mailer": "Mailer 2"}, "Mailer 2"),
        (None, {"User-Agent": "Thunder 1", "X-Mailer": "Mailer 2"}, "Thunder 1"),
        (None, {}, None),
        ("host.example.org", {"User-Agent": "Thunder 1"}, None),  # only without a name
    ],
)
async def test_a_mail_program_that_delivers_itself(host, headers, option):
    found = (await scan(OnceReceived, letter(HOP, host=host, headers=headers), config=SHIPPED)).hits
    assert found.get("DIRECT_TO_MX") == (None if option is None else [option])


PTR = "7.113.0.203.in-addr.arpa."
PTR6 = f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa."


@pytest.mark.parametrize(
    "records, fail, hits, name",
    [
        ([f"{PTR} PTR mail.example.", "mail.example. A 203.0.113.7"], [], set(), "mail.example"),
        (
            [f"{PTR} PTR a.example.", f"{PTR} PTR b.example.", "b.example. A 203.0.113.7"],
            [],
            {"ONCE_RECEIVED"},
            "b.example",
        ),
        # a name that anybody can give himself
        ([f"{PTR} PTR mail.example.", "mail.example. A 192.0.2.1"], [], {"ONCE_RECEIVED"}, None),
        ([f"{PTR} PTR mail.example."], ["A mail.example."], {"ONCE_RECEIVED"}, None),
        # none at all
        ([], [], {"ONCE_RECEIVED", "RDNS_NONE"}, None),
        ([f"{PTR} TXT x"], [], {"ONCE_RECEIVED", "RDNS_NONE"}, None),
        ([], [f"PTR {PTR}"], {"ONCE_RECEIVED", "RDNS_DNSFAIL"}, None),
    ],
)
async def test_the_name_that_the_mta_does_not_give(records, fail, hits, name):
    dns = zone(*records, fail=fail)
    found = await scan(OnceReceived, letter(HOP, host=None), config=SHIPPED, dns=dns)
    assert (found.hits.keys(), found.task.hostname) == (hits, name)
    assert found.scores.get("RDNS_NONE", 2.0) == 2.0
    assert found.scores.get("RDNS_DNSFAIL", 0.0) == 0.0


async def test_the_name_of_an_ipv6_address():
    dns = zone(f"{PTR6} PTR six.example.", "six.example. AAAA 2001:db8::1")
    found = await scan(OnceReceived, letter(HOP, ip="2001:db8::1"), dns=dns)
    assert found.task.hostname == "six.example"


@pytest.mark.parametrize("client", [{"hostname": "mail.example"}, {"ip": None}])
async def test_what_needs_no_look_up_is_not_asked(client):
    dns = zone()
    await scan(OnceReceived, mail(**client), dns=dns)
    assert dns.asked == []


async def test_an_address_of_many_names_costs_few_look_ups():
    dns = zone(*(f"{PTR} PTR n{n}.example." for n in range(100)))
    await scan(OnceReceived, letter(HOP), dns=dns)
    assert len(dns.asked) == 6


async def test_settings_that_name_a_symbol_enable_its_check_alone():
    settings = """settings { our { priority = high; ip = "203.0.113.7";
        apply { symbols_enabled = ["RDNS_NONE"]; } } }"""
    found = await explain(OnceReceived, letter(HOP), config=settings)
    assert found.hits.keys() == {"RDNS_NONE"}
    assert found.outcomes["ONCE_RECEIVED"].reason == "settings"


LOCAL, PUBLIC = "127.0.0.1", "203.0.113.7"
INBOUND = letter(HOP, ip=PUBLIC)
FROM_LOCAL = letter(HOP, ip=LOCAL)
AUTHENTICATED = letter(HOP, ip=PUBLIC, user="anna")
BOTH = letter(HOP, ip=LOCAL, user="anna")
NO_IP = letter(HOP, ip=None)  # the one in Received is looked up, and makes nobody local


@pytest.mark.parametrize(
    "switches, given, skipped, option",
    [
        ("", INBOUND, "", None),
        ("", NO_IP, "", None),
        ("", FROM_LOCAL, "local", "check_local"),
        ("", AUTHENTICATED, "authenticated", "check_authed"),
        ("", BOTH, "authenticated", "check_authed"),
        ("check_local = true;", INBOUND, "", None),
        ("check_local = true;", FROM_LOCAL, "", None),
        ("check_local = true;", AUTHENTICATED, "authenticated", "check_authed"),
        ("check_local = true;", BOTH, "authenticated", "check_authed"),
        ("check_authed = true;", INBOUND, "", None),
        ("check_authed = true;", FROM_LOCAL, "local", "check_local"),
        ("check_authed = true;", AUTHENTICATED, "", None),
        ("check_authed = true;", BOTH, "local", "check_local"),
        ("check_local = true; check_authed = true;", FROM_LOCAL, "", None),
        ("check_local = true; check_authed = true;", AUTHENTICATED, "", None),
        ("check_local = true; check_authed = true;", BOTH, "", None),
    ],
)
async def test_our_own_letters_are_left_alone(switches, given, skipped, option):
    result = await explain(OnceReceived, given, config=f"once_received {{ {switches} }}")
    assert result.skipped == skipped
    for check, symbol in (("ONCE_RECEIVED", "ONCE_RECEIVED"), ("RDNS_CHECK", "RDNS_NONE")):
        assert result.outcomes[check].option == (option and f"once_received.{option}")
        assert (symbol in result.hits) is (skipped == "")


@pytest.mark.parametrize(
    "switches, runs",
    [
        ("options { check_local = true; }", True),
        ("options { check_local = true; } once_received { check_local = false; }", False),
    ],
)
async def test_a_switch_that_is_not_set_is_that_of_all_modules(switches, runs):
    result = await explain(OnceReceived, FROM_LOCAL, config=switches)
    assert (result.skipped == "") is runs


@pytest.mark.parametrize(
    "options, host, hits",
    [
        ("symbol = MINE;", None, {"MINE", "DIRECT_TO_MX"}),
        ("symbol_mx = MX;", None, {"ONCE_RECEIVED", "MX"}),
        ("symbol_mx = null;", None, {"ONCE_RECEIVED"}),
        ("bad_host = dyn;", "dyn.example.org", {"ONCE_RECEIVED"}),  # no symbol_strict, no symbol
        ("bad_host = dyn; symbol_strict = S;", "dyn.example.org", {"ONCE_RECEIVED", "S"}),
        ('good_host = ["^a[.]", "^b[.]"];', "b.example.org", set()),
        ('good_host = ["^a[.]", "^b[.]"];', "ab.example.org", {"ONCE_RECEIVED"}),
        ("whitelist = [203.0.113.0/24];", None, set()),
        ("whitelist = [192.0.2.0/24];", None, {"ONCE_RECEIVED", "DIRECT_TO_MX"}),
    ],
)
async def test_options(options, host, hits):
    given = letter(HOP, host=host, headers={"User-Agent": "x"})
    config = f"once_received {{ {options} }}"
    result = await scan(OnceReceived, given, config=config, dns=NAMELESS)
    assert result.hits.keys() == hits
