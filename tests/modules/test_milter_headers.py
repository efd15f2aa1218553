# SPDX-License-Identifier: Apache-2.0
"""Which headers a letter gets and loses, for whom, and when the routine stays silent."""

import pytest

from gatepost.config import ConfigError
from gatepost.modules.dkim import Dkim
from gatepost.modules.milter_headers import MilterHeaders
from gatepost.modules.spf import Spf
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.testing import build_app, mail, scan, zone

LOCAL, PUBLIC = "10.0.0.5", "203.0.113.7"
ACTIONS = "actions { reject = 15; add_header = 6; greylist = 4; }\n"
LOCAL_NETS = 'options { local_addrs = ["10.0.0.0/8"]; }\n'


class Findings(Module):
    """Finds what the request header Score says."""

    name = "findings"
    group = "test"
    outbound = RunAlways()
    FOUND = Symbol("FOUND", 1.0, "a finding")

    @runs(Stage.FILTER, callback="FINDINGS")
    def check(self, task) -> PlainHits:
        score = task.envelope.header("Score")
        if score:
            yield self.FOUND("a", "b", weight=float(score))


class Decides(Module):
    """Rejects before anything else is looked at."""

    name = "decides"
    group = "test"
    outbound = RunAlways()

    @runs(Stage.PREFILTER, callback="DECIDES")
    def check(self, task) -> None:
        task.set_pre_result("reject", "not today", module="decides")


async def headers(config="", *, modules=(), score=None, dns=None, request=None, **letter):
    """Added headers in order, and what is removed, with the routines of ``config``."""
    asked = {**({"Score": str(score)} if score is not None else {}), **(request or {})}
    config = f"{ACTIONS}{LOCAL_NETS}milter_headers {{ {config} }}"
    found = await scan(
        [Findings, *modules, MilterHeaders], mail(request=asked, **letter), config=config, dns=dns
    )
    return [(h.name, h.value) for h in found.task.added_headers], found.task.removed_headers


async def test_as_shipped_only_the_spam_flag_of_others_goes():
    assert await headers(score=8) == ([], {"X-Spam": 0})
    assert await headers("remove_upstream_spam_flag = false; use = [x-spam-level]") == (
        [],
        {"X-Spam-Level": 0},
    )


def test_without_any_routine_the_module_has_nothing_to_do():
    app = build_app([MilterHeaders], config="milter_headers { remove_upstream_spam_flag = no; }")
    assert [loaded.enabled for loaded in app.modules] == [False]


async def test_extended_headers_are_four():
    added, removed = await headers(
        "extended_spam_headers = true", score=2, request={"Queue-Id": "4F1"}
    )
    assert [name for name, _ in added] == [
        "X-Spamd-Result",
        "X-Rspamd-Server",
        "X-Rspamd-Queue-Id",
        "X-Rspamd-Action",
    ]
    assert added[0][1] == "default: False [2.00 / 15.00];\r\n\tFOUND(2.00)[a,b]"
    assert [value for _, value in added[2:]] == ["4F1", "no action"]
    assert set(removed) == {name for name, _ in added} | {"X-Rspamd-Pre-Result", "X-Spam"}


async def test_what_a_module_decided_early_is_decorated_too():
    added, _ = await headers("use = [x-spamd-result]", modules=[Decides])
    assert added[1] == ("X-Rspamd-Pre-Result", "action=reject; module=decides; not today")


async def test_a_routine_runs_once_and_in_the_order_of_use():
    added, _ = await headers("use = [x-spam-status, x-rspamd-action, x-spam-status]")
    assert [name for name, _ in added] == ["X-Spam-Status", "X-Rspamd-Action"]


INBOUND = {"ip": PUBLIC}
LOCAL_ONLY = {"ip": LOCAL}
USER_ONLY = {"ip": PUBLIC, "user": "anna@example.org"}
BOTH = {"ip": LOCAL, "user": "anna@example.org"}
NO_IP = {"ip": None}

# From DESIGN §4 and the table of contract: none for outbound, unless skip_* is off or the header
# is in the list of its condition; both conditions have to let it through.
DIRECTIONS = [
    ("", [INBOUND, NO_IP]),
    ("skip_local = no;", [INBOUND, NO_IP, LOCAL_ONLY]),
    ("skip_authenticated = no;", [INBOUND, NO_IP, USER_ONLY]),
    (
        "skip_local = no; skip_authenticated = no;",
        [INBOUND, NO_IP, LOCAL_ONLY, USER_ONLY, BOTH],
    ),
    ("local_headers = [x-rspamd-action];", [INBOUND, NO_IP, LOCAL_ONLY]),
    ("authenticated_headers = [x-rspamd-action];", [INBOUND, NO_IP, USER_ONLY]),
    ("authenticated_headers = [x-spam-level];", [INBOUND, NO_IP]),
    (
        "local_headers = [x-rspamd-action]; authenticated_headers = [x-rspamd-action];",
        [INBOUND, NO_IP, LOCAL_ONLY, USER_ONLY, BOTH],
    ),
    ("skip_all = yes;", []),
    ("skip_all = yes; local_headers = [x-rspamd-action];", []),
]


@pytest.mark.parametrize("options, expected", DIRECTIONS)
async def test_headers_by_direction(options, expected):
    for letter in (INBOUND, LOCAL_ONLY, USER_ONLY, BOTH, NO_IP):
        added, removed = await headers(f"use = [x-rspamd-action]; {options}", **letter)
        there = [name for name, _ in added] == ["X-Rspamd-Action"]
        assert there == (letter in expected), letter
        assert ("X-Rspamd-Action" in removed) == there
        assert removed["X-Spam"] == 0  # in every direction


@pytest.mark.parametrize(
    "options, row",
    [
        ("", ["run", "adapt", "adapt", "adapt"]),
        ("skip_local = no;", ["run", "run", "adapt", "adapt"]),
        ("skip_authenticated = no;", ["run", "adapt", "run", "adapt"]),
        ("skip_local = no; skip_authenticated = no;", ["run", "run", "run", "run"]),
        ("local_headers = [x-spamd-bar];", ["run", "adapt", "adapt", "adapt"]),
    ],
)
def test_what_directions_says(options, row):
    from gatepost.cli.directions import table

    app = build_app([MilterHeaders], config=f"milter_headers {{ {options} }}")
    told = table(app)["milter_headers"]
    assert [told[kind] for kind in ("inbound", "local", "authenticated", "both")] == row
    assert told["override"] == [
        "skip_local",
        "skip_authenticated",
        "local_headers",
        "authenticated_headers",
    ]


@pytest.mark.parametrize("name", ["x-spamd-bar", "x-rspamd-bar"])
async def test_the_bar_is_let_through_by_both_of_its_names(name):
    added, _ = await headers(f"use = [x-spamd-bar]; local_headers = [{name}]", ip=LOCAL)
    assert added == [("X-Spamd-Bar", "/")]


@pytest.mark.parametrize(
    "rcpt, there",
    [
        ("Bob@Example.NET", True),
        ("carol@example.com", True),
        ("dave@example.edu", True),
        ("dave@example.net", False),
        (["dave@example.net", "bob@example.net"], True),
    ],
)
async def test_some_recipients_are_shown_the_headers_of_all_mail(rcpt, there):
    shown = '"bob@example.net", carol, "@example.edu"'
    config = f"use = [x-rspamd-action]; extended_headers_rcpt = [{shown}]"
    added, _ = await headers(config, user="anna@example.org", rcpt=rcpt)
    assert bool(added) == there
    added, _ = await headers(config + "; skip_all = yes", rcpt=rcpt)
    assert bool(added) == there


async def test_settings_of_a_letter_name_its_routines_and_skip_nothing():
    config = "use = [x-spam-level]"
    settings = '{"plugins": {"milter_headers": {"routines": ["x-rspamd-action", "nonsense", 7]}}}'
    added, removed = await headers(config, user="anna@example.org", request={"Settings": settings})
    assert added == [("X-Rspamd-Action", "no action")]
    assert removed == {"X-Rspamd-Action": 0}


async def test_settings_that_enable_other_things_leave_the_headers_alone():
    config = "use = [x-rspamd-action]"
    only = '{"symbols_enabled": ["FINDINGS"]}'
    assert (await headers(config, request={"Settings": only}))[0]
    off = '{"symbols_disabled": ["MILTER_HEADERS"]}'
    assert not (await headers(config, request={"Settings": off}))[0]


async def test_an_empty_letter_gets_its_headers_too():
    found = await scan(
        MilterHeaders, mail(raw=b""), config="milter_headers { use = [x-rspamd-action]; }"
    )
    assert [h.name for h in found.task.added_headers] == ["X-Rspamd-Action"]


OURS = "mx.example.net; spf=pass smtp.mailfrom=evil.example"
FORGED = {"Authentication-Results": [OURS, "other.example; dkim=pass", "MX.Example.NET.; none"]}
MTA = {"MTA-Name": "mx.example.net"}
DNS = zone("example.org. TXT 'v=spf1 ip4:203.0.113.0/24 -all'")


async def test_authentication_results_replace_those_that_claim_to_be_ours():
    added, removed = await headers(
        "use = [authentication-results]",
        modules=[Spf, Dkim],
        dns=DNS,
        request=MTA,
        headers=FORGED,
    )
    assert removed["Authentication-Results"] == [1, 3]
    name, value = added[0]
    assert name == "Authentication-Results"
    assert " ".join(value.split()) == (
        "mx.example.net; dkim=none; "
        "spf=pass (mx.example.net: domain of alice@example.org designates 203.0.113.7 "
        "as permitted sender) smtp.mailfrom=alice@example.org"
    )


@pytest.mark.parametrize(
    "option, removed",
    [
        ("remove = 0", 0),
        ("remove = -1", -1),
        ("remove = [1, 2]", [1, 2]),
        ("remove = null", None),
        ("remove = null; remove_ar_from = other.example", 2),
        ("remove = null; remove_ar_from = [.example]", 2),
        ("remove = 1; remove_ar_from = [nobody.test]", None),
        ("remove_ar_from = [other.example]", [2, 1, 3]),
        ("authserv_id = other.example", 2),
    ],
)
async def test_which_authentication_results_go(option, removed):
    config = f"use = [authentication-results]; routines {{ authentication-results {{ {option} }} }}"
    _, found = await headers(config, request=MTA, headers=FORGED)
    which = found.get("Authentication-Results")
    assert which in (removed, [removed])


@pytest.mark.parametrize(
    "options, letter, value",
    [
        ("", {}, "auth=pass smtp.auth=anna smtp.mailfrom=alice@example.org"),
        ("add_smtp_user = no", {}, "auth=pass smtp.mailfrom=alice@example.org"),
        ("", {"sender": ""}, "none"),
    ],
)
async def test_for_a_user_the_log_in_is_what_there_is_to_say(options, letter, value):
    config = (
        "use = [authentication-results]; authenticated_headers = [authentication-results]; "
        f"routines {{ authentication-results {{ {options} }} }}"
    )
    added, _ = await headers(
        config, modules=[Spf, Dkim], dns=DNS, request=MTA, user="anna", **letter
    )
    assert " ".join(added[0][1].split()) == f"mx.example.net; {value}"


async def test_positions():
    added = (
        await scan(
            [Findings, MilterHeaders],
            mail(),
            config="milter_headers { use = [x-spamd-result, x-rspamd-action, "
            "authentication-results]; default_headers_order = 1; }",
        )
    ).task.added_headers
    assert [(h.name, h.order) for h in added] == [
        ("X-Spamd-Result", 1),
        ("X-Rspamd-Action", None),
        ("Authentication-Results", 1),
    ]


async def test_lines_end_as_those_of_the_letter():
    raw = b"Subject: a\n\nbody\n"
    found = await scan(
        [Findings, MilterHeaders],
        mail(raw=raw, request={"Score": "1"}),
        config="milter_headers { use = [x-spamd-result]; }",
    )
    assert "\r" not in found.task.added_headers[0].value
    assert "\n\tFOUND" in found.task.added_headers[0].value


@pytest.mark.parametrize(
    "config, said",
    [
        ("use = [x-spam-lvl]", "there is no routine `x-spam-lvl`"),
        ("local_headers = [x-spam]", "there is no routine `x-spam`"),
        ("routines { x-spamd-foo { } }", "unknown key"),
        ("routines { x-spam-level { header = 'X Spam' } }", "is no name of a header"),
        ('routines { add-headers { headers { "A B" = c } } }', "is no name of a header"),
        ("routines { x-spamd-result { sort_by = size } }", "one of: name, score"),
        ("custom { mine = 'nowhere.py:f' }", "cannot be read"),
        ("custom { mine = 'return function() end' }", "expected FILE.py:FUNCTION"),
        ("custom { x-virus = 'a.py:f' }", "built in"),
        ("headers_modify_mode = other", "one of: compat, override"),
    ],
)
def test_mistakes_are_named(config, said):
    with pytest.raises(ConfigError, match=said):
        build_app([MilterHeaders], config=f"milter_headers {{ {config} }}")
