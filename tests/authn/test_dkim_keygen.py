# SPDX-License-Identifier: Apache-2.0
"""A generated key can be loaded, and its record is the one that belongs to it."""

import re

import pytest

from authn_dkim import ED25519, ED25519_PUBLIC, RSA, RSA_PUBLIC, rsa_2048
from gatepost.authn import (
    KeyRecord,
    PrivateKeyError,
    generate_key,
    load_private_key,
    parse_key_record,
    write_record,
)


@pytest.mark.parametrize(
    "kind, bits, start",
    [
        ("rsa", 1024, "-----BEGIN PRIVATE KEY-----\n"),
        ("ed25519", 0, "-----BEGIN PRIVATE KEY-----\n"),
        ("ed25519-seed", 0, ""),
    ],
)
def test_private_and_public_half_belong_together(kind, bits, start):
    made = generate_key(kind, bits)
    assert made.private_text.startswith(start) and made.private_text.endswith("\n")
    key = load_private_key(made.private_text)
    record = parse_key_record(made.record(form="dnskey").encode())
    assert isinstance(record, KeyRecord) and record.matches(key)
    if kind == "ed25519-seed":
        assert len(made.private_text) == 45
    assert generate_key(kind, bits).private_text != made.private_text


@pytest.mark.parametrize("bits", [0, 512, 1023, 8193, 1 << 30])
def test_sizes_that_nobody_verifies_are_refused(bits):
    with pytest.raises(PrivateKeyError, match="1024 to 8192"):
        generate_key("rsa", bits)


def test_records_are_printed_as_rspamadm_does():
    assert write_record(ED25519, "example.org", "mail", "plain") == ED25519_PUBLIC
    assert write_record(RSA, "example.org", "mail", "dnskey") == f"v=DKIM1; k=rsa; p={RSA_PUBLIC}"
    assert write_record(ED25519, "example.org", "mail") == (
        f'mail._domainkey.example.org. IN TXT ( "v=DKIM1; k=ed25519; "\n\t"p={ED25519_PUBLIC}" ) ;'
    )


def test_a_long_key_is_several_strings_of_a_zone_file():
    line = write_record(rsa_2048(), "example.org", "mail")
    strings = re.findall('"([^"]*)"', line)
    assert len(strings) == 3 and all(len(string) <= 255 for string in strings)
    record = parse_key_record("".join(strings).encode())
    assert isinstance(record, KeyRecord) and record.matches(rsa_2048())
