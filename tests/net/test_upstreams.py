# SPDX-License-Identifier: Apache-2.0
"""Which server is asked next, and which is left alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.net import Health, UpstreamError, UpstreamList


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def parse(text, **options):
    return UpstreamList.parse(text, port=53, chance=lambda: 0.5, **options)


def picks(servers, count, **options):
    return Counter(servers.pick(**options).name for _ in range(count))


@pytest.mark.parametrize(
    ("text", "rotation", "servers"),
    [
        ("a", "round-robin", [("a:53", 0)]),
        ("a:10,b", "round-robin", [("a:10", 0), ("b:53", 0)]),
        ("master-slave:a:10,b", "master-slave", [("a:10", 0), ("b:53", 0)]),
        ("round-robin:a:10:3, b:11:1", "round-robin", [("a:10", 3), ("b:11", 1)]),
        ("random: a b;c", "random", [("a:53", 0), ("b:53", 0), ("c:53", 0)]),
        ("sequential:a,b", "master-slave", [("a:53", 0), ("b:53", 0)]),
        ("hash:192.0.2.1:53,[2001:db8::1]:5353:2", "hash", None),
        (
            ["192.0.2.1:53:5", "192.0.2.2"],
            "round-robin",
            [("192.0.2.1:53", 5), ("192.0.2.2:53", 0)],
        ),
        ("2001:db8::1", "round-robin", [("[2001:db8::1]:53", 0)]),
        ("[2001:db8::1]", "round-robin", [("[2001:db8::1]:53", 0)]),
        ("unix:/run/a.sock", "round-robin", [("/run/a.sock", 0)]),
        ("/run/a.sock:2", "round-robin", [("/run/a.sock", 2)]),
    ],
)
def test_server_strings(text, rotation, servers):
    found = parse(text)
    assert found.rotation == rotation
    if servers is not None:
        assert [(server.name, server.weight) for server in found.servers] == servers


@pytest.mark.parametrize(
    "text", ["", " , ", "a:99999", "a:b", "a:1:2:3", "[a", "a/b", "http://a", "round-robin:"]
)
def test_a_wrong_string_is_named(text):
    with pytest.raises(UpstreamError):
        parse(text)


def test_turns_follow_the_weights():
    assert picks(parse("a:1:3,b:1:1"), 8) == {"a:1": 6, "b:1": 2}
    assert picks(parse("a:1,b:1,c:1"), 9) == {"a:1": 3, "b:1": 3, "c:1": 3}


def test_the_slave_comes_when_the_master_is_down():
    servers = parse("master-slave:a:1,b:1", health=Health(max_errors=1))
    assert picks(servers, 5) == {"a:1": 5}
    servers.fail(servers.servers[0])
    assert picks(servers, 5) == {"b:1": 5}


def test_a_key_keeps_its_server_and_moves_only_when_that_one_is_down():
    servers = parse("hash:a,b,c,d", health=Health(max_errors=1))
    before = {key: servers.pick(key=key) for key in map(str, range(400))}
    assert len(set(before.values())) == 4
    servers.fail(servers.servers[2])
    for key, server in before.items():
        assert (servers.pick(key=key) is server) == (server is not servers.servers[2])


def test_health_is_that_of_the_options():
    clock = Clock()
    servers = parse("a,b", clock=clock, health=Health(max_errors=4, error_time=10, revive_time=60))
    a = servers.servers[0]
    for moment in (0, 3, 6, 20, 21, 22):  # the first three are forgotten by the fourth
        clock.now = moment
        servers.fail(a)
    assert servers.is_alive(a)
    clock.now = 23
    servers.fail(a)
    assert not servers.is_alive(a) and picks(servers, 4) == {"b:53": 4}
    clock.now = 23 + 66
    assert servers.is_alive(a) and picks(servers, 4) == {"a:53": 2, "b:53": 2}


def test_an_answer_forgives():
    servers = parse("a", health=Health(max_errors=2))
    a = servers.servers[0]
    servers.fail(a)
    servers.ok(a)
    servers.fail(a)
    assert servers.is_alive(a) and a.failures == 2


def test_one_that_was_tried_comes_last():
    servers = parse("a,b", health=Health(max_errors=1))
    a, b = servers.servers
    assert servers.pick(exclude=[a]) is b
    servers.fail(b)
    assert servers.pick(exclude=[a]) is b  # down, but not tried yet
    assert servers.pick(exclude=[a, b]) is a
    servers.fail(a)
    assert servers.pick() in (a, b)


@given(st.text(alphabet="ab1:/[],. -", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_string_is_a_list_or_an_error(text):
    try:
        assert parse(text).pick().port < 65_536
    except UpstreamError:
        pass
