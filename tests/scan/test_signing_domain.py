# SPDX-License-Identifier: Apache-2.0
"""Which domain signs, and what has to agree with it, hostile authors included."""

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.modules.dkim_signing import DkimSigning
from gatepost.scan.signing_domain import dns_name
from gatepost.testing import mail, scan
from signing_kit import ANNA, ME, SIGNED, signed, write_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_keys(tmp_path_factory.mktemp("keys"))


ANY = "allow_hdrfrom_mismatch = true; allow_username_mismatch = true; "


@pytest.mark.parametrize(
    "ip, user, config, domain",
    [
        ("127.0.0.1", None, "", "author.example"),
        ("127.0.0.1", None, "use_domain = header;", "author.example"),
        ("127.0.0.1", None, "use_domain = envelope;", "sender.example"),
        ("127.0.0.1", None, "use_domain = recipient;", "rcpt.example"),
        ("127.0.0.1", None, "use_domain = auth;", None),
        ("127.0.0.1", "x@y@user.example", "use_domain = auth;", "user.example"),
        ("127.0.0.1", "anna", "use_domain = auth;", None),
        ("127.0.0.1", None, 'use_domain = "Fixed.Example";', "fixed.example"),
        ("127.0.0.1", None, "use_domain_sign_local = envelope;", "sender.example"),
        ("127.0.0.1", "u@user.example", "use_domain_sign_local = envelope;", "sender.example"),
        ("192.0.2.1", "u@user.example", "use_domain_sign_local = envelope;", "author.example"),
        ("192.0.2.1", None, "use_domain_sign_networks = recipient;", "rcpt.example"),
        ("192.0.2.1", "u@user.example", "use_domain_sign_networks = recipient;", "author.example"),
        (
            "192.0.2.1",
            None,
            "use_domain_sign_networks = recipient; use_domain_sign_local = envelope;",
            "rcpt.example",
        ),
        (
            "203.0.113.9",
            None,
            "sign_inbound = true; use_domain_sign_inbound = recipient;",
            "rcpt.example",
        ),
        ("127.0.0.1", None, "use_domain_sign_inbound = recipient;", "author.example"),
        ("127.0.0.1", None, 'use_domain_custom = "KEYS/rules.py:of_recipient";', "rcpt.example"),
        (
            "127.0.0.1",
            None,
            'use_domain_sign_local = envelope; use_domain_custom = "KEYS/rules.py:of_recipient";',
            "sender.example",
        ),
    ],
)
async def test_the_domain_that_signs(keys, ip, user, config, domain):
    letter = mail(
        ip=ip,
        user=user,
        sender="b@sender.example",
        rcpt=["c@rcpt.example", "d@other.example"],
        headers={"From": "a@Author.example"},
    )
    config = ANY + 'sign_networks = ["192.0.2.0/24"]; ' + config.replace("KEYS", str(keys))
    assert await signed(letter, keys, config) == ([f"{domain}:s=dkim"] if domain else [])


@pytest.mark.parametrize(
    "author, sender, config, domain",
    [
        ("a@news.example.org", "b@mail.example.org", "", "example.org"),
        ("a@news.example.org", "b@mail.example.org", "use_esld = false;", None),
        ("a@news.example.org", "b@news.example.org", "use_esld = false;", "news.example.org"),
        ("a@x.example.co.uk", "b@example.co.uk", "", "example.co.uk"),
        ("a@münchen.example", "b@xn--mnchen-3ya.example", "", "xn--mnchen-3ya.example"),
        ("a@one.example", "b@two.example", "", None),
        ("a@one.example", "b@two.example", "allow_hdrfrom_mismatch = yes;", "one.example"),
        ("a@one.example", "b@two.example", "allow_hdrfrom_mismatch_local = yes;", "one.example"),
        ("a@one.example", "b@two.example", "allow_hdrfrom_mismatch_sign_networks = yes;", None),
        (
            "a@one.example",
            "b@two.example",
            'sign_networks = ["127.0.0.1"]; allow_hdrfrom_mismatch_sign_networks = yes;',
            "one.example",
        ),
        ("a@one.example", "", "", "one.example"),
    ],
)
async def test_author_and_sender_agree(keys, author, sender, config, domain):
    letter = mail(ip="127.0.0.1", sender=sender, headers={"From": author})
    assert await signed(letter, keys, config) == ([f"{domain}:s=dkim"] if domain else [])


@pytest.mark.parametrize(
    "user, ip, config, expected",
    [
        ("anna@example.org", "192.0.2.1", "", SIGNED),
        ("anna@mail.example.org", "192.0.2.1", "", SIGNED),
        ("anna@mail.example.org", "192.0.2.1", "use_esld = no;", []),
        ("anna@other.example", "192.0.2.1", "", []),
        ("anna@other.example", "127.0.0.1", "", []),
        ("anna@other.example", "192.0.2.1", 'sign_networks = ["192.0.2.1"];', []),
        ("anna@other.example", "192.0.2.1", "allow_username_mismatch = yes;", SIGNED),
        ("anna", "192.0.2.1", "", []),
        ("anna@", "192.0.2.1", "", []),
        ("anna", "192.0.2.1", "allow_username_mismatch = yes;", SIGNED),
        (None, "127.0.0.1", "", SIGNED),
    ],
)
async def test_users_sign_for_their_own_domain(keys, user, ip, config, expected):
    letter = mail(user=user, ip=ip, sender=ME)
    assert await signed(letter, keys, config) == expected


@pytest.mark.parametrize(
    "authors, config, expected",
    [
        ([f"{ME}, b@example.org"], "", []),
        ([f"{ME}, b@example.org"], "allow_hdrfrom_multiple = true;", SIGNED),
        ([ME, "ceo@bank.example"], "", []),
        ([f"{ME}, b@bank.example"], "allow_hdrfrom_multiple = true;", SIGNED),
        ([""], "", []),
        (["nobody"], "", []),
        (['"ceo@bank.example" <anna@example.org>'], "", SIGNED),
        (["anna@example.org@bank.example"], "", []),
        (["anna@../../etc/passwd"], "", []),
        (["anna@example.org/../../x"], "use_esld = false;", []),
        (["anna@example.org\0"], "", SIGNED),  # it is no part of the name
        (["<<<>>>,;:@@"], "", []),
        (["anna@[192.0.2.1]"], "", []),
        (["anna@" + "a." * 200 + "example.org"], "", []),
        (["anna@EXAMPLE.ORG"], "", SIGNED),
        (["anna@example.org."], "", SIGNED),
    ],
)
async def test_hostile_and_odd_authors(keys, authors, config, expected):
    letter = mail(**ANNA, headers={"From": authors})
    found = await signed(letter, keys, config, path="$domain.$selector.key")
    assert found == expected


@given(st.text(max_size=80) | st.from_regex(r"[./\\%$~a-z]{1,30}", fullmatch=True))
def test_a_domain_is_always_safe_in_the_name_of_a_file(text):
    name = dns_name(text)
    assert "/" not in name and ".." not in name and not name.startswith(".")
    assert name == "" or re.fullmatch(r"[a-z0-9_.-]{1,253}", name)


@given(st.binary(max_size=100))
@settings(max_examples=60, deadline=None)
def test_any_author_is_signed_for_or_not_and_nothing_more(author):
    async def outcome():
        raw = b"From: " + author + b"\r\nSubject: x\r\n\r\nhi\r\n"
        found = await scan(DkimSigning, mail(raw=raw, ip="127.0.0.1", sender=""))
        return found.outcomes["DKIM_SIGNED"].outcome

    assert asyncio.run(outcome()) == "ran"
