# SPDX-License-Identifier: Apache-2.0
"""Servers may be written in every form that Rspamd's configuration has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.store import StoreError
from gatepost.store.redis_servers import parse_servers


@pytest.mark.parametrize(
    "text, servers",
    [
        ("localhost", ["localhost:6379"]),
        ("redis.example.org:6380", ["redis.example.org:6380"]),
        ("192.0.2.1:6380:10", ["192.0.2.1:6380"]),
        ("2001:db8::1", ["[2001:db8::1]:6379"]),
        ("::1", ["[::1]:6379"]),
        ("[2001:db8::1]", ["[2001:db8::1]:6379"]),
        ("[2001:db8::1]:6380", ["[2001:db8::1]:6380"]),
        ("[2001:db8::1]:6380:2", ["[2001:db8::1]:6380"]),
        ("[fe80::1%eth0]:6380", ["[fe80::1%eth0]:6380"]),
        ("/run/redis/redis.sock", ["/run/redis/redis.sock"]),
        ("unix:/run/redis/redis.sock", ["/run/redis/redis.sock"]),
        ("one, two;three  four:1", ["one:6379", "two:6379", "three:6379", "four:1"]),
        ("one,one:6379,two", ["one:6379", "two:6379"]),
        ("master-slave:one,two", ["one:6379", "two:6379"]),
        ("round-robin:one", ["one:6379"]),
        ("random:7000", ["7000:6379"]),
        ("", []),
        (" , ", []),
    ],
)
def test_a_server_string_is_read(text: str, servers: list[str]) -> None:
    assert [str(address) for address in parse_servers([text])] == servers


@pytest.mark.parametrize("text", ["a", "[::1]", "::1", "a:1,b"])
def test_who_has_another_default_port_says_so(text: str) -> None:
    assert parse_servers([text], 5000)[-1].port == 5000


def test_a_list_is_read_in_its_order_and_each_once() -> None:
    found = parse_servers(["b:1,a", "a:6379", "/c"])
    assert [str(address) for address in found] == ["b:1", "a:6379", "/c"]


@pytest.mark.parametrize(
    "text",
    [
        *("host:0", "host:65536", "host:port", "host:", ":6379", "[::1", "host/path", "[]"),
        *("a:1:2:3", "redis://host:6379", "unix:relative"),
        *("master-slave", "random"),
    ],
)
def test_what_is_no_server_is_named(text: str) -> None:
    with pytest.raises(StoreError, match="is no server: expected host") as caught:
        parse_servers([f"good,{text}"])
    assert repr(text) in str(caught.value)
    assert not caught.value.temporary


@given(st.text(max_size=60))
def test_whatever_is_written_is_servers_or_a_mistake(text: str) -> None:
    try:
        found = parse_servers([text])
    except StoreError:
        return
    assert parse_servers(str(address) for address in found) == found
