# SPDX-License-Identifier: Apache-2.0
"""What a selector and a backend are without being told."""

from __future__ import annotations

import pytest

from gatepost.config import Problems, bind
from gatepost.modules.reputation.options import (
    SELECTORS,
    DnsOptions,
    GenericOptions,
    IpOptions,
    RuleOptions,
    Shares,
    StoreOptions,
)
from gatepost.ucl import Loader


def read(struct, text: str):
    problems = Problems()
    found = bind(struct, Loader({}, environment={}).parse(text, "test.conf"), "x", problems)
    return found, [problem.message for problem in problems.errors]


# By hand from §20.
@pytest.mark.parametrize(
    "selector, symbol, split, outbound",
    [
        ("ip", "SENDER_REP", True, False),
        ("sender", "SENDER_REP", True, False),
        ("spf", "SPF_REP", True, True),
        ("dkim", "DKIM_SCORE", False, True),
        ("url", "URL_SCORE", False, True),
        ("generic", None, False, True),
    ],
)
def test_selectors_as_they_are(selector, symbol, split, outbound) -> None:
    found, wrong = read(SELECTORS[selector], 'selector = "user";' if selector == "generic" else "")
    assert not wrong
    assert (found.symbol, found.split_symbols, found.outbound) == (symbol, split, outbound)
    assert (found.inbound, found.lower_bound) == (True, 10)


def test_the_store_as_it_is() -> None:
    found, _ = read(StoreOptions, "")
    assert (found.prefix, found.expiry, found.hashed, found.hashlen) == (
        "RR:",
        864_000,
        False,
        None,
    )
    (bucket,) = found.buckets
    assert (bucket.name, bucket.time, bucket.mult) == ("1m", 2_592_000, 1)


def test_options_are_read_in_rspamds_words() -> None:
    found, wrong = read(
        StoreOptions,
        """prefix = "X"; expiry = 1d; hashed = yes; hash_alg = sha256; hash_encoding = hex;
           hash_len = 12; buckets = { time = 12h; name = half; mult = 1.5; }""",
    )
    assert not wrong
    assert (found.expiry, found.hashlen, found.buckets[0].time) == (86_400, 12, 43_200)
    ip, wrong = read(IpOptions, 'scores { asn = 2; } ipv4_mask = 24; lower_bound = "3";')
    assert not wrong
    assert (ip.scores, ip.ipv4_mask, ip.lower_bound) == (Shares(asn=2), 24, 3)


@pytest.mark.parametrize(
    "struct, text, message",
    [
        (IpOptions, "ipv4_mask = 33;", "x.ipv4_mask: expected"),
        (IpOptions, "lower_bound = -1;", "x.lower_bound: expected"),
        (IpOptions, "max_urls = 3;", "x.max_urls: unknown key"),
        (GenericOptions, "", "x: `selector` is missing"),
        (StoreOptions, "hash_alg = crc;", "x.hash_alg: expected one of: blake2"),
        (StoreOptions, "buckets = [{ name = a; time = 0; }]", "x.buckets[1].time: expected"),
        (DnsOptions, "", "x: `list` is missing"),
        (RuleOptions, "selector { }", "x: `backend` is missing"),
    ],
)
def test_mistakes_are_named(struct, text: str, message: str) -> None:
    _, wrong = read(struct, text)
    assert any(one.startswith(message) for one in wrong), wrong
