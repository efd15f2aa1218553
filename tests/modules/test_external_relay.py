# SPDX-License-Identifier: Apache-2.0
"""Whom each strategy takes for the client, and what that makes of direction and checks."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.cli.explain import Explained, as_object
from gatepost.config import ConfigError
from gatepost.mail import Message
from gatepost.modules.external_relay import ExternalRelay
from gatepost.modules.spf import Spf
from gatepost.scan.envelope import parse_envelope
from gatepost.scan.module import Module, PlainHits, Skip, Stage, Symbol, runs
from gatepost.testing import build_app, mail, scan, zone

GATE, INNER, CLIENT, EVIL = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.66"
PUBLIC_GATE = "192.0.2.25"


def hop(helo, name, ip, proto="ESMTP"):
    return f"from {helo} ({name} [{ip}]) by x.example with {proto}; Thu, 1 Jan 2026 00:00:00 +0000"


TO_INNER = hop("gate", "gate.example", INNER)
FROM_CLIENT = hop("pc", "pc.client.example", CLIENT)
FORGED = hop("forged", "gate.example", EVIL)
NO_ADDRESS = "by x.example (Postfix, from userid 1000); Thu, 1 Jan 2026 00:00:00 +0000"
NETS = 'options { local_addrs = ["10.0.0.0/8"]; }\n'


class InboundOnly(Module):
    """Fires for inbound mail alone."""

    name = "inbound_only"
    group = "test"
    outbound = Skip(local=True, authenticated=True)
    HIT = Symbol("INBOUND", 1.0)

    @runs(Stage.FILTER, callback="INBOUND")
    def check(self, task) -> PlainHits:
        yield self.HIT()


async def seen(rule, received, **letter):
    """Address, host name, HELO, direction, and the symbols, after one rule."""
    given = {"ip": GATE, "hostname": "gate.example", "helo": "gate", **letter}
    found = await scan(
        [InboundOnly, ExternalRelay],
        mail(headers={"Received": received}, **given),
        config=f"{NETS}external_relay {{ rules {{ RELAY {{ {rule} }} }} }}",
    )
    task = found.task
    return (str(task.ip), task.hostname, task.helo, task.direction.kind), found.hits


REPLACED = (CLIENT, "pc.client.example", "pc", "inbound")
LEFT = (GATE, "gate.example", "gate", "local")
BEFORE = {"ip": PUBLIC_GATE, "hostname": "gate.example", "helo": "gate"}


@pytest.mark.parametrize(
    "rule, received, letter, client",
    [
        # local: the first that is not
        ("strategy = local", [FROM_CLIENT], {}, REPLACED),
        ("strategy = local", [TO_INNER, FROM_CLIENT, FORGED], {}, REPLACED),
        ("strategy = local", [NO_ADDRESS, FROM_CLIENT], {}, REPLACED),
        # all are ours: then who wrote it
        ("strategy = local", [TO_INNER], {}, (INNER, "gate.example", "gate", "local")),
        ("strategy = local", [], {}, LEFT),
        (
            "strategy = local",
            [FORGED],
            BEFORE,
            (PUBLIC_GATE, "gate.example", "gate", "inbound"),
        ),
        # ip_map: the first whose address is not in it
        (f"strategy = ip_map; ip_map = [{GATE}, {INNER}]", [TO_INNER, FROM_CLIENT], {}, REPLACED),
        (f"strategy = ip_map; ip_map = [{GATE}]", [FROM_CLIENT, FORGED], {}, REPLACED),
        (f"strategy = ip_map; ip_map = [{INNER}]", [FROM_CLIENT], {}, LEFT),
        (f"strategy = ip_map; ip_map = [{GATE}]", [NO_ADDRESS, FORGED], {}, LEFT),
        (f"strategy = ip_map; ip_map = [{GATE}]", [], {}, LEFT),
        # hostname_map: the first whose name is not in it
        ("strategy = hostname_map; hostname_map = [gate.example]", [FROM_CLIENT], {}, REPLACED),
        (
            "strategy = hostname_map; hostname_map = [gate.example]",
            [TO_INNER, FROM_CLIENT],
            {},
            REPLACED,
        ),
        ("strategy = hostname_map; hostname_map = [other.example]", [FROM_CLIENT], {}, LEFT),
        # a client that calls itself as our relay does is not believed
        (
            "strategy = hostname_map; hostname_map = [gate.example]",
            [hop("gate.example", "unknown", EVIL), FROM_CLIENT],
            {},
            (EVIL, None, "gate.example", "inbound"),
        ),
        # count: the client that connected is the first
        ("strategy = count; count = 1", [FROM_CLIENT], {}, LEFT),
        ("strategy = count; count = 2", [FROM_CLIENT, FORGED], {}, REPLACED),
        ("strategy = count; count = 3", [TO_INNER, FROM_CLIENT], {}, REPLACED),
        ("strategy = count; count = 4", [TO_INNER, FROM_CLIENT], {}, LEFT),
        (
            "strategy = count; count = 2",  # here the MTA's own header is there
            [hop("gate", "gate.example", GATE), FROM_CLIENT],
            {},
            REPLACED,
        ),
    ],
)
async def test_who_is_the_client(rule, received, letter, client):
    found, hits = await seen(rule, received, **letter)
    assert found == client
    assert ("INBOUND" in hits) == (client[3] == "inbound")
    asked = letter.get("ip", GATE)
    assert hits.get("RELAY") == ([client[0]] if client[0] != asked else None)


@pytest.mark.parametrize(
    "rule, received, client",
    [
        ("", [hop("a", "a.example", INNER, "ESMTPSA"), FROM_CLIENT], REPLACED),
        ("", [FROM_CLIENT], REPLACED),
        ("", [hop("a", "a.example", INNER, "ESMTPA")], LEFT),
        ("user_map = [gate-user];", [FROM_CLIENT], REPLACED),
        ("user_map = [another];", [FROM_CLIENT], LEFT),
    ],
)
async def test_behind_hosts_that_log_in(rule, received, client):
    found, _ = await seen(f"strategy = authenticated; {rule}", received, user="gate-user")
    # he who logged in stays: the direction is that of a user, now without the local address
    kind = {"inbound": "authenticated", "local": "both"}[client[3]]
    assert found == (*client[:3], kind)


async def test_without_a_user_nobody_is_behind_one():
    assert (await seen("strategy = authenticated", [FROM_CLIENT]))[0] == LEFT


async def test_a_client_on_a_socket_is_a_relay_as_well():
    found, _ = await seen("strategy = local", [FROM_CLIENT], ip="/run/postfix/socket")
    assert found == REPLACED


async def test_an_address_that_was_guessed_stays_a_guess():
    inside = hop("x", "x.example", "10.9.9.9")
    rule = "strategy = count; count = 2"
    found, _ = await seen(rule, [FROM_CLIENT, inside], ip=None, hostname=None)
    assert found == ("10.9.9.9", "x.example", "x", "inbound")
    found, _ = await seen("strategy = local", [inside, FROM_CLIENT], ip=None, hostname=None)
    assert found[0] == "10.9.9.9"


async def test_a_client_behind_the_relay_may_be_local_and_is_then_outbound():
    config = f"strategy = ip_map; ip_map = [{PUBLIC_GATE}]"
    found, hits = await seen(config, [TO_INNER], **BEFORE)
    assert found == (INNER, "gate.example", "gate", "local")
    assert "INBOUND" not in hits


async def test_rules_go_by_priority_and_each_sees_what_the_one_before_found():
    rules = f"""
        SECOND {{ strategy = ip_map; ip_map = [{INNER}]; priority = 1 }}
        FIRST {{ strategy = count; count = 2; priority = 2; symbol = BY_COUNT }}
    """
    found = await scan(
        ExternalRelay,
        mail(ip=GATE, headers={"Received": [TO_INNER, FROM_CLIENT]}),
        config=f"external_relay {{ rules {{ {rules} }} }}",
    )
    assert found.task.envelope.resolved_by == ("BY_COUNT", "SECOND")
    assert found.hits == {"BY_COUNT": [CLIENT], "SECOND": [CLIENT]}
    assert found.task.envelope.relay == GATE


async def test_other_checks_ask_about_the_client_behind():
    found = await scan(
        [ExternalRelay, Spf],
        mail(ip=GATE, headers={"Received": [FROM_CLIENT]}),
        config=f"{NETS}external_relay {{ rules {{ RELAY {{ strategy = local }} }} }}",
        dns=zone(f"example.org. TXT 'v=spf1 ip4:{CLIENT} -all'"),
    )
    assert found.hits["R_SPF_ALLOW"] == [f"+ip4:{CLIENT}"]


async def test_explain_shows_the_client_and_the_rule():
    found = await scan(
        ExternalRelay,
        mail(ip=GATE, headers={"Received": [FROM_CLIENT]}),
        config=f"{NETS}external_relay {{ rules {{ RELAY {{ strategy = local }} }} }}",
    )
    told = as_object(Explained(found.task, (), list(found.outcomes.values())))
    assert told["client"] == {"ip": CLIENT, "relay": GATE, "resolved_by": ["RELAY"]}
    assert told["direction"] == {"local": False, "authenticated": False, "outbound": False}
    assert json.dumps(told["checks"][0]["symbols"]) == '["RELAY"]'


def test_without_rules_nothing_is_run_at_all():
    app = build_app([ExternalRelay])
    assert not app.client_resolvers
    assert [loaded.enabled for loaded in app.modules] == [False]
    off = "external_relay { enabled = false; rules { A { strategy = local } } }"
    assert not build_app([ExternalRelay], config=off).client_resolvers


@pytest.mark.parametrize(
    "rule, said",
    [
        ("strategy = nearest", "one of: authenticated, count"),
        ("priority = 1", "`strategy` is missing"),
        ("strategy = count", "the strategy count needs `count`"),
        ("strategy = count; count = 0", "1 or more"),
        ("strategy = ip_map", "needs `ip_map`"),
        ("strategy = ip_map; hostname_map = [a]", "needs `ip_map`"),
        ("strategy = hostname_map", "needs `hostname_map`"),
        ("strategy = local; maps = [a]", "unknown key"),
    ],
)
def test_mistakes_are_named(rule, said):
    with pytest.raises(ConfigError, match=said):
        build_app([ExternalRelay], config=f"external_relay {{ rules {{ A {{ {rule} }} }} }}")


EVERY_RULE = """external_relay { rules {
  A { strategy = local } B { strategy = authenticated } C { strategy = count; count = 2 }
  D { strategy = ip_map; ip_map = [10.0.0.0/8] } E { strategy = hostname_map; hostname_map = [a] }
} }"""
RESOLVERS = build_app([ExternalRelay], config=EVERY_RULE).client_resolvers
PIECES = st.sampled_from(
    ["from", "by", "a", "(a [10.0.0.1])", "[", "]", "(", ")", "[IPv6:", "203.0.113.9", ";", "with"]
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(PIECES, max_size=12).map(" ".join), max_size=5),
    st.sampled_from(["10.0.0.1", "203.0.113.1", "/run/socket", "nonsense", None]),
)
def test_no_header_breaks_the_rules(received, ip):
    letter = mail(ip=ip, user="u", hostname="a", headers={"Received": received})
    envelope, message = parse_envelope(letter.headers), Message(letter.raw)
    told = envelope.ip
    for resolve in RESOLVERS:
        resolve(envelope, message)
    known = {told} | {hop.real_ip for hop in message.received}
    assert envelope.ip in known
    assert bool(envelope.resolved_by) == (envelope.ip != told or bool(envelope.relay))
