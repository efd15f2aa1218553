# SPDX-License-Identifier: Apache-2.0
"""Which addresses an exchanger may have, and which are tried first."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatepost.modules.mx_check.addresses import choose, classify, read_addresses


@pytest.mark.parametrize(
    "ip, kind",
    [
        ("127.0.0.1", "local"),
        ("10.255.0.1", "local"),
        ("172.16.0.1", "local"),
        ("172.32.0.1", "public"),
        ("192.168.1.1", "local"),
        ("100.64.0.1", "local"),
        ("::1", "local"),
        ("fd00::1", "local"),
        ("::ffff:10.0.0.1", "local"),
        ("0.0.0.0", "bogon"),
        ("169.254.1.1", "bogon"),
        ("192.0.0.1", "bogon"),
        ("192.0.2.1", "bogon"),
        ("192.88.99.1", "bogon"),
        ("198.19.0.1", "bogon"),
        ("203.0.113.1", "bogon"),
        ("224.0.0.1", "bogon"),
        ("255.255.255.255", "bogon"),
        ("::", "bogon"),
        ("64:ff9b::1", "bogon"),
        ("2001:db8::1", "bogon"),
        ("fe80::1", "bogon"),
        ("ff02::1", "bogon"),
        ("8.8.8.8", "public"),
        ("2a00:1450::1", "public"),
    ],
)
def test_kinds_of_addresses(ip: str, kind: str) -> None:
    assert classify(ip_address(ip)) == kind


@pytest.mark.parametrize(
    "ip, kind", [("127.0.0.1", "public"), ("::1", "public"), ("10.0.0.1", "local")]
)
def test_in_tests_loopback_is_public(ip: str, kind: str) -> None:
    assert classify(ip_address(ip), test_mode=True) == kind


FOUR = [ip_address(f"8.8.8.{n}") for n in range(4)]
SIX = [ip_address(f"2a00::{n}") for n in range(4)]


@pytest.mark.parametrize(
    "addresses, prefer_ipv6, limit, versions",
    [
        (FOUR + SIX, True, 4, [6, 4, 6, 4]),
        (FOUR + SIX, False, 3, [4, 6, 4]),
        (FOUR, True, 2, [4, 4]),
        (SIX[:1] + FOUR, True, 5, [6, 4, 4, 4, 4]),
        ([], True, 3, []),
    ],
)
def test_families_by_turns(
    addresses: list, prefer_ipv6: bool, limit: int, versions: list[int]
) -> None:
    chosen = choose(addresses, prefer_ipv6=prefer_ipv6, limit=limit)
    assert [ip.version for ip in chosen] == versions
    assert len(set(chosen)) == len(chosen) and set(chosen) <= set(addresses)


def test_each_address_gets_its_turn() -> None:
    first = {choose(FOUR, prefer_ipv6=True, limit=1)[0] for _ in range(400)}
    assert first == set(FOUR)


def test_what_is_no_address_is_left_out() -> None:
    assert read_addresses(["8.8.8.8", "x", "", "2a00::1"]) == [FOUR[0] + 8, SIX[1]]
