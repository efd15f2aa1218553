# SPDX-License-Identifier: Apache-2.0
"""Received headers of the mailers that are out there tell the way a letter came."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.limits import Limits
from gatepost.mail.message import Message
from gatepost.mail.received import ReceivedHop, parse_received

NOON = 1751356800.0  # 1 Jul 2025 08:00 UTC


@pytest.mark.parametrize(
    "value, announced, resolved, ip, by, proto, for_, flags, timestamp",
    [
        pytest.param(
            "from laptop (unknown [192.0.2.7]) (using TLSv1.3 with cipher TLS_AES (256/256 bits)"
            " key-exchange X25519) (No client certificate requested) (Authenticated sender: bob)"
            " by mx.example.com (Postfix) with ESMTPSA id 4XYZ for <a@b.c>;"
            " Tue, 1 Jul 2025 10:00:00 +0200 (CEST)",
            *("laptop", None, "192.0.2.7", "mx.example.com", "esmtpsa", "a@b.c"),
            {"esmtpsa", "ssl", "authenticated"},
            NOON,
            id="postfix-submission",
        ),
        pytest.param(
            "from helo.example (rdns.example [2001:db8::1]) by mx (Postfix) with ESMTP id AB;"
            " Tue, 1 Jul 2025 08:00:00 +0000",
            *("helo.example", "rdns.example", "2001:db8::1", "mx", "esmtp", "", {"esmtp"}, NOON),
            id="postfix-ipv6",
        ),
        pytest.param(
            "by mx.example.com (Postfix, from userid 1000) id 12AB; Tue, 1 Jul 2025 08:00:00 +0000",
            *(None, None, None, "mx.example.com", "", "", set(), NOON),
            id="postfix-local",
        ),
        pytest.param(
            "from [192.0.2.1] (helo=foo.bar) by mx.exim.org with esmtpsa (TLS1.3) tls TLS_AES"
            " (Exim 4.96) (envelope-from <x@y>) id 1abc for z@w; Tue, 1 Jul 2025 08:00:00 +0000",
            *("foo.bar", None, "192.0.2.1", "mx.exim.org", "esmtpsa", "z@w"),
            {"esmtpsa", "ssl", "authenticated"},
            NOON,
            id="exim-unresolved",
        ),
        pytest.param(
            "from host.example ([192.0.2.1]:34567 helo=foo.bar) by mx.exim.org with esmtp"
            " (Exim 4.96) id 1abc; Tue, 1 Jul 2025 08:00:00 +0000",
            *("foo.bar", "host.example", "192.0.2.1", "mx.exim.org", "esmtp", "", {"esmtp"}, NOON),
            id="exim-port",
        ),
        pytest.param(
            "from host.example ([2001:db8::9]) by mx.exim.org with esmtps (TLS1.2) (Exim 4.96)"
            " id 1abc; Tue, 1 Jul 2025 08:00:00 +0000",
            *("host.example", None, "2001:db8::9", "mx.exim.org", "esmtps", ""),
            {"esmtps", "ssl"},
            NOON,
            id="exim-ipv6",
        ),
        pytest.param(
            "from foo (host.sendmail.org [192.0.2.9] (may be forged)) by x.y.z (8.17.1/8.17.1)"
            " with ESMTP id 12345 for <a@b>; Tue, 1 Jul 2025 04:00:00 EDT",
            *("foo", "host.sendmail.org", "192.0.2.9", "x.y.z", "esmtp", "a@b", {"esmtp"}, NOON),
            id="sendmail",
        ),
        pytest.param(
            "from AM0PR01.eurprd01.prod.exchangelabs.com (2603:10a6:208:5e::1) by"
            " DB7.prod.outlook.com (2603:10a6:10:f::2) with Microsoft SMTP Server"
            " (version=TLS1_2, cipher=TLS_ECDHE) id 15.20.8; Tue, 1 Jul 2025 08:00:00 +0000",
            *("AM0PR01.eurprd01.prod.exchangelabs.com", None, "2603:10a6:208:5e::1"),
            *("DB7.prod.outlook.com", "smtp", "", {"smtp"}, NOON),
            id="exchange",
        ),
        pytest.param(
            "from mail-f41.google.com (mail-f41.google.com. [209.85.220.41]) by mx.google.com"
            " with SMTPS id a1 for <x@gmail.com> (Google Transport Security);"
            " Tue, 01 Jul 2025 01:00:00 -0700 (PDT)",
            *("mail-f41.google.com", "mail-f41.google.com", "209.85.220.41", "mx.google.com"),
            *("smtps", "x@gmail.com", {"smtp", "ssl"}, NOON),
            id="gmail",
        ),
        pytest.param(
            "by 2002:a05:6402:1111 with SMTP id abc; Tue, 01 Jul 2025 01:00:00 -0700 (PDT)",
            *(None, None, None, "2002:a05:6402:1111", "smtp", "", {"smtp"}, NOON),
            id="gmail-inside",
        ),
        pytest.param(
            "from unknown (HELO foo.com) (user@192.0.2.5) by 0 with SMTP;"
            " 1 Jul 2025 08:00:00 -0000",
            *("foo.com", None, "192.0.2.5", "0", "smtp", "", {"smtp"}, NOON),
            id="qmail",
        ),
        pytest.param(
            "from [10.0.0.1] by web1.yahoo.com via HTTP; Tue, 01 Jul 2025 01:00:00 PDT",
            *("[10.0.0.1]", None, "10.0.0.1", "web1.yahoo.com", "", "", set(), NOON),
            id="literal",
        ),
        pytest.param("by x", *(None, None, None, "x", "", "", set(), None), id="shortest"),
    ],
)
def test_hop(
    value: str,
    announced: str | None,
    resolved: str | None,
    ip: str | None,
    by: str,
    proto: str,
    for_: str,
    flags: set[str],
    timestamp: float | None,
) -> None:
    hop = parse_received(value)
    assert hop is not None
    assert (hop.from_hostname, hop.real_hostname) == (announced, resolved)
    assert hop.real_ip == (ip_address(ip) if ip else None)
    assert (hop.by_hostname, hop.proto, hop.for_) == (by, proto, for_)
    assert hop.flags == flags
    assert hop.timestamp == timestamp
    assert not hop.artificial


@pytest.mark.parametrize(
    "value", ["(qmail 1 invoked by uid 0); 1 Jul 2025", "", "fromage", "x by y"]
)
def test_what_begins_otherwise_is_no_hop(value: str) -> None:
    assert parse_received(value) is None


def test_an_artificial_hop_is_made_of_what_is_known() -> None:
    hop = ReceivedHop(
        real_ip=ip_address("192.0.2.1"), proto="esmtp", flags=frozenset(("artificial", "ssl"))
    )
    assert hop.artificial and hop.ssl and not hop.authenticated
    assert hop.real_ip == ip_address("192.0.2.1")
    assert hop.by_hostname is None and hop.timestamp is None


def test_words_and_comments_beyond_the_limits_are_ignored() -> None:
    limits = Limits(max_received_parts=2, max_received_comments=1)
    hop = parse_received("from a (b) (c [192.0.2.1]) by d with SMTP id x", limits)
    assert hop is not None and hop.real_ip is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="()[];:. 19af\\", max_size=60))
def test_any_text_is_a_hop_or_none(text: str) -> None:
    for value in (f"from {text} by x", f"by x {text}", text):
        hop = parse_received(value)
        if hop is not None:
            assert isinstance(hop.flags, frozenset)
            assert hop.real_ip is None or hop.real_ip.version in (4, 6)
            assert hop.timestamp is None or hop.timestamp


PIECES = (
    "from",
    "BY",
    "x",
    " ",
    "\t",
    "\r\n ",
    "\n\t",
    "(",
    "\0",
    "\f",
    "=?utf-8?q?from?=",
    "=?u?q?_?=",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_hop_that_is_read_late_is_the_one_that_would_be_read_at_once(value: str) -> None:
    message = Message(f"Received:{value}\r\n\r\n".encode())
    at_once = [parse_received(header.value) for header in message.headers.get_all("Received")]
    assert [hop.raw for hop in message.received] == [hop.raw for hop in at_once if hop is not None]
