# SPDX-License-Identifier: Apache-2.0
"""Is our key published, and is our own signature recognised?"""

import logging

import pytest

from gatepost.authn import Letter, PublishedKeys, generate_key, has_signed, sign_dkim
from gatepost.authn.dkim_own_key import find_publishing_problem
from gatepost.testing import NOW, zone

OURS, OTHER = generate_key("ed25519"), generate_key("ed25519")
NAME = "s._domainkey.example.org."
RAW = b"From: a@example.org\r\nSubject: x\r\n\r\nHello\r\n"


def record(key):
    return f"{NAME} TXT '{key.record(form='dnskey')}'"


@pytest.mark.parametrize(
    "records, fail, problem",
    [
        ([record(OURS)], (), ""),
        ([record(OTHER), record(OURS)], (), ""),
        ([record(OTHER)], (), "another key"),
        ([f"{NAME} TXT 'v=DKIM1; p='"], (), "key revoked"),
        ([f"{NAME} TXT 'hello'"], (), "key syntax error"),
        ([], (), "no key for signature"),
        ([], (f"TXT {NAME}",), "key unavailable"),
    ],
)
async def test_what_a_verifier_would_find(records, fail, problem):
    found = await find_publishing_problem(
        OURS.key, "example.org", "s", zone(*records, fail=fail), now=NOW
    )
    assert found.startswith(problem) and bool(found) == bool(problem)


async def test_a_name_that_cannot_be_asked_for():
    assert await find_publishing_problem(OURS.key, "a b", "s", zone(), now=NOW)


async def test_each_change_is_told_once(caplog):
    caplog.set_level(logging.INFO, "gatepost.dkim")
    published = PublishedKeys()
    said = []
    for at, records in enumerate(([], [], [record(OTHER)], [record(OURS)], [record(OURS)])):
        moment = NOW + at * 1000
        args = (OURS.key, "example.org", "s", zone(*records))
        said.append(await published.have(*args, now=moment))
    assert said == [False, False, False, True, True]
    assert [r.levelname for r in caplog.records] == ["WARNING", "WARNING", "INFO"]


async def test_the_dns_is_asked_once_while_its_answer_lasts():
    published, dns = PublishedKeys(), zone(record(OURS))
    for later in (0, 100, 299, 301):
        assert await published.have(OURS.key, "example.org", "s", dns, now=NOW + later)
    assert len(dns.asked) == 2


def signed(raw=RAW, key=OURS, domain="example.org", selector="s"):
    value = sign_dkim(Letter.from_bytes(raw), key.key, domain, selector, now=NOW)
    return f"DKIM-Signature: {value}\r\n".encode() + raw


@pytest.mark.parametrize(
    "raw, expected",
    [
        (RAW, False),
        (signed(), True),
        (b"Received: by x\r\n" + signed(), True),
        (signed(signed(), OTHER, "example.net"), True),
        (signed(selector="S", domain="Example.org"), True),
        (signed(domain="example.net"), False),
        (signed(selector="t"), False),
        (signed(key=OTHER), False),
        (signed() + b"footer\r\n", False),
        (b"From: b@example.org\r\n" + signed(), False),
        (signed().replace(b"Subject: x", b"Subject: y"), False),
        (b"DKIM-Signature: rubbish\r\n" + signed(), True),
        (b"DKIM-Signature: rubbish\r\n" * 5000 + RAW, False),
    ],
)
def test_our_own_signature_is_known_again(raw, expected):
    letter = Letter.from_bytes(raw)
    assert has_signed(letter, OURS.key, "example.org", "s", now=NOW) is expected
