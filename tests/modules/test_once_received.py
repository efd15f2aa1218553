# SPDX-License-Identifier: Apache-2.0
"""Which letters came straight from a client, and which hosts may, must not, or have no name."""

import pytest

from gatepost.modules.once_received import OnceReceived
from gatepost.testing import explain, mail, scan

SHIPPED = """
    once_received {
        good_host = "mail";
        bad_host = ["static", "dynamic"];
        symbol_strict = "ONCE_RECEIVED_STRICT";
    }
"""
HOP = "from a.example ([192.0.2.1]) by b.example; Thu, 01 Jan 2026 00:00:00 +0000"
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
    assert (await scan(OnceReceived, letter(*received, host=host), config=SHIPPED)).hits == hits


@pytest.mark.parametrize(
    "host, received, scores",
    [
        (None, [HOP], {"ONCE_RECEIVED": 0.1}),
        ("static.example.org", [HOP], {"ONCE_RECEIVED": 0.1, "ONCE_RECEIVED_STRICT": 4.0}),
        # as Rspamd: once more when the hop's own host has no good name either
        ("host.example.org", [HOP], {"ONCE_RECEIVED": 0.2}),
        ("host.example.org", [NAMED.format("MAIL.example.org")], {"ONCE_RECEIVED": 0.1}),
        ("host.example.org", [NAMED.format("host.example.org")], {"ONCE_RECEIVED": 0.2}),
    ],
)
async def test_scores(host, received, scores):
    found = (await scan(OnceReceived, letter(*received, host=host), config=SHIPPED)).scores
    assert found == pytest.approx(scores)


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


LOCAL, PUBLIC = "127.0.0.1", "203.0.113.7"
INBOUND = letter(HOP, ip=PUBLIC)
FROM_LOCAL = letter(HOP, ip=LOCAL)
AUTHENTICATED = letter(HOP, ip=PUBLIC, user="anna")
BOTH = letter(HOP, ip=LOCAL, user="anna")


@pytest.mark.parametrize(
    "switches, given, skipped, option",
    [
        ("", INBOUND, "", None),
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
    assert result.outcomes["ONCE_RECEIVED"].option == (option and f"once_received.{option}")
    assert ("ONCE_RECEIVED" in result.hits) is (skipped == "")


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
    result = await scan(OnceReceived, given, config=f"once_received {{ {options} }}")
    assert result.hits.keys() == hits
