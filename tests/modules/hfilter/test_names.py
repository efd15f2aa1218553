# SPDX-License-Identifier: Apache-2.0
"""Which host names look like dial-up lines, which are addresses, which are full names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.hfilter.names import (
    is_address,
    is_fqdn,
    is_reserved,
    weigh_helo,
    weigh_host,
)


@pytest.mark.parametrize(
    "name, weight",
    [
        # as servers are called
        ("mail.example.org", 0),
        ("mx1.example.org", 0),
        ("smtp-out-12.example.com", 0),
        ("international.example.org", 0),  # `nat` stands in a word
        ("server7.internal.example", 0),
        # after a number
        ("1-2-3-4.dynamic.example.org", 5),
        ("12dynamic.example.org", 5),
        ("host-10.dyn.example.org", 5),
        ("10dyn.example.org", 0),  # this word wants a separator
        ("1.2.adsl.example.org", 4),
        ("1.2.xdsl.example.org", 4),
        ("10-pool.example.org", 4),
        ("10.cable.example.org", 3),
        ("10cable.example.org", 0),
        ("20.host.example.org", 2),
        ("20user.example.org", 1),
        # before one
        ("dhcp-3.example.org", 5),
        ("dsl7.example.org", 4),
        ("adsl-line7.example.org", 4),
        ("pool7.example.org", 0),
        ("kabel-1.example.org", 3),
        ("host-1.example.org", 2),
        ("peer-1.example.org", 1),
        # alone
        ("a.ppp.example.org", 5),
        ("a.dial-up.example.org", 5),
        ("a-fbx-b.example.org", 4),
        ("a.unused-addr.example.org", 3),
        ("a.host.example.org", 2),
        ("a.vps.example.org", 1),
        ("a.clients.example.org", 1),
        # at a digit
        ("7wifi.example.org", 5),
        ("7kabel.example.org", 3),
        # single shapes
        ("client-77.example.org", 5),
        ("client-7.example.org", 0),
        (".1234clients.example.org", 5),
        ("dyn-1.2.example.org", 5),
        # the highest counts, letters of either case
        ("host-1.DYNAMIC.example.org", 5),
    ],
)
def test_weight_of_a_host_name(name: str, weight: int) -> None:
    assert weigh_host(name) == weight


@pytest.mark.parametrize(
    "name, weight",
    [
        ("mail.example.org", 0),
        ("LAPTOP", 5),
        ("device.lan", 5),
        ("dslspeedtouch.lan", 5),
        ("pc.home", 5),
        ("4.3.2.1.in-addr.arpa", 5),
        ("home.example.org", 0),
        ("a.host.example.org", 2),
    ],
)
def test_weight_of_a_helo(name: str, weight: int) -> None:
    assert weigh_helo(name) == weight


@pytest.mark.parametrize(
    "name, reserved, address",
    [
        ("10.1.2.3", True, True),
        ("172.31.0.1", True, True),
        ("172.32.0.1", False, True),
        ("100.64.0.1", True, True),
        ("100.128.0.1", False, True),
        ("8.8.8.255", True, True),
        ("8.8.8.8", False, True),
        ("::1", True, True),
        ("IPv6:fe80::1", True, True),
        ("IPv6:2a00:1450::1", False, True),
        ("2a00:1450::1", False, True),
        ("::ffff:127.0.0.1", True, True),
        ("8-8-8-8", False, True),
        ("8x8x8x8", False, True),
        ("10.example.org", False, False),
        ("127.0.0.1.example.org", False, False),
        ("mail.example.org", False, False),
    ],
)
def test_addresses_as_names(name: str, reserved: bool, address: bool) -> None:
    assert (is_reserved(name), is_address(name)) == (reserved, address)


@pytest.mark.parametrize(
    "name, full",
    [
        ("example.org", True),
        ("mail.example.org.", True),
        ("a-b.example.org", True),
        ("müller.example", True),
        ("xn--mller-kva.example", True),
        ("a" * 63 + ".org", True),
        ("a" * 64 + ".org", False),
        ("example", False),
        ("example.o", False),
        ("-a.example.org", False),
        ("a-.example.org", False),
        ("a..org", False),
        ("a_b.example.org", False),
        ("a b.example.org", False),
        ("", False),
        ("a." * 130 + "org", False),
    ],
)
def test_full_domain_names(name: str, full: bool) -> None:
    assert is_fqdn(name) is full


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_any_name_is_weighed(name: str) -> None:
    assert 0 <= weigh_host(name) <= weigh_helo(name) <= 5
    assert not (is_reserved(name) and not is_address(name))
    assert is_fqdn(name) in (True, False)
